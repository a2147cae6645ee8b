"""The language task: its networks by their options, scores, and what it writes."""

import math
import re
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from support.command_lines import assert_refused
from support.language_modelling import write_text
from support.parts import near, read_parts
from support.task_case import CASES, TaskTests

import zoo
from tasks import language_model
from tasks.language_model import LanguageModelling, Options
from zoo.application import workflow
from zoo.application.options import training_command
from zoo.datasets.plain_text import Documents

TEXTS = ("The king is dead.", "A pear sees the sea!", "Köln? %%", "dead The")


class TestLanguageModelling(TaskTests):
    case = CASES["language_model"]
    refused: ClassVar = {
        "score A ' '": "text 2 is empty",
        "score": "Missing argument 'TEXT... | -'",
        "score -": "no text to score",
        "generate -": "no prompt on standard input",
        "generate A \udcff --seed=1": "input 2 is not UTF-8",
        "generate é% --seed=1": "does not have '%', 'é'",
        "generate --greedy --temperature=2": "--greedy draws nothing at random: leave --temp",
        "generate --greedy --beams=2": "leave --beams out",
        "generate --beams=2 --top-p=.5": "--beams draws nothing at random: leave --top-p out",
        "generate --beams=2 --past-end": "leave --past-end out",
        "generate --greedy --samples=2": "leave --samples out",
        "generate --beams=2 --length=1000000000": "--length of at most 10000",
        "generate --beams=1000000000": "'--beams'",
        "generate --temperature=0": "0 is not above 0: for the likeliest choice each time give --",
        "generate --temperature=nan": "nan is no finite number",
        "generate --temperature=inf": "inf is no finite number",
        "generate --top-p=nan": "nan is no finite number",
        "generate --seed=4294967296": "'--seed': 4294967296 is not in the range",
        "train --data={data} --level=word --start-from=nowhere": "--start-from: unknown model",
        "train --data={data} --start-from=nowhere --units=3": "leave --units out",
        "train --data={data} --encoder=nowhere": "--encoder: unknown model",
        "train --data={data} --encoder=language_model_lstm_shakespeare_word": "give --level word",
        "train --data={data} --encoder=language_model_lstm_shakespeare_character "
        "--embedding-dim=3": "leave --embedding-dim out",
        "train --data={data} --embedding-dim=0 --tie-weights": "give --no-tie-weights",
    }

    def test_the_figures_agree(self, trained):
        metrics = trained.metrics
        for name in ("", "baseline_"):
            bits = metrics[f"{name}bits_per_token"]
            assert metrics[f"{name}perplexity"] == pytest.approx(2**bits)
        assert 1 <= metrics["baseline_order"] <= 8
        assert min(metrics["perplexity"], metrics["baseline_perplexity"]) > 1
        assert metrics["level"] == "character"
        assert metrics["tokens"] == len(trained.files["test"].read_text()) + 1
        assert len(metrics["samples"]) == 2

    def test_what_follows_the_size_of_the_text_is_said_and_recorded(self, trained):
        dropout = trained.metrics["settings"]["dropout"]
        assert dropout > 0
        assert f"\nchosen for these data: --dropout {dropout}\n" in trained.out
        assert f" train {len(trained.files['data'].read_text()):,} characters, vali" in trained.out

    def test_scores_of_files(self, trained, verb, tmp_path):
        (tmp_path / "texts.txt").write_text("\n".join((*TEXTS, " ")))
        expected = zoo.load(trained.model).score(TEXTS)
        for words, names in (((), {"perplexity"}), (("--per-token",), {"perplexity", "tokens"})):
            for form in ("jsonl", "parquet"):
                out = tmp_path / f"{form}{len(words)}"
                data = ("--data", tmp_path / "texts.txt", "--out", out, f"--format={form}")
                assert verb("score", *data, *words).code == 2
                *rows, last = read_parts(out)
                assert "text 1 is empty" in last["error"]
                for row, text, score in zip(rows, TEXTS, expected, strict=True):
                    kept = {n: score[n] for n in {"log_probability", "probability", *names}}
                    assert row["prediction"] == near({"input": text, **kept})

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

    def test_text_that_is_not_utf_8(self, verb, standard_input):
        standard_input(b"K\xe4se\n")
        assert_refused(verb("generate", "-"), "standard input is not UTF-8", "iconv")

    def test_a_model_of_another_level(self, trained, call, tmp_path):
        words = ("--level=word", "--start-from", trained.model, "--out", tmp_path / "out")
        assert_refused(call(LanguageModelling, *trained.given, *words), "--level")
        assert not (tmp_path / "out").exists()

    def test_the_seed_that_is_said_gives_the_text_again(self, verb):
        """By the same program in the same process, so that rounding is the same too."""
        first = verb("generate", "--length=30")
        seed = int(re.fullmatch(r"seed (\d+)\n", first.err).group(1))
        again = verb("generate", "--length=30", "--seed", seed)
        assert (again.code, again.out, again.err) == (0, first.out, "")

    def test_reads_backward_with_the_vectors_of_another(self, trained, call, tmp_path):
        """They are kept in training; what it has learnt is saved with how it reads."""
        out, name = tmp_path / "model", f"--encoder={trained.model}"
        tiny = [o for o in self.case.tiny if not o.startswith("--embedding")]
        result = call(LanguageModelling, *trained.given, *tiny, "--backward", name, "--out", out)
        assert result.code == 0, result
        assert "It reads from right to left" in (out / "README.md").read_text()
        found, source = zoo.load(out), zoo.load(trained.model)
        assert found.backward
        assert found.tokenizer.vocabulary == source.tokenizer.vocabulary
        vectors = [zoo.networks.transfer.vectors_of(one.model) for one in (found, source)]
        np.testing.assert_array_equal(*vectors)
        kernels = [
            np.array(one.model.get_layer("recurrence").weights[0]) for one in (found, source)
        ]
        assert not np.array_equal(*kernels)
        assert_refused(call(LanguageModelling, "generate", "--model", out), "right to left")
        assert call(LanguageModelling, "score", "--model", out, "A pear").code == 0
        start = [*trained.given, "--start-from", out, "--out", tmp_path / "other"]
        assert_refused(call(LanguageModelling, *start), "from right to left", "--backward")

        again = tmp_path / "again"
        both = [*trained.given, "--backward", "--start-from", out, name, "--epochs=1"]
        assert call(LanguageModelling, *both, "--out", again).code == 0
        tuned = zoo.load(again)
        kept = zoo.networks.transfer.vectors_of(tuned.model)
        np.testing.assert_array_equal(kept, vectors[1])
        changed = np.array(tuned.model.get_layer("recurrence").weights[0])
        assert not np.array_equal(changed, kernels[0])

    def test_goes_on_from_a_saved_model(self, trained, built, tmp_path):
        """With another text, of characters that the model does not know."""
        other = write_text(tmp_path / "other.txt", "Žluťoučký kůň 漢字 " * 40)
        predictor, _ = built("--data", other, "--start-from", trained.model)
        saved = zoo.load(trained.model)
        assert predictor.tokenizer.vocabulary == saved.tokenizer.vocabulary
        for new, old in zip(predictor.model.get_weights(), saved.model.get_weights(), strict=True):
            np.testing.assert_array_equal(new, old)  # they are copied, not computed

    def test_networks_by_their_options(self, built):
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


