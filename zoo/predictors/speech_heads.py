"""How texts come of the steps of speech: CTC, a decoder that attends to them, or a class."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo import generation
from zoo.cells.typing import Tensor
from zoo.datasets.batches.by_length import BucketedBatches
from zoo.errors import UserError
from zoo.layers.subsampling import subsampled
from zoo.networks.frames import LAYER
from zoo.networks.many_to_one import probabilities_of
from zoo.predictors.graphs import for_keras, graph
from zoo.predictors.target_sequences import TargetSequences
from zoo.text.characters import CharacterTokenizer
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID
from zoo.text.tokenizer import append_end
from zoo.training import (
    CTC,
    BinarySequenceCrossentropy,
    LabelErrorRate,
    SequenceCrossentropy,
    ctc_loss,
)
from zoo.training.ctc import collapsed

_LEAST_TOKENS, _MOST_TOKENS = 8, 512  # of a transcription that a decoder writes
_LENGTH_PENALTY = 1.0
_SMALLEST = 1e-30  # probability
ERROR = "error"  # the share of letters, or of recordings, that are wrong as the network is trained

Inputs = Mapping[str, Any]


class Transcription(NamedTuple):
    """What a head finds for a row.

    Attributes:
        labels: (n_best, length) int32, padded with 0, the best first.
        log_probabilities: (n_best,) float32; -inf where there are fewer.
        spans: (letters, 2) integers, the first and the last step of each letter of the best.
    """

    labels: np.ndarray
    log_probabilities: np.ndarray
    spans: np.ndarray


class CTCHead:
    """Connectionist temporal classification: see `zoo.training.ctc`; the blank is padding.

    Args:
        model: of `zoo.networks.transcriber`.
        tokenizer: of the letters.
    """

    name = "ctc"

    def __init__(self, model: keras.Model, tokenizer: CharacterTokenizer):
        self._model, self._factor = model, model.get_layer(LAYER).factor
        self._tokenizer = tokenizer
        self.logits = graph(self.logits_of)
        self._best_path = graph(self._path)

    def compile(self, optimizer: keras.optimizers.Optimizer) -> None:
        # The loss has a kernel on the CPU alone, which XLA does not know.
        loss, metrics = CTC("mean_per_step"), [LabelErrorRate(ERROR)]
        self._model.compile(optimizer, loss, weighted_metrics=metrics, jit_compile=False)

    def bucketed(
        self, inputs: dict[str, Any], texts: Sequence[str], **options: Any
    ) -> BucketedBatches:
        return BucketedBatches(inputs, self._tokenizer.ragged(texts), aligned=False, **options)

    def batch(self, inputs: Inputs, labels: tf.Tensor) -> tuple:
        """A batch for training: the weights say which steps there are."""
        steps = tf.cast(subsampled(inputs["mask"], self._factor), tf.float32)
        return inputs, labels, steps

    def logits_of(self, features: Tensor, mask: Tensor) -> Tensor:
        return self._model({"features": features, "mask": mask}, training=False)

    def best(self, features: tf.Tensor, mask: tf.Tensor, beams: int) -> tuple[Any, Any]:
        """The labels, (batch, steps), and their log P, (batch,), as part of a graph."""
        logits = self.logits_of(features, mask)
        steps = tf.reduce_sum(subsampled(mask, self._factor), axis=1)
        if beams == 1:
            labels, lengths, _ = generation.ctc.greedy(logits, steps)
            return labels, -ctc_loss(logits, steps, labels, lengths)
        found = generation.ctc.prefix_beam_search(logits, steps, beams)
        return found.labels[:, 0], found.log_probabilities[:, 0]

    def transcribe(
        self,
        features: tf.Tensor,
        mask: tf.Tensor,
        beams: int,
        n_best: int,
        language_model: generation.ctc.LanguageModel | None = None,
        weight: float = 0.0,
    ) -> list[Transcription]:
        if beams == 1 and language_model is None:
            found = self._best_path(for_keras(features), for_keras(mask))
            return [*map(_collapsed, *map(ops.convert_to_numpy, found))]
        logits = self.logits(for_keras(features), for_keras(mask))
        steps = np.asarray(tf.reduce_sum(subsampled(mask, self._factor), axis=1))
        labels, _, totals, _ = generation.ctc.prefix_beam_search(
            logits, steps, beams, n_best, language_model, weight
        )
        labels, totals = map(ops.convert_to_numpy, (labels, totals))
        lengths = (labels[:, 0] != PADDING_ID).sum(axis=1)
        spans, _ = generation.ctc.alignments(logits, steps, labels[:, 0], lengths)
        return [
            Transcription(row, total, span[:length])
            for row, total, span, length in zip(labels, totals, spans, lengths, strict=True)
        ]

    def _path(self, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The most probable symbol of each step, 0 behind the end, and log P of its labels."""
        logits = self.logits_of(features, mask)
        inside = subsampled(mask, self._factor) > 0
        path = ops.where(inside, ops.argmax(logits, axis=-1), PADDING_ID)
        steps = ops.sum(ops.cast(inside, "int32"), axis=1)
        return path, -ctc_loss(logits, steps, *collapsed(path))

    def probabilities(self, features: tf.Tensor, mask: tf.Tensor) -> np.ndarray:
        """The probability of each symbol at each step, (batch, steps, symbols) float32."""
        logits = self.logits(for_keras(features), for_keras(mask))
        return ops.convert_to_numpy(ops.softmax(logits))


