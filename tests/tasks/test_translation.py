"""The translation task: trained from a file, measured, asked, served, and what it refuses."""

import json
import shutil

import pytest
from support.command_lines import assert_refused, contents
from support.translation_pairs import TINY, call, pairs, write_pairs

import zoo
from tasks.translation import Translation
from zoo.application.command_line.commands import commands
from zoo.application.task import Settings
from zoo.datasets.parallel_text import ParallelData
from zoo.evaluation.translation import translation_metrics
from zoo.serving.export.loaders import SavedModel


def settings_of(*arguments):
    command = commands(Translation()).commands["train"]
    settings = Settings(dict(command.make_context("train", [*map(str, arguments)]).params))
    Translation().resolve(settings)
    return settings


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    from support.translation_pairs import execute_translation

    folder = tmp_path_factory.mktemp("translation")
    data = write_pairs(folder / "pairs.tsv")
    options = ("--level=word", "--label-smoothing=0.1", "--validation", data, "--test", data)
    arguments = ("--data", data, "--out", folder / "model", *TINY, *options)
    assert execute_translation(*arguments) == 0
    return folder / "model"


def test_from_a_file_to_a_server(capfd, tmp_path, trained):
    data = trained.parent / "pairs.tsv"
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["settings"]["level"] == "word"
    card = (trained / "README.md").read_text()
    assert metrics["bleu_signature"] in card
    assert f"{metrics['bleu']:.4f}" in card
    assert "--level word" in card
    assert len(metrics["samples"]) == 3
    for sample in metrics["samples"]:
        assert f"| {sample['source']} | {sample['target']} | {sample['translation']} |" in card
    assert f'model.predict(["{metrics["samples"][0]["source"]}"])' in card
    assert "![attention](attention.png)" in card
    assert (trained / "attention.png").read_bytes().startswith(b"\x89PNG")

    found = call(capfd, "evaluate", "--model", trained, "--data", data, "--json")
    found = json.loads(found.out)
    for name in ("bleu", "chrf", "exact_match", "sentences", "baseline_bleu"):
        assert found[name] == pytest.approx(metrics[name], rel=1e-6)
    assert found["sentences"] == len(set(zip(pairs().sources, pairs().targets, strict=True)))

    picture = tmp_path / "attention.png"
    texts = ("the old cat.", "the dog sees the cat.")
    arguments = ("predict", "--model", trained, *texts, "--attention", picture)
    shown = call(capfd, *arguments)
    expected = [found["translation"] for found in zoo.load(trained).predict(list(texts))]
    assert shown.out.splitlines() == expected
    assert picture.read_bytes().startswith(b"\x89PNG")
    n_best = call(capfd, "predict", "--model", trained, texts[0], "--n-best=3", "--json")
    (prediction,) = json.loads(n_best.out)["predictions"]
    assert len(prediction["hypotheses"]) == 3
    assert prediction["translation"] == expected[0]
    lines = call(capfd, "predict", "--model", trained, texts[0], "--n-best=3").out.splitlines()
    assert [line.split(None, 1)[1:] for line in lines] == [
        [h["text"]] if h["text"] else [] for h in prediction["hypotheses"]
    ]

    result = call(capfd, "export", "--model", trained, "--out", tmp_path, "--name=pairs")
    assert result.code == 0, result
    answer = SavedModel(tmp_path / "pairs" / "1").run("serving_default", {"text": list(texts)})
    assert [t.decode() for t in answer["translation"]] == expected


@pytest.mark.parametrize(
    ("arguments", "level", "share"),
    [
        ((), "character", False),
        (("--dataset=bible_en_fr",), "subword", True),
        (("--data=x.tsv",), "subword", True),
        (("--data=x.tsv", "--level=word"), "word", False),
        (("--level=subword", "--no-share-embeddings"), "subword", False),
    ],
)
def test_defaults_by_level(arguments, level, share):
    settings = settings_of(*arguments)
    assert (settings.level, settings.share_embeddings) == (level, share)


