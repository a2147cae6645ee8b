"""Letters of DNA and RNA by their ids: to numbers, and to both strands."""

from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Shape, Tensor
from zoo.genomics.alphabet import COMPLEMENTS, GENETIC_CODE, ONE_HOT

_LONGEST = 5  # letters of a k-mer: of longer ones there are too many for a step


@keras.saving.register_keras_serializable(package="zoo")
class KmerShares(keras.layers.Layer):
    """How much of each k-mer is at a place: of k = 1, the shares of A, C, G and T in a letter.

        share of b₁ … b_k at t = Π_i share of b_i in the letter t + i - 1

    A, C, G and T are one-hot, N is 1/4 each; see `zoo.genomics.alphabet.ONE_HOT`. A k-mer that
    reaches into the padding, id 0, or beyond the end has no share of any.

    Args:
        k: letters, 1 to 5.
        stride: letters from a k-mer to the next that is told.

    Attributes:
        offset: what is added to the shares of letters, (batch, timesteps, 4), where it is set:
            the gradient by it is that by the letters.

    Call arguments:
        ids: (batch, timesteps), integers from 0 to 15.

    Returns:
        (batch, ceil(timesteps / stride), 4^k), in the order of AA, AC, AG, AT, CA and so on.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(self, k: int = 1, stride: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 1 <= k <= _LONGEST:
            raise ValueError(f"`k` must be from 1 to {_LONGEST}. Received: {k!r}")
        if stride < 1:
            raise ValueError(f"`stride` must be at least 1. Received: {stride!r}")
        self.k, self.stride = k, stride
        self.offset: Tensor | None = None

    def call(self, ids: Tensor) -> Tensor:
        letters = ops.take(ops.convert_to_tensor(ONE_HOT, self.compute_dtype), ids, axis=0)
        if self.offset is not None:
            letters = letters + self.offset
        padded = ops.pad(letters, [[0, 0], [0, self.k - 1], [0, 0]])
        timesteps = ops.shape(ids)[1]
        shares = letters[:, :: self.stride]
        for i in range(1, self.k):
            letter = padded[:, i : timesteps + i : self.stride]
            product = shares[..., None] * letter[..., None, :]
            rows, steps = ops.shape(product)[:2]
            shares = ops.reshape(product, (rows, steps, 4 ** (i + 1)))
        return shares  # (batch, steps, 4^k)

    def compute_output_shape(self, ids_shape: Shape) -> Shape:
        rows, timesteps = ids_shape
        return (rows, None if timesteps is None else -(-timesteps // self.stride), 4**self.k)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"k": self.k, "stride": self.stride}


@keras.saving.register_keras_serializable(package="zoo")
class AminoAcidShares(keras.layers.Layer):
    """How much of each amino acid codons mean, by the standard genetic code.

    Codons that differ in letters alone, and mean the same, become the same.

    Call arguments:
        codons: (batch, timesteps, 64), as of `KmerShares` with k = 3.

    Returns:
        (batch, timesteps, 21), in the order of `zoo.genomics.alphabet.AMINO_ACIDS`.
    """

    def call(self, codons: Tensor) -> Tensor:
        return ops.matmul(codons, ops.convert_to_tensor(GENETIC_CODE, self.compute_dtype))

    def compute_output_shape(self, codons_shape: Shape) -> Shape:
        return (*codons_shape[:-1], GENETIC_CODE.shape[1])


@keras.saving.register_keras_serializable(package="zoo")
class BothStrands(keras.layers.Layer):
    """Sequences and, after them, their reverse complements, whose padding stays at the end.

    Call arguments:
        ids: (batch, timesteps), integers from 0 to 15, 0 being padding, after the last letter.

    Returns:
        (2 * batch, timesteps).
    """

    def call(self, ids: Tensor) -> Tensor:
        ids = ops.cast(ids, "int32")
        rows, timesteps = ops.shape(ids)
        complements = ops.take(ops.convert_to_tensor(COMPLEMENTS, "int32"), ids, axis=0)
        lengths = ops.sum(ops.cast(ids != 0, "int32"), axis=1, keepdims=True)
        steps = ops.arange(timesteps, dtype="int32")[None]
        # Before the end the letters backwards; after it any place that is padding: the same one.
        places = ops.where(steps < lengths, lengths - 1 - steps, steps)
        reverse = ops.take_along_axis(complements, places, axis=1)
        return ops.reshape(ops.concatenate([ids, reverse], axis=0), (2 * rows, timesteps))

    def compute_output_spec(self, ids: Tensor) -> keras.KerasTensor:
        rows, timesteps = ids.shape
        return keras.KerasTensor((None if rows is None else 2 * rows, timesteps), dtype="int32")


@keras.saving.register_keras_serializable(package="zoo")
class MeanOfReadings(keras.layers.Layer):
    """The mean of what a network says of several readings of the same, one after another.

    Args:
        readings: how many there are.

    Call arguments:
        values: (readings * batch, size), all first readings before all second ones.

    Returns:
        (batch, size).
    """

    def __init__(self, readings: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.readings = readings

    def call(self, values: Tensor) -> Tensor:
        rows, size = ops.shape(values)
        return ops.mean(ops.reshape(values, (self.readings, rows // self.readings, size)), axis=0)

    def compute_output_shape(self, values_shape: Shape) -> Shape:
        rows, size = values_shape
        return (None if rows is None else rows // self.readings, size)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"readings": self.readings}
