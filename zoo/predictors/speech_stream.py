"""Transcribing while the audio comes in: a step for a piece of it, and the state in between."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.errors import UserError
from zoo.layers.subsampling import subsampled
from zoo.networks.transcriber import stream_model
from zoo.predictors.graphs import for_keras, for_tensorflow, graph
from zoo.predictors.recordings import waveforms_of
from zoo.text.special_tokens import PADDING_ID

State = dict[str, tf.Tensor]


class StreamStep:
    """One step of a stream, as operations of TensorFlow where Keras runs on it.

    A piece has whole hops of samples, as many as `subsampling` divides unless it is the last. The
    states of a row are `history`, its last hop of samples; `frames` so far; the `sums` of the
    normalisation; the `last` symbol; and those of the recurrence, `state_0`, ... All are 0 at
    first.

    Raises:
        UserError: the model reads in both directions, or needs the whole of a recording.
    """

    def __init__(self, recognizer: Any):
        if not recognizer.streams:
            raise UserError(
                "this model needs the end of a recording before it begins: train one with "
                "--no-bidirectional to stream"
            )
        self.recognizer = recognizer
        self._model = stream_model(recognizer.model)
        sizes = recognizer.model.get_layer("recurrence").state_sizes
        self.sizes = [*map(int, sizes)]

    def specs(self) -> dict[str, tf.TensorSpec]:
        """The states as they are handed in and out, by name."""
        features, normalization = self.recognizer.features, self.recognizer.normalization
        shapes: dict[str, tuple[Any, tuple[int, ...]]] = {
            "history": (tf.float32, (features.hop,)),
            "frames": (tf.int32, ()),
            "sums": (tf.float32, (2 * len(normalization.mean) + 1,)),
            "last": (tf.int32, ()),
        }
        shapes |= {f"state_{i}": (tf.float32, (size,)) for i, size in enumerate(self.sizes)}
        return {
            name: tf.TensorSpec((None, *shape), dtype, name)
            for name, (dtype, shape) in shapes.items()
        }

    def start(self, rows: int = 1) -> State:
        """The states before anything is said."""
        return {
            name: tf.zeros((rows, *spec.shape[1:]), spec.dtype)
            for name, spec in self.specs().items()
        }

    def __call__(
        self, audio: tf.Tensor, length: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, State]:
        """The ids of what is said in a piece, and the states after it.

        Args:
            audio: (batch, samples) float32, a multiple of hop, padded with anything.
            length: (batch,) int32, the samples of each row that count, whole hops; 0 where there
                is nothing new.
            state: what `start` or the last call returned.

        Returns:
            (batch, steps) int32, 0 where nothing begins; and the states.
        """
        recognizer = self.recognizer
        hop, factor = recognizer.features.hop, recognizer.subsampling
        before = tf.where(state["frames"][:, None] == 0, _mirrored(audio, hop), state["history"])
        samples = tf.concat([before, audio], axis=1)
        features = recognizer.features.of_frames(tf.signal.frame(samples, 2 * hop, hop))
        frames = length // hop
        features, sums = recognizer.normalization.running(features, frames, state["sums"])
        features = tf.ensure_shape(features, [None, None, recognizer.features.size])
        mask = tf.sequence_mask(frames, tf.shape(features)[1], tf.int32)
        inputs = {"features": for_keras(features), "mask": for_keras(mask)}
        inputs |= {f"state_{i}": for_keras(state[f"state_{i}"]) for i in range(len(self.sizes))}
        found = {n: for_tensorflow(v) for n, v in self._model(inputs, training=False).items()}
        steps = subsampled(mask, factor) > 0
        path = tf.argmax(found.pop("logits"), axis=-1, output_type=tf.int32)
        earlier = tf.concat([state["last"][:, None], path[:, :-1]], axis=1)
        labels = tf.where(steps & (path != earlier), path, PADDING_ID)
        count = tf.reduce_sum(tf.cast(steps, tf.int32), axis=1)
        symbols = tf.concat([state["last"][:, None], path], axis=1)
        places = tf.range(hop) + length[:, None]
        new = {
            "history": tf.gather(samples, places, batch_dims=1),
            "frames": state["frames"] + frames,
            "sums": sums,
            "last": tf.gather(symbols, count, batch_dims=1),
        }
        return labels, new | found


def _mirrored(audio: tf.Tensor, hop: int) -> tf.Tensor:
    """What stands before the first sample, (batch, hop): what is after it, backwards.

    The hop-th sample from there has no weight in a frame, so that another may take its place.
    """
    first = audio[:, 1:hop]
    return tf.concat([first[:, -1:], first[:, ::-1]], axis=1)


class SpeechStream:
    """A recording that is still being made: text as samples come, by the most probable path.

    The text of all pieces is what `predict(..., beams=1)` makes of the whole.

    Args:
        recognizer: a `SpeechRecognizer` of one direction.
    """

    def __init__(self, recognizer: Any):
        self._recognizer = recognizer
        step = StreamStep(recognizer)
        self._step, self._state = graph(step.__call__), step.start()
        self._hop = recognizer.features.hop
        self._unread = np.zeros(0, "float32")
        self._tail = np.zeros(0, "float32")  # what was read last, to be mirrored at the end

    def feed(self, samples: np.ndarray) -> str:
        """What is said in a piece of any length, as far as it can be told yet.

        A TypeError says that it is no waveform: (samples,) float from -1 to 1, or int16.
        """
        (samples,) = waveforms_of([samples], self._recognizer.features.rate)
        self._unread = np.concatenate([self._unread, samples])
        step = self._hop * self._recognizer.subsampling
        whole = len(self._unread) // step * step
        return self._read(whole)

    def finish(self) -> str:
        """The rest of the text; the stream is over."""
        rest = len(self._unread) // self._hop * self._hop
        # One frame more lies around the end, and sees what is before it backwards.
        every = np.concatenate([self._tail, self._unread])
        if not len(every):
            return ""
        missing = self._hop - (len(self._unread) - rest)
        last = len(every) - 1
        # Back and forth, as `Features` has it, where there is less than a hop.
        places = np.arange(len(every), len(every) + missing) % max(2 * last, 1)
        mirrored = every[last - np.abs(places - last)]
        self._unread = np.concatenate([self._unread, mirrored])
        return self._read(len(self._unread))

    def _read(self, samples: int) -> str:
        if not samples:
            return ""
        piece, self._unread = self._unread[:samples], self._unread[samples:]
        self._tail = np.concatenate([self._tail, piece])[-2 * self._hop :]
        audio, length = tf.constant(piece[None]), tf.constant([samples], tf.int32)
        labels, self._state = self._step(audio, length, self._state)
        return self._recognizer.tokenizer.join(labels).numpy()[0].decode()