@pytest.mark.parametrize("attention", ["additive", "multiplicative", "none"])
def test_the_network_is_that_of_the_options(attention):
    arguments = (*TINY, "--cell=rnn", "--layers=2", "--no-bidirectional", "--level=subword")
    settings = settings_of(*arguments, f"--attention={attention}", "--share-embeddings")
    data = ParallelData("mine", pairs(), pairs(), pairs())
    predictor = Translation().build(data, settings)
    decoder = predictor.model.get_layer("decoder")
    assert decoder.recurrence.cell == "rnn"
    assert decoder.recurrence.number_of_layers == 2
    assert predictor.attends == (attention != "none")
    assert predictor.source_tokenizer is predictor.target_tokenizer
    assert not predictor.model.get_layer("encoder").bidirectional


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ("no tab\n", "line 1"),
        ("a\tb\n\tb\n", "line 2"),
        ("a\tb\n", "too few examples"),
    ],
)
def test_wrong_data(capfd, tmp_path, content, words):
    data = tmp_path / "pairs.tsv"
    data.write_text(content)
    before = contents(tmp_path)
    assert_refused(call(capfd, "--data", data, "--out", tmp_path / "model", *TINY), words)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--beams=0",), "--beams"),
        (("--n-best=6",), "give --beams 6"),
        (("--length-penalty=-1",), "--length-penalty"),
        (("--attention=nowhere/a.png",), "cannot be written"),
    ],
)
def test_wrong_options(capfd, trained, arguments, words):
    assert_refused(call(capfd, "predict", "--model", trained, "the cat.", *arguments), words)


def test_input_feeding_needs_attention(capfd, tmp_path):
    arguments = ("--data", write_pairs(tmp_path / "pairs.tsv"), "--out", tmp_path / "model")
    result = call(capfd, *arguments, *TINY, "--input-feeding", "--attention=none")
    assert_refused(result, "give an --attention")


def test_lengths_of_two_models(capfd, tmp_path, trained):
    """What both recorded when they were tested, as a picture, a table and JSON."""
    model = with_lengths(trained, tmp_path / "with", (30.0, 20.0, 10.5))
    other = with_lengths(trained, tmp_path / "without", (31.0, 12.0, 2.5))
    picture = tmp_path / "lengths.png"
    shown = call(capfd, "lengths", model, other, "--out", picture)
    assert shown.code == 0, shown
    assert [line.split("\t") for line in shown.out.splitlines()] == [
        ["words", "texts", str(model), str(other)],
        ["1-5", "50", "30.0", "31.0"],
        ["6-10", "50", "20.0", "12.0"],
        ["11-15", "50", "10.5", "2.5"],
    ]
    assert picture.read_bytes().startswith(b"\x89PNG")
    found = json.loads(call(capfd, "lengths", model, "--out", picture, "--json").out)
    recorded = json.loads((model / "metrics.json").read_text())["by_source_length"]
    assert found == {"by_source_length": {str(model): recorded}}


def test_lengths_that_cannot_be_compared(capfd, tmp_path, trained):
    picture = tmp_path / "lengths.png"
    refused = call(capfd, "lengths", trained, "--out", picture)
    assert_refused(refused, "sources of three lengths")  # its sentences have six words each
    model = with_lengths(trained, tmp_path / "model", (3.0, 2.0, 1.0))
    other = with_lengths(trained, tmp_path / "other", (3.0, 2.0, 1.0), sentences=60)
    assert_refused(call(capfd, "lengths", model, other, "--out", picture), "other texts")
    assert_refused(call(capfd, "lengths", "nowhere", "--out", picture), "nowhere")
    assert not picture.exists()


def with_lengths(trained, folder, figures, sentences=50):
    """A copy of a model that was tested on sources of several lengths; returns its folder."""
    shutil.copytree(trained, folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["by_source_length"] = [
        {"least": n, "most": n + 4, "words": n + 2, "sentences": sentences, "bleu": bleu}
        for n, bleu in zip((1, 6, 11), figures, strict=True)
    ]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def test_measured_by_length():
    """BLEU of each group is that of its sentences alone."""
    sources = tuple(" ".join(["word"] * (1 + n % 15)) for n in range(900))
    targets = tuple(f"{source} numéro {n}" for n, source in enumerate(sources))
    found = [target if n % 15 < 10 else "rien du tout" for n, target in enumerate(targets)]
    groups = translation_metrics(found, sources, targets)["by_source_length"]
    assert [(g["least"], g["most"], g["sentences"]) for g in groups] == [
        (1, 5, 300),
        (6, 10, 300),
        (11, 15, 300),
    ]
    assert [g["words"] for g in groups] == [3, 8, 13]
    assert groups[0]["bleu"] == groups[1]["bleu"] == pytest.approx(100)
    assert groups[2]["bleu"] < 1
