"""Training, evaluation and prediction of any task, shown by sentiment; the folder of a run."""

import errno
import json
import shlex
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
from support.command_lines import assert_refused, contents
from support.review_texts import TINY, reviews, write_reviews
from support.task_case import CASES, FILES

import zoo
from tasks.sentiment import Options, Sentiment
from zoo.application import TrainingOptions, cards, runs, workflow
from zoo.errors import UserError
from zoo.predictors import folders, presets

TRAINED_FILES = FILES | CASES["sentiment"].files


def interrupt(*_, **__):
    raise KeyboardInterrupt


def test_a_model_without_a_place_is_found_by_its_name(sentiment, data, saved_models):
    (saved_models / "sentiment_bilstm_reviews_1").mkdir(parents=True)
    result = sentiment("--data", data, *TINY, "--units=2", "--epochs=1", "--json")
    printed, folder = result.json, saved_models / "sentiment_bilstm_reviews_2"
    assert printed.pop("model") == folder.name
    assert printed == json.loads((folder / "metrics.json").read_text())
    assert f"saved: {workflow.runs.relative_path(folder)}\n" in result.err
    assert all(text in result.err for text in Sentiment.card.examples)
    assert f'zoo.load("{folder.name}")' in (folder / "README.md").read_text()
    assert sentiment("predict", "--model", folder.name, "good").code == 0
    assert folder.name in sentiment("predict", "--model", "nowhere", "good").err


def test_broken_off_before_the_test_the_old_model_is_there(sentiment, data, model, monkeypatch):
    """The old one stays whole until the new one is, which a resumed run only has to test."""
    (model / "run" / "old").write_text("of the old run")
    (model / "notes").write_text("of the user")
    before = contents(model)
    words = ("--data", data, "--out", model, *TINY, "--units=2", "--epochs=2", "--overwrite")
    with monkeypatch.context() as patch:
        patch.setattr(Sentiment, "evaluate", interrupt)
        result = sentiment(*words)
    assert result.code == 130
    *_, said, command = result.err.splitlines()
    assert "2 finished epoch(s) are kept" in said
    old = {path: content for path, content in before.items() if path.parent == model}
    assert contents(model).items() >= old.items()
    assert not (model / "run" / "old").exists()
    python, m, module, *words = shlex.split(command)
    assert (python, m, module) == ("python", "-m", "tasks.sentiment")
    resumed = sentiment(*words, "--json").json
    assert (resumed["epochs"], resumed["settings"]["units"]) == (2, 2)
    assert {path.name for path in model.iterdir()} == {*TRAINED_FILES, "notes"}
    assert zoo.load(model).model.count_params() == resumed["parameters"]


def test_a_full_disk_leaves_the_old_model(sentiment, data, model, monkeypatch):
    def write(predictor, folder, metrics):
        (folder / "model.keras").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(folder / "model.keras"))

    measured = {"accuracy": 1.0, "loss": 0.0, "examples": 6, "confusion_matrix": [[3, 0], [0, 3]]}
    monkeypatch.setattr(workflow.training, "fit", lambda *_, **__: SimpleNamespace(epoch=[0]))
    monkeypatch.setattr(Sentiment, "evaluate", lambda *_: measured)
    monkeypatch.setattr(presets, "write", write)
    before = (model / "model.keras").read_bytes()
    result = sentiment("--data", data, "--out", model, "--overwrite", *TINY)
    assert result.code == 2
    assert result.err.startswith(f"error: cannot write to {model}")
    assert "No space left on device" in result.err
    assert result.err.count("\n") == 1
    assert (model / "model.keras").read_bytes() == before
    assert {path.name for path in model.iterdir()} == TRAINED_FILES


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ((Sentiment, "load_data"), "interrupted"),
        ((workflow.training, "fit"), "before the first epoch was finished: nothing"),
    ],
)
def test_interrupted_before_the_first_epoch(place, said, sentiment, data, tmp_path, monkeypatch):
    monkeypatch.setattr(*place, interrupt)
    result = sentiment("--data", data, "--out", tmp_path / "model", *TINY)
    assert result.code == 130
    assert said in result.err
    assert "Traceback" not in result.err


