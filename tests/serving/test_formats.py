"""ONNX and LiteRT: every network, run by the plain engine, answers as Keras does, or is refused."""

import functools
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument
from support.classifiers import EVERY_KIND, TEXTS, assert_answers_alike, classifier
from support.dna_windows import SEQUENCES
from support.predictor_case import ODD_TEXTS, made
from support.processors import is_built
from support.refusals import refused

from zoo import genomics
from zoo.datasets.sequence_tagging import TaggedSentences
from zoo.predictors import TextClassifier
from zoo.serving import ExportError, export
from zoo.serving.export import litert, single_file
from zoo.serving.export import onnx as onnx_export
from zoo.serving.export.network import Network
from zoo.text.normalization import normalize
from zoo.text.token_spans import tokenize

LABELS = ("bad", "quite fair", "schön")
FILES = ["README.md", "labels.txt", "model.onnx", "vocabulary.txt"]


def onnx_runner(content):
    session = onnxruntime.InferenceSession(content)
    return lambda ids: session.run(["probabilities"], {"token_ids": ids})[0]


def litert_runner(content):
    network = Interpreter(model_content=content).get_signature_runner()
    return lambda ids: network(token_ids=ids)["probabilities"]


FORMATS = {
    "onnx": (onnx_export, onnx_runner, (1, 2, 5)),
    "litert": (litert, litert_runner, (1,)),
}


def assert_converts(name, predictor, original=None):
    module, runner, batches = FORMATS[name]
    content, difference = single_file.converted(module.FORMAT, predictor)
    assert 0 <= difference <= 1e-5
    assert_answers_alike(runner(content), original or predictor, batches)


@pytest.mark.parametrize(
    ("name", "policy"), [("onnx", "mixed_float16"), ("litert", "mixed_bfloat16")]
)
def test_a_deep_network_answers_as_keras_does_in_float32(name, policy):
    options = {"layers": 2, "residual": True, "pooling": "last", "adversarial": 0.02}
    options |= {"cell": "gru", "bidirectional": False}
    predictor = classifier(policy=policy, **options)
    assert_converts(name, predictor, classifier(**options))
    assert predictor.model.get_layer("recurrence").compute_dtype == policy.removeprefix("mixed_")


@pytest.mark.parametrize("name", FORMATS)
def test_normalized_cells_with_zoneout_answer_as_keras_does(name):
    options = {"layer_norm": True, "zoneout": 0.3, "remember": "chrono:9"}
    assert_converts(name, classifier(bidirectional=False, cell_options=options))


@pytest.mark.long
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("options", EVERY_KIND, ids=str)
def test_every_kind_answers_as_keras_does(name, options):
    assert_converts(name, classifier(**options))


@pytest.fixture(scope="module")
def predictor():
    """In both directions, and of the last 9 tokens."""
    return classifier(LABELS, max_length=9)


@pytest.fixture(scope="module")
def written(predictor, tmp_path_factory):
    """A function of a format to the folder of an export."""
    folder = tmp_path_factory.mktemp("out")
    return functools.cache(functools.partial(export, predictor, "tiny", folder))


