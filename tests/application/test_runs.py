"""The folder of a run: nothing in it is lost, and only the same run goes on there."""

import json
import shutil
import subprocess
import sys

import pytest
from support.command_lines import assert_refused, contents
from support.review_texts import TINY, reviews, write_reviews

from tasks.sentiment import Options, Sentiment
from zoo.application import runs
from zoo.predictors import folders

RECORDS = ("metrics.json", "baseline.npz")  # of what was measured; to predict takes neither


def test_overwriting_waits_until_all_files_are_read(sentiment, data, model, tmp_path):
    before = contents(model)
    other = write_reviews(tmp_path / "other.tsv", reviews(9, ("neg", "none")))
    for option in ("--validation", "--test"):
        words = ("--data", data, "--out", model, "--overwrite", option)
        assert_refused(sentiment(*words, "missing.csv"), "missing.csv", "no such file")
        assert_refused(sentiment(*words, other), "'none'", "'neg', 'pos'")
    assert contents(model) == before


@pytest.fixture
def unfinished(trained_models, tmp_path):
    """A run that was broken off after its first epoch."""
    return shutil.copytree(trained_models("sentiment").killed, tmp_path / "unfinished")


def test_what_is_in_the_way_stays(sentiment, data, unfinished, tmp_path):
    mine = tmp_path / "mine"
    (mine / "run").mkdir(parents=True)
    (mine / "run" / "notes").write_text("mine")
    before = contents(tmp_path)
    for words, problem in (
        (("--out", mine), "give a new folder as --out"),
        (("--out", mine, "--overwrite"), "give a new folder as --out"),
        (("--out", data), "is a file: give a folder"),
        (("--out", data / "below"), "is a file: give a folder"),
        (("--out", unfinished), "holds an unfinished run: give --resume or --overwrite"),
    ):
        assert_refused(sentiment("--data", data, *words, *TINY), problem)
    assert contents(tmp_path) == before


def test_a_folder_is_of_one_run_at_a_time(sentiment, data, model, saved_models):
    """Runs without `--out` have folders of their own; where nothing is written, none is left."""
    before = contents(model)
    words = ("--data", data, "--overwrite", *TINY)
    with folders.exclusive(model, "this test writes there"):
        assert_refused(sentiment(*words, "--out", model), model, "another training writes there")
    assert contents(model) == before
    task, options = Sentiment(), Options(data=str(data))
    with runs.output_folder(task, options) as one, runs.output_folder(task, options) as other:
        (one / "file").touch()
        names = [one.name, other.name]
    assert names == [f"sentiment_bilstm_reviews_{i}" for i in (1, 2)]
    assert [path.name for path in saved_models.iterdir()] == names[:1]


def test_what_a_killed_save_left_is_cleared(tmp_path):
    code = "import os, sys; from zoo.predictors.folders import atomic_replace\n"
    code += "with atomic_replace(sys.argv[1]) as new: (new / 'part').touch(); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == 9
    (left,) = tmp_path.iterdir()
    with folders.atomic_replace(tmp_path) as new:
        assert not left.exists()
        with folders.atomic_replace(tmp_path) as other:  # this one is in use
            (other / "b").touch()
        (new / "a").touch()
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_a_picture_never_costs_a_model(sentiment, data, tmp_path, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(Sentiment, "pictures", fail)
    result = sentiment("--data", data, "--epochs=1", *TINY, "--out", tmp_path / "new")
    assert result.code == 0
    assert "a picture could not be drawn: MemoryError" in result.err
    assert "confusion" not in (tmp_path / "new" / "README.md").read_text().split("## Limits")[0]
    assert sentiment("predict", "good", "--model", tmp_path / "new").code == 0


def test_nothing_to_resume(sentiment, unfinished, tmp_path):
    assert_refused(sentiment("--resume"), "--resume needs --out")
    words = ("--resume", "--out", unfinished)
    assert_refused(sentiment(*words, "--overwrite"), "--resume or --overwrite, not both")
    assert_refused(sentiment("--resume", "--out", tmp_path / "nowhere"), "without --resume")
    for name, content, problem in (
        ("settings.json", b"[]", "train again"),
        ("settings.json", b"\xff", "train again"),
        ("checkpoint.npz", b"PK", "start the run again"),
        ("checkpoint.npz", None, "no finished epoch"),
    ):
        path = unfinished / "run" / name
        kept = path.read_bytes()
        path.unlink() if content is None else path.write_bytes(content)
        assert_refused(sentiment(*words), problem)
        path.write_bytes(kept)


def test_a_resumed_run_has_its_own_settings(sentiment, unfinished):
    """And those that may be others: patience, and epochs too where the schedule is constant."""
    before = contents(unfinished)
    for name, value in {"units": 4, "cell": "gru", "data": "other.csv", "epochs": 9}.items():
        result = sentiment("--resume", "--out", unfinished, f"--{name}", value)
        assert_refused(result, f"was begun with {name} = ", f", not {value}: leave the option out")
    assert contents(unfinished) == before
    given = Options(out=str(unfinished), resume=True, patience=7, epochs=99)
    options = runs.restored(given, ["out", "resume", "patience"])
    assert (options.units, options.embedding_dim, options.epochs) == (3, 4, 15)
    assert (options.patience, options.resume, options.out) == (7, True, str(unfinished))
    path = unfinished / "run" / "settings.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schedule": "constant"}))
    assert runs.restored(given, ["out", "epochs"]).epochs == 99


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("model.keras", b"PK", "restore"),
        ("model.keras", None, "restore"),
        ("config.json", b"{", "restore"),
        ("config.json", b"[]", "restore"),
        ("config.json", b'{"predictor": "speech"}', "update the zoo"),
        ("config.json", None, "another folder"),
        ("vocabulary.txt", None, "restore"),
        ("vocabulary.txt", b"<PAD>\n<UNK>\n<EOS>\n", "restore"),
        ("vocabulary.txt", b"<PAD>\n\xff\n", "restore"),
        ("metrics.json", b"{", "restore"),
        ("metrics.json", b"[]", "restore"),
        ("baseline.npz", b"PK", "restore"),
    ],
)
def test_a_damaged_model(name, content, hint, sentiment, data, model):
    path = model / name
    path.unlink() if content is None else path.write_bytes(content)
    words = ("evaluate", "--data", data) if name in RECORDS else ("predict", "good")
    assert_refused(sentiment(*words, "--model", model), model, hint)
