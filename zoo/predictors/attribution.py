"""Which words of a text, and which letters of a sequence, speak for a label."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo import genomics
from zoo.cells.typing import Tensor
from zoo.errors import UserError
from zoo.genomics.alphabet import ONE_HOT
from zoo.networks.nucleotides import LAYER
from zoo.predictors.base import batches_by_length
from zoo.predictors.dna_classifier import DnaClassifier
from zoo.predictors.text_classifier import TextClassifier

LONGEST = 500  # letters: each is changed to three others, and each change is read as a whole
_MOST_STEPS = 2**15  # of a batch


@dataclass(frozen=True)
class Attribution:
    """How much each letter of a sequence speaks for a label, or, below 0, against it.

    What is measured is the logit of the label less the mean of all logits, of two labels half the
    logit of the one against the other.

    Args:
        sequence: in the letters of `zoo.genomics`.
        label: what the letters speak for.
        gradient: (timesteps,) float32, gradient times input: the gradient by the shares of A, C, G
            and T at a place, less its mean over the four, times the shares there (the correction of
            Majdandzic et al. 2023, "Correcting gradient-based interpretations of deep neural
            networks for genomics"). It is of small changes: where a network is certain, it can be
            near 0.
        mutation: (timesteps, 4) float32, in-silico mutation: by how much the logit changes if the
            letter is A, C, G or T.
    """

    sequence: str
    label: str
    gradient: np.ndarray
    mutation: np.ndarray

    @property
    def importance(self) -> np.ndarray:
        """By how much the letter is better than the mean of the four bases: (timesteps,)."""
        return -self.mutation.mean(axis=1)


@dataclass(frozen=True)
class WordAttribution:
    """How much each word of a text speaks for a label, or, below 0, against it.

    Args:
        tokens: those that the network reads, without `<EOS>`.
        label: what the words speak for.
        gradient: (tokens,) float32, gradient times input: the gradient of the logit of the label,
            less the mean of all logits, by the vector of the word, times that vector.
    """

    tokens: tuple[str, ...]
    label: str
    gradient: np.ndarray


def word_attributions(
    predictor: TextClassifier, texts: Iterable[str], labels: Sequence[str] | None = None
) -> list[WordAttribution]:
    """The attributions of some texts, in their order; arguments and errors as of `attributions`."""
    items = predictor._checked(texts)
    found = []
    for item, label in zip(items, _labels(predictor, items, labels), strict=True):
        tokens = predictor.tokenizer.tokenize([item])[0].numpy()[:-1]
        ids, index = predictor.tokenizer([item]), predictor.label_names.index(label)
        matrix = predictor.model.get_layer("embedding").embeddings
        with tf.GradientTape() as tape:
            score = _scores(predictor.model(ids, training=False), index)
        rows = tape.gradient(score, matrix.value)  # one for each place, in the order of the text
        vectors = tf.gather(matrix.value, rows.indices)
        values = tf.reduce_sum(tf.cast(rows.values * vectors, "float32"), axis=-1).numpy()
        words = tuple(token.decode() for token in tokens)
        found.append(WordAttribution(words, label, values[: len(words)]))
    return found


def _labels(predictor: Any, items: list[Any], labels: Sequence[str] | None) -> Sequence[str]:
    """What shall be explained of each item: the labels given, or those that are predicted."""
    if keras.backend.backend() != "tensorflow":
        raise UserError("attributions need the TensorFlow backend: unset KERAS_BACKEND")
    if labels is None:
        labels = [one["label"] for one in predictor._predicted(items)]
    if unknown := sorted({*labels} - {*predictor.label_names}):
        raise UserError(f"'{unknown[0]}' is no label: one of {', '.join(predictor.label_names)}")
    return labels


def attributions(
    predictor: DnaClassifier, sequences: Iterable[str], labels: Sequence[str] | None = None
) -> list[Attribution]:
    """The attributions of some sequences, in their order.

    Args:
        predictor: whose answers they explain.
        sequences: as for `predict`, of at most 500 letters.
        labels: what the letters shall speak for; by default what the predictor says.

    Raises:
        UserError: a sequence is too long or none, a label is unknown, or Keras is not on
            TensorFlow, by whose tape the gradient is taken.
    """
    items = predictor._checked(sequences)
    for i, item in enumerate(items):
        if len(item) > LONGEST:
            raise UserError(
                f"item {i} has {len(item):,} letters, and attributions are of {LONGEST} at most: "
                "cut out what matters"
            )
    found = zip(items, _labels(predictor, items, labels), strict=True)
    return [_attribution(predictor, item, label) for item, label in found]


def _attribution(predictor: DnaClassifier, sequence: str, label: str) -> Attribution:
    ids, index = genomics.ids(sequence), predictor.label_names.index(label)
    gradient = _gradient(predictor.model, ids, index)  # (timesteps, 4)
    gradient = gradient - gradient.mean(axis=1, keepdims=True)
    mutants = np.repeat(ids[None], 4 * len(ids), axis=0)
    mutants[range(len(mutants)), np.repeat(np.arange(len(ids)), 4)] = np.tile(
        [1, 2, 3, 4], len(ids)
    )
    rows = np.concatenate([ids[None], mutants])
    scores = np.zeros(len(rows), "float32")
    for batch in batches_by_length([len(ids)] * len(rows), len(rows), _MOST_STEPS):
        logits = predictor.model(tf.constant(rows[batch]), training=False)
        scores[batch] = ops.convert_to_numpy(_scores(logits, index))
    return Attribution(
        sequence,
        label,
        (gradient * ONE_HOT[ids]).sum(axis=1).astype("float32"),
        (scores[1:] - scores[0]).reshape(-1, 4),
    )


def _gradient(model: keras.Model, ids: np.ndarray, index: int) -> np.ndarray:
    """Of the score by the shares of A, C, G and T at each place: (timesteps, 4)."""
    layer: Any = model.get_layer(LAYER)
    rows = 1 if not any(one.name == "both_strands" for one in model.layers) else 2
    offset = tf.zeros((rows, len(ids), 4), layer.compute_dtype)
    with tf.GradientTape() as tape:
        tape.watch(offset)
        layer.offset = offset
        try:
            score = _scores(model(tf.constant(ids[None]), training=False), index)
        finally:
            layer.offset = None
    found = tf.cast(tape.gradient(score, offset), "float32").numpy()
    # Of the other strand, T stands where A is on this one, and the last place is the first.
    return found[0] + sum(other[::-1, ::-1] for other in found[1:])


def _scores(logits: Tensor, index: int) -> Tensor:
    """The logit of a label less the mean of all: (batch,)."""
    if logits.shape[-1] == 1:  # that of the second of two labels; that of the first is 0
        return (index - 0.5) * logits[:, 0]
    return logits[:, index] - ops.mean(logits, axis=-1)
