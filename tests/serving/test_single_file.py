"""The folder of a single-file format: whole or absent, and enough to use the network by itself."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support.classifiers import TEXTS, classifier

import zoo
from zoo.errors import UserError
from zoo.serving import ExportError
from zoo.serving.export import litert, onnx, single_file
from zoo.serving.export.network import Network

LABELS = ("bad", "quite fair", "schön")
FILES = ["README.md", "labels.txt", "model.onnx", "vocabulary.txt"]


@pytest.fixture(scope="module")
def predictor():
    return classifier(LABELS, max_length=9)


def write(predictor, folder, name="tiny", content=b"network", **options):
    def convert(predictor):
        return content, 3e-8

    overwrite = options.get("overwrite", False)
    return single_file.write(onnx.FORMAT, convert, predictor, name, folder, overwrite)


def everything_in(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))


@pytest.mark.parametrize(("module", "max_length"), [(onnx, 9), (litert, None)])
def test_the_example_of_the_readme_runs(module, max_length, tmp_path, monkeypatch, capsys):
    predictor = classifier(LABELS, max_length=max_length, cell="rnn", bidirectional=False)
    folder = module.write(predictor, "tiny", tmp_path)
    monkeypatch.chdir(folder)
    readme = Path("README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    ours = {}
    exec(code, ours)
    text = re.search(r'token_ids\("(.*?)"\)', code)[1]
    (expected,) = predictor.predict([text])
    label, probability = capsys.readouterr().out.rsplit(maxsplit=1)
    assert label == expected["label"]
    assert float(probability) == pytest.approx(expected["probability"], abs=1e-5)
    for text in TEXTS:
        assert ours["token_ids"](text) == predictor.tokenizer([text]).numpy()[0].tolist()


def test_what_lies_beside_the_network(predictor, tmp_path):
    folder = write(predictor, tmp_path)
    assert folder == tmp_path / "tiny" / "onnx"
    assert everything_in(folder) == FILES
    assert (folder / "model.onnx").read_bytes() == b"network"
    assert (folder / "labels.txt").read_text(encoding="utf-8").splitlines() == list(LABELS)
    tokens = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert tokens == list(predictor.tokenizer.vocabulary.tokens)
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "$" not in readme
    assert "at most 3e-08" in readme


def test_an_earlier_export_is_replaced_only_if_asked(predictor, tmp_path):
    folder = write(predictor, tmp_path, content=b"first")
    with pytest.raises(UserError, match="is there already"):
        write(predictor, tmp_path, content=b"second")
    assert (folder / "model.onnx").read_bytes() == b"first"
    write(predictor, tmp_path, content=b"second", overwrite=True)
    assert (folder / "model.onnx").read_bytes() == b"second"
    assert everything_in(tmp_path / "tiny") == ["onnx", *(f"onnx/{name}" for name in FILES)]


def test_what_is_no_export_is_never_replaced(predictor, tmp_path):
    (tmp_path / "tiny" / "onnx").mkdir(parents=True)
    (tmp_path / "tiny" / "onnx" / "notes").write_text("of the user")
    with pytest.raises(UserError, match="is not an export"):
        write(predictor, tmp_path, overwrite=True)
    assert everything_in(tmp_path) == ["tiny", "tiny/onnx", "tiny/onnx/notes"]


@pytest.mark.parametrize(
    ("method", "at"), [("write_bytes", 1), ("write_text", 2), ("rename", 1), ("rename", 2)]
)
def test_a_failure_leaves_the_earlier_export(method, at, predictor, tmp_path, monkeypatch):
    folder = write(predictor, tmp_path, content=b"first")
    original = getattr(Path, method)
    calls = []

    def fails_once(path, *arguments, **options):
        calls.append(path)
        if len(calls) == at:
            raise OSError(28, "No space left on device")
        return original(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, method, fails_once)
        with pytest.raises(UserError, match="No space left on device"):
            write(predictor, tmp_path, content=b"second", overwrite=True)
    assert (folder / "model.onnx").read_bytes() == b"first"
    assert everything_in(tmp_path / "tiny") == ["onnx", *(f"onnx/{name}" for name in FILES)]


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "two words"])
def test_names_that_are_no_folders_are_refused(name, predictor, tmp_path):
    with pytest.raises(UserError, match="cannot name"):
        zoo.serving.export(predictor, name, tmp_path, "onnx")
    assert everything_in(tmp_path) == []


def test_a_model_that_is_no_classifier_is_refused(tmp_path):
    with pytest.raises(UserError, match="of kind entity_tagger: export it as a saved_model"):
        write(SimpleNamespace(kind="entity_tagger"), tmp_path)
    assert everything_in(tmp_path) == []


def test_a_label_of_two_lines_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"'a\\nb' does not fit on a line"):
        write(classifier(("a\nb", "c")), tmp_path)
    assert everything_in(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_one_line(predictor, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UserError, match=r"cannot write .*: give another folder"):
        write(predictor, tmp_path / "file")


@pytest.fixture(scope="module")
def network(predictor):
    return Network(predictor)


def test_the_graph_is_the_predictors_network(network, predictor):
    answer = network.function(predictor.tokenizer(TEXTS))["probabilities"]
    np.testing.assert_allclose(answer, predictor.probabilities(TEXTS), atol=1e-6)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda answer: answer + np.float32(1e-4), r"by 1\.0e-04"),
        (lambda answer: answer * np.float32("nan"), "by nan"),
        (lambda answer: answer[:, :2], r"answers \(1, 2\) instead of \(1, 3\)"),
    ],
)
def test_another_answer_is_noticed(fault, message, network):
    def run(ids):
        return network.function(ids)["probabilities"].numpy()

    assert network.largest_difference(run, (1, 3)) == 0
    with pytest.raises(ExportError, match=message):
        network.largest_difference(lambda ids: fault(run(ids)), (1, 3))


def test_one_wrong_row_among_many_lengths_is_noticed(network):
    def run(ids):
        answer = network.function(ids)["probabilities"].numpy()
        if (ids[:, -1] == 0).any():  # as if the mask were lost
            answer = answer + np.float32(0.01)
        return answer

    with pytest.raises(ExportError, match=r"by 1\.0e-02"):
        network.largest_difference(run, (3,))
