"""Several hosts, and several devices of one, train as one device does (JAX)."""

import importlib.util
import socket
from pathlib import Path

import numpy as np
import pytest
from support.processes import run_script, start_script

from zoo.errors import UserError
from zoo.training import checkpoints, hosts

SCRIPT = Path(__file__).parents[1] / "support" / "hosts_script.py"
# Compiling quickly matters more here than running quickly.
ENVIRONMENT = {
    "KERAS_BACKEND": "jax",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    "JAX_PLATFORMS": "cpu",
}
NETWORKS = ("classifier", "tagger", "language_model")

needs_jax = pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="jax is not installed")


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, request):
    """The folder of all trainings, and what the two hosts printed at their end."""
    folder = tmp_path_factory.mktemp("hosts")
    addresses = f"127.0.0.1:{free_port()},127.0.0.1:1"
    cache = getattr(request.config, "cache", None)  # none with `-p no:cacheprovider`
    compiled = str(cache.mkdir("compiled_by_jax") if cache else folder / "compiled")
    environment = {"JAX_COMPILATION_CACHE_DIR": compiled} | ENVIRONMENT
    both = [start_script(SCRIPT, folder, addresses, i, **environment) for i in (0, 1)]
    ends = [(*process.communicate(), process.returncode) for process in both]
    broken = checkpoints.load(folder / "broken")
    two_devices = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    run_script(SCRIPT, folder, **environment, **two_devices)
    return folder, ends, broken


def assert_same(folder, one, other):
    with np.load(folder / f"{one}.npz") as ones, np.load(folder / f"{other}.npz") as others:
        assert ones.files == others.files
        for name in ones.files:  # losses and metrics first, float64; then weights
            atol = 1e-6 if ones[name].dtype == "float64" else 1e-5
            np.testing.assert_allclose(ones[name], others[name], atol=atol, rtol=1e-6)


@needs_jax
@pytest.mark.more
@pytest.mark.parametrize("network", NETWORKS)
def test_two_hosts_train_as_one_device_does(trained, network):
    assert_same(trained[0], f"{network} on one device", f"{network} on two hosts")


@needs_jax
@pytest.mark.more
def test_two_devices_train_as_one_does(trained):
    assert_same(trained[0], "classifier on one device", "classifier on two devices")


@needs_jax
@pytest.mark.more
def test_a_lost_host_ends_the_run_with_one_line_and_it_can_be_resumed(trained):
    folder, ends, broken = trained
    out, err, code = ends[0]
    assert code != 0
    assert out == ""
    assert err.splitlines()[-1].startswith("error: a host of this run has stopped")
    assert err.count("epoch 2/2") == 3, "the fourth training was not finished"
    assert "Traceback" not in err
    assert broken.finished_epochs == 1
    assert_same(
        folder, "language_model on one device", "broken"
    )  # resumed by two devices of one host
    assert not list(folder.glob("**/*.partial"))


@pytest.mark.parametrize(
    ("addresses", "index", "message"),
    [
        ("a:1,b:1", None, "--hosts and --host-index together"),
        (None, 1, "--hosts and --host-index together"),
        ("a:1,b", 0, "'b' of --hosts is not HOST:PORT"),
        ("a:1", 0, "two addresses or more"),
        ("a:1,a:1", 0, "two addresses or more, each another"),
        ("a:1,b:1", 2, "from 0 to 1"),
        ("a:1,b:1", 0, "KERAS_BACKEND=jax"),  # the tests are on TensorFlow
    ],
)
def test_hosts_that_make_no_sense(addresses, index, message):
    with pytest.raises(UserError, match=message), hosts.joined(addresses, index):
        pass


_REFUSED = """
from zoo.training import hosts
hosts.START = 3
with hosts.joined("127.0.0.1:{port},127.0.0.1:1", {index}):
    print("met")
"""


@needs_jax
@pytest.mark.more
@pytest.mark.long
@pytest.mark.parametrize("index", [0, 1])
def test_hosts_that_do_not_meet(index, tmp_path):
    script = tmp_path / "alone.py"
    script.write_text(_REFUSED.format(port=free_port(), index=index))
    process = start_script(script, **ENVIRONMENT)
    out, err = process.communicate()
    assert process.returncode != 0
    assert out == ""
    assert err.splitlines()[-1].startswith("error: the hosts have not met at 127.0.0.1:")
    assert "Traceback" not in err


_TASK = ["-m", "tasks.sentiment", "train", "--adversarial=0", "--units=4", "--embedding-dim=4"]


@needs_jax
@pytest.mark.more
@pytest.mark.long
def test_a_task_on_two_hosts_saves_one_model(tmp_path):
    rows = [f"{'a good film' if i % 2 else 'a bad one'} {i}\t{i % 2}\n" for i in range(60)]
    data = tmp_path / "films.tsv"
    data.write_text("text\tlabel\n" + "".join(rows))
    given = [*_TASK, f"--data={data}", "--epochs=1", f"--out={tmp_path / 'model'}"]

    def ends(*more):
        place = f"--hosts=127.0.0.1:{free_port()},127.0.0.1:1"
        both = [
            start_script(*given, *more, place, f"--host-index={i}", **ENVIRONMENT) for i in (0, 1)
        ]
        return [(*process.communicate(), process.returncode) for process in both]

    (out, _, code), (other, err, other_code) = ends("--batch-size=8")
    assert (code, other_code) == (0, 0), err
    assert "saved: " in out
    assert "the first host tests and saves the model" in other
    assert (tmp_path / "model" / "model.keras").exists()
    for _, err, code in ends("--batch-size=8", "--resume"):
        assert code == 0, err
    for _, err, code in ends("--batch-size=9", "--overwrite"):
        assert code == 2
        assert "2 devices cannot share batches of 9 evenly" in err
