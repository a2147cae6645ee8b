"""Saved models that mean harm: none of their code runs, and nothing large is made of them."""

import base64
import io
import json
import marshal
import os
import pickle
import resource
import zipfile

import h5py
import numpy as np
import pytest
from support.classifiers import classifier
from support.refusals import refused

import zoo
from zoo.evaluation.baselines import LinearTextBaseline
from zoo.predictors import presets

DEEP = '{"predictor": ' + "[" * 10**5 + "]" * 10**5 + "}"


def harm(folder):
    """What must not come to pass."""
    return f"__import__('pathlib').Path({str(folder / 'harm')!r}).touch()"


class Pickled:
    def __init__(self, folder):
        self.code = harm(folder)

    def __reduce__(self):
        return eval, (self.code,)


def packed(content):
    """The content of a Keras archive, its parts by name."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_parts(folder, **changes):
    path = folder / presets.MODEL_NAME
    names = {"config": "config.json", "weights": "model.weights.h5"}
    parts = packed(path.read_bytes()) | {names[part]: new for part, new in changes.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def with_layer(folder, kind, **changes):
    """Changes the first layer of a kind in the configuration of the network."""
    config = json.loads(packed((folder / presets.MODEL_NAME).read_bytes())["config.json"])
    layer = next(layer for layer in config["config"]["layers"] if layer["class_name"] == kind)
    layer["config"] |= changes.pop("config", {})
    layer |= changes
    with_parts(folder, config=json.dumps(config))


def lambda_layer(folder):
    code = compile(f"lambda x: {harm(folder)}", "", "eval").co_consts[0]
    encoded = base64.b64encode(marshal.dumps(code)).decode()
    function = {"class_name": "__lambda__", "config": {"code": encoded, "defaults": None}}
    with_layer(folder, "Dropout", class_name="Lambda", config={"function": function})


def weights(fill):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    return buffer.getvalue()


def link(folder, name, target):
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(target)


def fifo(folder):
    (folder / "vocabulary.txt").unlink()
    os.mkfifo(folder / "vocabulary.txt")


HUGE = {"shape": (10**6, 10**6), "dtype": "f4", "chunks": (1000, 1000), "compression": "gzip"}
HOSTILE = {
    "a configuration nested deeply": lambda f: (f / "config.json").write_text(DEEP),
    **{
        f"the kind {kind}": lambda f, kind=kind: (f / "config.json").write_text(
            json.dumps({"predictor": kind})
        )
        for kind in (["text_classifier"], {"a": 1}, None, 3, "os.system", "x" * 10**6)
    },
    "a network nested deeply": lambda f: with_parts(f, config='{"a":' * 10**5),
    "a lambda": lambda_layer,
    **{
        f"the class {module}.{name}": lambda f, module=module, name=name: with_layer(
            f,
            "Dropout",
            module=module,
            class_name=name,
            registered_name=None,
            config={"a": harm(f)},
        )
        for module, name in (
            ("builtins", "eval"),
            ("os", "system"),
            ("subprocess", "Popen"),
            ("zoo.predictors.presets", "load"),
            ("keras.models", "load_model"),
            ("keras.layers", "TorchModuleWrapper"),
            ("keras.layers", "TFSMLayer"),
        )
    },
    **{
        f"{units} units": lambda f, units=units: with_layer(
            f, "RecurrentStack", config={"units": units}
        )
        for units in (10**5, 10**9)
    },
    "10^6 layers": lambda f: with_layer(f, "RecurrentStack", config={"layers": 10**6}),
    "10^9 words": lambda f: with_layer(f, "Embedding", config={"input_dim": 10**9}),
    "weights of one million squared": lambda f: with_parts(
        f, weights=weights(lambda h: h.create_dataset("layers/a/vars/0", **HUGE))
    ),
    "a billion zeros": lambda f: with_parts(f, weights=bytes(10**9)),
    "weights of another file": lambda f: with_parts(
        f, weights=weights(lambda h: h.update({"layers": h5py.ExternalLink("/etc/x.h5", "/")}))
    ),
    "pickled weights": lambda f: with_parts(f, weights=pickle.dumps(Pickled(f))),
    "a pickled model": lambda f: (f / "model.keras").write_bytes(pickle.dumps(Pickled(f))),
    "a vocabulary that is a device": lambda f: link(f, "vocabulary.txt", "/dev/zero"),
    "a vocabulary of the system": lambda f: link(f, "vocabulary.txt", "/etc/passwd"),
    "a model elsewhere": lambda f: link(f, "model.keras", "/etc/hostname"),
    "a link in a circle": lambda f: link(f, "metrics.json", "metrics.json"),
    "a pipe": fifo,
    "a file of a terabyte": lambda f: os.truncate(f / "vocabulary.txt", 10**12),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    presets.save(classifier(), folder, {})
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_in_one_line_and_does_nothing(name, saved, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    for file, content in saved.items():
        (model / file).write_bytes(content)
    zoo.load(model)
    HOSTILE[name](model)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused("model", zoo.load, model)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # KiB
    assert grown < 2**19
    assert not list(tmp_path.rglob("harm"))


@pytest.mark.parametrize("array", [np.array([{}], object), np.zeros(300_000_000)])
def test_a_baseline_of_pickles_or_of_zeros(array, tmp_path):
    path = tmp_path / "baseline.npz"
    np.savez_compressed(path, vocabulary=array)
    refused("the baseline cannot be read", LinearTextBaseline.load, path)
