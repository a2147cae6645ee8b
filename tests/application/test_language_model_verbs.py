"""The language model by its command line: what the verbs print, write and refuse."""

import json
import math
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from support.command_lines import ROOT, assert_refused, clean_environment, contents, run
from support.language_modelling import TINY, call, text, write_text

import zoo
from tasks.language_model import LanguageModelling
from zoo.predictors import presets

TRAINED_FILES = {
    "README.md",
    "baseline.npz",
    "config.json",
    "learning_curves.png",
    "metrics.json",
    "model.keras",
    "run",
    "vocabulary.txt",
}
TEXTS = ["The king is dead.", "A pear sees the sea!", "Köln? %%", "dead The"]


@pytest.fixture(scope="module")
def predictor(trained_language_model):
    return zoo.load(trained_language_model)


@pytest.fixture(autouse=True)
def loaded_once(trained_language_model, predictor, monkeypatch):
    """Calls in this process share one predictor: to load it and trace its graphs takes seconds."""
    load = presets.load

    def load_once(model):
        return predictor if str(model) == str(trained_language_model) else load(model)

    for module in (presets, zoo):
        monkeypatch.setattr(module, "load", load_once)


@pytest.fixture
def verb(capfd, trained_language_model):
    """Calls a verb with the trained model."""
    return lambda name, *options: call(capfd, name, "--model", trained_language_model, *options)


@pytest.fixture
def standard_input(monkeypatch, tmp_path):
    def give(content):
        path = tmp_path / "stdin"
        path.write_bytes(content)
        monkeypatch.setattr("sys.stdin", path.open(encoding="utf-8", newline=""))

    return give


def printed(result):
    """The JSON object that a successful call printed, and nothing else."""
    assert result.code == 0, result
    (line,) = result.out.splitlines()
    return json.loads(line)


def test_what_training_leaves(trained_language_model, predictor):
    assert {path.name for path in trained_language_model.iterdir()} == TRAINED_FILES
    metrics = json.loads((trained_language_model / "metrics.json").read_text())
    assert metrics["parameters"] == predictor.model.count_params()
    assert 1 < metrics["perplexity"] < len(predictor.tokenizer.vocabulary)
    assert metrics["perplexity"] == pytest.approx(2 ** metrics["bits_per_token"])
    assert metrics["baseline_perplexity"] > 1
    assert all(sample.count("\ufffd") == 0 for sample in metrics["samples"])
    card = (trained_language_model / "README.md").read_text()
    assert f"{metrics['tokens']:,} tokens (characters)" in card
    assert all(limit in card for limit in LanguageModelling.limits)


