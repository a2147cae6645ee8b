"""Intervals between notes: what the next note of a voice is judged by, beside its name."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.cells.typing import Tensor
from zoo.music.chords import FIRST_KEY_ID
from zoo.networks.chord_rules import KEYS, keys_of

WIDEST = 36  # semitones; wider intervals count as so wide
_WIDTH = 2 * WIDEST + 1
_CLASSES = 12  # of intervals, octaves being taken off
_DIRECTIONS = 3  # down, none, up
_GAIN = 10.0  # of the table: what never happens shall be told in as few updates as the rest


@keras.saving.register_keras_serializable(package="zoo")
class Intervals(keras.layers.Layer):
    """Vectors of the intervals between notes, which a transposition of both does not change.

    Args:
        dim: size of the vector of an interval.

    Call arguments:
        lower, upper: lists of n tensors (...) of symbols of `zoo.music.chords`.

    Returns:
        (..., n * dim), the vectors of the semitones from each of `lower` to its partner of `upper`,
        at most `WIDEST` up or down, or of there being none, where one of the two is silent.
    """

    def __init__(self, dim: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.dim = dim
        self._vectors = keras.layers.Embedding(_WIDTH + 1, dim, dtype=self.dtype_policy)

    def build(self, lower_shape: Any, upper_shape: Any = None) -> None:
        self._vectors.build(None)
        self.built = True

    def call(self, lower: Sequence[Tensor], upper: Sequence[Tensor]) -> Tensor:
        pairs = [keys_of(ops.stack(symbols, axis=-1)) for symbols in (lower, upper)]
        wide = ops.clip(pairs[1] - pairs[0], -WIDEST, WIDEST) + WIDEST + 1
        known = ops.logical_and(pairs[0] >= 0, pairs[1] >= 0)
        vectors = self._vectors(ops.where(known, wide, 0))  # (..., n, dim)
        return ops.reshape(vectors, (*ops.shape(lower[0]), len(lower) * self.dim))

    def compute_output_shape(self, lower_shape: Any, upper_shape: Any = None) -> tuple:
        return (*lower_shape[0], len(lower_shape) * self.dim)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"dim": self.dim}


@keras.saving.register_keras_serializable(package="zoo")
class VoiceLeading(keras.layers.Layer):
    """Adds to a voice's logits what its step says, and its intervals to the voices above.

    To the logit of voice v's going on to the key p are added

        s_{p - y_v<t-1>} + Σ_{u < v} (h^u_{p - y_u<t>} + T^u[i_u<t-1>, m_u, i_u(p), m_v(p)])

    and one term more if it is held. s, h and that term are affine functions of a hidden layer:
    how the voice steps, and how it sounds with voice u, whatever the key of the piece. T is the
    table that a textbook of counterpoint describes: which interval may follow which, octaves taken
    off (i), and in what motion, each voice going down, up or staying (m). By it the model knows
    parallel fifths and octaves wherever they lie. What is silent adds nothing. T is ten times a
    weight, so that Adam, whose steps are alike, reaches its large negative entries.

    Args:
        ranked: see `zoo.music.chords.ChordEncoder`.
        voices: number of voices above.

    Call arguments:
        logits: (..., symbols), those of the voice.
        hidden: (..., units).
        before: (...) integers, the symbol of this voice in the chord before.
        past: list of (...) integers, the symbols of the voices above in the chord before.
        above: list of (...) integers, the symbols of the voices above, the highest first.

    Returns:
        (..., symbols) float32.
    """

    def __init__(self, ranked: bool, voices: int, **kwargs: Any):
        super().__init__(**kwargs, dtype="float32")
        self.ranked = ranked
        self.voices = voices

    def build(self, logits_shape: Any, hidden_shape: Any, *_: Any, **__: Any) -> None:
        voices, units = self.voices, hidden_shape[-1]
        columns = (1 + voices) * _WIDTH + 1
        self.kernel = self.add_weight(shape=(units, columns), name="kernel")
        self.bias = self.add_weight(shape=(columns,), initializer="zeros", name="bias")
        if voices:
            rows = voices * (_CLASSES + 1) * _DIRECTIONS
            shape = (rows, _CLASSES * _DIRECTIONS)
            self.table = self.add_weight(shape=shape, initializer="zeros", name="table")
        self.built = True

    def call(
        self,
        logits: Tensor,
        hidden: Tensor,
        before: Tensor,
        past: Sequence[Tensor],
        above: Sequence[Tensor],
    ) -> Tensor:
        scores = ops.matmul(hidden, self.kernel) + self.bias
        held, leading = scores[..., :1], ops.shape(scores)[:-1]
        scores = ops.reshape(scores[..., 1:], (*leading, 1 + len(above), _WIDTH))
        own = keys_of(before)[..., None]  # (..., 1)
        notes = ops.concatenate([own, *[keys_of(symbols)[..., None] for symbols in above]], axis=-1)
        keys = np.arange(KEYS, dtype="int32")
        apart = keys - notes[..., None]  # (..., 1 + above, keys)
        places = ops.clip(apart, -WIDEST, WIDEST) + WIDEST
        terms = _picked(scores, places)
        terms = ops.sum(ops.where(notes[..., None] >= 0, terms, 0.0), axis=-2)
        if above:
            terms = terms + self._of_motion(own, notes[..., 1:], past, apart[..., 1:, :])
        nothing = ops.zeros_like(logits[..., :FIRST_KEY_ID])
        of_keys = [terms] if self.ranked else [terms, terms + held]
        return logits + ops.concatenate([nothing, *of_keys], axis=-1)

    def _of_motion(
        self, own: Tensor, notes: Tensor, past: Sequence[Tensor], apart: Tensor
    ) -> Tensor:
        """Σ_u T^u, (..., keys), of the key before, (..., 1), and the keys above, (..., above)."""
        old = keys_of(ops.stack(past, axis=-1))
        known = ops.logical_and(old >= 0, own >= 0)
        classes = ops.where(known, ops.abs(old - own) % _CLASSES, _CLASSES)
        moved = ops.where(ops.logical_and(old >= 0, notes >= 0), ops.sign(notes - old), 0) + 1
        row = classes * _DIRECTIONS + moved
        row += np.arange(notes.shape[-1], dtype="int32") * (_CLASSES + 1) * _DIRECTIONS
        rows = ops.take(self.table, row, axis=0)  # (..., above, classes of p, directions of p)
        moves = ops.sign(np.arange(KEYS, dtype="int32") - own) + 1  # (..., keys)
        moves = ops.where(own >= 0, moves, 1)[..., None, :]
        column = ops.abs(apart) % _CLASSES * _DIRECTIONS + moves
        terms = _GAIN * _picked(rows, column)
        return ops.sum(ops.where(notes[..., None] >= 0, terms, 0.0), axis=-2)

    def compute_output_shape(self, logits_shape: tuple, *_: Any, **__: Any) -> tuple:
        return logits_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {"ranked": self.ranked, "voices": self.voices}
        del config["dtype"]
        return config


def _picked(values: Tensor, places: Tensor) -> Tensor:
    """Values (..., n) at places (..., k): as `take_along_axis`, with fewer operations."""
    rows = ops.reshape(places, (-1, places.shape[-1]))
    rows += ops.arange(ops.shape(rows)[0], dtype="int32")[:, None] * values.shape[-1]
    return ops.reshape(ops.take(ops.reshape(values, (-1,)), rows), ops.shape(places))
