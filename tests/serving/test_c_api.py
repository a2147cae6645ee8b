"""`SavedModel`: what is in the files runs without TensorFlow's Python."""

import gc
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from support.served_models import TEXTS

from zoo.serving.c_api import SavedModel, SavedModelError, registered_ops
from zoo.serving.protobufs import NUMPY_DTYPES, error_codes_pb2, saved_model_pb2

SUPPORT = Path(__file__).resolve().parents[1] / "support"
LONG = "ö" * 100  # a string that does not fit into the 24 bytes of its header


class Functions(tf.Module):
    """One function of each kind of input."""

    def __init__(self):
        super().__init__()
        self.weight = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
        self.kept = tf.Variable(["nothing yet"], shape=[None], dtype=tf.string)
        self.functions = {
            "serving_default": self.function(
                lambda x: {"y": x @ self.weight}, x=([None, 2], "float32")
            ),
            "strings": self.function(
                lambda a, b: {"upper": tf.strings.upper(a), "same": tf.identity(b)},
                a=([None], "string"),
                b=([None, 1], "string"),
            ),
            "scalar": self.function(lambda x: {"y": x * 2}, x=([], "float64")),
            "any_rank": self.function(lambda x: {"size": tf.size(x)}, x=(None, "int64")),
            "keep": self.function(self.keep, text=([None], "string")),
            "recall": self.function(lambda x: {"kept": self.kept + ""}, x=([], "int32")),
            "float8": self.function(
                lambda x: {"y": tf.identity(x)}, x=([None], tf.dtypes.experimental.float8_e5m2)
            ),
            "check": self.function(self.check, x=([None], "float32")),
            "slow": self.function(self.slow, x=([], "int32")),
        }
        for dtype in NUMPY_DTYPES:
            name = tf.as_dtype(dtype).name
            self.functions[name] = self.function(
                lambda x: {"y": tf.identity(x)}, x=([None, None], tf.as_dtype(dtype))
            )

    @staticmethod
    def function(function, **inputs):
        specs = [tf.TensorSpec(shape, dtype, name) for name, (shape, dtype) in inputs.items()]
        return tf.function(function, input_signature=specs, autograph=False)

    def keep(self, text):
        self.kept.assign(text)
        return {"count": tf.size(text)}

    @staticmethod
    def check(x):
        tf.debugging.assert_positive(x, message="only what is positive")
        return {"y": x}

    @staticmethod
    def slow(x):
        count = tf.while_loop(lambda i: i < x, lambda i: (i + 1,), (0,))
        return {"count": count[0]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    module = Functions()
    folder = tmp_path_factory.mktemp("functions")
    tf.saved_model.save(module, str(folder), module.functions)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    with SavedModel(folder) as model:
        yield model


def refusal(call, *arguments):
    """The code and message of the error that a call gives."""
    with pytest.raises(SavedModelError) as error:
        call(*arguments)
    return error.value.code, str(error.value)


def test_an_export_runs_without_tensorflows_python(served, tmp_path):
    """Every signature, with Keras as the reference."""
    tokenizer = served.predictor.tokenizer
    ids = tokenizer.ragged(TEXTS)
    requests = [["serving_default", {"text": TEXTS}], ["serving_default", {"text": TEXTS[:1]}]]
    requests += [
        [
            "token_ids",
            {
                "token_ids": rows.to_tensor().numpy().tolist(),
                "length": rows.row_lengths().numpy().tolist(),
            },
        ]
        for rows in (ids, ids[:1])
    ]
    (tmp_path / "requests").write_text(json.dumps(requests), encoding="utf-8")
    arguments = [served.version, tmp_path / "requests", tmp_path / "answers"]
    result = subprocess.run(
        [sys.executable, SUPPORT / "run_saved_model.py", *arguments],
        env={
            "PATH": "",
            "PYTHONPATH": os.pathsep.join(map(str, SUPPORT.parents[:2])),
        },  # no log level either
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == result.stderr == ""
    answers = json.loads((tmp_path / "answers").read_text(encoding="utf-8"))
    assert {name for name, _ in requests} == {*answers["signatures"]}
    probabilities = served.predictor.probabilities(TEXTS)
    labels = [served.predictor.label_names[i] for i in probabilities.argmax(axis=1)]
    for (name, outputs), count in zip(answers["results"], [len(TEXTS), 1] * 2, strict=True):
        assert outputs.keys() == {"label", "probabilities"}, name
        assert outputs["label"] == labels[:count]
        np.testing.assert_allclose(outputs["probabilities"], probabilities[:count], atol=1e-5)


def test_signatures(model):
    assert model.signatures.keys() == model.meta_graph.signature_def.keys() - {
        "__saved_model_init_op"
    }
    signature = model.signatures["strings"]
    assert signature.method_name == "tensorflow/serving/predict"
    assert {n: (s.dtype, s.shape) for n, s in signature.inputs.items()} == {
        "a": (np.dtype(object), (None,)),
        "b": (np.dtype(object), (None, 1)),
    }
    assert signature.outputs.keys() == {"upper", "same"}
    assert model.signatures["scalar"].inputs["x"].shape == ()
    assert model.signatures["any_rank"].inputs["x"].shape is None
    assert model.signatures["float8"].inputs["x"].dtype is None
    assert model.meta_graph.meta_info_def.tags == ["serve"]


@pytest.mark.parametrize("dtype", NUMPY_DTYPES.values(), ids=str)
@pytest.mark.parametrize("shape", [(2, 3), (0, 3), (1, 0)], ids=str)
def test_every_type(model, dtype, shape):
    name = "string" if dtype.kind == "O" else dtype.name
    array = np.zeros(shape, dtype)
    if array.size:
        array[:] = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype)
        array[0, 0] = b"\0\xff" * 30 if dtype.kind == "O" else 1
    if dtype.kind == "O":
        array = array.astype("S100").astype(object)
    found = model.run(name, {"x": array})["y"]
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tolist() == array.tolist()


def test_arrays_in_any_layout(model):
    whole = np.arange(12, dtype="float32").reshape(3, 4)
    for array in (whole[:, ::2], whole[::-1, 1:3], whole.reshape(4, 3).T[:, 1:3]):
        found = model.run("float32", {"x": array})["y"]
        np.testing.assert_array_equal(found, array)
        assert found.flags.writeable


def test_strings_of_every_length(model):
    texts = ["", "a\0b", "x" * 22, "x" * 23, LONG, LONG * 10_000]
    outputs = model.run("strings", {"a": texts, "b": [[text.encode()] for text in texts]})
    assert outputs["upper"].tolist() == [
        text.encode().replace(b"x", b"X").replace(b"a", b"A").replace(b"b", b"B") for text in texts
    ]
    assert outputs["same"].tolist() == [[text.encode()] for text in texts]


def test_pythons_numbers_take_the_type_of_the_signature(model):
    assert model.run("uint8", {"x": [[0, 255]]})["y"].dtype == "uint8"
    assert model.run("float16", {"x": [[1, 2.5]]})["y"].tolist() == [[1, 2.5]]
    assert model.run("bfloat16", {"x": [[1, 2.5]]})["y"].astype(float).tolist() == [[1, 2.5]]
    assert model.run("complex64", {"x": [[1, 2j]]})["y"].tolist() == [[1, 2j]]
    assert model.run("int32", {"x": [[True, 2]]})["y"].tolist() == [[1, 2]]
    assert model.run("int32", {"x": np.zeros((0, 4), "int32")})["y"].shape == (0, 4)
    assert model.run("scalar", {"x": 3})["y"] == 6
    assert model.run("any_rank", {"x": [[[1, 2]]]})["size"] == 2
    assert model.run("strings", {"a": [], "b": np.empty((0, 1), object)})["upper"].shape == (0,)


def test_an_unknown_signature(model):
    for name in ("nothing", "", "__saved_model_init_op"):
        assert refusal(model.run, name, {}) == (
            error_codes_pb2.FAILED_PRECONDITION,
            f'Serving signature key "{name}" not found.',
        )


def test_inputs_that_are_not_those_of_the_signature(model):
    invalid = error_codes_pb2.INVALID_ARGUMENT
    assert refusal(model.run, "strings", {"c": ["x"]}) == (
        invalid,
        "input size does not match signature: 1!=2 len({c}) != len({a,b}). "
        "Sent extra: {c}. Missing but required: {a,b}.",
    )
    code, message = refusal(model.run, "strings", {"a": ["x"], "c": ["x"]})
    assert code == invalid
    assert message.startswith("Signature input alias: b(feed name: strings_b:0) not found in ")


@pytest.mark.parametrize(
    ("signature", "value", "message"),
    [
        ("serving_default", np.zeros((1, 2)), "Expects x to be float but double is provided"),
        ("serving_default", [["a", "b"]], "Expects x to be float but string is provided"),
        ("int32", [[1.5]], "Expects x to be int32 but double is provided"),
        ("bool", [[1]], "Expects x to be bool but int64 is provided"),
        ("string", [[1]], "expected strings of one shape, not int"),
        ("string", [["a"], ["b", "c"]], "expected strings of one shape, not list"),
        ("string", [["\ud800"]], "encode"),
        ("int32", [[2**40]], "input x: "),
        ("uint8", [[-1]], "input x: "),
        ("float32", [[1], [1, 2]], "input x: "),
        ("serving_default", [[1.0]], "input x must have the shape [?, 2], not [1, 1]"),
        ("serving_default", [1.0, 2.0], "input x must have the shape [?, 2], not [2]"),
        ("scalar", [1.0], "input x must have the shape [], not [1]"),
    ],
)
def test_inputs_of_another_type_or_shape(model, signature, value, message):
    code, found = refusal(model.run, signature, {"x": value})
    assert code == error_codes_pb2.INVALID_ARGUMENT
    assert message in found


def test_types_that_numpy_has_not(model):
    code, message = refusal(model.run, "float8", {"x": [1.0]})
    assert (code, message) == (error_codes_pb2.UNIMPLEMENTED, "input x: NumPy has no such type")


def test_errors_of_the_model_are_passed_on(model):
    code, message = refusal(model.run, "check", {"x": [1.0, -1.0]})
    assert code == error_codes_pb2.INVALID_ARGUMENT
    assert "only what is positive" in message
    assert model.run("check", {"x": [1.0]})["y"] == 1  # and it goes on


def test_a_python_operation_fails_with_the_librarys_error(tmp_path):
    module = tf.Module()
    module.function = tf.function(
        lambda x: {"y": tf.numpy_function(lambda x: x + 1, [x], tf.float32)},
        input_signature=[tf.TensorSpec([None], tf.float32, "x")],
        autograph=False,
    )
    tf.saved_model.save(module, str(tmp_path), {"serving_default": module.function})
    script = (
        "import sys\n"
        "from zoo.serving.c_api import SavedModel, SavedModelError\n"
        "with SavedModel(sys.argv[1]) as model:\n"
        "    try:\n"
        "        model.run('serving_default', {'x': [1.0]})\n"
        "    except SavedModelError as error:\n"
        "        print(error.code, error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "PyFunc" in result.stdout


def test_what_a_model_keeps_outlives_the_call(model):
    texts = [f"{LONG} {i}" for i in range(50)]
    model.run("keep", {"text": texts})
    gc.collect()
    model.run("strings", {"a": ["other"] * 500, "b": [[LONG]] * 500})  # reuses freed memory
    assert model.run("recall", {"x": 0})["kept"].tolist() == [text.encode() for text in texts]


def test_many_threads(model):
    def ask(i):
        size = i % 5
        x = np.full((size, 2), i, "float32")
        texts = [f"{LONG} {i}" for _ in range(size)]
        y = model.run("serving_default", {"x": x})["y"]
        same = model.run("strings", {"a": texts, "b": [[t] for t in texts] or x[:, :1].astype("S")})
        return y, same["same"]

    with ThreadPoolExecutor(8) as threads:
        for i, (y, same) in enumerate(threads.map(ask, range(200))):
            np.testing.assert_array_equal(y, [[4 * i, 6 * i]] * (i % 5) or np.zeros((0, 2)))
            assert same.tolist() == [[f"{LONG} {i}".encode()]] * (i % 5)


def test_other_threads_run_meanwhile(model):
    """The interpreter is not held while a model runs."""
    ticks = []
    done = threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(None)
            done.wait(0.001)

    ticking = threading.Thread(target=tick)
    ticking.start()
    try:
        before = len(ticks)
        model.run("slow", {"x": 200_000})
        during = len(ticks) - before
    finally:
        done.set()
        ticking.join()
    assert during > 3


def test_close_waits_for_calls_and_refuses_new_ones(folder):
    model = SavedModel(folder)
    results = []
    running = threading.Thread(
        target=lambda: results.append(model.run("slow", {"x": 100_000})["count"])
    )
    running.start()
    while not model._running and running.is_alive():
        time.sleep(0.001)
    model.close()
    assert results == [100_000]
    running.join()
    code, message = refusal(model.run, "scalar", {"x": 1.0})
    assert (code, message) == (error_codes_pb2.UNAVAILABLE, "the model is closed")
    model.close()


def test_an_unclosed_model_is_freed(folder):
    model = SavedModel(folder)
    finalizer = model._delete
    assert finalizer.alive
    del model
    gc.collect()
    assert not finalizer.alive


def test_a_missing_model(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        code, message = refusal(SavedModel, path)
        assert code == error_codes_pb2.NOT_FOUND
        assert str(path) in message


def test_another_tag(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    path = tmp_path / "copy" / "saved_model.pb"
    saved_model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    saved_model.meta_graphs[0].meta_info_def.tags[:] = ["train"]
    path.write_bytes(saved_model.SerializeToString())
    code, message = refusal(SavedModel, tmp_path / "copy")
    assert code == error_codes_pb2.NOT_FOUND
    assert "serve" in message


@pytest.mark.parametrize(
    "name",
    ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"],
)
def test_a_damaged_model(folder, tmp_path, name):
    shutil.copytree(folder, tmp_path / "copy")
    path = tmp_path / "copy" / name
    path.write_bytes(path.read_bytes()[:10])
    with pytest.raises(SavedModelError):
        SavedModel(tmp_path / "copy")


def test_a_signature_without_its_tensor(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    path = tmp_path / "copy" / "saved_model.pb"
    saved_model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    signatures = saved_model.meta_graphs[0].signature_def
    signatures["scalar"].inputs["x"].name = "absent:0"
    signatures["int32"].outputs["y"].name += "9"
    path.write_bytes(saved_model.SerializeToString())
    with SavedModel(tmp_path / "copy") as model:
        for name, value in (("scalar", 1.0), ("int32", [[1]])):
            code, message = refusal(model.run, name, {"x": value})
            assert code == error_codes_pb2.INVALID_ARGUMENT
            assert message.startswith("the graph of the model has no tensor ")


MEMORY = """
import os, sys
import numpy as np
from zoo.serving.c_api import SavedModel, SavedModelError

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

text, array = ["a" * 2_000_000], np.zeros((250_000, 2), "float32")  # two megabytes each
with SavedModel(sys.argv[1]) as model:
    def ask():
        model.run("strings", {"a": text, "b": [text]})
        model.run("serving_default", {"x": array})
        try:
            model.run("check", {"x": array[:, 0] - 1})
        except SavedModelError:
            pass
    grown = []
    for _ in range(5):
        before = resident()
        for _ in range(25):
            ask()
        grown.append(resident() - before)
    print(*grown)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_memory_is_given_back(folder):
    # TensorFlow 2.21 loses the tensors of a call that fails where oneDNN is off, as it is in these
    # tests: in its own Session too.
    environment = os.environ | {"TF_ENABLE_ONEDNN_OPTS": "1"}
    result = subprocess.run(
        [sys.executable, "-c", MEMORY, folder],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert result.returncode == 0, result.stderr
    # Any one of the tensors, kept, would make each round grow by 50 MB; an allocator that settles
    # makes only some of them grow.
    assert min(map(int, result.stdout.split())) < 15e6


def test_registered_operations():
    ops = registered_ops()
    assert {"MatMul", "While", "StringLower", "PyFunc"} <= ops.keys()
    assert [argument.name for argument in ops["MatMul"].input_arg] == ["a", "b"]