def test_evaluation(verb, predictor, tmp_path):
    data = write_text(tmp_path / "mine.txt", 10)
    measured = printed(verb("evaluate", "--data", data, "--json"))
    expected = predictor.evaluate([text(10)])
    assert measured["level"] == expected.pop("level") == "character"
    assert {name: measured[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert measured["tokens"] == len(text(10)) + 1
    assert measured["baseline_perplexity"] > 1
    for_people = verb("evaluate", "--data", data).out
    assert f"test perplexity    {measured['perplexity']:.4f}\n" in for_people
    assert f"baseline perplexity {measured['baseline_perplexity']:.4f}\n" in for_people
    assert printed(verb("evaluate", "--data", data, "--limit=40", "--json"))["tokens"] == 41


def test_predictions(verb, predictor):
    found = printed(verb("predict", "--json", "The king", "%"))["predictions"]
    expected = predictor.predict(["The king", "%"])
    assert [p["input"] for p in found] == ["The king", "%"]
    for prediction, other in zip(found, expected, strict=True):
        assert [n["token"] for n in prediction["next"]] == [n["token"] for n in other["next"]]
    likeliest = found[0]["next"][0]
    shown = f"The king ... {likeliest['token']} {likeliest['probability']:.3f}, "
    assert verb("predict", "The king").out.startswith(shown)


def test_scores_best_first(verb, predictor, standard_input):
    expected = dict(zip(TEXTS, predictor.score(TEXTS), strict=True))
    scores = printed(verb("score", "--json", *TEXTS))["scores"]
    assert {score["input"] for score in scores} == {*TEXTS}
    totals = [score["log_probability"] for score in scores]
    assert totals == sorted(totals, reverse=True)
    for score in scores:
        other = expected[score["input"]]
        assert score["log_probability"] == pytest.approx(other["log_probability"], rel=1e-5)
        product = math.prod(token["probability"] for token in score["tokens"])
        assert score["probability"] == pytest.approx(product)

    lines = verb("score", *TEXTS).out.splitlines()
    assert [line.split(maxsplit=2)[2] for line in lines] == [score["input"] for score in scores]
    for line, score in zip(lines, scores, strict=True):
        total, probability, _ = line.split(maxsplit=2)
        assert float(total) == pytest.approx(score["log_probability"], abs=1e-3)
        assert float(probability) == pytest.approx(score["probability"], rel=0.01)

    standard_input("\r\n".join(TEXTS).encode())
    assert verb("score", "-").out.splitlines() == lines


def test_factors(verb):
    result = verb("score", "--per-token", "A\nA", "The king")
    assert result.code == 0
    rows = re.findall(r"^ {12}([01]\.\d{6})  (.+)$", result.out, re.M)
    assert sorted(token for _, token in rows) == sorted(["A", r"\n", "A", *"The king"])


def test_generation_is_what_the_predictor_writes(verb, predictor):
    options = ("--length=40", "--seed=3", "--past-end")
    (expected,) = predictor.generate(["The king"], length=40, seed=3, past_end=True)
    result = verb("generate", "The king", *options)
    assert (result.code, result.out, result.err) == (0, expected["text"] + "\n", "")
    found = printed(verb("generate", "The king", *options, "--json"))
    assert found["seed"] == 3
    assert [text["text"] for text in found["texts"]] == [expected["text"]]
    assert found["texts"][0]["tokens"] == 40

    several = printed(verb("generate", "A", "The king", "--samples=2", *options, "--json"))
    prompts = ["A", "A", "The king", "The king"]
    expected = predictor.generate(prompts, length=40, seed=3, past_end=True)
    assert [t["text"] for t in several["texts"]] == [t["text"] for t in expected]


def test_the_seed_is_said(verb):
    first = verb("generate", "--length=30")
    seed = int(re.fullmatch(r"seed (\d+)\n", first.err).group(1))
    again = verb("generate", "--length=30", "--seed", seed)
    assert (again.out, again.err) == (first.out, "")
    samples = verb("generate", "--length=30", "--samples=2")
    assert re.fullmatch(r"seed \d+\n", samples.err)
    others = verb("generate", "--length=30", "--json")
    assert printed(others)["seed"] != seed
    assert others.err == ""


def test_ways_to_draw(verb, predictor):
    likeliest = verb("generate", "The", "--length=12", "--greedy")
    assert likeliest.err == ""
    cold = ("--temperature=1e-30", "--top-k=1", "--top-p=1e-9")
    for option in cold:
        result = verb("generate", "The", "--length=12", "--seed=1", option)
        assert (result.out, result.err) == (likeliest.out, "")
    searched = verb("generate", "The", "--length=12", "--beams=3", "--json")
    (best,), (greedy,) = (
        found["texts"]
        for found in (
            printed(searched),
            printed(verb("generate", "The", "--length=12", "--greedy", "--json")),
        )
    )
    assert best["log_probability"] >= greedy["log_probability"] - 1e-4
    hot = verb("generate", "The", "--length=12", "--seed=1", "--temperature=9")
    (expected,) = predictor.generate(["The"], length=12, seed=1, temperature=9.0)
    assert hot.out == expected["text"] + "\n"


def test_prompts_of_standard_input(verb, standard_input):
    standard_input(b"The king\nA\n")
    options = ("--length=9", "--greedy", "--json")
    texts = printed(verb("generate", "-", *options))["texts"]
    assert texts == printed(verb("generate", "The king", "A", *options))["texts"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
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
        ("--temperature=-1", "-1 is not above 0"),
        ("--temperature=nan", "nan is not above 0"),
        ("--temperature=inf", "inf is above"),
        ("--temperature=warm", "'warm' is not a valid float"),
        ("--top-k=0", "'--top-k': 0 is not in the range x>=1"),
        ("--top-p=0", "'--top-p': 0.0 is not in the range 0<x<=1"),
        ("--top-p=nan", "nan is no number"),
        ("--length=0", "'--length': 0 is not in the range x>=1"),
        ("--samples=0", "'--samples'"),
        ("--seed=-1", "'--seed'"),
        ("é%", "does not have '%', 'é'"),
        ("-", "no prompt on standard input"),
    ],
)
def test_generation_refused(arguments, problem, verb, standard_input):
    standard_input(b"")
    assert_refused(verb("generate", *arguments.split()), problem)


def test_scores_refused(verb, standard_input):
    assert_refused(verb("score", ""), "text 1 is empty")
    assert_refused(verb("score", "A", " "), "text 2 is empty")
    assert_refused(verb("score"), "Missing argument 'TEXT... | -'")
    assert_refused(verb("score", "\udcff"), "input 1 is not UTF-8")
    assert_refused(verb("generate", "A", "\udcff", "--seed=1"), "input 2 is not UTF-8")
    for content, problem in ((b"", "no text to score"), (b"K\xe4se\n", "not UTF-8")):
        for name in ("score", "generate"):
            standard_input(content)
            wanted = problem if name == "score" or content else "no prompt"
            assert_refused(verb(name, "-"), wanted)


FILES = {
    "missing": (None, "no such file"),
    "empty": (b"", "is empty"),
    "blank": (b"\n \n\n", "is empty"),
    "binary": (bytes(range(256)) * 8, "UTF-8"),
    "Latin-1": ("Käse\n".encode("latin-1"), "UTF-8"),
    "too short": (b"The king is dead.\n", "too short"),
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


def test_no_network_can_be_tied_to_one_hot_vectors(capfd, tmp_path):
    data = write_text(tmp_path / "mine.txt")
    options = ("--embedding-dim=0", "--tie-weights", "--out", tmp_path / "out")
    assert_refused(
        call(capfd, "--data", data, *TINY, *options), "--no-tie-weights", "--embedding-dim"
    )
    assert not (tmp_path / "out").exists()


def test_models_of_other_tasks(capfd, trained):
    for name in ("generate", "score", "predict"):
        result = call(capfd, name, "--model", trained, "A")
        assert_refused(result, "language_model needs one of language_model", "another model")


def test_damaged_vocabulary(capfd, trained_language_model, tmp_path):
    model = shutil.copytree(trained_language_model, tmp_path / "model")
    path = model / "vocabulary.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert_refused(call(capfd, "score", "--model", model, "A"), model, "restore")


def test_a_fresh_process(trained_language_model, predictor):
    """The same seed writes the same text, and nothing else is printed."""
    (expected,) = predictor.generate(["The king"], length=100, seed=9)
    options = ("--model", str(trained_language_model), "--seed=9", "--length=100")
    result = run("generate", *options, "The king", module="tasks.language_model")
    assert (result.code, result.out, result.err) == (0, expected["text"] + "\n", "")


def test_a_reader_that_has_seen_enough(trained_language_model):
    """`... | head -c 100`, of a text without end."""
    options = ("--seed=1", "--length=1000000000", "--past-end", "--model", trained_language_model)
    words = [sys.executable, "-m", "tasks.language_model", "generate", *options]
    piped = subprocess.run(
        ["sh", "-c", f"{shlex.join(map(str, words))} | head -c 100"],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
    )
    assert piped.stderr == b""
    assert 99 <= len(piped.stdout) <= 100
