"""Clusters of relatives, against comparing all with all."""

import time
import zlib
from itertools import combinations

import numpy as np
import pytest

from zoo.genomics import clusters, tenths


def by_comparing(sequences, k):
    """The smallest sequence of each cluster, by sets of k-mers and links of links."""
    mers = [{s[i : i + k] for i in range(len(s) - k + 1)} for s in sequences]
    mers = [{mer for mer in own if {*mer} <= {*"ACGT"}} for own in mers]
    name = list(sequences)
    for _ in sequences:
        for i, j in combinations(range(len(sequences)), 2):
            if mers[i] & mers[j] or sequences[i] == sequences[j]:
                name[i] = name[j] = min(name[i], name[j])
    return name


def random_sequences(draw, letters, longest):
    return ["".join(draw.choice([*letters], draw.integers(1, longest))) for _ in range(25)]


@pytest.mark.parametrize("k", [1, 2, 3, 5, 8, 33, 50, 70])
def test_against_comparing_all_with_all(k):
    draw = np.random.default_rng(k)
    genome = random_sequences(draw, "ACGT", 4 * k + 2)
    cut = [source[draw.integers(0, 9) :] for source in draw.choice(genome, 12)]
    joined = [a[-k:] + b[:k] for a, b in draw.choice(genome, (3, 2))]
    sequences = [*genome, *filter(None, cut), *joined, *random_sequences(draw, "ACGTN", 2 * k)]
    expected = by_comparing(sequences, k)
    assert clusters(sequences, k) == expected
    order = draw.permutation(len(sequences))
    assert clusters([sequences[i] for i in order], k) == [expected[i] for i in order]


def test_a_run_of_unknown_letters_makes_no_relatives():
    sequences = ["N" * 80 + "A", "C" + "N" * 80, "R" * 60, "R" * 60]
    assert clusters(sequences) == sequences
    assert clusters(["AC" * 24 + "A", "AC" * 25, "AC" * 30]) == [
        *["AC" * 24 + "A"],  # 49 letters
        *["AC" * 25] * 2,
    ]


def test_few_and_short():
    assert clusters([]) == []
    assert clusters(["A"]) == ["A"]
    assert clusters(["A", "C", "A"], k=1) == ["A", "C", "A"]
    with pytest.raises(ValueError, match="positive"):
        clusters(["A"], k=0)


def test_tenths_are_checksums():
    names = [f"ACGT{'A' * i}" for i in range(500)]
    assert tenths(names).tolist() == [zlib.crc32(name.encode()) % 10 for name in names]


def test_a_million_letters_take_no_time():
    draw = np.random.default_rng(0)
    genome = "".join(draw.choice([*"ACGT"], 500_000))
    sequences = [genome[i : i + 1_000] for i in range(0, 499_000, 500)]  # each has half of the next
    begun = time.perf_counter()
    assert len({*clusters(sequences)}) == 1
    assert time.perf_counter() - begun < 5
