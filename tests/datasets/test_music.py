"""Scores by name and from users' files."""

import json

import numpy as np
import pytest
from support.score_examples import assert_same_music, random_score

from zoo.datasets.music import Scores, carve, from_file, from_files, load
from zoo.errors import UserError
from zoo.music import midi, musicxml

SPLITS = ("train", "validation", "test")
CHORDS = [[60, 64, 67, 72], [59, 67], [], [60, 64, 67]]


def chords(seed, steps=8):
    """A piece in the form of JSON."""
    return [step.tolist() for step in np.random.default_rng(seed).integers(40, 80, (steps, 3))]


@pytest.fixture
def write_json(write):
    return lambda name, content: write(
        name, content if isinstance(content, bytes) else json.dumps(content)
    )


@pytest.fixture
def folder(tmp_path):
    """Twelve pieces, some in a folder within, of all formats, and what is none."""
    (tmp_path / "music" / "more").mkdir(parents=True)
    names = [f"{number:02}.mid" for number in range(6)] + ["more/a.MIDI", "more/b.mid"]
    for seed, name in enumerate(names):
        midi.write(random_score(24, seed=seed), tmp_path / "music" / name)
    for seed, name in enumerate(("c.musicxml", "d.xml", "e.mxl", "more/f.mxl"), len(names)):
        musicxml.write(random_score(24, seed=seed), tmp_path / "music" / name)
    for name in ("readme.txt", ".hidden.mid", "more/chords.json"):
        (tmp_path / "music" / name).write_text("no music")
    return tmp_path / "music"


def test_json_of_chords_in_three_splits(write_json):
    pieces = {"train": [CHORDS, chords(0)], "valid": [chords(1)], "test": [chords(2), chords(3)]}
    data = from_files(write_json("jsb.json", pieces))
    assert data.name == "jsb.json"
    assert [len(getattr(data, split)) for split in SPLITS] == [2, 1, 2]
    piece = data.train.pieces[0]
    assert piece.pitches.tolist() == [[72, 67, 64, 60], [67, 59, 0, 0], [0] * 4, [67, 64, 60, 0]]
    np.testing.assert_array_equal(piece.onsets, piece.pitches > 0)
    assert (piece.steps_per_quarter, piece.ranked, piece.key) == (1, True, None)
    assert not piece.positions.any()
    assert data.validation.pieces[0].voices == 4  # three, and one that is silent
    assert data.train.steps == len(CHORDS) + 8
    assert piece.sounding() == [sorted(step) for step in CHORDS]
    unison = from_file(write_json("a.json", [[[60, 72, 60], [60, 60]]])).pieces[0]
    assert unison.pitches.tolist() == [[72, 60], [60, 0]]


