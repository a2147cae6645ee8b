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

    def test_the_figures_agree_and_the_card_has_samples(self, trained):
        metrics = trained.metrics
        assert metrics["perplexity"] > 1
        assert metrics["perplexity"] == pytest.approx(2 ** metrics["bits_per_token"])
        assert metrics["baseline_perplexity"] > 1
        assert metrics["level"] == "character"
        assert metrics["tokens"] == len(trained.files["test"].read_text()) + 1
        assert len(metrics["samples"]) == 2
        assert all(sample.count("\ufffd") == 0 for sample in metrics["samples"])
        card = (trained.model / "README.md").read_text()
        assert f"{metrics['tokens']:,} tokens (characters)" in card

    def test_scores_best_first(self, trained, verb, standard_input):
        predictor = zoo.load(trained.model)
        expected = dict(zip(TEXTS, predictor.score(TEXTS), strict=True))
        scores = verb("score", "--json", *TEXTS).json["scores"]
        assert {score["input"] for score in scores} == {*TEXTS}
        totals = [score["log_probability"] for score in scores]
        assert totals == sorted(totals, reverse=True)
        for score in scores:
            other = expected[score["input"]]
            assert score["log_probability"] == pytest.approx(other["log_probability"], rel=1e-5)
            product = math.prod(token["probability"] for token in score["tokens"])
            assert score["probability"] == pytest.approx(product, rel=1e-4)
        lines = verb("score", *TEXTS).out.splitlines()
        assert [line.split(maxsplit=2)[2] for line in lines] == [s["input"] for s in scores]
        standard_input("\r\n".join(TEXTS).encode())
        assert verb("score", "-").out.splitlines() == lines

    def test_scores_refused(self, verb, standard_input):
        assert_refused(verb("score", "A", " "), "text 2 is empty")
        assert_refused(verb("score"), "Missing argument 'TEXT... | -'")
        assert_refused(verb("score", "\udcff"), "input 1 is not UTF-8")
        assert_refused(verb("generate", "A", "\udcff", "--seed=1"), "input 2 is not UTF-8")
        standard_input(b"")
        assert_refused(verb("score", "-"), "no text to score")
        for name in ("score", "generate"):
            standard_input(b"K\xe4se\n")
            assert_refused(verb(name, "-"), "standard input is not UTF-8", "iconv")

    def test_the_seed_that_is_said_gives_the_text_again(self, verb):
        """By the same program in the same process, so that rounding is the same too."""
        first = verb("generate", "--length=30")
        seed = int(re.fullmatch(r"seed (\d+)\n", first.err).group(1))
        again = verb("generate", "--length=30", "--seed", seed)
        assert (again.code, again.out, again.err) == (0, first.out, "")
        assert_refused(verb("generate", "é%", "--seed=1"), "does not have '%', 'é'")

    def test_goes_on_from_a_saved_model(self, trained):
        options, task = options_of(LanguageModelling, "--start-from", trained.model, *TINY), None
        options.resolve()
        task = LanguageModelling()
        # Another text, with characters that the model does not know.
        predictor, _, _ = workflow._build(task, corpus("Žluťoučký kůň 漢字 " * 40), options)
        saved = zoo.load(trained.model)
        assert predictor.tokenizer.vocabulary == saved.tokenizer.vocabulary
        for new, old in zip(predictor.model.get_weights(), saved.model.get_weights(), strict=True):
            np.testing.assert_array_equal(new, old)  # they are copied, not computed
        baseline = task.fit_baseline(corpus(), options)
        assert baseline.evaluate(corpus().test)["perplexity"] > 1

    def test_starts_from_no_other_kind_of_model(self, trained, call, tmp_path):
        data, out = write_text(tmp_path / "mine.txt", text()), tmp_path / "out"
        for model, problem in ((trained.model, "--level"), ("nowhere", "unknown model")):
            words = ("--data", data, "--out", out, "--level=word", "--start-from", model, *TINY)
            assert_refused(call(LanguageModelling, *words), problem)
            assert not out.exists()


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


