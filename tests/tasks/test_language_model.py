"""The language task: its networks by their options, broken-off runs, what it shows."""

import json
import math
from types import SimpleNamespace

import click
import numpy as np
import pytest
from support.command_lines import assert_refused
from support.language_modelling import TINY, call, text, write_text

import zoo
from tasks.language_model import LanguageModelling
from zoo.application import workflow
from zoo.application.command_line import options
from zoo.application.command_line.commands import commands
from zoo.application.task import Settings
from zoo.datasets.plain_text import Documents, PlainTextData
from zoo.serving.export.loaders import SavedModel


def settings_of(*arguments):
    command = commands(LanguageModelling()).commands["train"]
    return Settings(dict(command.make_context("train", [*map(str, arguments)]).params))


def corpus(content=None):
    split = Documents((content or text(),))
    return PlainTextData("mine", split, split, split)


def built(*arguments):
    """The untrained predictor of these options, and its batches."""
    settings, task = settings_of(*arguments), LanguageModelling()
    task.resolve(settings)
    predictor, _, batches = workflow._build(task, corpus(), settings)
    return predictor, batches


def test_words_from_a_file_to_a_server(capfd, tmp_path):
    """Trained, measured, asked, served: of words, with all that surrounds them."""
    data, out = write_text(tmp_path / "mine.txt"), tmp_path / "model"
    options = ("--level=word", "--vocabulary-size=15", "--no-tie-weights", "--cell=gru")
    result = call(capfd, "--data", data, "--out", out, *TINY, *options)
    assert result.code == 0, result
    for example in LanguageModelling.examples:
        assert f"{example} ... " in result.out
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["level"], metrics["settings"]["level"]) == ("word", "word")
    assert 0 < metrics["unknown"] < 1
    predictor = zoo.load(out)
    assert len(predictor.tokenizer.vocabulary) == 15 + 3

    measured = json.loads(call(capfd, "evaluate", "--model", out, "--data", data, "--json").out)
    expected = predictor.evaluate([text()])
    assert measured["perplexity"] == pytest.approx(expected["perplexity"], rel=1e-5)
    assert measured["tokens"] == expected["tokens"] == len(predictor.tokenizer.stream([text()]))

    sentence = "The king is dead."
    shown = call(capfd, "score", "--model", out, sentence, "--per-token").out
    assert shown.splitlines()[0].endswith(sentence)
    assert shown.splitlines()[-1].endswith("  <EOS>")
    arguments = ("--model", out, sentence, "--seed=2", "--past-end", "--length=30")
    written = call(capfd, "generate", *arguments).out
    again = json.loads(call(capfd, "generate", *arguments, "--json").out)
    assert written == again["texts"][0]["text"] + "\n"
    assert written.startswith(sentence + " ")

    result = call(capfd, "export", "--model", out, "--out", tmp_path / "served", "--name=words")
    assert result.code == 0, result
    answer = SavedModel(tmp_path / "served" / "words" / "1").run("score", {"text": [sentence]})
    (score,) = predictor.score([sentence])
    assert answer["log_probability"][0] == pytest.approx(score["log_probability"], rel=1e-5)


def test_broken_off_and_resumed(capfd, tmp_path, monkeypatch):
    """A resumed run ends as an unbroken one does, in text without the letters of the samples."""
    data = tmp_path / "mine.txt"
    data.write_text("".join(chr(0x430 + ord(c) % 32) if c.isalpha() else c for c in text(80)))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    options = ("--data", data, *TINY, "--schedule=constant", "--dropout=0.2")
    result = call(capfd, *options, "--out", whole)
    assert result.code == 0, result
    assert len(json.loads((whole / "metrics.json").read_text())["samples"]) == 1

    def interrupted(self, predictor, examples):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(LanguageModelling, "evaluate", interrupted)
        result = call(capfd, *options, "--epochs=1", "--out", broken)
        assert result.code == 130
        assert "1 finished epoch(s) are kept" in result.err
    result = call(capfd, "--resume", "--out", broken, "--epochs=2", "--json")
    assert result.code == 0, result
    expected = json.loads((whole / "metrics.json").read_text())
    assert json.loads(result.out)["perplexity"] == pytest.approx(expected["perplexity"], rel=1e-5)
    weights = [zoo.load(folder).model.get_weights() for folder in (broken, whole)]
    for weight, unbroken in zip(*weights, strict=True):
        np.testing.assert_allclose(weight, unbroken, rtol=1e-4, atol=1e-6)


def test_defaults_by_level():
    for level, dimension in (("character", 64), ("word", 256)):
        settings = settings_of(f"--level={level}")
        LanguageModelling().resolve(settings)
        assert settings.embedding_dim == dimension
        assert settings.tie_weights == (level == "word")
        assert None not in (settings.dropout, settings.batch_size, settings.timesteps)
    settings = settings_of("--level=word", "--dropout=0", "--no-tie-weights")
    LanguageModelling().resolve(settings)
    assert (settings.dropout, settings.tie_weights) == (0, False)


