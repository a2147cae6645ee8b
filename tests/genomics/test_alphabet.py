"""Letters of nucleotides: their bases, the other strand, and what is refused."""

import itertools
import time

import numpy as np
import pytest
from support.refusals import refused

from zoo import genomics
from zoo.genomics.alphabet import (
    AMINO_ACIDS,
    COMPLEMENTS,
    GENETIC_CODE,
    ONE_HOT,
    reverse_complement_ids,
)

# NC-IUB (1985), by hand.
IUPAC = {
    **{"A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT"},
    **{"K": "GT", "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT"},
}
PAIRS = dict(zip("ACGT", "TGCA", strict=True))


def drawn(number, seed=0):
    return "".join(np.random.default_rng(seed).choice([*IUPAC], number))


def test_one_hot_shares_of_every_letter():
    sequence = drawn(200)
    found = genomics.one_hot(sequence)
    assert (found.dtype, found.shape) == ("float32", (200, 4))
    for row, letter in zip(found, sequence, strict=True):
        share = 1 / len(IUPAC[letter])
        assert row.tolist() == pytest.approx([share * (base in IUPAC[letter]) for base in "ACGT"])
    ids = genomics.ids(sequence)
    assert (ids.dtype, ids.min(), ids.max()) == ("int32", 1, 15)
    assert genomics.LETTERS[:4] == "ACGT"
    np.testing.assert_array_equal(ONE_HOT[ids], found)
    assert ONE_HOT.shape == (16, 4)
    assert not ONE_HOT[0].any()
    assert genomics.one_hot("T").tolist() == [[0, 0, 0, 1]]


def test_the_other_strand_has_the_paired_bases_of_each_letter():
    sequence = drawn(200)
    other = genomics.reverse_complement(sequence)
    for letter, paired in zip(sequence, reversed(other), strict=True):
        assert {PAIRS[base] for base in IUPAC[letter]} == {*IUPAC[paired]}
    assert genomics.reverse_complement(other) == sequence
    np.testing.assert_array_equal(genomics.one_hot(other), genomics.one_hot(sequence)[::-1, ::-1])
    np.testing.assert_array_equal(genomics.ids(other), COMPLEMENTS[genomics.ids(sequence)[::-1]])


def test_codons_mean_amino_acids():
    assert genomics.translated("ATGGCCTGGTAAGG") == "MAW*"
    assert genomics.translated("ATNAAAAC") == "XK"
    codons = ["".join(codon) for codon in itertools.product("ACGT", repeat=3)]
    shares = GENETIC_CODE[:, [AMINO_ACIDS.index(a) for a in genomics.translated("".join(codons))]]
    assert np.trace(shares) == 64


def test_the_other_strands_of_a_batch_keep_their_padding_at_the_end():
    sequences = [drawn(length, seed=length) for length in (7, 3, 1)]
    ids, expected = np.zeros((2, 4, 9), "int32"), np.zeros((2, 4, 9), "int32")
    for row, sequence in enumerate(sequences):  # the fourth is padding alone
        ids[1, row, : len(sequence)] = genomics.ids(sequence)
        expected[1, row, : len(sequence)] = genomics.ids(genomics.reverse_complement(sequence))
    np.testing.assert_array_equal(reverse_complement_ids(ids), expected)
    assert reverse_complement_ids(np.zeros(0, "int32")).tolist() == []


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("acgtN", "ACGTN"),
        ("uUrykm", "TTRYKM"),
        ("AC-G..T-", "ACGT"),
        (" ac\r\ngt\t\n", "ACGT"),
        ("a", "A"),
    ],
)
def test_what_is_normalized(written, found):
    assert genomics.normalized(written) == found


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("MKTLLIFLE", "it has the letters E, F, I, L, as protein"),
        ("ACGX", "it has the letter X, as protein or other text has"),
        ("hello", "letters E, L, O, as protein or other text has: give nucleotides"),
        ("", "there is no nucleotide in it"),
        ("-- .\n", "there is no nucleotide in it"),
        ("AC7GT", "'7', character 3, is no nucleotide: give A, C, G, T or U"),
        ("AC*", r"'\*', character 3"),
        ("\u017facg", "character 1, is no nucleotide"),  # the capital of the long s is S
        ("AC\u00a0GT", "character 3"),
        ("AC\0", r"'\\x00', character 3"),
        ("\ud800", "character 1"),
    ],
)
def test_what_is_no_nucleotide(written, message):
    refused(rf"^a\.fa: line 3: .*{message}", genomics.normalized, written, "a.fa: line 3")


@pytest.mark.parametrize("sequence", ["acgt", "ACU", "A C", "A\u00e9"])
def test_ids_are_of_what_is_normalized(sequence):
    for call in (genomics.ids, genomics.one_hot):
        with pytest.raises(ValueError, match="normalized"):
            call(sequence)
    assert genomics.ids("").shape == (0,)


def test_a_million_letters_take_no_time():
    sequence = drawn(1_000_000).lower()
    begun = time.perf_counter()
    found = genomics.normalized(sequence)
    assert genomics.one_hot(found).shape == (1_000_000, 4)
    assert genomics.reverse_complement(found)[-1] == genomics.reverse_complement(found[0])
    assert time.perf_counter() - begun < 2
