"""One label for each sequence of nucleotides."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from zoo import evaluation, genomics
from zoo.datasets.batches.by_length import BucketedBatches
from zoo.datasets.batches.mapped import MappedBatches
from zoo.errors import UserError
from zoo.genomics.alphabet import BASES, ONE_HOT
from zoo.predictors.base import list_of
from zoo.predictors.classifier import Classifier
from zoo.predictors.endpoints import Arrays, Endpoint, request, require_short
from zoo.predictors.graphs import padded_rows, with_a_step
from zoo.text.normalization import normalize

_AMBIGUOUS = 5  # the first id of a letter that is no base
_CODON = 3  # letters
EXAMPLE = "CCAGCTGCATCACAGGAGGCCAGCGAGCAGGTCTGTTCCAAGGGCCTTCGAGCCAGTCTG"
_WARM_UP = (
    [EXAMPLE],
    ["a", "acguNRYSWKMBDHVn", " A C-G.T\n"],
    ["GATTACA" * 50] * 8,
)
# By byte: the id of the letter; only what an endpoint has put into capitals of DNA gets here.
_IDS = np.zeros(256, "int32")
_IDS[[*map(ord, genomics.LETTERS)]] = range(1, len(genomics.LETTERS) + 1)


class DnaClassifier(Classifier):
    """A many-to-one network that reads nucleotides, with its labels.

    Sequences are strings in the letters of IUPAC, DNA or RNA, in any case, with gaps or without:
    see `zoo.genomics.normalized`. A longer one than `longest` is refused.

    Args:
        model: `keras.Model`, int32 ids (batch, timesteps) as of `zoo.genomics.ids`, with 0 as
            padding -> logits, (batch, 1) for two labels or (batch, labels). Its encoder is
            `zoo.networks.Nucleotides`.
        label_names: the labels in the order of the classes.
        lengths: the shortest and the longest of the training data, in letters. Others are not
            familiar.

    Raises:
        ValueError: the model has another number of classes than there are labels.
    """

    kind = "dna_classifier"
    most_together = 2**17

    def __init__(
        self, model: keras.Model, label_names: Sequence[str], lengths: Sequence[int] | None = None
    ):
        super().__init__(model, label_names)
        self.lengths = None if lengths is None else (int(lengths[0]), int(lengths[1]))

    @property
    def number_of_ids(self) -> int:
        """Ids that the network knows, that of padding included."""
        return len(ONE_HOT)

    def predict_records(
        self, records: Iterable[genomics.Record], batch_size: int = 64
    ) -> list[dict[str, Any]]:
        """As `predict`, of the records of a file (`zoo.genomics.read`), each with its `name`."""
        records = list(records)
        items = [self.checked(one.sequence, f"the record '{one.name}'") for one in records]
        found = self._predicted(items, batch_size)
        return [{"name": r.name, **p} for r, p in zip(records, found, strict=True)]

    def batches(
        self,
        sequences: Sequence[str],
        labels: np.ndarray,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        max_length: int | None = None,
        shortest_part: float = 1.0,
    ) -> BucketedBatches | MappedBatches:
        """Batches of sequences and the indices of their labels.

        Sequences are `zoo.genomics.normalized`; of those of more than `max_length` letters the
        beginning is read. With a `shortest_part` below 1 a fragment of each sequence is read, each
        time another one, of that part of its letters up to all of them: see `fragments`.
        """
        if shortest_part == 1:
            ids = [genomics.ids(sequence[:max_length]) for sequence in sequences]
            return BucketedBatches(ids, labels, batch_size=batch_size, shuffle=shuffle, seed=seed)
        ids = [genomics.ids(sequence) for sequence in sequences]
        whole = BucketedBatches(ids, labels, batch_size=batch_size, shuffle=shuffle, seed=seed)

        def cut(seed: tf.Tensor, ids: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return fragments(ids, seed, shortest_part, max_length), labels

        return MappedBatches(whole, cut, seed)

    def _checked(self, inputs: Iterable[str]) -> list[str]:
        return [self.checked(text, f"item {i}") for i, text in enumerate(list_of(inputs))]

    @classmethod
    def checked(cls, sequence: str, name: str) -> str:
        """A sequence as the network reads it; a UserError, if it is none, begins with the name."""
        if len(sequence) > cls.longest:
            raise UserError(
                f"{name} has {len(sequence):,} characters, and {cls.longest:,} are the most: cut "
                "it into parts"
            )
        return genomics.normalized(normalize(sequence), name)

    def _encoded(self, items: list[str]) -> tuple[tf.Tensor, np.ndarray]:
        """The ids, and the share of letters of each sequence that are no single base."""
        lengths = [*map(len, items)]
        ids = padded_rows(genomics.ids("".join(items)), lengths)
        unknown = (ids >= _AMBIGUOUS).sum(axis=1) / lengths
        return tf.constant(ids), unknown

    def _inputs_of(self, examples: Any) -> list[str]:
        return examples.sequences

    def _is_familiar(self, item: str, unknown: float) -> bool:
        least, most = self.lengths or (0, len(item))
        return least <= len(item) <= most and super()._is_familiar(item, unknown)

    def calibrate(self, train: Any, validation: Any) -> None:
        lengths = [len(sequence) for sequence in train.sequences]
        self.lengths = (min(lengths), max(lengths))
        super().calibrate(train, validation)

    def _measured(self, probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
        """With the areas under the curves of each label, by its name."""
        ranks = evaluation.classification.ranking_metrics(labels, probabilities)
        per_label = dict(zip(self.label_names, ranks.pop("per_label"), strict=True))
        return super()._measured(probabilities, labels) | ranks | {"per_label": per_label}

    def endpoints(self) -> tuple[Endpoint, ...]:
        """What a served model answers to: sequences."""

        def expected(inputs: Arrays) -> Arrays:
            texts = self._checked(text.decode() for text in inputs["sequence"])
            return self._expected(self._encoded([text])[0] for text in texts)

        inputs = (tf.TensorSpec([None], tf.string, "sequence"),)
        examples = [request(sequence=texts) for texts in _WARM_UP]
        return (Endpoint("serving_default", inputs, self._answer_sequences, examples, expected),)

    def _answer_sequences(self, sequence: tf.Tensor) -> dict[str, tf.Tensor]:
        require_short(sequence, self.longest)
        return self._answer(with_a_step(ids_of(sequence)))

    def save_assets(self, folder: Path) -> dict[str, Any]:
        return {"labels": list(self.label_names), "lengths": self.lengths}

    @classmethod
    def load_assets(cls, folder: Path, config: dict[str, Any], model: keras.Model) -> Self:
        return cls(model, config["labels"], config["lengths"])


def ids_of(sequences: tf.Tensor) -> tf.Tensor:
    """What `zoo.genomics` makes of strings, by stock operations of TensorFlow.

    They become capitals, U becomes T, gaps and white space are left out; what then has another
    letter, or none, fails the request.

    Args:
        sequences: (batch,) strings.

    Returns:
        (batch, timesteps) int32, from 1 to 15, with 0 as padding.
    """
    letters = tf.strings.regex_replace(tf.strings.upper(sequences), r"[-.\s\v]+", "")
    letters = tf.strings.regex_replace(letters, "U", "T")
    known = tf.strings.regex_full_match(letters, f"[{''.join(BASES)}]+")
    message = "sequence: give nucleotides, at least one, in the letters of IUPAC"
    tf.debugging.assert_equal(tf.reduce_all(known), True, message)
    characters = tf.strings.bytes_split(letters)  # (batch, None)
    codes = tf.reshape(tf.io.decode_raw(characters.flat_values, tf.uint8), [-1])
    ids = tf.gather(tf.constant(_IDS), tf.cast(codes, tf.int32))
    return characters.with_flat_values(ids).to_tensor()


def fragments(
    ids: tf.Tensor, seed: tf.Tensor, shortest_part: float, max_length: int | None = None
) -> tf.Tensor:
    """A run of letters of each sequence, drawn by chance.

    Its length is a part of that of the sequence, drawn evenly from `shortest_part` to 1, but one
    codon at least; its beginning is any that is a multiple of three letters away from that of the
    sequence, so that codons stay codons.

    Args:
        ids: (batch, timesteps) int32, with 0 as padding.
        seed: (2,) integers.
        shortest_part: above 0, at most 1.
        max_length: the most letters of a fragment; None for any number.

    Returns:
        (batch, length of the longest fragment) int32, with 0 as padding.
    """
    lengths = tf.math.count_nonzero(ids, axis=1, dtype=tf.int32)
    parts, places = tf.unstack(tf.random.stateless_uniform([2, tf.shape(ids)[0]], seed))
    wanted = (shortest_part + (1 - shortest_part) * parts) * tf.cast(lengths, tf.float32)
    taken = tf.minimum(tf.maximum(tf.cast(tf.round(wanted), tf.int32), _CODON), lengths)
    taken = taken if max_length is None else tf.minimum(taken, max_length)
    beginnings = (lengths - taken) // _CODON + 1  # how many there are
    first = _CODON * tf.cast(places * tf.cast(beginnings, tf.float32), tf.int32)
    places_of = tf.range(tf.reduce_max(taken))[None] + first[:, None]  # (batch, timesteps)
    found = tf.gather(ids, tf.minimum(places_of, tf.shape(ids)[1] - 1), batch_dims=1)
    return tf.where(tf.sequence_mask(taken), found, 0)