def test_networks_by_their_options():
    common = ("--units=4", "--layers=2", "--embedding-dim=4", "--batch-size=3", "--timesteps=5")
    plain, batches = built(*common)
    ((inputs, targets, _), *_) = batches.dataset()
    assert inputs["token_ids"].shape == targets.shape == (3, 5)
    assert plain.level == "character"
    tied, _ = built(*common, "--tie-weights")
    size = len(plain.tokenizer.vocabulary)
    assert plain.model.count_params() - tied.model.count_params() == 4 * size
    one_hot, _ = built(*common, "--embedding-dim=0")
    assert "embedding" not in {layer.name for layer in one_hot.model.layers}
    residual, _ = built(*common, "--residual", "--variational-dropout", "--cell=rnn")
    assert len(residual.model.output) == 1 + 2, "logits, and a state for each layer"
    words, _ = built(*common, "--level=word", "--vocabulary-size=7")
    assert len(words.tokenizer.vocabulary) == 7 + 3


def test_names_of_models():
    task = LanguageModelling()
    name = task.model_name(settings_of("--level=word", "--cell=gru"))
    assert name == "language_model_gru_shakespeare_word"
    assert task.model_name(settings_of()) == task.preset
    assert task.model_name(settings_of("--data=a/my.txt")) == "language_model_lstm_my_character"


def test_no_network_reads_what_comes_after(capfd):
    assert_refused(call(capfd, "--bidirectional"), "No such option '--bidirectional'")


@pytest.mark.parametrize("power", [-1, -3, -8, -307, -320, -5000])
@pytest.mark.parametrize("mantissa", [1.0, 1.004, 5.7, 9.994, 9.9951, 9.99999])
def test_scores_as_lines(power, mantissa):
    """Also of probabilities that no float holds."""
    total = math.log(mantissa) + power * math.log(10)
    line = LanguageModelling().show_score({"log_probability": total, "input": "a  text"})
    log_probability, probability, given = line.split(maxsplit=2)
    assert given == "a  text"
    assert float(log_probability) == pytest.approx(total, abs=1e-3)
    digits, exponent = probability.split("e")
    assert len(digits) == 4
    assert 1 <= float(digits) < 10
    found = math.log10(float(digits)) + int(exponent)
    assert found == pytest.approx(math.log10(mantissa) + power, abs=0.003)


def test_a_certain_text_as_a_line():
    line = LanguageModelling().show_score({"log_probability": 0.0, "input": "A"})
    assert line.split() == ["0.000", "1.00e+00", "A"]


def test_baseline_of_the_same_tokens(tmp_path):
    """Saved and loaded, it measures what it measured."""
    task, settings = LanguageModelling(), settings_of("--level=word")
    data = corpus()
    baseline = task.fit_baseline(data, settings)
    measured = task.evaluate_baseline(baseline, data.test)
    assert measured["perplexity"] == pytest.approx(2 ** measured["bits_per_token"])
    assert 1 <= measured["order"] <= 4
    baseline.save(tmp_path / "baseline.npz")
    predictor = SimpleNamespace(tokenizer=task._tokenizer(data, settings))
    loaded = task.load_baseline(tmp_path / "baseline.npz", predictor)
    assert task.evaluate_baseline(loaded, data.test) == measured


def test_help_of_defaults_that_depend(capsys):
    command = commands(LanguageModelling()).commands["train"]
    with click.Context(command) as context:
        text_of_help = " ".join(command.get_help(context).split())
    task = LanguageModelling()
    for name, shown in task.defaults_in_words.items():
        values = []
        for level in ("character", "word"):
            settings = settings_of(f"--level={level}")
            task.resolve(settings)
            values.append({"True": "on", "False": "off"}.get(v := str(settings.values[name]), v))
        assert shown == "{} for characters; {} for words".format(*values)
        assert f"[default: ({shown})" in text_of_help


def test_goes_on_from_a_saved_model(trained_language_model):
    settings = settings_of("--start-from", trained_language_model, *TINY)
    task = LanguageModelling()
    task.resolve(settings)
    # Another text, with characters that the model does not know.
    predictor, _, _ = workflow._build(task, corpus("Žluťoučký kůň 漢字 " * 40), settings)
    saved = zoo.load(trained_language_model)
    assert predictor.tokenizer.vocabulary == saved.tokenizer.vocabulary
    for new, old in zip(predictor.model.get_weights(), saved.model.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)
    baseline = task.fit_baseline(corpus(), settings)
    assert task.evaluate_baseline(baseline, corpus().test)["perplexity"] > 1


def test_starts_from_no_other_kind_of_model(capfd, tmp_path, trained_language_model):
    data = write_text(tmp_path / "mine.txt")
    for model, problem in ((trained_language_model, "--level"), ("nowhere", "unknown model")):
        out = tmp_path / "out"
        options = ("--data", data, "--out", out, "--level=word", "--start-from", model, *TINY)
        assert_refused(call(capfd, *options), problem)
        assert not out.exists()


def test_command_of_a_card_leaves_out_defaults_that_depend_on_others():
    task, settings = LanguageModelling(), settings_of("--level=word", "--dropout=0.3")
    task.resolve(settings)
    command = options.training_command(task, settings.values)
    assert command == "python -m tasks.language_model train --dropout 0.3 --level word"