def test_the_split_of_a_json_file_to_evaluate_on(write_json):
    splits = {"train": [chords(0)], "valid": [chords(1)], "test": [CHORDS] * 3}
    assert len(from_file(write_json("a.json", splits))) == 3
    assert len(from_file(write_json("a.json", splits), limit=2)) == 2
    assert len(from_file(write_json("a.json", [CHORDS]))) == 1
    many = write_json("many.json", [chords(seed) for seed in range(9)])
    given = from_files(many, many, write_json("a.json", splits))
    assert [len(getattr(given, split)) for split in SPLITS] == [9, 9, 3]
    with pytest.raises(UserError, match="no split 'test'; it has 'train', 'validation'"):
        from_file(write_json("a.json", {"train": [CHORDS], "valid": [CHORDS]}))
    with pytest.raises(UserError, match="no split 'train'; it has 'test'"):
        from_files(write_json("a.json", {"test": [CHORDS]}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[[[60]]", "this is not JSON"),
        (b"[" * 100_000, "this is not JSON"),
        ({"songs": [CHORDS]}, "expected a list of pieces, or an object"),
        (60, "expected a list of pieces, or an object"),
        ([], "a list of pieces that is not empty"),
        ({"train": []}, "train: expected a list of pieces that is not empty"),
        ({"train": "C4"}, "train: expected a list of pieces"),
        ([60, 64], "train, piece 1: expected a list of steps"),
        ([CHORDS, [60, 64]], "piece 2: expected a list of steps"),
        ([[[], []]], "piece 1: there is no note"),
        ([[]], "piece 1: there is no note"),
        ([[[60], [128]]], "piece 1, step 2: 128 is no MIDI note number: give 1 to 127"),
        ([[[0]]], "step 1: 0 is no MIDI note number"),
        ([[[-1, 60]]], "-1 is no MIDI note number"),
        ([[[60.5]]], "60.5 is no MIDI note number"),
        ([[[True]]], "True is no MIDI note number"),
        ([[["C4"]]], "'C4' is no MIDI note number"),
        ([[[60], [60, 62, 64, 65, 67]]], "piece 1, step 2: 5 notes at once; 4 are the most"),
    ],
)
def test_json_of_another_shape(write_json, content, message):
    path = write_json("a.json", content)
    for read in (from_file, from_files):
        with pytest.raises(UserError, match=rf"a\.json: .*{message}") as raised:
            read(path)
        assert "\n" not in str(raised.value)


def test_a_folder_is_read_whole_by_path(folder):
    scores = from_file(folder)
    names = [piece.name for piece in scores.pieces]
    assert names == ["00", "01", "02", "03", "04", "05", "c", "d", "e", "a", "b", "f"]
    order = [0, 1, 2, 3, 4, 5, 8, 9, 10, 6, 7, 11]
    for seed, piece in zip(order, scores.pieces, strict=True):
        assert_same_music(piece, random_score(24, seed=seed))
    data = from_files(folder)
    assert data.name == "music"
    assert [len(getattr(data, split)) for split in SPLITS] == [9, 1, 2]


def test_a_single_file(folder):
    one = from_file(folder / "00.mid")
    assert (len(one), one.steps, one.reduced) == (1, 24, 0)
    with pytest.raises(UserError, match=r"00\.mid: too few examples to set a test split aside"):
        from_files(folder / "00.mid")
    assert len(from_files(folder, folder / "c.musicxml", folder / "e.mxl").test) == 1


def test_a_file_of_a_folder_that_cannot_be_used_is_named(folder):
    (folder / "more" / "b.mid").write_bytes(b"MThd")
    with pytest.raises(UserError, match=r"more.b\.mid: the MIDI file is damaged"):
        from_file(folder)


def test_pieces_of_different_kinds_are_not_mixed(folder, write_json):
    midi.write(random_score(24, voices=1), folder / "more" / "tune.mid")
    with pytest.raises(UserError, match=r"00 has voices: 4, .* and tune has voices: 1, .*one of"):
        from_file(folder)
    (folder / "more" / "tune.mid").unlink()
    with pytest.raises(UserError, match=r"a\.json.* has unordered notes, at most 4, with 1 steps"):
        from_files(folder, test=write_json("a.json", [CHORDS]))


@pytest.mark.parametrize("read", [from_file, from_files])
def test_paths_without_music(tmp_path, write_json, read):
    write_json("a.txt", b"text")
    with pytest.raises(UserError, match=r"there is no file of music in it: \.mid, \.midi"):
        read(tmp_path)
    with pytest.raises(UserError, match=r"a\.txt: the name must end in \.mid"):
        read(tmp_path / "a.txt")
    for name in ("absent.mid", "absent.json", "absent.mxl"):
        with pytest.raises(UserError, match=rf"{name}: there is no such file"):
            read(tmp_path / name)
    with pytest.raises(UserError, match="absent: there is no such file or folder"):
        read(tmp_path / "absent")


def test_equal_pieces_are_on_one_side():
    pieces = [random_score(20, seed=seed % 20).transposed(seed // 20) for seed in range(60)]
    rest, aside = carve(Scores(tuple(pieces)))
    prints = [{piece.fingerprint() for piece in part.pieces} for part in (rest, aside)]
    assert (len(rest), len(aside)) == (54, 6)
    assert not prints[0] & prints[1]
    again, _ = carve(Scores(tuple(pieces[::-1])))
    assert {piece.fingerprint() for piece in again.pieces} == prints[0]
    assert len(carve(Scores(tuple(pieces[::20])))[1]) == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("groove", "drums, which have no pitch: give a packaged corpus .*--data"),
        ("groove/full-midionly", "drums"),
        ("maestro", "without a beat"),
        ("movie_snippets", "no corpus of scores"),
    ],
)
def test_names_that_are_no_corpus_of_scores(name, message):
    with pytest.raises(UserError, match=message) as raised:
        load(name)
    assert "\n" not in str(raised.value)