def test_the_optimizer_is_that_of_the_options():
    options = TrainingOptions(learning_rate=0.25, clip_norm=3.0, clip_order="1")
    optimizer = workflow._optimizer(options, 10)
    config = optimizer.get_config()
    assert (config["clip_norm"], config["norm_order"]) == (3.0, 1)
    rates = [float(optimizer._learning_rate(step)) for step in (0, 5, 10)]
    assert rates == pytest.approx([0.25, 0.125, 0.0], abs=1e-6)
    constant = workflow._optimizer(TrainingOptions(learning_rate=0.25, schedule="constant"), 10)
    assert float(constant.learning_rate) == 0.25
    assert constant.get_config()["norm_order"] == 2
    for schedule, end in (("cosine", 0.0), ("constant", 0.25)):
        options = TrainingOptions(learning_rate=0.25, schedule=schedule, warm_up=0.2)
        rate = workflow._optimizer(options, 10)._learning_rate
        rates = [float(rate(step)) for step in (0, 1, 2, 10)]
        assert rates == pytest.approx([0.0, 0.125, 0.25, end], abs=1e-6)
    all_of_it = workflow._optimizer(TrainingOptions(learning_rate=0.25, warm_up=0.99), 10)
    assert float(all_of_it._learning_rate(9)) == pytest.approx(0.25)


@pytest.fixture
def trained(trained_models):
    return trained_models("sentiment").model


@pytest.mark.usefixtures("load_once")
def test_lines_in_their_order(sentiment, trained, standard_input, monkeypatch):
    """Also empty lines, line ends of Windows, no line end at the end, and more than a chunk."""
    monkeypatch.setattr(Sentiment, "predicted_together", 16)
    lines = [text for text, _ in reviews(37)]
    lines[3] = lines[16] = ""
    standard_input("\r\n".join(lines).encode())
    found = sentiment("predict", "--model", trained, "--json", "-").json["predictions"]
    assert [prediction["input"] for prediction in found] == lines
    for one, expected in zip(found, zoo.load(trained).predict(lines), strict=True):
        same = one["label"] == expected["label"]
        probability = one["probability"] if same else 1 - one["probability"]
        assert probability == pytest.approx(expected["probability"], abs=1e-5)


@pytest.mark.usefixtures("load_once")
def test_long_predictions_are_one_line_as_given(sentiment, trained):
    text = "good [bold]:smile:[/bold]\n" + "and so on " * 50
    result = sentiment("predict", "--model", trained, text)
    assert result.out.count("\n") == 1
    assert " ".join(text.split()) in result.out
    # How Python passes on the byte 0xff of a command line.
    assert_refused(sentiment("predict", "--model", trained, "\udcff"), "input 1 is not UTF-8")


def test_card_of_a_described_corpus(trained):
    metrics, options = json.loads((trained / "metrics.json").read_text()), Sentiment.options()
    metrics["settings"]["data"] = None
    corpus = SimpleNamespace(
        name="imdb_reviews",
        description="Reviews.",
        homepage="https://example.org",
        licence="free",
        citation="@misc{x}\n",
    )
    text = cards.card(Sentiment(), trained, corpus, metrics, options, ())
    assert "Reviews.\n\nSource: https://example.org\n\nLicence: free\n\n```bibtex\n@misc{" in text
    assert "under what licence" not in text
    # Figures of others are of the whole test split.
    for published in Sentiment.card.published["imdb_reviews"]:
        assert f"| {published.system} (published) | {published.figure} |" in text
    metrics["settings"]["limit"] = 5
    assert "(published)" not in cards.card(Sentiment(), trained, corpus, metrics, options, ())


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
    path.write_text(json.dumps(json.loads(path.read_text()) | {"warm_up": 0.1}))
    with pytest.raises(UserError, match="was begun with epochs = 15"):
        runs.restored(given, ["out", "epochs"])


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
        ("metrics.json", b'{"metric": ["accuracy"]}', "restore"),
        ("metrics.json", b'{"settings": "none"}', "restore"),
        ("metrics.json", b"[" * 10**5, "restore"),
        ("baseline.npz", b"PK", "restore"),
    ],
)
def test_a_damaged_model(name, content, hint, sentiment, data, model):
    path = model / name
    path.unlink() if content is None else path.write_bytes(content)
    words = ("evaluate", "--data", data) if name in RECORDS else ("predict", "good")
    assert_refused(sentiment(*words, "--model", model), model, hint)