def _collapsed(path: np.ndarray, total: np.ndarray) -> Transcription:
    """A path, (steps,), without repeats and blanks, as `zoo.generation.ctc.greedy` has it."""
    starts = np.flatnonzero(np.diff(path, prepend=PADDING_ID) != 0)
    ends = np.append(starts[1:], len(path))[: len(starts)] - 1
    letters = path[starts] != PADDING_ID
    spans = np.stack([starts, ends], axis=1)[letters]
    return Transcription(path[starts[letters]][None], total[None], spans)


class AttentionHead:
    """A decoder that attends to the steps of the encoder and writes a letter at a time.

    Args:
        model: of `zoo.networks.encoder_decoder`, with `Frames` for a source.
        tokenizer: of the letters.
    """

    name = "attention"

    def __init__(self, model: keras.Model, tokenizer: CharacterTokenizer):
        self._model, self._factor = model, model.get_layer(LAYER).factor
        self._tokenizer = tokenizer
        self._sequences = TargetSequences(model)

    def compile(self, optimizer: keras.optimizers.Optimizer) -> None:
        loss = SequenceCrossentropy("mean_per_step")
        self._model.compile(optimizer, loss, weighted_metrics=[_step_errors()])

    def bucketed(
        self, inputs: dict[str, Any], texts: Sequence[str], **options: Any
    ) -> BucketedBatches:
        targets = append_end(self._tokenizer.ragged(texts))
        starts = tf.fill([targets.nrows(), 1], END_ID)
        inputs = {**inputs, "target_ids": tf.concat([starts, targets[:, :-1]], axis=1)}
        return BucketedBatches(inputs, targets, independent=("features", "mask"), **options)

    def batch(self, inputs: Inputs, labels: tf.Tensor, weights: tf.Tensor) -> tuple:
        return inputs, labels, weights

    def best(self, features: tf.Tensor, mask: tf.Tensor, beams: int) -> tuple[Any, Any]:
        found = self._sequences.beam_search(*self._arguments(features, mask, beams))
        return found.tokens[:, 0], found.log_probabilities[:, 0]

    def _arguments(self, features: Tensor, mask: Tensor, beams: int) -> tuple:
        steps = ops.sum(ops.cast(subsampled(mask, self._factor), "int32"), axis=1)
        limits = ops.clip(steps, _LEAST_TOKENS, _MOST_TOKENS)
        source = {"features": features, "mask": mask}
        return source, limits, _MOST_TOKENS, beams, _LENGTH_PENALTY, (PADDING_ID, UNKNOWN_ID)

    def transcribe(
        self, features: tf.Tensor, mask: tf.Tensor, beams: int, n_best: int
    ) -> list[Transcription]:
        arguments = self._arguments(for_keras(features), for_keras(mask), beams)
        found = self._sequences.search(*arguments)
        tokens, totals = (ops.convert_to_numpy(a)[:, :n_best] for a in found[:2])
        weights = ops.convert_to_numpy(
            self._sequences.align(arguments[0], ops.convert_to_tensor(tokens[:, 0]))
        )
        rows = []
        for row, total, looked in zip(tokens, totals, weights, strict=True):
            letters = np.isin(row[0], (PADDING_ID, END_ID), invert=True)
            places = looked[letters].argmax(axis=1)
            rows.append(Transcription(row, total, np.stack([places, places], axis=1)))
        return rows


