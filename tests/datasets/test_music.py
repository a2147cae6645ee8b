"""Scores by name and from users' files."""

import json

import numpy as np
import pytest
from support.corpus_case import SPLITS
from support.music_pieces import assert_same_music, random_score
from support.refusals import refused

from zoo.datasets.music import from_file, from_files, load
from zoo.music import midi, musicxml

CHORDS = [[60, 64, 67, 72], [59, 67], [], [60, 64, 67]]


def chords(seed, steps=8):
    """A piece in the form of JSON."""
    return np.random.default_rng(seed).integers(40, 80, (steps, 3)).tolist()


@pytest.fixture
def write_json(write):
    return lambda content, name="a.json": write(name, json.dumps(content))


@pytest.fixture
def folder(tmp_path):
    """Twelve pieces, some in a folder within, of all formats, and what is none."""
    folder = tmp_path / "music"
    (folder / "more").mkdir(parents=True)
    names = ["00.mid", *(f"0{i}.mid" for i in range(1, 6)), "c.musicxml", "d.xml", "e.mxl"]
    for seed, name in enumerate([*names, "more/a.MIDI", "more/b.mid", "more/f.mxl"]):
        module = midi if ".mid" in name.lower() else musicxml
        module.write(random_score(24, seed=seed), folder / name)
    for name in ("readme.txt", ".hidden.mid", "more/chords.json"):
        (folder / name).write_text("no music")
    return folder


def test_json_of_chords_in_three_splits(write_json):
    pieces = {"train": [CHORDS, chords(0)], "valid": [chords(1)], "test": [chords(2), chords(3)]}
    data = from_files(write_json(pieces, "jsb.json"))
    assert (data.name, [len(getattr(data, split)) for split in SPLITS]) == ("jsb.json", [2, 1, 2])
    piece = data.train.pieces[0]
    assert piece.pitches.tolist() == [[72, 67, 64, 60], [67, 59, 0, 0], [0] * 4, [67, 64, 60, 0]]
    np.testing.assert_array_equal(piece.onsets, piece.pitches > 0)
    assert (piece.steps_per_quarter, piece.ranked, piece.key) == (1, True, None)
    assert not piece.positions.any()
    assert data.validation.pieces[0].voices == 4  # three, and one that is silent
    assert data.train.steps == len(CHORDS) + 8
    unison = from_file(write_json([[[60, 72, 60], [60, 60]]])).pieces[0]
    assert unison.pitches.tolist() == [[72, 60], [60, 0]]


def test_the_split_of_a_json_file_to_evaluate_on(write_json):
    path = write_json({"train": [chords(0)], "valid": [chords(1)], "test": [CHORDS] * 3})
    assert (len(from_file(path)), len(from_file(path, limit=2))) == (3, 2)
    many = write_json([chords(seed) for seed in range(9)], "many.json")
    given = from_files(many, many, path)
    assert [len(getattr(given, split)) for split in SPLITS] == [9, 9, 3]
    two = write_json({"train": [CHORDS], "valid": [CHORDS]})
    refused("no split 'test'; it has 'train', 'validation'", from_file, two)
    refused("no split 'train'; it has 'test'", from_files, write_json({"test": [CHORDS]}))


def test_json_of_another_shape(write):
    for content, message in (
        ("[[[60]]", "this is not JSON"),
        ("[" * 100_000, "this is not JSON"),
        ('{"songs": []}', "expected a list of pieces, or an object"),
        ("60", "expected a list of pieces, or an object"),
        ("[]", "a list of pieces that is not empty"),
        ('{"train": "C4"}', "train: expected a list of pieces"),
        ("[[[60]], [60, 64]]", "train, piece 2: expected a list of steps"),
        ("[[[], []]]", "piece 1: there is no note"),
        ("[[[60], [128]]]", "piece 1, step 2: 128 is no MIDI note number: give 1 to 127"),
        ("[[[0]]]", "step 1: 0 is no MIDI note number"),
        ("[[[60.5]]]", "60.5 is no MIDI note number"),
        ("[[[true]]]", "True is no MIDI note number"),
        ("[[[60], [60, 62, 64, 65, 67]]]", "piece 1, step 2: 5 notes at once; 4 are the most"),
    ):
        refused(rf"a\.json: .*{message}", from_file, write("a.json", content))


def test_a_folder_is_read_whole_by_path(folder):
    pieces = from_file(folder).pieces
    assert " ".join(piece.name for piece in pieces) == "00 01 02 03 04 05 c d e a b f"
    for seed, piece in enumerate(pieces):
        assert_same_music(piece, random_score(24, seed=seed))
    data = from_files(folder)
    assert (data.name, [len(getattr(data, split)) for split in SPLITS]) == ("music", [9, 1, 2])
    assert len(from_files(folder, folder / "c.musicxml", folder / "e.mxl").test) == 1
    refused(r"00\.mid: too few examples to set a test split aside", from_files, folder / "00.mid")


def test_chords_are_not_mixed_with_parts_and_damaged_files_are_named(folder, write_json, caplog):
    other = write_json([CHORDS])
    refused("json.* has unordered notes, with 1 steps", from_files, folder, test=other)
    for i in range(7):
        (folder / f"damaged{i}.mid").write_bytes(b"MThd")
    assert len(from_file(folder)) == 12
    named = [record.getMessage() for record in caplog.records]
    assert "damaged0.mid: the MIDI file is damaged" in named[0]
    assert (len(named), named[-1]) == (6, "left out: 2 more files")
    for i in range(7, 13):  # most of them
        (folder / f"damaged{i}.mid").write_bytes(b"MThd")
    refused(r"damaged0\.mid: .* \(and so on: 13 of the 25 files\)", from_file, folder)


def test_pieces_of_a_folder_get_the_same_voices(folder):
    """By default those of most files: upper ones first, rests below, and lost notes are counted."""
    midi.write(random_score(24, voices=2, seed=7), folder / "00.mid")
    whole = random_score(24, seed=1)
    for voices, given in ((4, {}), (2, {"voices": 2}), (4, {"voices": 4})):
        data = from_file(folder, **given)
        assert {piece.voices for piece in data.pieces} == {voices}
        assert len(data) == 12
        two, four = data.pieces[:2]
        np.testing.assert_array_equal(four.pitches, whole.pitches[:, :voices])
        assert two.pitches[:, :2].any(axis=0).all()
        assert not two.pitches[:, 2:].any()
        lost = sum(len(whole.notes(voice)) for voice in range(voices, 4))
        assert (two.reduced, four.reduced) == (0, lost)
    few = from_files(folder / "00.mid", folder, folder)
    assert {piece.voices for piece in (*few.train.pieces, *few.test.pieces)} == {2}


def test_paths_without_music(tmp_path, write):
    write("a.txt", "text")
    for name, message in (
        ("", r"there is no file of music in it: \.mid, \.midi"),
        ("a.txt", r"a\.txt: the name must end in \.mid"),
        *((f"absent{end}", f"absent{end}: there is no") for end in ("", ".mid", ".json", ".mxl")),
    ):
        refused(message, from_files, tmp_path / name)


def test_names_that_are_no_corpus_of_scores():
    refused("drums, which have no pitch: give a .* corpus .*--data", load, "groove/full-midionly")
    refused("without a beat", load, "maestro")
    refused("no corpus of scores", load, "movie_snippets")
