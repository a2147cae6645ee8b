"""Sentences by the length of their source, and the picture of it."""

import random

from zoo.evaluation import source_lengths


def texts_of(lengths):
    return [" ".join(["word"] * length) for length in lengths]


def test_each_text_is_in_the_group_of_its_length():
    lengths = random.Random(1).choices(range(1, 25), k=900)
    groups = source_lengths.groups(texts_of(lengths))
    assert [(g.least, g.most) for g in groups] == [(1, 5), (6, 10), (11, 15), (16, 20), (21, 25)]
    assert sorted(place for group in groups for place in group.places) == list(range(900))
    for group in groups:
        assert all(group.least <= lengths[place] <= group.most for place in group.places)
        assert len(group.places) >= 50


def test_few_texts_join_their_neighbours():
    """The first with the next, the last with the one before."""
    lengths = [2] * 49 + [9] * 60 + [12] * 50 + [40] * 3
    groups = source_lengths.groups(texts_of(lengths))
    assert [(g.least, g.most, len(g.places)) for g in groups] == [(1, 10, 109), (11, 40, 53)]
    assert [(g.least, g.most) for g in source_lengths.groups(texts_of([3, 30]))] == [(1, 30)]
    assert source_lengths.groups([]) == []


def test_picture(tmp_path):
    curve = [
        {"least": 1, "most": 5, "words": 4.0, "bleu": 30.0},
        {"least": 6, "most": 12, "words": 8.5, "bleu": 20.0},
    ]
    source_lengths.draw({"with": curve}, tmp_path / "one.png")
    source_lengths.draw({"with": curve, "without": curve[:1] + curve[:1]}, tmp_path / "two.png")
    one, two = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png"))
    assert one.startswith(b"\x89PNG")
    assert one != two
