"""The language task: its networks by their options, scores, and what it writes."""

import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
from support.command_lines import assert_refused, options_of
from support.language_modelling import TINY, text, write_text
from support.task_case import CASES, TaskTests

import zoo
from tasks import language_model
from tasks.language_model import LanguageModelling, Options
from zoo.application import workflow
from zoo.datasets.plain_text import Documents, PlainTextData
from zoo.errors import UserError

TEXTS = ("The king is dead.", "A pear sees the sea!", "Köln? %%", "dead The")


class TestLanguageModelling(TaskTests):
    case = CASES["language_model"]

    def test_the_figures_agree(self, trained):
        metrics = trained.metrics
        assert metrics["perplexity"] == pytest.approx(2 ** metrics["bits_per_token"])
        assert min(metrics["perplexity"], metrics["baseline_perplexity"]) > 1
        assert metrics["level"] == "character"
        assert metrics["tokens"] == len(trained.files["test"].read_text()) + 1
        assert len(metrics["samples"]) == 2

    def test_scores_best_first(self, trained, verb, standard_input):
        expected = dict(zip(TEXTS, zoo.load(trained.model).score(TEXTS), strict=True))
        scores = verb("score", "--json", *TEXTS).json["scores"]
        assert {score["input"] for score in scores} == {*TEXTS}
        totals = [score["log_probability"] for score in scores]
        assert totals == sorted(totals, reverse=True)
        for score in scores:
            other = expected[score["input"]]
            assert score["log_probability"] == pytest.approx(other["log_probability"], rel=1e-5)
        lines = verb("score", *TEXTS).out.splitlines()
        assert [line.split(maxsplit=2)[2] for line in lines] == [s["input"] for s in scores]
        standard_input("\r\n".join(TEXTS).encode())
        assert verb("score", "-").out.splitlines() == lines

    def test_refused(self, trained, verb, call, standard_input, tmp_path):
        for words, problem in (
            (("score", "A", " "), "text 2 is empty"),
            (("score",), "Missing argument 'TEXT... | -'"),
            (("generate", "A", "\udcff", "--seed=1"), "input 2 is not UTF-8"),
            (("generate", "é%", "--seed=1"), "does not have '%', 'é'"),
        ):
            assert_refused(verb(*words), problem)
        standard_input(b"")
        assert_refused(verb("score", "-"), "no text to score")
        standard_input(b"K\xe4se\n")
        assert_refused(verb("generate", "-"), "standard input is not UTF-8", "iconv")
        data, out = write_text(tmp_path / "mine.txt", text()), tmp_path / "out"
        for model, problem in ((trained.model, "--level"), ("nowhere", "unknown model")):
            words = ("--data", data, "--out", out, "--level=word", "--start-from", model, *TINY)
            assert_refused(call(LanguageModelling, *words), problem)
        assert not out.exists()

    def test_the_seed_that_is_said_gives_the_text_again(self, verb):
        """By the same program in the same process, so that rounding is the same too."""
        first = verb("generate", "--length=30")
        seed = int(re.fullmatch(r"seed (\d+)\n", first.err).group(1))
        again = verb("generate", "--length=30", "--seed", seed)
        assert (again.code, again.out, again.err) == (0, first.out, "")

    def test_goes_on_from_a_saved_model(self, trained):
        task, options = LanguageModelling(), self.options(trained)
        options.start_from = trained.model
        # Another text, with characters that the model does not know.
        predictor, _, _ = workflow._build(task, corpus("Žluťoučký kůň 漢字 " * 40), options)
        saved = zoo.load(trained.model)
        assert predictor.tokenizer.vocabulary == saved.tokenizer.vocabulary
        for new, old in zip(predictor.model.get_weights(), saved.model.get_weights(), strict=True):
            np.testing.assert_array_equal(new, old)  # they are copied, not computed


class Writer:
    """Stands for a predictor: notes what it is asked for, and what was shown meanwhile."""

    def __init__(self, capfd):
        self.asked, self.shown, self.capfd = [], [], capfd

    def stream(self, prompt, **settings):
        self.asked.append((prompt, settings))
        for piece in (prompt, " is", " dead."):
            yield piece
            self.shown.append(self.capfd.readouterr())

    def generate(self, prompts, **settings):
        self.asked.append((prompts, settings))
        return [{"text": f"{prompt}...", "tokens": 1} for prompt in prompts]


@pytest.fixture
def writer(capfd, monkeypatch):
    writer = Writer(capfd)
    monkeypatch.setattr(workflow, "load", lambda task, model: writer)
    return writer


DEFAULTS = {"length": 500, "past_end": False, "greedy": False}
DEFAULTS |= {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 3}


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("", {}),
        ("--length=9 --past-end --greedy", {"length": 9, "past_end": True, "greedy": True}),
        ("--temperature=1e-30 --top-k=4", {"temperature": 1e-30, "top_k": 4}),
        ("--top-p=.5", {"top_p": 0.5}),
    ],
)
def test_one_text_is_shown_as_it_is_written(words, changes, call, writer):
    result = call(LanguageModelling, "generate", "The king", "--seed=3", *words.split())
    assert (result.code, result.out, result.err) == (0, "\n", "")
    assert writer.asked == [("The king", DEFAULTS | changes)]
    assert writer.shown == [("The king", ""), (" is", ""), (" dead.", "")]