@pytest.mark.parametrize("name", FORMATS)
def test_the_example_of_the_readme_runs(name, written, predictor, monkeypatch, capsys):
    monkeypatch.chdir(written(name))
    readme = Path("README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    ours = {}
    exec(code, ours)
    (expected,) = predictor.predict([re.search(r'token_ids\("(.*?)"\)', code)[1]])
    label, probability = capsys.readouterr().out.rsplit(maxsplit=1)
    assert label == expected["label"]
    assert float(probability) == pytest.approx(expected["probability"], abs=1e-5)
    for text in TEXTS:
        assert ours["token_ids"](text) == predictor.tokenizer([text]).numpy()[0].tolist()


@pytest.mark.more
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", ["DNA of 2, both strands", "DNA of codons"])
def test_letters_of_dna_become_ids_as_the_readme_says(name, kind, tmp_path, monkeypatch, capsys):
    predictor = made(kind)
    monkeypatch.chdir(export(predictor, "tiny", tmp_path, name))
    assert not Path("vocabulary.txt").exists()
    (code,) = re.findall(r"```python\n(.*?)```", Path("README.md").read_text(), re.DOTALL)
    ours = {}
    exec(code, ours)
    example = re.search(r'token_ids\("(.*?)"\)', code)[1]
    (expected,) = predictor.predict([example])
    label, probability = capsys.readouterr().out.rsplit(maxsplit=1)
    assert label == expected["label"]
    assert float(probability) == pytest.approx(expected["probability"], abs=1e-5)
    for sequence in SEQUENCES:
        letters = genomics.ids(genomics.normalized(sequence))
        assert ours["token_ids"](sequence) == letters.tolist()


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_tokens_are_tagged_as_the_readme_says(head, tmp_path, monkeypatch, capsys):
    tagger = made(f"tagger, {head}")
    monkeypatch.chdir(export(tagger, "tiny", tmp_path, "onnx"))
    (code,) = re.findall(r"```python\n(.*?)```", Path("README.md").read_text(), re.DOTALL)
    ours = {}
    exec(code, ours)
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    sentence = TaggedSentences([[token for token, _, _ in printed]], [["O"] * len(printed)])
    assert [tag for _, tag, _ in printed] == tagger.tag(sentence)[0]
    assert all(0 < float(probability) <= 1 for _, _, probability in printed)
    for text in map(normalize, (*ODD_TEXTS, "U.N. don't AT&T's O'Brien -- 1,000.5 ... group C.")):
        tokens = tokenize([text]).tokens
        found = ours["tokens_of"](text)
        assert [token.encode() for token in found] == tokens.to_list()[0]
        ids = tagger.encoder.ragged(tokens)
        assert ours["ids_of"](found) == {name: rows.to_list()[0] for name, rows in ids.items()}


@pytest.mark.parametrize("level", ["character", "word"])
def test_a_language_model_goes_on_from_piece_to_piece(level, tmp_path, monkeypatch, capsys):
    predictor = made(f"language model of {level}s")
    monkeypatch.chdir(export(predictor, "tiny", tmp_path, "onnx"))
    (code,) = re.findall(r"```python\n(.*?)```", Path("README.md").read_text(), re.DOTALL)
    ours = {}
    exec(code, ours)
    written = capsys.readouterr().out
    assert set(ours["tokens"]) <= {
        *map(ours["printed"].get, ours["vocabulary"], ours["vocabulary"])
    }
    assert written.removesuffix("\n") == ("" if level == "character" else " ").join(ours["tokens"])
    text = "Nobody sees the king."
    (ids,) = predictor.tokenizer.ragged([text], end=True).to_list()
    given = np.array([[predictor.tokenizer.start_id, *ids[:-1]]], "int32")
    states = {name: np.zeros_like(state[:1]) for name, state in ours["states"].items()}
    total = 0.0
    for piece, following in ((given[:, :3], ids[:3]), (given[:, 3:], ids[3:])):
        found = ours["session"].run(ours["names"], {"token_ids": piece, **states})
        found = dict(zip(ours["names"], found, strict=True))
        states = {name: found[f"next_{name}"] for name in states}
        total += found["log_probabilities"][0, np.arange(len(following)), following].sum()
    (score,) = predictor.score([text])
    assert total == pytest.approx(score["log_probability"], rel=1e-4)


@pytest.mark.more
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", ["video of 3", "video of paths"])
def test_clips_are_read_as_the_readme_says(name, kind, tmp_path, monkeypatch, capsys):
    predictor = made(kind)
    monkeypatch.chdir(export(predictor, "tiny", tmp_path, name))
    (code,) = re.findall(r"```python\n(.*?)```", Path("README.md").read_text(), re.DOTALL)
    ours = {}
    exec(code, ours)
    clip = np.zeros(ours["clip"].shape[1:], "float32" if "paths" in kind else "uint8")
    (expected,) = predictor.predict([clip])
    label, probability = capsys.readouterr().out.rsplit(maxsplit=1)
    assert label == expected["label"]
    assert float(probability) == pytest.approx(expected["probability"], abs=1e-5)


def test_inputs_and_outputs_of_onnx(written, predictor):
    content = (written("onnx") / "model.onnx").read_bytes()
    assert_answers_alike(onnx_runner(content), predictor, (1, 2, 5))
    session = onnxruntime.InferenceSession(content)
    (ids,), (probabilities,) = session.get_inputs(), session.get_outputs()
    assert (ids.name, ids.type, ids.shape) == ("token_ids", "tensor(int32)", ["batch", "timesteps"])
    assert (probabilities.name, probabilities.type) == ("probabilities", "tensor(float)")
    assert probabilities.shape == ["batch", len(LABELS)]
    for rows, timesteps in ((0, 3), (0, 0), (2, 0)):
        (answer,) = session.run(None, {"token_ids": np.zeros((rows, timesteps), "int32")})
        assert answer.shape == (rows, len(LABELS))
    for unknown in (-1, len(predictor.tokenizer.vocabulary)):
        with pytest.raises(InvalidArgument, match="out of data bounds"):
            session.run(None, {"token_ids": np.array([[3, unknown]], "int32")})
    model = onnx.load_from_string(content)
    assert {node.domain for node in model.graph.node} == {""}  # standard operators only


def test_inputs_and_outputs_of_litert(written, predictor):
    content = (written("litert") / "model.tflite").read_bytes()
    assert_answers_alike(litert_runner(content), predictor, (1,))
    interpreter = Interpreter(model_content=content)
    (ids,) = interpreter.get_input_details()
    assert (ids["dtype"], ids["shape_signature"].tolist()) == (np.int32, [1, -1])
    for timesteps in (5, 1):  # without signatures, as on a device
        interpreter.resize_tensor_input(ids["index"], (1, timesteps))
        interpreter.allocate_tensors()
        rows = np.arange(1, timesteps + 1, dtype="int32")[None]
        interpreter.set_tensor(ids["index"], rows)
        interpreter.invoke()
        answer = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        np.testing.assert_allclose(answer, litert_runner(content)(rows), atol=1e-5)
    for unknown in (-1, len(predictor.tokenizer.vocabulary)):
        with pytest.raises(RuntimeError, match="out of bounds"):
            litert_runner(content)(np.array([[3, unknown]], "int32"))


@is_built
def test_no_export_holds_the_native_operation(written, served):
    """Though the model that is exported runs by it here."""
    files = [written("onnx") / "model.onnx", written("litert") / "model.tflite"]
    for path in (*files, served.version / "saved_model.pb"):
        assert b"ZooRecurrence" not in path.read_bytes()


def test_what_a_format_cannot_express_is_refused(tmp_path):
    gelu = classifier(bidirectional=False, cell_options={"activation": "gelu"})
    ids = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(len(gelu.tokenizer.vocabulary), 3)(ids)
    total = keras.ops.erfinv(keras.ops.tanh(keras.ops.sum(vectors, axis=1)))
    erfinv = TextClassifier(keras.Model(ids, total), gelu.tokenizer, LABELS)
    for module, predictor, message in (
        (onnx_export, gelu, r"ONNX cannot express this network \(.*Erfc"),
        (litert, erfinv, r"built-in operations cannot express .* \(.+\)"),
    ):
        with pytest.raises(ExportError, match=message):
            module.write(predictor, "tiny", tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "package"), [("onnx", "onnxruntime"), ("litert", "ai_edge_litert.interpreter")]
)
def test_a_missing_package_is_named(name, package, predictor, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    message = rf"{package.partition('.')[0]} is missing.*zoo\[formats\]"
    refused(message, export, predictor, "tiny", tmp_path, name)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def write(predictor, tmp_path, monkeypatch):
    """Writes a folder of ONNX with any content."""

    def write(content=b"network", folder=tmp_path, predictor=predictor, **options):
        monkeypatch.setattr(single_file, "converted", lambda *arguments: (content, 3e-8))
        return onnx_export.write(predictor, "tiny", folder, **options)

    return write


def test_what_lies_in_the_folder_stays_unless_it_is_to_be_overwritten(write, tmp_path):
    folder = write(b"first")
    assert folder == tmp_path / "tiny" / "onnx"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert (folder / "labels.txt").read_text(encoding="utf-8") == "bad\nquite fair\nschön\n"
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "at most 3e-08" in readme
    assert "$" not in readme
    (folder / "notes").write_text("mine")
    refused("is there already", write, b"second")
    assert (folder / "model.onnx").read_bytes() == b"first"
    write(b"second", overwrite=True)
    assert (folder / "model.onnx").read_bytes() == b"second"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    (folder / "model.onnx").unlink()
    refused("is not an export, so it stays", write, overwrite=True)


@pytest.mark.parametrize(
    ("method", "at"), [("write_bytes", 1), ("write_text", 2), ("rename", 1), ("rename", 2)]
)
def test_a_failure_leaves_the_earlier_export(method, at, write, monkeypatch):
    folder = write(b"first")
    original = getattr(Path, method)
    calls = []

    def fails_once(path, *arguments, **options):
        calls.append(path)
        if len(calls) == at:
            raise OSError(28, "No space left on device")
        return original(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, method, fails_once)
        refused("No space left on device", write, b"second", overwrite=True)
    assert (folder / "model.onnx").read_bytes() == b"first"
    assert [*folder.parent.iterdir()] == [folder]
    assert sorted(path.name for path in folder.iterdir()) == FILES


def test_predictors_and_folders_that_do_not_fit(write, tmp_path):
    other = SimpleNamespace(kind="translator")
    refused("export it as a saved_model", write, predictor=other)
    odd = SimpleNamespace(kind="text_classifier", label_names=["a\nb", "c"])
    refused(r"'a\\nb' does not fit on a line", write, predictor=odd)
    assert [*tmp_path.iterdir()] == []
    (tmp_path / "file").write_text("no folder")
    refused(r"cannot write .*: give another folder", write, folder=tmp_path / "file")


def test_another_answer_is_noticed(predictor):
    network = Network(predictor)

    def of_padding(ids, answer):  # as if the mask were lost
        return answer + np.float32(0.01) * (ids[:, -1] == 0).any()

    for fault, message in (
        (lambda ids, answer: answer + np.float32(1e-4), r"by 1\.0e-04"),
        (lambda ids, answer: answer * np.float32("nan"), "by nan"),
        (lambda ids, answer: answer[:, :2], r"answers \(1, 2\) instead of \(1, 3\)"),
        (of_padding, r"by 1\.0e-02"),
    ):

        def run(inputs, fault=fault):
            ids = inputs["token_ids"]
            return {"probabilities": fault(ids, network.function(ids)["probabilities"].numpy())}

        with pytest.raises(ExportError, match=message):
            network.largest_difference(run, (1, 3))
