"""`generate` of music: files to play, to read, to see and to hear; and what it refuses."""

import json
import wave

import pytest
from support.command_lines import assert_refused, contents, run
from support.music_pieces import call, piece_of

import zoo
from zoo.music import midi, musicxml


def generated(capfd, model, *arguments):
    result = call(capfd, "generate", "--model", model, *arguments, "--json")
    assert result.code == 0, result
    return json.loads(result.out)


def test_every_form(capfd, tmp_path, trained_music):
    names = ("a.mid", "a.MIDI", "a.musicxml", "a.xml", "a.mxl", "a.wav", "a.png")
    out = [argument for name in names for argument in ("--out", tmp_path / name)]
    found = generated(capfd, trained_music, *out, "--seed=3", "--bars=2", "--tempo=60")
    assert found["files"] == [str(tmp_path / name) for name in names]
    (piece,) = zoo.load(trained_music).generate(length=8, seed=3)
    sounding = piece["score"].sounding()
    assert found["steps"] == len(sounding)
    while not sounding[-1]:  # what files of notes cannot hold
        sounding.pop()
    for name in ("a.mid", "a.MIDI"):
        assert midi.read(tmp_path / name, 1).sounding() == sounding
    for name in ("a.musicxml", "a.xml", "a.mxl"):
        assert musicxml.read(tmp_path / name, 1).sounding()[: len(sounding)] == sounding
    with wave.open(str(tmp_path / "a.wav")) as sound:
        seconds = sound.getnframes() / sound.getframerate()
    assert len(sounding) - 1 < seconds < found["steps"] + 4  # a second a quarter, and the echo
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_seed_the_same_file(capfd, tmp_path, trained_music):
    arguments = ("--seed=5", "--seed-chord=C5", "--temperature=0.9", "--top-k=20", "--bars=3")
    files = [tmp_path / "one.mid", tmp_path / "two.mid"]
    for file in files:
        generated(capfd, trained_music, *arguments, "--out", file)
    assert files[0].read_bytes() == files[1].read_bytes()
    generated(capfd, trained_music, *arguments[1:], "--seed=6", "--out", files[1])
    assert files[0].read_bytes() != files[1].read_bytes()


def test_without_a_file_the_chords_are_shown(capfd, trained_music):
    result = call(capfd, "generate", "--model", trained_music, "--seed-chord=C5 G4 E4 C3")
    assert result.code == 0
    assert result.out.splitlines()[0] == "C5 G4 E4 C3"
    seed = result.err.split()  # the seed that was chosen is said
    assert seed[0] == "seed"
    again = generated(capfd, trained_music, "--seed-chord=C5 G4 E4 C3", f"--seed={seed[1]}")
    assert again["chords"] == result.out.splitlines()


def test_a_key(capfd, tmp_path, trained_music):
    generated(capfd, trained_music, "--key=f# minor", "--out", tmp_path / "a.mid", "--seed=1")
    assert midi.read(tmp_path / "a.mid").key == "F# minor"


def test_the_melody_that_suits_best(capfd, tmp_path, trained_music):
    melody = tmp_path / "melody.mid"
    midi.write(piece_of("ranked", steps=9, voices=1), melody, 100)
    found = generated(capfd, trained_music, "--melody", melody, "--seed=2", "--candidates=5")
    pieces = zoo.load(trained_music).generate(melody=midi.read(melody, 1), pieces=5, seed=2)
    totals = [piece["melody_log_probability"] for piece in pieces]
    assert found["melody_log_probability"] == pytest.approx(max(totals), rel=1e-5)
    tops = [chord.split()[0] for chord in found["chords"]]
    best = pieces[totals.index(max(totals))]["score"]
    assert len(tops) == len(best)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--tempo=0",), "a tempo of 0 cannot be played"),
        (("--tempo=-5",), "a tempo of -5 cannot be played"),
        (("--tempo=nan",), "a tempo of nan cannot be played"),
        (("--bars=0",), "--bars"),
        (("--key=H",), "'H' is not a key"),
        (("--seed-chord=C5 G4 E4 C3 C2",), "more than the 4 notes"),
        (("--seed-chord=500",), "out of range"),
        (("--seed-chord=",), "it is empty"),
        (("--temperature=0",), "give --top-k 1"),
        (("--out=piece.doc",), "the name must end in .mid"),
        (("--out=nowhere/piece.mid",), "cannot be written"),
        (("--candidates=3",), "are harmonies of a --melody"),
        (("--melody=no.mid",), "no.mid"),
        (("--melody=no.mid", "--bars=3"), "leave --bars out"),
        (("--melody=no.mid", "--seed-chord=C5"), "leave --seed-chord out"),
        (("--model=no model",), "unknown model"),
    ],
)
def test_refused(capfd, tmp_path, monkeypatch, trained_music, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert_refused(call(capfd, "generate", "--model", trained_music, *arguments), words)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("content", [b"", b"MThd", b"RIFF....RMID", bytes(100)])
def test_a_damaged_melody(capfd, tmp_path, trained_music, content):
    melody = tmp_path / "melody.mid"
    melody.write_bytes(content)
    out = tmp_path / "piece.mid"
    result = call(capfd, "generate", "--model", trained_music, "--melody", melody, "--out", out)
    assert_refused(result, melody)
    assert not out.exists()


def test_help_loads_no_tensorflow():
    result = run("generate", "--help", module="tasks.music", PYTHONPROFILEIMPORTTIME="1")
    assert result.code == 0
    assert "--seed-chord" in result.out
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0] for line in result.err.split("\n")
    }
    assert "click" in imported
    assert not imported & {"keras", "tensorflow", "numpy", "mido", "music21"}
