"""The files of the baselines: the same answers, no more than is needed, and damage that is seen."""

import numpy as np
import pytest
from support.translation_pairs import pairs

from zoo.datasets.sequence_tagging import TaggedSentences
from zoo.errors import UserError
from zoo.evaluation.baselines import (
    ChordBigrams,
    Dictionary,
    KneserNey,
    LinearTextBaseline,
    MostFrequentTag,
)

SENTENCES = TaggedSentences([["Rome", "is", "x\0", '"', ""]], [["B-LOC", "O", "B-é", "B-é", "O"]])
STREAM = np.random.default_rng(0).integers(1, 9, 100)
TEXTS, LABELS = ["good", "bad", "bad", f"good {'x' * 100_000}"], [0, 1, 1, 0]
PIECES = [np.array([(1, 2), (2, 2), (1, 2), (3, 1)]), np.array([(1, 2), (1, 2)])]
# How each is fitted, and what it says.
BASELINES = {
    "linear": (
        lambda: LinearTextBaseline.fit(TEXTS, LABELS),
        lambda model: model.accuracy([*TEXTS, "good bad"], [*LABELS, 0]),
    ),
    "tags": (lambda: MostFrequentTag.fit(SENTENCES), lambda model: model.tag(SENTENCES)),
    "n-grams": (
        lambda: KneserNey.fit(STREAM, vocabulary_size=9, order=3),
        lambda model: model.perplexity(STREAM[::-1], 1),
    ),
    "chords": (
        lambda: ChordBigrams.fit(PIECES, PIECES[:1], 4),
        lambda model: [model.nll_per_step(PIECES, order) for order in (1, 2)],
    ),
    "dictionary": (
        lambda: Dictionary.fit(pairs().sources, pairs().targets),
        lambda model: model.translate(pairs().sources[:5]),
    ),
}
KINDS = pytest.mark.parametrize(("fitted", "answer"), BASELINES.values(), ids=BASELINES)


@KINDS
def test_saved_and_loaded(tmp_path, fitted, answer):
    baseline = fitted()
    baseline.save(tmp_path / "baseline.npz")
    assert (tmp_path / "baseline.npz").stat().st_size < 10_000
    assert answer(type(baseline).load(tmp_path / "baseline.npz")) == answer(baseline)


@KINDS
@pytest.mark.parametrize(
    "damage", ["missing", "empty", "truncated", "text", "other arrays", "one array", "a list"]
)
def test_damaged_file_is_refused(tmp_path, fitted, answer, damage):
    path = tmp_path / "baseline.npz"
    baseline = fitted()
    baseline.save(path)
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "other arrays":
        np.savez(path, words="a")
    elif damage == "a list":
        np.savez(path, tags="[1]", default="O")
    elif damage == "one array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    else:
        path.write_bytes({"empty": b"", "truncated": content[:200], "text": b"words"}[damage])
    with pytest.raises(UserError, match=r"baseline\.npz: the baseline cannot be read"):
        type(baseline).load(path)


@KINDS
def test_any_damaged_byte_is_refused_or_does_no_harm(tmp_path, fitted, answer):
    path = tmp_path / "baseline.npz"
    baseline = fitted()
    baseline.save(path)
    content = path.read_bytes()
    refused = 0
    for position in range(0, len(content), 7):
        path.write_bytes(
            content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]
        )
        try:
            type(baseline).load(path)
        except UserError:
            refused += 1
    assert refused > len(content) // 30
