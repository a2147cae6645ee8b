"""The music task: trained from a file, measured, asked, served; broken off and resumed."""

import json
from types import SimpleNamespace

import mido
import pytest
from support.command_lines import assert_refused, contents
from support.music_pieces import TINY, call, chorales, piece_of, write_chorales

import zoo
from tasks.music import Music
from zoo.application import workflow
from zoo.application.command_line.commands import commands
from zoo.application.task import Settings
from zoo.datasets.music import MusicData, Scores
from zoo.music import midi, musicxml
from zoo.serving.export.loaders import SavedModel


def test_what_training_leaves(trained_music):
    files = {path.name for path in trained_music.iterdir() if path.is_file()}
    pictures = {"sample_1.png", "sample_2.png", "learning_curves.png"}
    assert files == {
        *("README.md", "baseline.npz", "config.json", "metrics.json", "model.keras"),
        *("sample_1.mid", "sample_2.mid"),
        *pictures,
    }
    card = (trained_music / "README.md").read_text()
    assert all(f"]({name})" in card for name in pictures)
    metrics = json.loads((trained_music / "metrics.json").read_text())
    assert f"{metrics['nll_per_step']:.4f}" in card
    assert f"{metrics['baseline_unigram_nll_per_step']:.3f}" in card
    assert "| parallel fifths per 100 changes |" in card
    assert metrics["steps"] == sum(map(len, chorales()[-2:]))
    predictor = zoo.load(trained_music)
    sample = midi.read(trained_music / "sample_1.mid", 1)
    (written, _) = predictor.generate(length=64, pieces=2, seed=1)
    assert sample.sounding() == written["score"].sounding()[: len(sample)]


def test_evaluation(capfd, trained_music):
    data = trained_music.parent / "chorales.json"
    found = json.loads(call(capfd, "evaluate", "--model", trained_music, "--json").out or "{}")
    assert found == {}  # the corpus of the model is a file, which has to be given
    result = call(capfd, "evaluate", "--model", trained_music, "--data", data, "--json")
    found = json.loads(result.out)
    expected = zoo.load(trained_music).evaluate(zoo.datasets.music.from_file(data).pieces)
    assert found["nll_per_step"] == pytest.approx(expected["nll_per_step"], rel=1e-6)
    metrics = json.loads((trained_music / "metrics.json").read_text())
    for name in ("nll_per_step", "baseline_nll_per_step", "steps"):
        assert found[name] == pytest.approx(metrics[name], rel=1e-5)  # the test split, as then


def test_baselines_are_those_of_the_pieces():
    """The frequencies of chords and their successors, against a count by hand."""
    data = SimpleNamespace(
        train=Scores(tuple(piece_of("ranked", seed=i) for i in range(6))),
        validation=Scores((piece_of("ranked", seed=7),)),
    )
    baseline = Music().fit_baseline(data, Settings({"transpose": 2}))
    found = Music().evaluate_baseline(baseline, Scores((piece_of("ranked", seed=8),)))
    assert set(found) == {"nll_per_step", "unigram_nll_per_step", "uniform_nll_per_step"}
    assert found["uniform_nll_per_step"] > found["unigram_nll_per_step"]
    again = Music().evaluate_baseline(baseline, data.train)
    assert again["nll_per_step"] < again["unigram_nll_per_step"]


def test_parts_from_a_folder_to_a_server(capfd, tmp_path):
    """Trained on files of a folder, asked for what comes next, harmonised, served."""
    folder, out = tmp_path / "pieces", tmp_path / "model"
    folder.mkdir()
    for i in range(6):
        write = midi.write if i % 2 else musicxml.write
        write(piece_of(seed=i, steps=32, first=0), folder / f"{i}{'.mid' if i % 2 else '.mxl'}")
    result = call(capfd, "--data", folder, "--out", out, *TINY, "--cell=gru", "--epochs=1")
    assert result.code == 0, result
    for example in Music.examples:
        assert f"{example} ... " in result.out
    predictor = zoo.load(out)
    assert set(predictor.model.input) == {"chords", "positions", "keys"}

    melody = tmp_path / "melody.mid"
    midi.write(piece_of(seed=9, steps=16, voices=1, first=0), melody)
    piece = tmp_path / "piece.mid"
    arguments = ("--model", out, "--melody", melody, "--candidates=3", "--seed=1")
    found = json.loads(call(capfd, "generate", *arguments, "--out", piece, "--json").out)
    given = midi.read(melody).pitches[:, 0].tolist()
    assert midi.read(piece).pitches[: len(given), 0].tolist() == given
    assert found["files"] == [str(piece)]

    result = call(capfd, "export", "--model", out, "--out", tmp_path / "served", "--name=parts")
    assert result.code == 0, result
    served = SavedModel(tmp_path / "served" / "parts" / "1")
    assert set(served.signatures) == {"generate", "score", "serving_default"}


