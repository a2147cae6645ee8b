"""The folder of a run: nothing in it is lost, and only the same run goes on there."""

import json
import os
import shutil

import pytest
from support.command_lines import assert_refused, contents
from support.review_texts import TINY, reviews, write_reviews

from tasks.sentiment import Options
from zoo.application import runs
from zoo.errors import UserError


def test_right_input_is_waited_for(sentiment, data, model, tmp_path):
    """What `--overwrite` replaces is untouched until all files are read."""
    before = contents(model)
    other = write_reviews(tmp_path / "other.tsv", reviews(9, ("neg", "none")))
    for option in ("--validation", "--test"):
        words = ("--data", data, "--out", model, "--overwrite", option)
        assert_refused(sentiment(*words, "missing.csv"), "missing.csv", "no such file")
        assert_refused(sentiment(*words, other), "'none'", "'neg', 'pos'")
    assert contents(model) == before


@pytest.mark.parametrize("option", [(), ("--overwrite",)])
def test_a_folder_of_other_files(option, sentiment, data, tmp_path):
    mine = tmp_path / "mine"
    (mine / "run").mkdir(parents=True)
    (mine / "README.md").write_text("mine")
    (mine / "run" / "notes").write_text("mine, too")
    before = contents(mine)
    result = sentiment("--data", data, "--out", mine, *option)
    assert_refused(result, mine, "give a new folder as --out")
    assert contents(mine) == before


def test_a_file_in_place_of_a_folder(sentiment, data):
    for out in (data, data / "below"):
        assert_refused(sentiment("--data", data, "--out", out), "is a file: give a folder")


@pytest.fixture
def unfinished(trained_models, tmp_path):
    """A run that was broken off after its first epoch."""
    return shutil.copytree(trained_models("sentiment").killed, tmp_path / "unfinished")


def test_an_unfinished_run_is_not_overwritten(sentiment, data, unfinished):
    before = contents(unfinished)
    result = sentiment("--data", data, "--out", unfinished, *TINY)
    assert_refused(result, "unfinished run", "--resume or --overwrite")
    assert contents(unfinished) == before


def test_nothing_to_resume(sentiment, unfinished, tmp_path):
    assert_refused(sentiment("--resume"), "--resume needs --out")
    words = ("--resume", "--out", unfinished)
    assert_refused(sentiment(*words, "--overwrite"), "--resume or --overwrite, not both")
    assert_refused(sentiment("--resume", "--out", tmp_path / "nowhere"), "without --resume")
    (unfinished / "run" / "checkpoint.npz").unlink()
    assert_refused(sentiment(*words), "no finished epoch", "without --resume")


@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        ("settings.json", b"{", "train again"),
        ("settings.json", b"[]", "train again"),
        ("settings.json", b"\xff", "train again"),
        ("checkpoint.npz", b"PK", "start the run again"),
    ],
)
def test_a_damaged_run(name, content, remedy, sentiment, unfinished):
    (unfinished / "run" / name).write_bytes(content)
    assert_refused(sentiment("--resume", "--out", unfinished), name, remedy)


@pytest.mark.parametrize(
    ("option", "value"),
    [("units", 4), ("cell", "gru"), ("seed", 2), ("data", "other.csv"), ("epochs", 9)],
)
def test_resuming_with_other_settings(option, value, sentiment, unfinished):
    before = contents(unfinished)
    result = sentiment("--resume", "--out", unfinished, f"--{option}", value)
    assert_refused(result, f"was begun with {option} = ", f", not {value}: leave the option out")
    assert contents(unfinished) == before


def test_a_resumed_run_has_its_own_settings(unfinished):
    """And those that may be others: patience, and epochs too where the schedule is constant."""
    given = Options(out=str(unfinished), resume=True, patience=7, epochs=99)
    options = runs.restored(given, ["out", "resume", "patience"])
    assert (options.units, options.embedding_dim, options.epochs) == (3, 4, 15)
    assert (options.patience, options.resume, options.out) == (7, True, str(unfinished))
    assert given.units != 3
    path = unfinished / "run" / "settings.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schedule": "constant"}))
    assert runs.restored(given, ["out", "epochs"]).epochs == 99
    with pytest.raises(UserError, match="units = 3, not 64"):
        runs.restored(given, ["units"])


def damage_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DAMAGES = {
    "truncated archive": ("model.keras", lambda path: os.truncate(path, 3000)),
    "no archive": ("model.keras", lambda path: path.unlink()),
    "truncated configuration": ("config.json", lambda path: os.truncate(path, 30)),
    "list for a configuration": ("config.json", lambda path: path.write_text("[]")),
    "other configuration": ("config.json", lambda path: path.write_text('{"name": "app"}')),
    "labels missing": ("config.json", lambda path: damage_json(path, labels=["pos"])),
    "kind of another version": ("config.json", lambda path: damage_json(path, predictor="speech")),
    "no vocabulary": ("vocabulary.txt", lambda path: path.unlink()),
    "short vocabulary": ("vocabulary.txt", lambda path: path.write_text("<PAD>\n<UNK>\n<EOS>\n")),
    "binary vocabulary": ("vocabulary.txt", lambda path: path.write_bytes(b"<PAD>\n\xff\n")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model(damage, sentiment, model):
    name, inflict = DAMAGES[damage]
    inflict(model / name)
    before = contents(model)
    result = sentiment("predict", "--model", model, "good")
    assert_refused(result, model)
    assert any(remedy in result.err for remedy in ("restore", "update the zoo"))
    assert contents(model) == before


def test_a_folder_without_a_model(sentiment, model):
    (model / "config.json").unlink()
    result = sentiment("predict", "--model", model, "good")
    assert_refused(result, model, "config.json is missing", "give another folder")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("movie_snipets", "did you mean 'movie_snippets'"),
        ("zzzzzz", "give a packaged corpus (movie_snippets)"),
        ("reviews.csv", "with --data"),
    ],
)
def test_unknown_dataset(name, hint, sentiment):
    assert_refused(sentiment("--dataset", name), f"unknown dataset '{name}'", hint)
