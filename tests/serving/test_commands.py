"""`python -m zoo serve` and `python -m zoo query`, in processes of their own and in this one."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from support.command_lines import ROOT, Result, assert_refused, clean_environment
from support.servers import free_ports, wait_until

from zoo import __main__ as zoo_command
from zoo import serving
from zoo.application.command_line.commands import execute
from zoo.predictors import catalogue, presets
from zoo.serving.export import configuration
from zoo.serving.server import model_list

FAKE = """\
#!{python}
# Stands in for tensorflow_model_server: notes what it is given, and waits for a signal.
import pathlib, shutil, signal, sys

given = pathlib.Path({folder!r})
for argument in sys.argv[1:]:
    name, _, value = argument.partition("=")
    if name.endswith("_file"):
        shutil.copy(value, given)
signal.signal(signal.{handled}, lambda *_: sys.exit(7))
(given / "new").write_text("\\n".join(sys.argv[1:]))
(given / "new").rename(given / "arguments")
signal.pause()
"""


@pytest.fixture
def zoo(capsys):
    """Runs `python -m zoo` in this process: `zoo(*words)` is a `Result`."""

    def run(*words):
        code = execute(zoo_command.listing, "python -m zoo", [*map(str, words)])
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture
def serve(tmp_path):
    """A function that starts `serve`: the process, the ports of gRPC and REST, and its log."""
    started = []

    def start(*arguments, **environment):
        port, rest_port = free_ports()
        words = [*map(str, arguments), f"--port={port}", f"--rest-port={rest_port}"]
        log = tmp_path / f"log{len(started)}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "zoo", "serve", *words],
                cwd=ROOT,
                env=clean_environment(**environment),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        return process, port, rest_port, log

    yield start
    for process in started:
        process.kill()
        process.wait()


def stop(process, number=signal.SIGTERM):
    process.send_signal(number)
    return process.wait(60)


def ready(url):
    try:
        return httpx2.get(f"{url}/healthz", timeout=60).status_code == 200
    except httpx2.ConnectError:
        return False


@pytest.fixture
def fake_server(tmp_path):
    """A function that puts a stand-in on PATH; it returns PATH and where it notes things."""

    def install(handled):
        given = tmp_path / "given"
        program = tmp_path / "bin" / "tensorflow_model_server"
        for folder in (given, program.parent):
            folder.mkdir()
        program.write_text(FAKE.format(python=sys.executable, folder=str(given), handled=handled))
        program.chmod(0o755)
        return f"{program.parent}{os.pathsep}{os.environ['PATH']}", given

    return install


def test_the_development_server_from_start_to_end(serve, small, tmp_path, zoo):
    (tmp_path / "temporary").mkdir()
    words = ("--model", small, "--development")
    process, _, port, log = serve(*words, TMPDIR=str(tmp_path / "temporary"))
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: ready(url), process, log)
    assert zoo("query", "--model", small.name, f"--rest={url}", "a").out == "   short 0.900  a\n"
    busy = {"signature_name": "busy", "instances": [10**9]}  # for minutes
    with contextlib.suppress(httpx2.TimeoutException):
        httpx2.post(f"{url}/v1/models/{small.name}:predict", json=busy, timeout=1)
    page = httpx2.get(f"{url}/healthz", headers={"Host": "attacker.example"}, timeout=60)
    assert (page.status_code, page.text) == (400, "Invalid host header")
    lines = log.read_text().splitlines()
    assert all("zoo-development-server" in line for line in lines)
    assert stop(process, signal.SIGINT) == 0
    for part in ("development server", f"{small.name} version 2 answers", str(port)):
        assert part in "".join(lines)
    assert [*(tmp_path / "temporary").iterdir()] == []


def test_saved_models_are_exported_to_the_given_folder(tmp_path, monkeypatch, small, zoo):
    kept, exports, announced, exported = tmp_path / "kept", tmp_path / "exports", [], []
    kept.mkdir()
    (kept / catalogue.CONFIG_NAME).write_text("{}")
    note, error = zoo("serve", "--development", "--model", kept).err.splitlines()
    assert note == "exporting kept"
    assert error.startswith("error: cannot export model 'kept': ")
    assert "not the configuration of a saved model" in error
    monkeypatch.setattr(presets, "load", lambda folder: folder)
    monkeypatch.setattr(serving, "export", lambda *what: exported.append(what))
    configs = model_list.resolve([str(kept), str(small)], exports, announced.append)
    assert exported == [(kept, "kept", exports)]
    assert announced == ["exporting kept"]
    found = {config.name: config.base_path for config in configs}
    assert found == {"kept": str(exports / "kept"), small.name: str(small)}


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--model", "nothing"], ["unknown model 'nothing'"]),
        (["--model", "{empty}"], ["holds no saved model"]),
        (["--model", ""], ["it is empty"]),
        (["--model", "{small}", "--model", "{small}/1"], ["two models are called"]),
        (["--model", "{small}", "--port=8500", "--rest-port=8500"], ["both 8500"]),
        (["--model", "{damaged}"], ["models.config", "not a list of models"]),
        (["--model", "{lists_nothing}"], ["lists no models"]),
        (["--model", "{lists_lost}"], ["'lost'", "is not there"]),
        (["--model", "{small}", "--rest-port={taken}"], ["127.0.0.1:{taken}", "in use"]),
        (["--model", "{small}", "--host=203.0.113.1"], ["203.0.113.1"]),
        (["--model", "{small}", f"--host={'a' * 64}"], ["aaa"]),
    ],
)
def test_serve_with_wrong_input(arguments, parts, small, rest_url, tmp_path, zoo):
    contents = {
        "empty": None,
        "damaged": "model_config_list {",
        "lists_nothing": "",
        "lists_lost": 'model_config_list { config { name: "lost" base_path: "away" } }',
    }
    values = {"small": small, "taken": rest_url.rpartition(":")[2]}
    for name, content in contents.items():
        values[name] = tmp_path / name
        values[name].mkdir()
        if content is not None:
            (values[name] / configuration.MODELS_NAME).write_text(content)
    words = [word.format(**values) for word in arguments]
    parts = [part.format(**values) for part in parts]
    assert_refused(zoo("serve", "--development", *words), *parts)


def test_a_server_that_cannot_start(rest_url, small, fake_server, monkeypatch, zoo, tmp_path):
    words, taken = ("serve", "--model", small), rest_url.rpartition(":")[2]
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    parts = ("tensorflow_model_server is not on PATH", "tensorflow/serving", "--development")
    assert_refused(zoo(*words), *parts)
    monkeypatch.setenv("PATH", fake_server("SIGTERM")[0])
    assert_refused(zoo(*words, "--port", taken, "--rest-port", free_ports()[0]), "in use")
    assert_refused(zoo(*words, "--host", "127.0.0.1"), "every interface")


def test_tensorflow_serving_gets_its_flags_files_and_signals(serve, fake_server, small, tmp_path):
    """The files beside its models if they are there."""
    path, given = fake_server("SIGTERM")
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / "talk").symlink_to(small)
    (folder / configuration.MODELS_NAME).write_text(
        'model_config_list { config { name: "chat" base_path: "talk" model_platform: "tensorflow" '
        'version_labels { key: "stable" value: 1 } } }'
    )
    (folder / configuration.BATCHING_NAME).write_text("max_batch_size { value: 5 }\n")
    process, port, rest_port, log = serve("--model", folder, PATH=path)
    wait_until((given / "arguments").exists, process, log)
    lines = (given / "arguments").read_text().splitlines()
    arguments = dict(line.partition("=")[::2] for line in lines)
    for name in ("model_config", "batching_parameters", "monitoring_config"):
        assert (given / Path(arguments.pop(f"--{name}_file")).name).is_file()
    assert arguments == {
        "--port": str(port),
        "--rest_api_port": str(rest_port),
        "--enable_batching": "",
        "--allow_version_labels_for_unavailable_models": "",
    }
    assert (given / configuration.BATCHING_NAME).read_text() == "max_batch_size { value: 5 }\n"
    (model,) = configuration.read_models(given)
    assert (model.name, model.base_path) == ("chat", str(folder / "talk"))
    assert stop(process) == 7  # the stand-in's own


def test_stopped_by_a_signal_tensorflow_serving_ends_well(serve, fake_server, small):
    path, given = fake_server("SIGUSR1")
    process, _, _, log = serve("--model", small, PATH=path)
    wait_until((given / "arguments").exists, process, log)
    assert stop(process) == 0


def test_a_server_that_is_killed_is_told_by_the_exit_code():
    code = "import sys; from zoo.serving.server import model_server\n"
    code += "words = [sys.executable, '-c', 'import os; os.kill(os.getpid(), 9)']\n"
    code += f"sys.exit(model_server.run(words, *{free_ports()}))"
    words = [sys.executable, "-c", code]
    assert subprocess.run(words, cwd=ROOT, env=clean_environment()).returncode == 128 + 9


def test_query_prints_labels_or_what_there_is(rest_url, grpc_address, zoo):
    query = functools.partial(zoo, "query", "--model=small")
    result = query(f"--rest={rest_url}", "a", "much\tlonger")
    assert (result.out, result.err) == ("   short 0.900  a\n    long 0.800  much longer\n", "")
    row = query(f"--rest={rest_url}", "--signature=echo", "é").json
    assert row == {"content_bytes": {"b64": "w6k="}, "size": 2, "text": "é!"}
    for address in (f"--address={grpc_address}", f"--rest={rest_url}"):
        (prediction,) = query(address, "--json", "a").json["predictions"]
        label = (prediction["input"], prediction["label"], prediction["version"])
        assert label == ("a", "short", 2)


def test_query_reads_standard_input(rest_url, standard_input, zoo):
    lines = [f"line {i}" for i in range(70)]  # of several requests
    standard_input("\n".join(lines).encode())
    found = zoo("query", "--model=small", f"--rest={rest_url}", "--json", "-").json["predictions"]
    assert [prediction["input"] for prediction in found] == lines


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--model=none", "a"], "does not serve model 'none'"),
        (["--model=small", "--signature=none", "a"], "there is no signature 'none': give one of "),
        (["--model=small", "--signature=divide", "a"], "'divide' takes no strings"),
        (["--model=small", "--signature=number", "x"], "could not correctly convert string: x"),
        (["--model=small", "--address=localhost:1", "a"], "give one of them"),
        (["--model=small"], "TEXT"),
        (["--model=small", "a\udcff"], "not UTF-8"),
    ],
)
def test_query_with_wrong_input(rest_url, zoo, arguments, part):
    assert_refused(zoo("query", f"--rest={rest_url}", *arguments), part)