def test_tunes_of_one_voice(capfd, tmp_path):
    folder, out = tmp_path / "tunes", tmp_path / "model"
    folder.mkdir()
    for i in range(5):
        midi.write(piece_of(seed=i, steps=20, voices=1, first=0), folder / f"{i}.mid")
    result = call(capfd, "--data", folder, "--out", out, *TINY, "--epochs=1", "--transpose=0")
    assert result.code == 0, result
    assert "G4 | A4 ... " in result.out
    assert 'model.predict(["C5"])' in (out / "README.md").read_text()
    shown = call(capfd, "generate", "--model", out, "--seed-chord=C5", "--bars=1", "--seed=1").out
    assert shown.startswith("C5\n")


def test_broken_off_and_resumed(capfd, tmp_path, monkeypatch):
    data = write_chorales(tmp_path / "chorales.json")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert call(capfd, "--data", data, "--out", whole, *TINY).code == 0
    fit = workflow.training.fit

    def fit_once(model, batches, *arguments, **options):
        endless, calls = batches.dataset, []

        def dataset(epoch):
            calls.append(epoch)
            if epoch:
                raise KeyboardInterrupt
            return endless(epoch)

        monkeypatch.setattr(batches, "dataset", dataset)
        return fit(model, batches, *arguments, **options)

    monkeypatch.setattr(workflow.training, "fit", fit_once)
    result = call(capfd, "--data", data, "--out", broken, *TINY)
    assert result.code == 130
    assert "--resume" in result.err
    monkeypatch.setattr(workflow.training, "fit", fit)
    assert call(capfd, "train", "--resume", "--out", broken).code == 0
    metrics = [json.loads((out / "metrics.json").read_text()) for out in (whole, broken)]
    assert metrics[0]["nll_per_step"] == pytest.approx(metrics[1]["nll_per_step"], rel=1e-5)


def test_the_network_is_that_of_the_options():
    command = commands(Music()).commands["train"]
    given = ("--cell=rnn", "--units=5", "--layers=2", "--voice-units=3", "--embedding-dim=2")
    settings = Settings(dict(command.make_context("train", list(given)).params))
    split = Scores((piece_of("parts", voices=2, key=None),))
    predictor = Music().build(MusicData("mine", split, split, split), settings)
    assert set(predictor.model.input) == {"chords", "positions"}  # no key is known
    stack = predictor.model.get_layer("recurrence")
    assert (stack.cell, stack.units, stack.number_of_layers) == ("rnn", 5, 2)
    assert predictor.model.get_layer("hidden_1").units == 3
    assert predictor.model.get_layer("embedding").output_dim == 2
    batches = Music().batches(predictor, split, settings, shuffle=True)
    assert len(batches.lengths) == 1  # in other keys it would leave the ranges of its voices


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[", "this is not JSON"),
        ("{}", "expected a list of pieces"),
        ('{"train": []}', "expected a list of pieces that is not empty"),
        ('{"train": [[[60, 61, 62, 63, 64]]]}', "5 notes at once"),
        ('{"train": [[[600]]]}', "600 is no MIDI note number"),
        ('{"train": [[[60]]]}', "too few examples"),
        ('{"train": [[[10]]], "valid": [[[60]]], "test": [[[60]]]}', "10 is no key of the piano"),
    ],
)
def test_wrong_data(capfd, tmp_path, content, words):
    data = tmp_path / "chorales.json"
    data.write_text(content)
    before = contents(tmp_path)
    assert_refused(call(capfd, "--data", data, "--out", tmp_path / "model", *TINY), words)
    assert contents(tmp_path) == before


def test_a_model_of_other_music(capfd, tmp_path, trained_music):
    path = tmp_path / "piece.mid"
    midi.write(piece_of(), path)
    result = call(capfd, "evaluate", "--model", trained_music, "--data", path)
    assert_refused(result, "4 parts on a grid of 4 steps", "the model is one of chords")


def test_more_than_four_notes_at_once(capfd, tmp_path, trained_music):
    """They are reduced, which is said; the file is read as parts, which this model is not of."""
    chord = mido.MidiFile(ticks_per_beat=4)
    track = mido.MidiTrack()
    pitches = (48, 52, 55, 60, 64, 67)
    track += [mido.Message("note_on", note=pitch, time=0) for pitch in pitches]
    track += [mido.Message("note_off", note=pitch, time=4 * (pitch == 48)) for pitch in pitches]
    chord.tracks.append(track)
    chord.save(tmp_path / "chord.mid")
    result = call(capfd, "evaluate", "--model", trained_music, "--data", tmp_path / "chord.mid")
    assert result.code == 2
    said, error = result.err.splitlines()
    assert said.startswith("2 notes are left out")
    assert "the model is one of chords" in error


def test_a_corpus_without_scores(capfd):
    assert_refused(call(capfd, "--dataset", "groove"), "it holds drums")
