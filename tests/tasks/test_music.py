"""The music task: its data and networks, and pieces to play, to read, to see and to hear."""

import wave
from types import SimpleNamespace
from typing import ClassVar

import mido
import pytest
from support.command_lines import assert_refused, options_of
from support.music_pieces import TINY, encoder_of, piece_of
from support.task_case import CASES, TaskTests

import zoo
from tasks.music import Music
from zoo.application import workflow
from zoo.datasets.music import MusicData, Scores
from zoo.music import midi, musicxml


class TestMusic(TaskTests):
    case = CASES["music"]
    refused: ClassVar = {
        "generate --key=H": "'H' is not a key",
        "generate --seed-chord='C5 G4 E4 C3 C2'": "more than the 4 notes",
        "generate --seed-chord=500": "out of range",
        "generate --seed-chord=": "it is empty",
        "generate --melody=missing.mid": "missing.mid",
        "generate --melody=no.mid --bars=3": "leave --bars out",
        "generate --melody=no.mid --seed-chord=C5": "leave --seed-chord out",
        "generate --tempo=0": "a tempo of 0 cannot be played",
        "generate --tempo=nan": "nan is no finite number",
        "generate --bars=0": "--bars",
        "generate --temperature=0": "give --top-k 1",
        "generate --out=piece.doc": "the name must end in .mid",
        "generate --out=nowhere/piece.mid": "cannot be written",
        "generate --candidates=3": "are harmonies of a --melody",
    }

    def test_the_seed_that_is_said_gives_the_piece_again(self, verb, tmp_path):
        """By the same program in the same process, so that rounding is the same too."""
        words = ("generate", "--seed-chord=C5 G4 E4 C3", "--bars=2", "--temperature=0.9")
        result = verb(*words)
        assert result.out.splitlines()[0] == "C5 G4 E4 C3"
        said, seed = result.err.split()
        assert said == "seed"
        files = [tmp_path / name for name in ("one.mid", "two.mid")]
        for file in files:
            again = verb(*words, f"--seed={seed}", "--json", "--out", file).json
            assert again["chords"] == result.out.splitlines()
            assert again["steps"] == len(again["chords"]) <= 8
        assert files[0].read_bytes() == files[1].read_bytes()

    def test_a_model_of_other_music(self, verb, tmp_path):
        """Notes that are left out are said: the six of the chord are reduced to four."""
        path = tmp_path / "piece.mid"
        midi.write(piece_of(), path)
        result = verb("evaluate", "--data", path)
        assert_refused(result, "4 parts on a grid of 4 steps", "the model is one of chords")
        chord, track = mido.MidiFile(ticks_per_beat=4), mido.MidiTrack()
        notes = (48, 52, 55, 60, 64, 67)
        track += [mido.Message("note_on", note=note, time=0) for note in notes]
        track += [mido.Message("note_off", note=note, time=4 * (note == 48)) for note in notes]
        chord.tracks.append(track)
        chord.save(path)
        result = verb("evaluate", "--data", path)
        said, error = result.err.splitlines()
        assert said.startswith("2 notes are left out")
        assert "the model is one of chords" in error

    def test_the_network_is_that_of_the_options(self, built):
        words = ("--cell=rnn", "--units=5", "--layers=2", "--voice-units=3", "--embedding-dim=2")
        predictor, _ = built(*words)
        stack = predictor.model.get_layer("recurrence")
        assert (stack.cell, stack.units, stack.number_of_layers) == ("rnn", 5, 2)
        assert predictor.model.get_layer("hidden_1").units == 3
        assert predictor.model.get_layer("embedding").output_dim == 2

    def test_baselines_are_those_of_the_pieces(self, trained):
        kinds = ("", "unigram_", "uniform_")
        figures = [trained.metrics[f"baseline_{kind}nll_per_step"] for kind in kinds]
        assert figures == sorted(figures)


class Composer:
    """Stands for a predictor: notes what it is asked for, and returns pieces."""

    encoder = encoder_of("parts")

    def __init__(self):
        self.asked = []

    def generate(self, *, pieces, **settings):
        self.asked.append({"pieces": pieces, **settings})
        found = []
        for n in range(pieces):
            score = piece_of("parts", steps=16 + n, first=0, seed=n)
            found.append({"score": score, "log_probability": -n})
            if "melody" in settings:
                found[-1]["melody_log_probability"] = -abs(n - 2.0)
        return found


@pytest.fixture
def composer(monkeypatch):
    composer = Composer()
    monkeypatch.setattr(workflow, "load", lambda task, model: composer)
    return composer


