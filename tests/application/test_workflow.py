"""Training, evaluation and prediction by the command line: what they print, keep and refuse."""

import errno
import json
import re
import shlex
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from support.command_lines import TINY, assert_refused, call, reviews

import zoo
from tasks.sentiment import Sentiment
from zoo.application import cards, workflow
from zoo.application.command_line.commands import commands
from zoo.application.command_line.options import training_command
from zoo.predictors import presets

TRAINED_FILES = {
    "README.md",
    "baseline.npz",
    "config.json",
    "confusion_matrix.png",
    "learning_curves.png",
    "metrics.json",
    "model.keras",
    "run",
    "vocabulary.txt",
}


@pytest.fixture(scope="module")
def predictor(trained):
    return zoo.load(trained)


def last_line(result):
    """The JSON object of a successful call."""
    assert result.code == 0, result
    *before, line = result.out.splitlines()
    assert not before
    return json.loads(line)


def test_what_training_leaves(trained, predictor):
    assert {path.name for path in trained.iterdir()} == TRAINED_FILES
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["examples"] == np.sum(metrics["confusion_matrix"]) == 6
    assert metrics["accuracy"] == np.trace(metrics["confusion_matrix"]) / 6
    assert {"baseline_accuracy", "validation_accuracy", "loss"} < metrics.keys()
    assert metrics["parameters"] == predictor.model.count_params()
    assert (metrics["epochs"], metrics["train_examples"]) == (2, 48)
    assert not {"out", "resume", "overwrite", "as_json"} & metrics["settings"].keys()


def test_training_for_people(capfd, data, saved_models):
    """Without --json: the results, a few predictions, where the model is; then its use by name."""
    result = call(capfd, "--data", data, *TINY)
    assert result.code == 0
    (folder,) = saved_models.iterdir()
    assert folder.name == "sentiment_bilstm_reviews_1"
    assert re.search(r"^test accuracy +0\.\d{4}$|^test accuracy +1\.0000$", result.out, re.M)
    assert re.search(r"^baseline accuracy +\d\.\d{4}$", result.out, re.M)
    assert all(text in result.out for text in Sentiment.examples)
    assert str(folder) in result.out
    assert re.findall(r"^epoch (\d)/2 ", result.err, re.M) == ["1", "2"]
    assert zoo.load(folder.name).predict(["good"])
    assert f'zoo.load("{folder.name}")' in (folder / "README.md").read_text()
    assert folder.name in call(capfd, "predict", "--model", "nowhere", "good").err


def test_the_next_model_has_a_folder_of_its_own(data, saved_models):
    settings = dict(commands(Sentiment()).commands["train"].make_context("train", []).params)
    settings["data"] = str(data)
    for number in (1, 2):
        folder = workflow.runs.output_folder(Sentiment(), zoo.application.task.Settings(settings))
        assert folder == saved_models / f"sentiment_bilstm_reviews_{number}"
        folder.mkdir(parents=True)


def test_overwriting(capfd, data, model):
    parameters = zoo.load(model).model.count_params()
    (model / "run" / "old").write_text("of the old run")
    (model / "notes").write_text("of the user")
    options = ("--data", data, "--out", model, "--overwrite", *TINY, "--units=2", "--json")
    result = call(capfd, *options)
    printed = last_line(result)
    assert "epoch 2/2" in result.err
    assert "saved: " in result.err
    assert printed.pop("model") == str(model)
    assert printed == json.loads((model / "metrics.json").read_text())
    assert printed["parameters"] == zoo.load(model).model.count_params() < parameters
    assert {path.name for path in model.iterdir()} == {*TRAINED_FILES, "notes"}
    assert not (model / "run" / "old").exists()


def test_a_full_disk_leaves_the_old_model(capfd, data, model, monkeypatch):
    def write(predictor, folder, metrics):
        (folder / "model.keras").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(folder / "model.keras"))

    measured = {"accuracy": 1.0, "loss": 0.0, "examples": 6, "confusion_matrix": [[3, 0], [0, 3]]}
    monkeypatch.setattr(workflow.training, "fit", lambda *_, **__: SimpleNamespace(epoch=[0]))
    monkeypatch.setattr(Sentiment, "evaluate", lambda *_: measured)
    monkeypatch.setattr(presets, "write", write)
    before = {path: path.read_bytes() for path in model.iterdir() if path.is_file()}
    result = call(capfd, "--data", data, "--out", model, "--overwrite", *TINY)
    assert result.code == 2
    assert result.err.startswith(f"error: cannot write to {model}")
    assert "No space left on device" in result.err
    assert result.err.count("\n") == 1
    assert {path: path.read_bytes() for path in model.iterdir() if path.is_file()} == before
    assert {path.name for path in model.iterdir()} == TRAINED_FILES


