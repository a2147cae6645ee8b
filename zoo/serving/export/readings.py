"""What the network of each kind of predictor reads in a file for ONNX or LiteRT."""

import abc
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.networks.clips import CLIP, MASK
from zoo.predictors.dna_classifier import DnaClassifier
from zoo.predictors.text_classifier import TextClassifier
from zoo.predictors.video_classifier import VideoClassifier
from zoo.text.special_tokens import PADDING_ID

Converted = TextClassifier | DnaClassifier | VideoClassifier  # a label for each input
LENGTHS = (1, 2, 7, 30)  # timesteps of the batches that are compared


class Reading(abc.ABC):
    """The inputs of a file, all of them (batch, timesteps, ...)."""

    @abc.abstractmethod
    def specs(self, batch: int | None) -> list[tf.TensorSpec]:
        """Each with its name."""

    @abc.abstractmethod
    def given(self, *inputs: tf.Tensor) -> Any:
        """What the Keras model reads of them."""

    @abc.abstractmethod
    def examples(self, batches: Sequence[int]) -> Iterator[tuple[np.ndarray, ...]]:
        """Batches of these sizes, at several lengths, padded and not."""


class Ids(Reading):
    """`token_ids`, int32, with 0 as padding on the right."""

    def __init__(self, predictor: TextClassifier | DnaClassifier):
        self.number_of_ids = predictor.number_of_ids

    def specs(self, batch: int | None) -> list[tf.TensorSpec]:
        return [tf.TensorSpec((batch, None), tf.int32, "token_ids")]

    def given(self, *inputs: tf.Tensor) -> tf.Tensor:
        (ids,) = inputs
        # Engines count negative ids from the end, and refuse those that are too large.
        return tf.where(ids < 0, self.number_of_ids, ids)

    def examples(self, batches: Sequence[int]) -> Iterator[tuple[np.ndarray, ...]]:
        generator = np.random.default_rng(0)
        for batch in batches:
            for timesteps in LENGTHS:
                ids = generator.integers(1, self.number_of_ids, (batch, timesteps), dtype="int32")
                yield (ids,)
                lengths = generator.integers(0, timesteps, (batch, 1), endpoint=True)
                yield (np.where(np.arange(timesteps) < lengths, ids, np.int32(PADDING_ID)),)


class Clips(Reading):
    """`clip`, float32, and `mask`, int32, 1 for each frame that counts."""

    def __init__(self, predictor: VideoClassifier):
        self.shape = tuple(predictor.model.input[CLIP].shape[2:])

    def specs(self, batch: int | None) -> list[tf.TensorSpec]:
        return [
            tf.TensorSpec((batch, None, *self.shape), tf.float32, CLIP),
            tf.TensorSpec((batch, None), tf.int32, MASK),
        ]

    def given(self, *inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(zip((CLIP, MASK), inputs, strict=True))

    def examples(self, batches: Sequence[int]) -> Iterator[tuple[np.ndarray, ...]]:
        generator = np.random.default_rng(0)
        brightest = 255 if len(self.shape) > 1 else 1
        for batch in batches:
            for timesteps in LENGTHS:
                clip = generator.uniform(0, brightest, (batch, timesteps, *self.shape))
                for least in (timesteps, 0):
                    lengths = generator.integers(least, timesteps, (batch, 1), endpoint=True)
                    mask = np.arange(timesteps) < lengths
                    yield clip.astype("float32"), mask.astype("int32")


def reading_of(predictor: Converted) -> Reading:
    """That of a predictor."""
    return Clips(predictor) if isinstance(predictor, VideoClassifier) else Ids(predictor)