@pytest.mark.parametrize("level", ["character", "word"])
def test_defaults_follow_the_size_of_the_text(level):
    """Of a small text there are more passes, and more updates in each for the size."""
    suited, updates = [], []
    for size in (100_000, 1_000_000, 10_000_000):
        data = SimpleNamespace(train=Documents(("a" * size,)))
        options = Options(level=level, learning_rate=0.5, data="my.txt")
        options.resolve()
        chosen = options.suit(data)
        assert chosen == {name: getattr(options, name) for name in chosen}
        assert options.suit(data) == {}
        command = training_command("python -m tasks.language_model", options)
        assert f" --batch-size {options.batch_size} " in f"{command} "
        assert options.learning_rate == 0.5
        suited.append(options)
        updates.append(size // (options.batch_size * options.timesteps))
    assert updates == sorted(updates)
    assert updates[-1] < 100 * updates[0]
    for name in ("epochs", "dropout"):
        values = [getattr(options, name) for options in suited]
        assert values == sorted(values, reverse=True)
    given = Options(level=level, epochs=3, batch_size=5)
    given.resolve()
    given.suit(data)
    assert (given.epochs, given.batch_size) == (3, 5)
    assert Options(start_from="a", level=level).suit(data).keys() == {*language_model._OF_TRAINING}


def test_names_of_models():
    name = LanguageModelling().model_name
    assert name(Options(level="word", cell="gru")) == "language_model_gru_shakespeare_word"
    assert name(Options(data="a/my.txt")) == "language_model_lstm_my_character"
