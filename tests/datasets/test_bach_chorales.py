"""Chorales by Bach, from the package index."""

import importlib.util
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support.score_examples import assert_same_music

from zoo.datasets.corpora import bach_chorales, package_index
from zoo.datasets.corpora.bach_chorales import read_chorales, split_by_tune
from zoo.datasets.music import load
from zoo.music import KEYS, Score

FIVE_PARTS = ("bwv1.6",)
ONE_TUNE = ("bwv227.1", "bwv227.7", "bwv358", "bwv64.8")  # Jesu, meine Freude
EQUAL = (("bwv18.5-lz", "bwv18.5-w"), ("bwv274", "bwv62.6"))
OTHERS = ("bwv66.6", "bwv269", "bwv336", "bwv351", "bwv370", "bwv6.6")
KEPT = {*ONE_TUNE, *OTHERS, *(first for first, _ in EQUAL)}


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Few chorales, read from where the package would be fetched: those of the installed one."""
    music21 = Path(importlib.util.find_spec("music21").origin).parent
    path = tmp_path_factory.mktemp("package") / "few.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in (*FIVE_PARTS, *ONE_TUNE, *OTHERS, *(name for two in EQUAL for name in two)):
            member = f"corpus/bach/{name}.mxl"
            archive.write(music21 / member, f"music21/{member}")
        archive.writestr("music21/corpus/bach/choraleAnalyses/a.txt", "text")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package_index, "fetch", lambda **_: path)
        return read_chorales()


def test_pieces_have_four_parts_and_are_there_once(few):
    assert {score.name for score in few} == KEPT
    for score in few:
        assert (score.voices, score.steps_per_quarter, score.ranked) == (4, 4, False)
        assert score.key in KEYS
        means = [np.mean(voice[voice > 0]) for voice in score.pitches.T]
        assert means == sorted(means, reverse=True)


def test_the_music_is_that_of_the_score(few):
    score = next(score for score in few if score.name == "bwv66.6")
    assert score.key == "F# minor"
    assert len(score) == 9 * 16
    assert score.positions[:6].tolist() == [12, 13, 14, 15, 0, 1]  # it begins with a pickup
    assert score.pitches[0].tolist() == [73, 64, 57, 57]  # C#5 E4 A3 A3
    assert [note.pitch for note in score.notes(0)][:5] == [73, 71, 69, 71, 73]
    assert score.pitches[-1].tolist() == [66, 61, 58, 54]  # a major chord on F#


def test_loads_by_name_in_three_splits_by_tune(few, empty_cache, monkeypatch):
    monkeypatch.setattr(bach_chorales, "read_chorales", lambda: few)
    data = load()
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    names = [piece.name for scores in splits.values() for piece in scores.pieces]
    assert sorted(names) == sorted(KEPT)
    read = {score.name: score for score in few}
    for scores in splits.values():
        assert len(scores) > 0
        for piece in scores.pieces:
            assert_same_music(piece, read[piece.name])
    together = [{piece.name for piece in some.pieces} & set(ONE_TUNE) for some in splits.values()]
    assert sorted(map(len, together)) == [0, 0, len(ONE_TUNE)]


def tune(*steps, name):
    """A soprano of quarters that goes by intervals, with a bass that stands."""
    soprano = np.repeat(60 + np.cumsum(steps), 4)
    pitches = np.stack([soprano, *[np.full(len(soprano), 48)] * 3], axis=1)
    onsets = np.zeros(pitches.shape, bool)
    onsets[::4] = True
    return Score(pitches, onsets, 4, np.arange(len(soprano)) % 16, name=name)


def test_settings_of_one_tune_are_in_one_split():
    generator = np.random.default_rng(0)
    scores, tune_of = [], {}
    for number in range(60):
        steps = generator.integers(-6, 7, size=40)
        for setting in range(3):
            changed = steps.copy()
            changed[setting * 7 : setting * 7 + 3] += 1  # as variants of a tune are
            scores.append(tune(*changed, name=f"{number}-{setting}"))
            tune_of[scores[-1].name] = number
    splits = split_by_tune(scores)
    names = {split: {score.name for score in some} for split, some in splits.items()}
    assert set().union(*names.values()) == tune_of.keys()
    tunes = [{tune_of[name] for name in some} for some in names.values()]
    assert sum(map(len, tunes)) == 60
    assert [len(some) for some in tunes] == pytest.approx([48, 6, 6], abs=7)
    assert all(tunes)


def test_a_tune_is_known_in_another_key_and_with_passing_notes():
    steps = np.random.default_rng(1).choice([-3, 2, 4, -2, -4, 3], size=30)
    plain = tune(*steps, name="plain")
    passing = plain.transposed(5).pitches.copy()
    passing[2:-4:4, 0] += 1  # an eighth within each quarter
    passing[3:-4:4, 0] += 1
    ornate = Score(passing, passing > 0, 4, plain.positions, name="ornate")
    for order in ((plain, ornate), (ornate, plain)):
        assert sorted(map(len, split_by_tune(list(order)).values())) == [0, 0, 2]


@pytest.mark.long
def test_the_whole_corpus_is_what_its_description_tells(packaged):
    data = packaged("bach_chorales")
    splits = (data.train, data.validation, data.test)
    assert [some.steps for some in splits] == [62_580, 7_484, 8_584]
    pieces = [piece for some in splits for piece in some.pieces]
    ends_elsewhere = [KEYS.index(p.key) % 12 != p.pitches[-1, -1] % 12 for p in pieces]
    assert sum(ends_elsewhere) == 83
    for number in ("361", "78,648", "287", "62,580", "35", "7,484", "39", "8,584", "83"):
        assert number in data.description