def test_interrupted_before_the_first_epoch(capfd, data, tmp_path, monkeypatch):
    def load_data(self, settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(Sentiment, "load_data", load_data)
    result = call(capfd, "--data", data, "--out", tmp_path / "model", *TINY)
    assert (result.code, result.out, result.err.strip()) == (130, "", "interrupted")


def test_interrupted_after_the_last_epoch(capfd, data, tmp_path, monkeypatch):
    """While the finished model is tested: resuming tests it."""
    out = tmp_path / "my model"
    evaluate = Sentiment.evaluate

    def interrupted(self, predictor, examples):
        raise KeyboardInterrupt

    monkeypatch.setattr(Sentiment, "evaluate", interrupted)
    result = call(capfd, "--data", data, "--out", out, *TINY)
    assert result.code == 130
    *_, said, command = result.err.splitlines()
    assert "2 finished epoch(s) are kept" in said
    assert not (out / "config.json").exists()

    refused = call(capfd, "--data", data, "--out", out, *TINY)
    assert_refused(refused, "unfinished run", "--resume or --overwrite")

    monkeypatch.setattr(Sentiment, "evaluate", evaluate)
    python, m, module, *arguments = shlex.split(command)
    assert (python, m, module) == ("python", "-m", "tasks.sentiment")
    resumed = last_line(call(capfd, *arguments, "--json"))
    assert resumed["epochs"] == 2
    assert {path.name for path in out.iterdir()} == TRAINED_FILES


def test_evaluation(capfd, trained, predictor):
    data = trained.parent / "reviews.tsv"
    measured = last_line(call(capfd, "evaluate", "--model", trained, "--data", data, "--json"))
    assert measured["examples"] == 60
    texts, labels = zip(*reviews(), strict=True)
    predictions = predictor.predict(texts)
    predicted = np.array([prediction["label"] for prediction in predictions])
    assert measured["accuracy"] == np.mean(predicted == labels)
    assert 0 <= measured["baseline_accuracy"] <= 1
    assert measured["model"] == str(trained)
    few = last_line(
        call(capfd, "evaluate", "--model", trained, "--data", data, "--limit", 7, "--json")
    )
    assert few["examples"] == 7
    for_people = call(capfd, "evaluate", "--model", trained, "--data", data)
    assert f"test accuracy      {measured['accuracy']:.4f}\n" in for_people.out
    assert for_people.err == ""


def test_evaluation_without_a_baseline(capfd, data, model):
    (model / "baseline.npz").unlink()
    measured = last_line(call(capfd, "evaluate", "--model", model, "--data", data, "--json"))
    assert "accuracy" in measured
    assert "baseline_accuracy" not in measured


@pytest.fixture
def standard_input(monkeypatch, tmp_path):
    def give(text):
        path = tmp_path / "stdin"
        path.write_bytes(text.encode())
        monkeypatch.setattr("sys.stdin", path.open(encoding="utf-8", newline=""))

    return give


def test_predictions_as_json(capfd, trained, predictor):
    texts = ["good, good!", "", "Ünknöwn ☺ words", "bad"]
    printed = last_line(call(capfd, "predict", "--model", trained, "--json", *texts))
    assert [p["input"] for p in printed["predictions"]] == texts
    for prediction in printed["predictions"]:
        assert prediction["label"] in ("neg", "pos")
        assert 0.5 <= prediction["probability"] <= 1
    expected = predictor.predict(texts)
    assert [p["label"] for p in printed["predictions"]] == [p["label"] for p in expected]


def test_lines_of_standard_input_in_their_order(
    capfd, trained, predictor, standard_input, monkeypatch
):
    """Also empty lines, line ends of Windows, no line end at the end, and more than a chunk."""
    monkeypatch.setattr(Sentiment, "predicted_together", 16)
    lines = [text for text, _ in reviews(37)]
    lines[3] = lines[16] = ""
    standard_input("\r\n".join(lines))
    printed = last_line(call(capfd, "predict", "--model", trained, "--json", "-"))["predictions"]
    assert [p["input"] for p in printed] == lines
    for prediction, expected in zip(printed, predictor.predict(lines), strict=True):
        assert prediction["label"] == expected["label"]
        assert prediction["probability"] == pytest.approx(expected["probability"], abs=1e-6)
    standard_input("\n".join(lines) + "\n")
    shown = call(capfd, "predict", "--model", trained, "-")
    assert shown.err == ""
    assert [line.split(maxsplit=2)[2:] for line in shown.out.splitlines()] == [
        [line] if line else [] for line in lines
    ]


def test_no_lines(capfd, trained, standard_input):
    standard_input("")
    assert last_line(call(capfd, "predict", "--model", trained, "--json", "-")) == {
        "predictions": []
    }


def test_long_predictions_are_one_line_as_given(capfd, trained):
    text = "good [bold]:smile:[/bold]\n" + "and so on " * 50
    result = call(capfd, "predict", "--model", trained, text)
    assert result.out.count("\n") == 1
    assert " ".join(text.split()) in result.out


def test_model_of_another_task(capfd, trained, monkeypatch):
    monkeypatch.setattr(Sentiment, "predictor", "tagger")
    result = call(capfd, "predict", "--model", trained, "good")
    assert_refused(
        result, "of the kind text_classifier, sentiment needs one of tagger", "another model"
    )


def test_precision_is_of_the_model_not_of_the_process(capfd, data, tmp_path):
    out = tmp_path / "model"
    assert call(capfd, "--data", data, "--out", out, *TINY, "--mixed-precision").code == 0
    assert keras.config.dtype_policy().name == "float32"
    model = zoo.load(out).model
    assert model.get_layer("recurrence").compute_dtype == "bfloat16"
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert model.output.dtype == "float32"
    assert "--mixed-precision" in (out / "README.md").read_text()


def parsed(arguments):
    command = commands(Sentiment()).commands["train"]
    return command.make_context("train", list(arguments)).params


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--cell=gru", "--units=3", "--no-bidirectional", "--residual", "--learning-rate=1e-5"],
        ["--data=my file's.csv", "--seed=0", "--mixed-precision", "--pooling=last", "--limit=7"],
        ["--dropout=0", "--schedule=constant", "--clip-order=1", "--vocabulary-size=50"],
    ],
)
def test_training_command_is_one_that_is_accepted(arguments):
    settings = parsed(arguments)
    python, m, module, verb, *words = shlex.split(training_command(Sentiment(), settings))
    assert (python, m, module, verb) == ("python", "-m", "tasks.sentiment", "train")
    assert parsed(words) == settings
    assert len(words) <= 2 * len(arguments)


