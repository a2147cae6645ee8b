"""The fifteen letters of nucleotide sequences, and the bases that each stands for.

Source: NC-IUB (1985), "Nomenclature for incompletely specified bases in nucleic acid sequences".
"""

import itertools
import re

import numpy as np

from zoo.errors import UserError

BASES = {
    **{base: base for base in "ACGT"},
    **{"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"},
    **{"B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT"},
}
"""The bases that a letter stands for."""

LETTERS = "".join(BASES)
"""The letters in the order of their ids, which are 1 to 15; 0 is padding."""

ONE_HOT = np.zeros((len(LETTERS) + 1, 4), "float32")
"""(16, 4), by id: the share of A, C, G and T in a letter, 1/4 each in N; nothing in padding."""
for _id, _bases in enumerate(BASES.values(), 1):
    ONE_HOT[_id, ["ACGT".index(base) for base in _bases]] = 1 / len(_bases)

# The letter whose bases pair with those of a letter: A with T, and C with G.
_PAIRS = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")

COMPLEMENTS = np.array([0, *(LETTERS.index(one) + 1 for one in LETTERS.translate(_PAIRS))], "int32")
"""(16,), by id: the id of the complement of a letter; padding is its own."""

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY*"
"""The twenty amino acids by their letters, and the stop."""

# The standard genetic code, table 1 of NCBI, in the order TTT, TTC, TTA, TTG, TCT and so on.
_CODE = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
_ACIDS = np.eye(len(AMINO_ACIDS), dtype="float32")[[AMINO_ACIDS.index(acid) for acid in _CODE]]

# Each of the three axes from the order T, C, A, G to A, C, G, T.
GENETIC_CODE = _ACIDS.reshape(4, 4, 4, -1)[np.ix_(*[[2, 1, 3, 0]] * 3)].reshape(64, -1)
"""(64, 21): which of `AMINO_ACIDS` a codon means, one-hot, in the order AAA, AAC, AAG and so on."""

_CODONS = ("".join(codon) for codon in itertools.product("TCAG", repeat=3))
_MEANT = dict(zip(_CODONS, _CODE, strict=True))

# Only letters of ASCII: `upper` would make letters of others, as of the long s.
_PLAIN = str.maketrans(LETTERS.lower() + "Uu", LETTERS + "TT", "-. \t\n\r\f\v")
_STRANGE = re.compile(rf"[^{LETTERS}{LETTERS.lower()}Uu\-.\s]", re.ASCII)
_IDS = np.zeros(128, "int32")
_IDS[[*map(ord, LETTERS)]] = np.arange(1, len(LETTERS) + 1)
_PROTEIN = "EFIJLOPQXZ"  # letters of amino acids, known or not, that are no letters of nucleotides


def normalized(sequence: str, name: str = "the sequence") -> str:
    """A sequence in the fifteen capital letters of `LETTERS`.

    Lower case, which marks repeats in genomes, becomes upper case, and the U of RNA becomes T.
    Gaps, `-` and `.`, and white space are removed, so that places in an alignment move.

    Args:
        sequence: nucleotides in the letters of IUPAC.
        name: what it is called in an error, such as its file and line.

    Raises:
        UserError: no letter is left; or there is another character, as in protein.
    """
    found = sequence.translate(_PLAIN)
    if not found.isascii() or set(found) - BASES.keys():
        raise UserError(f"{name}: {_why_strange(sequence)}")
    if not found:
        raise UserError(f"{name}: there is no nucleotide in it: give one or more")
    return found


def ids(sequence: str) -> np.ndarray:
    """The ids of a sequence: (timesteps,) int32, from 1 to 15; ValueError if not `normalized`."""
    found = _IDS[np.frombuffer(sequence.encode("ascii", "replace"), np.uint8)]
    if not found.all():
        raise ValueError(f"`sequence` must be in the letters {LETTERS}: see `normalized`.")
    return found


def one_hot(sequence: str) -> np.ndarray:
    """The shares of A, C, G and T of each letter of a sequence: (timesteps, 4) float32.

    The sequence must be `normalized`. An ambiguous letter has equal shares of its bases.
    """
    return ONE_HOT[ids(sequence)]


def translated(sequence: str) -> str:
    """The amino acids of a sequence that is `normalized`, from its first letter on.

    They are letters of `AMINO_ACIDS`, X for a codon with an ambiguous letter. What is left of a
    codon at the end is left out.
    """
    codons = (sequence[at : at + 3] for at in range(0, len(sequence) - 2, 3))
    return "".join(_MEANT.get(codon, "X") for codon in codons)


def reverse_complement(sequence: str) -> str:
    """The other strand of a sequence that is `normalized`, in the direction that it is read."""
    return sequence.translate(_PAIRS)[::-1]


def reverse_complement_ids(ids: np.ndarray) -> np.ndarray:
    """The other strands of ids (..., timesteps), which have their padding, 0, at the end.

    The padding stays at the end.
    """
    ids = np.asarray(ids)
    timesteps = ids.shape[-1]
    lengths = np.count_nonzero(ids, axis=-1, keepdims=True)
    places = (lengths - 1 - np.arange(timesteps)) % max(timesteps, 1)  # padding meets padding
    return COMPLEMENTS[np.take_along_axis(ids, places, axis=-1)]


def _why_strange(sequence: str) -> str:
    """What is wrong with a sequence, and what to do."""
    strange = [match[0] for match in _STRANGE.finditer(sequence)]
    if protein := sorted({letter.upper() for letter in strange} & {*_PROTEIN}):
        letters = f"letter{'s' if len(protein) > 1 else ''} {', '.join(protein)}"
        return (
            f"it has the {letters}, as protein or other text has: give nucleotides, "
            "with N for an unknown one"
        )
    place = sequence.index(strange[0]) + 1
    return (
        f"{strange[0]!r}, character {place}, is no nucleotide: give A, C, G, T or U, "
        "and the ambiguity codes of IUPAC, such as N"
    )