def _step_errors() -> keras.metrics.Metric:
    """The share of steps whose most probable class is wrong."""

    def errors(y_true: Tensor, y_pred: Tensor) -> Tensor:
        if y_pred.shape[-1] == 1:  # the logit of the second class
            found = ops.cast(y_pred[..., 0] > 0, "int32")
        else:
            found = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        return ops.cast(found != ops.cast(y_true, "int32"), "float32")

    return keras.metrics.MeanMetricWrapper(errors, name=ERROR)


class LabelHead:
    """One of the texts of the training data for each recording: many-to-one.

    Args:
        model: of `zoo.networks.many_to_one`, with `Frames` for an encoder.
        tokenizer: of the letters.
        texts: that of each class.

    Raises:
        ValueError: the model has another number of classes.
    """

    name = "label"

    def __init__(self, model: keras.Model, tokenizer: CharacterTokenizer, texts: Sequence[str]):
        classes = max(2, model.output_shape[-1])
        if classes != len(texts):
            raise ValueError(f"{len(texts)} texts for a model of {classes} classes")
        self._model, self.texts = model, tuple(texts)
        self._letters = tokenizer.ragged(self.texts).to_tensor(PADDING_ID).numpy()
        self._log_p = graph(self._log_probabilities)

    def compile(self, optimizer: keras.optimizers.Optimizer) -> None:
        two = self._model.output_shape[-1] == 1
        loss = BinarySequenceCrossentropy() if two else SequenceCrossentropy()
        self._model.compile(optimizer, loss, metrics=[_step_errors()])

    def bucketed(
        self, inputs: dict[str, Any], texts: Sequence[str], **options: Any
    ) -> BucketedBatches:
        index = {text: i for i, text in enumerate(self.texts)}
        if unknown := sorted({*texts} - index.keys()):
            raise UserError(
                f"no training recording says '{unknown[0][:50]}': each text is a class of its own "
                "here, so give the others a --head of letters"
            )
        labels = np.array([index[text] for text in texts], "int32")
        return BucketedBatches(inputs, labels, **options)

    def batch(self, inputs: Inputs, labels: tf.Tensor) -> tuple:
        return inputs, labels

    def _log_probabilities(self, features: Tensor, mask: Tensor) -> Tensor:
        """Log P of each text, (batch, texts)."""
        logits = self._model({"features": features, "mask": mask}, training=False)
        return ops.log(ops.maximum(probabilities_of(logits), _SMALLEST))

    def best(self, features: tf.Tensor, mask: tf.Tensor, beams: int) -> tuple[Any, Any]:
        log_p = self._log_probabilities(features, mask)
        best = tf.argmax(log_p, axis=1)
        return tf.gather(self._letters, best), tf.reduce_max(log_p, axis=1)

    def transcribe(
        self, features: tf.Tensor, mask: tf.Tensor, beams: int, n_best: int
    ) -> list[Transcription]:
        log_p = ops.convert_to_numpy(self._log_p(for_keras(features), for_keras(mask)))
        rows = []
        for row, frames in zip(log_p, tf.reduce_sum(mask, axis=1).numpy(), strict=True):
            order = np.argsort(-row, kind="stable")[:n_best]
            labels = self._letters[order]
            whole = np.array([[0, max(frames - 1, 0)]] * len(labels[0]))  # it is said somewhere
            rows.append(Transcription(labels, row[order], whole))
        return rows


Head = CTCHead | AttentionHead | LabelHead


def head_of(
    model: keras.Model, tokenizer: CharacterTokenizer, texts: Sequence[str] | None = None
) -> Head:
    """The head that suits a network; `texts` are those of the classes, if it has such."""
    if texts is not None:
        return LabelHead(model, tokenizer, texts)
    kind = AttentionHead if "target_ids" in model.input else CTCHead
    return kind(model, tokenizer)