def test_several_texts(call, writer, standard_input):
    words = ("generate", "A", "B", "--samples=2", "--seed=3")
    result = call(LanguageModelling, *words)
    assert (result.code, result.out, result.err) == (0, "A...\nA...\nB...\nB...\n", "")
    assert writer.asked.pop() == (["A", "A", "B", "B"], DEFAULTS | {"beams": None})
    found = call(LanguageModelling, *words, "--json").json
    assert found["seed"] == 3
    assert [one["text"] for one in found["texts"]] == result.out.splitlines()
    standard_input(b"A\nB\n")
    assert call(LanguageModelling, "generate", "-", "--seed=3").out == "A...\nB...\n"
    result = call(LanguageModelling, "generate", "--beams=3")
    assert (result.out, result.err) == ("...\n", "")  # nothing is drawn, so no seed is said
    prompts, settings = writer.asked[-1]
    assert (prompts, settings["beams"]) == ([""], 3)


def test_a_seed_that_was_drawn_is_said(call, writer):
    call(LanguageModelling, "generate")
    assert writer.shown[0].err == f"seed {writer.asked[-1][1]['seed']}\n"
    said = call(LanguageModelling, "generate", "--samples=2").err
    assert said == f"seed {writer.asked[-1][1]['seed']}\n"
    result = call(LanguageModelling, "generate", "--json")
    assert (result.json["seed"], result.err) == (writer.asked[-1][1]["seed"], "")
    writer.shown.clear()
    assert call(LanguageModelling, "generate", "--greedy").err == ""
    assert not any(shown.err for shown in writer.shown)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--greedy --temperature=2", "--greedy draws nothing at random: leave --temperature out"),
        ("--greedy --beams=2", "leave --beams out"),
        ("--beams=2 --top-p=.5", "--beams draws nothing at random: leave --top-p out"),
        ("--beams=2 --past-end", "leave --past-end out"),
        ("--greedy --samples=2", "leave --samples out"),
        ("--beams=2 --length=1000000000", "--length of at most 10000"),
        ("--beams=1000000000", "'--beams'"),
        ("--temperature=0", "0 is not above 0: for the likeliest choice each time give --greedy"),
        ("--temperature=nan", "nan is not above 0"),
        ("--temperature=inf", "inf is above"),
        ("--top-p=nan", "nan is no number"),
        ("--seed=4294967296", "'--seed': 4294967296 is not in the range"),
        ("-", "no prompt on standard input"),
    ],
)
def test_generation_refused(words, problem, call, writer, standard_input):
    standard_input(b"")
    assert_refused(call(LanguageModelling, "generate", *words.split()), problem)
    assert writer.asked == []


@pytest.mark.parametrize("power", [-1, -307, -320, -5000])
@pytest.mark.parametrize("mantissa", [1.0, 9.994, 9.9951])
def test_scores_as_lines(power, mantissa):
    """Also of probabilities that no float holds."""
    total = math.log(mantissa) + power * math.log(10)
    line = language_model._in_powers({"log_probability": total, "input": "a  text"})
    log_probability, probability, given = line.split(maxsplit=2)
    assert (float(log_probability), given) == (pytest.approx(total, abs=1e-3), "a  text")
    digits, exponent = probability.split("e")
    assert len(digits) == 4
    assert 1 <= float(digits) < 10
    found = math.log10(float(digits)) + int(exponent)
    assert found == pytest.approx(math.log10(mantissa) + power, abs=0.003)
    certain = language_model._in_powers({"log_probability": 0.0, "input": "A"})
    assert certain.split() == ["0.000", "1.00e+00", "A"]


def corpus(content=None):
    split = Documents((content or text(),))
    return PlainTextData("mine", split, split, split)


def built(*words):
    """The untrained predictor of these options, and its batches."""
    options = options_of(LanguageModelling, *words)
    options.resolve()
    predictor, _, batches = workflow._build(LanguageModelling(), corpus(), options)
    return predictor, batches


def test_options_that_were_given_are_kept():
    options = Options(level="word", dropout=0.0, tie_weights=False)
    options.resolve()
    assert (options.dropout, options.tie_weights, options.embedding_dim) == (0, False, 256)
    with pytest.raises(UserError, match=r"--no-tie-weights .* --embedding-dim"):
        Options(embedding_dim=0, tie_weights=True).resolve()


def test_networks_by_their_options():
    common = ("--units=4", "--layers=2", "--embedding-dim=4", "--batch-size=3", "--timesteps=5")
    plain, batches = built(*common)
    ((inputs, targets, _), *_) = batches.dataset()
    assert inputs["token_ids"].shape == targets.shape == (3, 5)
    tied, _ = built(*common, "--tie-weights")
    size = len(plain.tokenizer.vocabulary)
    assert plain.model.count_params() - tied.model.count_params() == 4 * size
    one_hot, _ = built(*common, "--embedding-dim=0", "--residual", "--cell=rnn")
    assert "embedding" not in {layer.name for layer in one_hot.model.layers}
    assert len(one_hot.model.output) == 1 + 2, "logits, and a state for each layer"
    words, _ = built(*common, "--level=word", "--vocabulary-size=7")
    assert len(words.tokenizer.vocabulary) == 7 + 3


def test_names_of_models():
    name = LanguageModelling().model_name
    assert name(Options(level="word", cell="gru")) == "language_model_gru_shakespeare_word"
    assert name(Options(data="a/my.txt")) == "language_model_lstm_my_character"


def test_baseline_of_the_same_tokens(tmp_path):
    """Saved and loaded, it measures what it measured."""
    task, options, data = LanguageModelling(), Options(level="word"), corpus()
    baseline = task.fit_baseline(data, options)
    measured = baseline.evaluate(data.test)
    assert measured["perplexity"] == pytest.approx(2 ** measured["bits_per_token"])
    assert 1 <= measured["order"] <= 4
    baseline.save(tmp_path / "baseline.npz")
    predictor = SimpleNamespace(tokenizer=task._tokenizer(data, options))
    loaded = task.load_baseline(tmp_path / "baseline.npz", predictor)
    assert loaded.evaluate(data.test) == pytest.approx(measured, rel=1e-6)