def test_card(trained):
    text = (trained / "README.md").read_text()
    assert text.endswith(")\n")
    assert not text.endswith("\n\n")
    assert "\n\n\n" not in text
    assert text.startswith("# model\n")
    code = re.search(r"```python\n(.*?)```", text, re.S).group(1)
    names = {}
    exec(code.replace("model.predict", "predictions = model.predict"), names)
    assert names["predictions"][0]["label"] in ("neg", "pos")
    for name in re.findall(r"!\[.*\]\((.*)\)", text):
        assert (trained / name).exists()
    command = re.search(r"^    (python -m .*)$", text, re.M).group(1)
    given = parsed(["--data", str(trained.parent / "reviews.tsv"), *TINY])
    assert parsed(shlex.split(command)[4:]) == given
    assert "Licence" not in text
    assert "under what licence" in text


def test_card_of_a_described_corpus(trained):
    metrics = json.loads((trained / "metrics.json").read_text())
    metrics["settings"]["data"] = None
    corpus = SimpleNamespace(
        name="imdb_reviews",
        description="Reviews.",
        homepage="https://example.org",
        licence="free",
        citation="@misc{x}\n",
    )
    text = cards.card(Sentiment(), trained, corpus, metrics, ())
    assert (
        "Reviews.\n\nSource: https://example.org\n\nLicence: free\n\n```bibtex\n@misc{x}\n```\n"
    ) in text
    assert "under what licence" not in text
    # Figures of others are of the whole test split.
    assert "(published)" in text
    metrics["settings"]["limit"] = 5
    assert "(published)" not in cards.card(Sentiment(), trained, corpus, metrics, ())
