"""Damaged files of the baselines."""

import numpy as np
import pytest

from zoo.datasets.sequence_tagging import TaggedSentences
from zoo.errors import UserError
from zoo.evaluation.baselines import KneserNey, LinearTextBaseline, MostFrequentTag

SENTENCES = TaggedSentences([["Rome", "is", "in", "Italy"]], [["B-LOC", "O", "O", "B-LOC"]])
STREAM = np.random.default_rng(0).integers(1, 9, 100)

KINDS = pytest.mark.parametrize(
    "fitted",
    [
        pytest.param(
            lambda: LinearTextBaseline.fit(["good", "bad", "bad"], [0, 1, 1]), id="linear"
        ),
        pytest.param(lambda: MostFrequentTag.fit(SENTENCES), id="tags"),
        pytest.param(lambda: KneserNey.fit(STREAM, vocabulary_size=9, order=3), id="n-grams"),
    ],
)


@KINDS
@pytest.mark.parametrize(
    "damage", ["missing", "empty", "truncated", "text", "other arrays", "one array", "a list"]
)
def test_damaged_file_is_refused(tmp_path, fitted, damage):
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
def test_any_damaged_byte_is_refused_or_does_no_harm(tmp_path, fitted):
    path = tmp_path / "baseline.npz"
    baseline = fitted()
    baseline.save(path)
    content = path.read_bytes()
    refused = 0
    for position in range(0, len(content), 3):
        path.write_bytes(
            content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]
        )
        try:
            type(baseline).load(path)
        except UserError:
            refused += 1
    assert refused > len(content) // 10
