"""Chorales by Bach, from the package index."""

import importlib.util
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support.corpus_case import SPLITS
from support.score_examples import assert_same_music

from zoo.datasets.corpora import bach_chorales, package_index
from zoo.datasets.corpora.bach_chorales import read_chorales, split_by_tune
from zoo.datasets.music import load
from zoo.music import KEYS, Score

LEFT_OUT = ("bwv1.6", "bwv18.5-w", "bwv62.6")  # of five parts, and with the pitches of others
ONE_TUNE = ("bwv227.1", "bwv358", "bwv64.8")  # Jesu, meine Freude
KEPT = {*ONE_TUNE, "bwv18.5-lz", "bwv274", "bwv66.6", "bwv269", "bwv336", "bwv351"}


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Few chorales, read from where the package would be fetched: those of the installed one."""
    music21 = Path(importlib.util.find_spec("music21").origin).parent
    path = tmp_path_factory.mktemp("package") / "few.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in (*LEFT_OUT, *KEPT):
            member = f"corpus/bach/{name}.mxl"
            archive.write(music21 / member, f"music21/{member}")
        archive.writestr("music21/corpus/bach/choraleAnalyses/a.txt", "text")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package_index, "fetch", lambda **_: path)
        return {score.name: score for score in read_chorales()}


def test_pieces_have_four_parts_and_are_there_once(few):
    assert few.keys() == KEPT
    for score in few.values():
        assert (score.voices, score.steps_per_quarter, score.ranked) == (4, 4, False)
        assert score.key in KEYS
        means = [np.mean(voice[voice > 0]) for voice in score.pitches.T]
        assert means == sorted(means, reverse=True)
    score = few["bwv66.6"]
    assert (score.key, len(score)) == ("F# minor", 9 * 16)
    assert score.positions[:6].tolist() == [12, 13, 14, 15, 0, 1]  # it begins with a pickup
    assert score.pitches[0].tolist() == [73, 64, 57, 57]  # C#5 E4 A3 A3
    assert [note.pitch for note in score.notes(0)][:5] == [73, 71, 69, 71, 73]
    assert score.pitches[-1].tolist() == [66, 61, 58, 54]  # a major chord on F#


def test_loads_by_name_in_three_splits_by_tune(few, empty_cache, monkeypatch):
    monkeypatch.setattr(bach_chorales, "read_chorales", lambda: list(few.values()))
    data = load()
    splits = [getattr(data, split).pieces for split in SPLITS]
    assert all(splits)
    assert sorted(piece.name for pieces in splits for piece in pieces) == sorted(KEPT)
    for piece in (piece for pieces in splits for piece in pieces):
        assert_same_music(piece, few[piece.name])
    together = [{piece.name for piece in pieces} & set(ONE_TUNE) for pieces in splits]
    assert sorted(map(len, together)) == [0, 0, len(ONE_TUNE)]


def tune(*steps, name):
    """A soprano of quarters that goes by intervals, with a bass that stands."""
    soprano = np.repeat(60 + np.cumsum(steps), 4)
    pitches = np.stack([soprano, *[np.full(len(soprano), 48)] * 3], axis=1)
    onsets = np.zeros(pitches.shape, bool)
    onsets[::4] = True
    return Score(pitches, onsets, 4, np.arange(len(soprano)) % 16, name=name)


def test_settings_of_one_tune_are_in_one_split():
    generator, scores = np.random.default_rng(0), []
    for number in range(30):
        steps = generator.integers(-6, 7, size=40)
        for setting in range(2):
            changed = steps.copy()
            changed[setting * 7 : setting * 7 + 3] += 1  # as variants of a tune are
            scores.append(tune(*changed, name=f"{number}-{setting}"))
    splits = [{score.name for score in some} for some in split_by_tune(scores).values()]
    assert sorted(set().union(*splits)) == sorted(score.name for score in scores)
    tunes = [len({name.partition("-")[0] for name in names}) for names in splits]
    assert sum(tunes) == 30
    assert tunes == pytest.approx([24, 3, 3], abs=5)


def test_a_tune_is_known_in_another_key_and_with_passing_notes():
    steps = np.random.default_rng(1).choice([-3, 2, 4, -2, -4, 3], size=30)
    plain = tune(*steps, name="plain")
    passing = plain.transposed(5).pitches.copy()
    passing[2:-4:4, 0] += 1  # an eighth within each quarter
    passing[3:-4:4, 0] += 1
    ornate = Score(passing, passing > 0, 4, plain.positions, name="ornate")
    for order in ([plain, ornate], [ornate, plain]):
        assert sorted(map(len, split_by_tune(order).values())) == [0, 0, 2]
