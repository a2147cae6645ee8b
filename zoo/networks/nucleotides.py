"""The beginning of networks that read DNA or RNA."""

from dataclasses import dataclass

import keras

from zoo.cells.typing import Tensor
from zoo.genomics.alphabet import LETTERS
from zoo.layers import AminoAcidShares, BothStrands, KmerShares, MaskedConvolution, WordDropout
from zoo.layers.subsampling import subsampled

LAYER = "letters"  # the layer that makes numbers of letters


@dataclass(frozen=True)
class Nucleotides:
    """Ids of letters, (batch, timesteps) int32 as of `zoo.genomics.ids`, with 0 as padding.

        ids -> shares of A, C, G and T, or of k-mers or amino acids and their vectors
            -> convolution -> steps

    Attributes:
        k: letters of a k-mer; 1 for each letter by itself. The shares of ambiguous letters
            multiply: a vector is the mean of those of all k-mers that are meant.
        k_stride: letters from one k-mer to the next; 3 with k = 3 reads codons, from the first
            letter on.
        translate: whether k-mers of three letters, codons, are read as the amino acids that they
            mean, for sequences that are translated from their first letter on.
        embedding_dim: size of the vectors of k-mers, learnt; letters have none.
        width: steps that a convolution sees, 0 for none.
        filters: features of a step of the convolution.
        stride: steps from one output of the convolution to the next, which makes long sequences
            shorter for the recurrence.
        letter_dropout: fraction of the letters replaced by N in training.
        reverse_complement: whether both strands are read, with the same weights: a sequence and its
            reverse complement then have equal answers, as befits what lies on either strand, such
            as a promoter or a site that a protein binds. What has a direction is lost: a splice
            junction is read along its gene, and the reverse complement of an end of an exon would
            look like a beginning of one.

    Raises:
        ValueError: a stride is given without what it is of, or k-mers that are translated are no
            codons; layers refuse other numbers.
    """

    k: int = 1
    k_stride: int = 1
    translate: bool = False
    embedding_dim: int = 32
    width: int = 0
    filters: int = 64
    stride: int = 1
    letter_dropout: float = 0.0
    reverse_complement: bool = False

    def __post_init__(self) -> None:
        if self.stride != 1 and not self.width:
            raise ValueError("`stride` is of a convolution: give its `width` too.")
        if self.translate and self.k != 3:
            raise ValueError(f"`translate` is of codons, k = 3. Received: k = {self.k!r}")

    @property
    def readings(self) -> int:
        return 2 if self.reverse_complement else 1

    def inputs(self) -> Tensor:
        return keras.Input((None,), dtype="int32", name="ids")

    def steps(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        ids = BothStrands(name="both_strands")(inputs) if self.reverse_complement else inputs
        mask = subsampled(keras.ops.not_equal(ids, 0), self.k_stride)
        ids = WordDropout(
            self.letter_dropout,
            unknown_id=LETTERS.index("N") + 1,
            first_id=1,
            name="letter_dropout",
        )(ids)
        x = KmerShares(self.k, self.k_stride, name=LAYER)(ids)
        if self.translate:
            x = AminoAcidShares(name="amino_acids")(x)
        if self.k > 1:
            x = keras.layers.Dense(self.embedding_dim, use_bias=False, name="embedding")(x)
        if self.width:
            convolution = MaskedConvolution(
                self.filters, self.width, self.stride, name="convolution"
            )
            x, mask = convolution(x, mask=mask), subsampled(mask, self.stride)
        return x, mask
