"""The entity task by its command line: what the verbs print, write and refuse."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys

import pytest
from support import command_lines
from support.command_lines import ROOT, assert_refused, clean_environment, contents
from support.entity_tagging import LONG, TINY, call, long_sentence, sentences, write_sentences

import zoo
from tasks.ner import NamedEntities
from zoo.datasets.sequence_tagging import from_files
from zoo.predictors import presets
from zoo.text.tags import spans

TRAINED_FILES = {
    "README.md",
    "baseline.npz",
    "characters.txt",
    "config.json",
    "learning_curves.png",
    "metrics.json",
    "model.keras",
    "run",
    "vocabulary.txt",
}
TEXTS = [
    "Ann Lee met Bob in Rome, and Bob met Ann.",
    "",
    " \t ",
    "Joe said: <b>Köln & Bonn</b> \U0001f600 e\u0301 in New York",
    "Bob",
]


@pytest.fixture(scope="module")
def predictor(trained_tagger):
    return zoo.load(trained_tagger)


@pytest.fixture(scope="module")
def predictions(predictor):
    found = predictor.predict(TEXTS)
    assert {e["type"] for p in found for e in p["entities"]} == {"LOC", "PER"}, "or little is shown"
    return found


@pytest.fixture(autouse=True)
def loaded_once(trained_tagger, predictor, monkeypatch):
    """Calls in this process share one predictor: to load it and trace its graphs takes seconds."""
    load = presets.load

    def load_once(model):
        return predictor if str(model) == str(trained_tagger) else load(model)

    for module in (presets, zoo):
        monkeypatch.setattr(module, "load", load_once)


@pytest.fixture
def tagger(trained_tagger, tmp_path):
    """A copy of the trained model, to be damaged."""
    return shutil.copytree(trained_tagger, tmp_path / "model")


def printed(result):
    """The JSON object that a successful call printed, and nothing else."""
    assert result.code == 0, result
    (line,) = result.out.splitlines()
    return json.loads(line)


def rounded(predictions):
    """Predictions that are the same if they differ by rounding alone."""
    return [
        [entity | {"probability": round(entity["probability"], 4)} for entity in p["entities"]]
        for p in predictions
    ]


def test_what_training_leaves(trained_tagger, predictor):
    assert {path.name for path in trained_tagger.iterdir()} == TRAINED_FILES
    metrics = json.loads((trained_tagger / "metrics.json").read_text())
    assert metrics["parameters"] == predictor.model.count_params()
    assert metrics["baseline_f1"] > 0
    data = from_files(trained_tagger.parent / "sentences.txt")
    assert metrics["train_examples"] == len(data.train)
    lengths = {len(tokens) for tokens in data.train.tokens}
    assert lengths >= {1, LONG}, "or nobody knows that such sentences can be learnt from"
    assert predictor.tag_names == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert predictor.has_crf


def test_card(trained_tagger):
    text = (trained_tagger / "README.md").read_text()
    assert text.startswith("# model\n")
    assert "\n\n\n" not in text
    metrics = json.loads((trained_tagger / "metrics.json").read_text())
    assert set(metrics["per_type"]) == {"LOC", "PER"}
    for kind, row in metrics["per_type"].items():
        figures = " | ".join(f"{row[name]:.4f}" for name in ("precision", "recall", "f1"))
        assert f"\n| {kind} | {figures} | {row['support']} |" in text
    assert f"| this model | {metrics['f1']:.4f} |" in text
    assert f"| simple baseline on the same data | {metrics['baseline_f1']:.4f} |" in text
    code = re.search(r"```python\n(.*?)```", text, re.S).group(1)
    names = {}
    exec(code.replace("model.predict", "predictions = model.predict"), names)
    assert [*names["predictions"][0]] == ["entities"]
    assert all(limit in text for limit in NamedEntities.limits)


def test_evaluation_on_a_file(capfd, trained_tagger, predictor, tmp_path):
    pairs = [*sentences(40), long_sentence(), [("Bob", "B-PER")]]
    data = write_sentences(tmp_path / "mine.txt", pairs)
    arguments = ("evaluate", "--model", trained_tagger, "--data", data)
    measured = printed(call(capfd, *arguments, "--json"))
    assert {"f1", "precision", "recall", "token_accuracy", "baseline_f1"} < measured.keys()
    assert (measured["model"], measured["dataset"]) == (str(trained_tagger), str(data))
    assert (measured["examples"], measured["tokens"]) == (42, sum(map(len, pairs)))
    true = [span for pairs in pairs for span in spans([tag for _, tag in pairs])]
    for kind, row in measured["per_type"].items():
        assert row["support"] == sum(span.type == kind for span in true)
    assert measured["f1"] > 0.5, "or the network has learnt nothing of these few words"

    for_people = call(capfd, *arguments)
    assert f"test f1            {measured['f1']:.4f}\n" in for_people.out
    assert f"baseline f1        {measured['baseline_f1']:.4f}\n" in for_people.out
    rows = re.findall(r"^\| (\w+) \|(?: [01]\.\d{4} \|){3} \d+ \|$", for_people.out, re.M)
    assert rows == ["LOC", "PER"]
    assert printed(call(capfd, *arguments, "--json", "--limit", 7))["examples"] == 7


def test_evaluation_of_one_type_and_of_none(capfd, trained_tagger, tmp_path):
    """Entities that a file does not have can still be found there, wrongly."""
    data = write_sentences(tmp_path / "mine.txt", [[("the", "O"), ("Rome", "O")]] * 3)
    arguments = ("evaluate", "--model", trained_tagger, "--data", data, "--json")
    measured = printed(call(capfd, *arguments))
    assert (measured["f1"], measured["baseline_f1"], measured["examples"]) == (0, 0, 3)
    write_sentences(data, [[("in", "O"), ("Rome", "B-LOC")]] * 3)
    assert printed(call(capfd, *arguments))["per_type"]["LOC"]["support"] == 3


def test_predictions_as_json(capfd, trained_tagger, predictions):
    found = printed(call(capfd, "predict", "--model", trained_tagger, "--json", *TEXTS))
    assert [p["input"] for p in found["predictions"]] == TEXTS
    assert rounded(found["predictions"]) == rounded(predictions)


def test_predictions_for_people(capfd, trained_tagger, predictions):
    """A line each, without colours where there is no terminal."""
    result = call(capfd, "predict", "--model", trained_tagger, *TEXTS)
    assert result.code == 0
    assert "\x1b" not in result.out
    lines = result.out.split("\n")
    assert lines.pop() == ""
    for line, text, prediction in zip(lines, TEXTS, predictions, strict=True):
        for entity in prediction["entities"]:
            shown = f"[{entity['text']} {entity['type']}]"
            assert shown in line
            line = line.replace(shown, entity["text"], 1)
        assert line == " ".join(text.split())


def test_lines_in_a_terminal(trained_tagger, predictions):
    """In a process of its own: colours, and not a word on standard error."""
    reader, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tasks.ner", "predict", "--model", trained_tagger, "-"],
        cwd=ROOT,
        env=clean_environment(TERM="xterm"),
        stdin=subprocess.PIPE,
        stdout=terminal,
        stderr=subprocess.PIPE,
    )
    _, errors = process.communicate("\r\n".join(TEXTS).encode())
    assert (process.returncode, errors) == (0, b"")
    # Our end stays open until all is read: with the last one closed, a kernel may drop the rest.
    shown = b""
    while select.select([reader], [], [], 1.0)[0]:
        shown += os.read(reader, 100_000)
    os.close(terminal)
    os.close(reader)
    lines = shown.decode().split("\r\n")
    assert len(lines) == len(TEXTS) + 1
    for line, prediction in zip(lines, predictions, strict=False):
        coloured = re.findall(r"\x1b\[3\dm\x1b\[1m\[(.*?)\]\x1b\[0m", line)
        expected = [f"{entity['text']} {entity['type']}" for entity in prediction["entities"]]
        assert coloured == expected


def test_page(capfd, trained_tagger, predictions, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("of another run")
    shown = call(capfd, "predict", "--model", trained_tagger, "--html", page, *TEXTS)
    assert shown.out == call(capfd, "predict", "--model", trained_tagger, *TEXTS).out
    text = page.read_text(encoding="utf-8")
    assert text.count("<p>") == len(TEXTS)
    assert text.count("<mark") == sum(len(p["entities"]) for p in predictions)
    assert "<b>" not in text
    assert "&lt;b&gt;" in text
    assert "&amp;" in text


@pytest.mark.parametrize("path", ["", ".", "missing/page.html", "file/page.html"])
def test_a_page_that_cannot_be_written(path, capfd, trained_tagger, tmp_path, monkeypatch):
    """Refused before the model is loaded."""
    monkeypatch.setattr(presets, "load", lambda model: pytest.fail("loaded"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    before = contents(tmp_path)
    result = call(capfd, "predict", "--model", trained_tagger, "--html", path, "Bob")
    assert_refused(result, "--html", "it is empty" if not path else f"{path} cannot be written")
    assert contents(tmp_path) == before


PAIR = b"Bob B-PER\nran O\n"
FILES = {
    "missing": (None, "no such file"),
    "empty": (b"", "is empty"),
    "blank": (b"\n \n\n", "is empty"),
    "binary": (bytes(range(256)) * 8, "UTF-8"),
    "Latin-1": ("Käse B-ORG\n".encode("latin-1"), "UTF-8"),
    "of tokens alone": (b"Bob\nran\n", "line 1 has no tag"),
    "of one token alone": (PAIR + b"\nand\n", "line 4 has no tag"),
    "of ragged columns": (PAIR + b"home NN O\n", "line 3 has 3 columns where line 1 has 2"),
    "of other tags": (b"Bob PER\n", "'PER' is no tag"),
    "of no scheme": (b"Bob B-PER\nLee I-LOC\nran E-PER\n", "the tags fit"),
    "of borders alone": (b"-DOCSTART- O\n", "no sentence"),
    "without an entity": (b"Bob O\nran O\n\n" * 20, "every tag is O"),
    "too small": (PAIR, "too few examples"),
}


@pytest.mark.parametrize("file", FILES)
def test_training_file(file, capfd, tmp_path):
    content, problem = FILES[file]
    path = tmp_path / "mine.txt"
    if content is not None:
        path.write_bytes(content)
    before = contents(tmp_path)
    result = call(capfd, "train", "--data", path, "--out", tmp_path / "out")
    assert_refused(result, path.name, problem)
    assert contents(tmp_path) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--validation", "--test"])
def test_other_files_of_training(option, capfd, tmp_path):
    data = write_sentences(tmp_path / "mine.txt")
    other = write_sentences(tmp_path / "other.txt", sentences(5, ["ORG"]))
    result = call(capfd, "--data", data, option, other, "--out", tmp_path / "out")
    assert_refused(result, other, "'B-ORG' (line ", "'B-LOC', 'I-LOC', 'B-PER', 'I-PER'")
    assert not (tmp_path / "out").exists()


VECTORS = {
    "missing": (None, "cannot read word vectors"),
    "empty": (b"", "no word vectors"),
    "Latin-1": ("K\xe4se 1 2\n".encode("latin-1"), "UTF-8"),
    "ragged": (b"Bob 1 2\nran 1\n", "line 2"),
    "of words": (b"Bob 1 2\nran home again\n", "line 2"),
    "binary": (bytes(range(128, 256)), "UTF-8"),
}


@pytest.mark.parametrize("file", VECTORS)
def test_file_of_vectors(file, capfd, tmp_path):
    content, problem = VECTORS[file]
    path, data = tmp_path / "vectors.txt", write_sentences(tmp_path / "mine.txt")
    if content is not None:
        path.write_bytes(content)
    before = contents(tmp_path)
    result = call(capfd, "--data", data, "--vectors", path, "--out", tmp_path / "out")
    assert_refused(result, path, problem)
    assert contents(tmp_path) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("--head tree", "'--head': 'tree' is not one of 'crf', 'softmax'"),
        ("--characters some", "'--characters': 'some' is not one of"),
        ("--character-units 0", "'--character-units': 0 is not in the range x>=1"),
        ("--word-dropout 1", "'--word-dropout': 1.0 is not in the range 0<=x<1"),
        ("--vectors=", "'--vectors': it is empty: give a file"),
        ("--monitor accuracy", "'--monitor': 'accuracy' is not one of 'loss', 'f1'"),
        ("predict", "Missing argument 'INPUT... | -'"),
        ("predict Bob", "unknown model 'ner_bilstm_conll2003'"),
    ],
)
def test_options(arguments, problem, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_refused(call(capfd, *arguments.split()), problem)
    assert list(tmp_path.iterdir()) == []


def test_unknown_tags_in_evaluation(capfd, trained_tagger, tmp_path):
    other = write_sentences(tmp_path / "other.txt", [[("at", "O"), ("Acme", "B-ORG")]])
    result = call(capfd, "evaluate", "--model", trained_tagger, "--data", other)
    assert_refused(result, other, "'B-ORG' (line 2)", "'B-PER'")


def test_file_of_training_is_no_dataset(capfd, trained_tagger):
    result = call(capfd, "evaluate", "--model", trained_tagger)
    assert_refused(result, "unknown dataset 'sentences.txt'", "--data")


def test_models_of_other_tasks(capfd, trained, trained_tagger):
    result = call(capfd, "predict", "--model", trained, "Bob")
    assert_refused(
        result, "of the kind text_classifier, ner needs one of entity_tagger", "another model"
    )
    result = command_lines.call(capfd, "predict", "--model", trained_tagger, "good")
    assert_refused(result, "of the kind entity_tagger, sentiment needs one of text_classifier")


def test_folder_that_holds_a_model(capfd, trained_tagger):
    before = contents(trained_tagger)
    data = trained_tagger.parent / "sentences.txt"
    result = call(capfd, "--data", data, "--out", trained_tagger, *TINY)
    assert_refused(result, trained_tagger, "already holds a model", "--overwrite")
    assert contents(trained_tagger) == before


def without_last_line(path):
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def with_config(**changes):
    def change(path):
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


DAMAGES = {
    "short words": ("vocabulary.txt", without_last_line),
    "short characters": ("characters.txt", without_last_line),
    "no characters": ("characters.txt", lambda path: path.unlink()),
    "tags missing": ("config.json", with_config(tags=["O"])),
    "other options": ("config.json", with_config(encoder={"longest": 3})),
    "another longest word": ("config.json", with_config(encoder={"longest_word": 3})),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_model(damage, capfd, tagger):
    name, inflict = DAMAGES[damage]
    inflict(tagger / name)
    result = call(capfd, "predict", "--model", tagger, "Bob")
    assert_refused(result, tagger, "restore")


def test_damaged_baseline(capfd, tagger, tmp_path):
    (tagger / "baseline.npz").write_bytes(b"PK")
    data = write_sentences(tmp_path / "mine.txt")
    result = call(capfd, "evaluate", "--model", tagger, "--data", data)
    assert_refused(result, tagger / "baseline.npz", "restore")