def test_every_form_of_a_piece(call, composer, tmp_path):
    names = ("a.mid", "a.MIDI", "a.musicxml", "a.xml", "a.mxl", "a.wav", "a.png")
    out = [f"--out={tmp_path / name}" for name in names]
    words = ("--seed=3", "--bars=2", "--tempo=60", "--rules", "--json")
    found = call(Music, "generate", *out, *words).json
    (asked,) = composer.asked
    drawn = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 3, "rules": True}
    assert asked == {"pieces": 1, "key": None, "seed_chord": "", "length": 2 * 16, **drawn}
    assert found["files"] == [str(tmp_path / name) for name in names]
    piece = piece_of("parts", steps=16, first=0, seed=0)
    sounding = piece.sounding()
    assert (found["steps"], found["steps_per_quarter"], found["seed"]) == (16, 4, 3)
    while not sounding[-1]:  # what files of notes cannot hold
        sounding.pop()
    for name in names[:2]:
        assert midi.read(tmp_path / name).sounding() == sounding
        assert midi.read(tmp_path / name).key == piece.key
    for name in names[2:5]:
        assert musicxml.read(tmp_path / name).sounding()[: len(sounding)] == sounding
    with wave.open(str(tmp_path / "a.wav")) as sound:
        seconds = sound.getnframes() / sound.getframerate()
    assert (len(sounding) - 1) / 4 < seconds < 4 + 4  # a second a quarter, and the echo
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_file_the_chords_are_shown(call, composer):
    words = ("--seed-chord=C5", "--key=f# minor", "--temperature=.9", "--top-k=20", "--top-p=.8")
    result = call(Music, "generate", *words)
    piece = piece_of("parts", steps=16, first=0, seed=0)
    chords = [zoo.music.chord_name(pitches, piece.key) for pitches in piece.pitches]
    assert result.out.splitlines() == chords[::4]  # one for each quarter
    (asked,) = composer.asked
    assert result.err == f"seed {asked['seed']}\n"
    drawn = {name: asked[name] for name in ("temperature", "top_k", "top_p")}
    assert drawn == {"temperature": 0.9, "top_k": 20, "top_p": 0.8}
    assert (asked["seed_chord"], asked["length"], asked["rules"]) == ("C5", 16 * 16, False)
    assert asked["key"] == zoo.music.parse_key("F# minor")


def test_the_harmony_that_the_melody_suits_best(call, composer, tmp_path):
    melody = tmp_path / "melody.mid"
    midi.write(piece_of(steps=9, voices=1), melody, 100)
    words = ("generate", "--melody", melody, "--seed=2", "--json")
    found = call(Music, *words, "--candidates=5").json
    assert (found["log_probability"], found["steps"]) == (-2, 18)
    assert call(Music, *words).json["melody_log_probability"] == 0
    few, usual = composer.asked
    assert (few["pieces"], usual["pieces"]) == (5, 16)
    assert few["melody"].sounding() == midi.read(melody).sounding()
    assert "length" not in few


def test_keys_are_given_only_if_known_and_moved_only_within_ranges():
    split = Scores((piece_of("parts", voices=2, key=None),))
    options = options_of(Music, *TINY)
    predictor = Music().build(MusicData("mine", split, split, split), options)
    assert set(predictor.model.input) == {"chords", "positions"}
    assert len(Music().batches(predictor, split, options, shuffle=True).lengths) == 1


def test_only_training_is_in_other_keys():
    predictor = SimpleNamespace(batches=lambda pieces, size, **asked: asked)
    for shuffle, transpose in ((True, 6), (False, 0)):
        asked = Music().batches(predictor, Scores(()), Music.options(seed=4), shuffle)
        assert asked == {"shuffle": shuffle, "seed": 4, "transpose": transpose}


def test_a_folder_of_tunes(tmp_path, caplog):
    """Of notes with their metres and keys, in one voice or two, some of them broken.

    An example of the card has a note for each voice.
    """
    for i in range(8):
        write = midi.write if i % 2 else musicxml.write
        piece = piece_of(seed=i, steps=32, first=0, voices=1 + (i > 5))
        write(piece, tmp_path / f"{i}{'.mid' if i % 2 else '.mxl'}")
    drums = mido.MidiFile(tracks=[mido.MidiTrack()])
    drums.tracks[0].append(mido.Message("note_on", channel=9, note=36))
    drums.save(tmp_path / "drums.mid")
    (tmp_path / "broken.mxl").write_bytes(b"PK")
    data = Music().load_data(options_of(Music, "--data", tmp_path, *TINY, "--voices=3"))
    assert {piece.voices for piece in (*data.train.pieces, *data.test.pieces)} == {3}
    options, task = options_of(Music, "--data", tmp_path, *TINY), Music()
    caplog.clear()
    predictor, _, _ = workflow._build(task, task.load_data(options), options)
    for reason in ("drums.mid: there is no note", "broken.mxl: "):
        assert caplog.text.count(reason) == 1
    assert predictor.encoder.voices == 1
    assert set(predictor.model.input) == {"chords", "positions", "keys"}
    examples = task.examples_for({"voices": 1})
    assert examples == ("C5", "G4 | A4")
    assert task.examples_for({"voices": 4}) == Music.card.examples
    assert len(predictor.predict([*examples])) == len(examples)