DEFAULTS = {
    "length": 500,
    "past_end": False,
    "greedy": False,
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "seed": 3,
}


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("", {}),
        ("--length=9 --past-end", {"length": 9, "past_end": True}),
        ("--greedy", {"greedy": True}),
        (
            "--temperature=1e-30 --top-k=4 --top-p=.5",
            {"temperature": 1e-30, "top_k": 4, "top_p": 0.5},
        ),
    ],
)
def test_one_text_is_shown_as_it_is_written(words, changes, call, writer):
    result = call(LanguageModelling, "generate", "The king", "--seed=3", *words.split())
    assert (result.code, result.err) == (0, "")
    assert writer.asked == [("The king", DEFAULTS | changes)]
    assert [shown.out for shown in writer.shown] == ["The king", " is", " dead."]
    assert result.out == "\n"
    assert not any(shown.err for shown in writer.shown)


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
    result = call(LanguageModelling, "generate", "--samples=2")
    seed = writer.asked[-1][1]["seed"]
    assert result.err == f"seed {seed}\n"
    result = call(LanguageModelling, "generate", "--json")
    assert (result.json["seed"], result.err) == (writer.asked[-1][1]["seed"], "")
    assert result.json["seed"] != seed
    writer.shown.clear()
    assert call(LanguageModelling, "generate", "--greedy").err == ""
    assert not any(shown.err for shown in writer.shown)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--greedy --temperature=2", "--greedy draws nothing at random: leave --temperature out"),
        ("--greedy --top-k=2", "leave --top-k out"),
        ("--greedy --beams=2", "leave --beams out"),
        ("--beams=2 --top-p=.5", "--beams draws nothing at random: leave --top-p out"),
        ("--beams=2 --past-end", "leave --past-end out"),
        ("--greedy --samples=2", "leave --samples out"),
        ("--beams=2 --length=1000000000", "--length of at most 10000"),
        ("--beams=1000000000", "'--beams'"),
        ("--temperature=0", "'--temperature': 0 is not above 0: for the likeliest choice"),
        ("--temperature=0", "give --greedy"),
        ("--temperature=nan", "nan is not above 0"),
        ("--temperature=inf", "inf is above"),
        ("--top-k=0", "'--top-k': 0 is not in the range x>=1"),
        ("--top-p=nan", "nan is no number"),
        ("--seed=4294967296", "'--seed': 4294967296 is not in the range"),
        ("--length=0", "'--length': 0 is not in the range x>=1"),
        ("--samples=0", "'--samples'"),
        ("-", "no prompt on standard input"),
    ],
)
def test_generation_refused(words, problem, call, writer, standard_input):
    standard_input(b"")
    assert_refused(call(LanguageModelling, "generate", *words.split()), problem)
    assert writer.asked == []


@pytest.mark.parametrize("power", [-1, -3, -307, -320, -5000])
@pytest.mark.parametrize("mantissa", [1.0, 1.004, 9.994, 9.9951, 9.99999])
def test_scores_as_lines(power, mantissa):
    """Also of probabilities that no float holds."""
    total = math.log(mantissa) + power * math.log(10)
    line = language_model._in_powers({"log_probability": total, "input": "a  text"})
    log_probability, probability, given = line.split(maxsplit=2)
    assert given == "a  text"
    assert float(log_probability) == pytest.approx(total, abs=1e-3)
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


def test_defaults_by_level():
    for level, dimension in (("character", 64), ("word", 256)):
        options = Options(level=level)
        options.resolve()
        assert options.embedding_dim == dimension
        assert options.tie_weights == (level == "word")
        assert None not in (options.dropout, options.batch_size, options.timesteps)
    options = Options(level="word", dropout=0.0, tie_weights=False)
    options.resolve()
    assert (options.dropout, options.tie_weights) == (0, False)
    with pytest.raises(UserError, match=r"--no-tie-weights .* --embedding-dim"):
        Options(embedding_dim=0, tie_weights=True).resolve()


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
    assert task.model_name(Options(level="word", cell="gru")) == (
        "language_model_gru_shakespeare_word"
    )
    assert task.model_name(Options()) == task.preset
    assert task.model_name(Options(data="a/my.txt")) == "language_model_lstm_my_character"


def test_baseline_of_the_same_tokens(tmp_path):
    """Saved and loaded, it measures what it measured."""
    task, options = LanguageModelling(), Options(level="word")
    data = corpus()
    baseline = task.fit_baseline(data, options)
    measured = baseline.evaluate(data.test)
    assert measured["perplexity"] == pytest.approx(2 ** measured["bits_per_token"])
    assert 1 <= measured["order"] <= 4
    baseline.save(tmp_path / "baseline.npz")
    predictor = SimpleNamespace(tokenizer=task._tokenizer(data, options))
    loaded = task.load_baseline(tmp_path / "baseline.npz", predictor)
    assert loaded.evaluate(data.test) == pytest.approx(measured, rel=1e-6)
