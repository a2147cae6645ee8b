"""The graph of an ONNX file that hears: from waveforms to the probabilities of letters."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from zoo.errors import UserError
from zoo.layers.subsampling import subsampled
from zoo.predictors.speech_heads import CTCHead
from zoo.predictors.speech_recognizer import SpeechRecognizer
from zoo.serving.export.network import Arrays, FileNetwork, for_conversion

AUDIO, LENGTH, PROBABILITIES, STEPS = "audio", "length", "probabilities", "steps"


class SpeechNetwork(FileNetwork):
    """Waveforms to the probability of each symbol, features and normalisation included, in float32.

    The Fourier transform is a product of matrices, for ONNX has none that every engine knows.

    Args:
        recognizer: one of CTC.
        batch: number of rows, None for any.

    Raises:
        UserError: the letters come of a decoder, whose loop is not written here.
    """

    # The logarithm of a faint sound tells one Fourier transform from another.
    tolerance = 5e-4

    def __init__(self, recognizer: SpeechRecognizer, batch: int | None = None):
        super().__init__()
        self.dimensions = {
            AUDIO: ("batch", "samples"),
            LENGTH: ("batch",),
            PROBABILITIES: ("batch", "steps", "symbols"),
            STEPS: ("batch",),
        }
        if not isinstance(recognizer.head, CTCHead):
            raise UserError(
                "this format is written for recognisers of CTC only: export it as a saved_model"
            )
        self.rate = recognizer.features.rate
        model = for_conversion(recognizer.model)
        self.weights = [variable.value for variable in model.variables]
        features = dataclasses.replace(recognizer.features, dft="matrix")
        normalization, factor = recognizer.normalization, recognizer.subsampling
        signature = [
            tf.TensorSpec((batch, None), tf.float32, AUDIO),
            tf.TensorSpec((batch,), tf.int32, LENGTH),
        ]

        @tf.function(input_signature=signature, autograph=False)
        def function(audio: tf.Tensor, length: tf.Tensor) -> dict[str, tf.Tensor]:
            frames = features.frames(length)
            found = normalization(features(audio, length), frames)
            found = tf.ensure_shape(found, [batch, None, features.size])
            mask = tf.sequence_mask(frames, tf.shape(found)[1], tf.int32)
            logits = model({"features": found, "mask": mask}, training=False)
            steps = tf.reduce_sum(subsampled(mask, factor), axis=1)
            return {PROBABILITIES: tf.nn.softmax(logits), STEPS: steps}

        self.function = function

    def examples(self, batches: Sequence[int]) -> Iterator[Arrays]:
        """Noise that swells, of several lengths, rows shorter than the longest too."""
        generator = np.random.default_rng(0)
        for batch in batches:
            for seconds in (0.06, 0.5, 1.3):
                samples = int(seconds * self.rate)
                swell = np.linspace(0.01, 0.5, samples)
                audio = swell * generator.uniform(-1, 1, (batch, samples))
                length = np.full(batch, samples, "int32")
                yield {AUDIO: audio.astype("float32"), LENGTH: length}
                length = generator.integers(1, samples, batch, endpoint=True)
                yield {AUDIO: audio.astype("float32"), LENGTH: length.astype("int32")}
