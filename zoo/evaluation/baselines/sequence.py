"""Letters at their places, k-mers or amino acids: the baseline of sequences of nucleotides."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import confusion_matrix

from zoo import genomics
from zoo.evaluation.baselines.features import FeatureBaseline, vectorizer_of, word_arrays
from zoo.evaluation.baselines.models import KernelMachine, Regression, check_classes
from zoo.evaluation.classification import matthews_correlation

_LONGEST = 6  # letters of a k-mer
_REGULARISATION = 0.1  # the C of scikit-learn, of letters at places
_STRENGTH_OF_ACIDS = 10.0  # the same, of amino acids
_MACHINE = {"C": 10.0, "gamma": 0.02}  # of the support vector machine
_MOST_FOR_MACHINE = 5_000  # sequences: its time grows with their square


class SequenceBaseline(FeatureBaseline):
    """A simple model of what a sequence has where, or of what it has how often.

    "places": logistic regression on the shares of A, C, G and T at each place
    (`zoo.genomics.one_hot`), with C = 0.1, for windows that are cut around the same spot. Of a
    sequence of another length what is too much is cut off, and what is missing has no base.

    "machine": a support vector machine on the same shares, with an RBF kernel, C = 10 and
    gamma = 0.02.

    "k-mers": logistic regression on all runs of 1 to 6 letters, TF-IDF weighted with 1 + log of
    their counts, at scikit-learn's other defaults. Those of one training sequence only are left
    out, unless there are no more than 100.

    "amino-acids": the same on the runs of 2 and 3 amino acids of the sequences
    (`zoo.genomics.translated`), with C = 10, for those that are translated from their first letter
    on.

    Use `fit` or `load`.
    """

    @classmethod
    def fit(
        cls,
        sequences: Sequence[str],
        labels: np.ndarray,
        by: Literal["places", "machine", "k-mers", "amino-acids"] | None = None,
    ) -> "SequenceBaseline":
        """Fits the baseline.

        Args:
            sequences: they are `zoo.genomics.normalized`.
            labels: (sequences,) integers.
            by: what to go by. Of sequences of one length it is "machine", or "places" if there
                are more than 5,000; of others it is "k-mers".

        Raises:
            UserError: all labels are one.
        """
        check_classes(labels)
        lengths = {len(sequence) for sequence in sequences}
        if by is None and len(lengths) == 1:
            by = "machine" if len(sequences) <= _MOST_FOR_MACHINE else "places"
        if by in (None, "k-mers", "amino-acids"):
            made, strength = (_acids, _STRENGTH_OF_ACIDS) if by == "amino-acids" else (_kmers, 1.0)
            features: Any = made(min_df=2 if len(sequences) > 100 else 1)
            model: Any = Regression.fit(features.fit_transform(sequences), labels, C=strength)
            return cls(features, model)
        features = _Places(max(lengths))
        shares = features.transform(sequences)
        if by == "places":
            return cls(features, Regression.fit(shares, labels, C=_REGULARISATION))
        return cls(features, KernelMachine.fit(shares, labels, **_MACHINE))

    def evaluate(self, examples: Any) -> dict[str, float]:
        """The accuracy and Matthews' coefficient on `zoo.datasets.dna.LabelledSequences`."""
        predicted = self.predict(examples.sequences)
        known = np.union1d(examples.labels, predicted)
        return {
            "accuracy": float((predicted == examples.labels).mean()),
            "mcc": matthews_correlation(confusion_matrix(examples.labels, predicted, labels=known)),
        }

    def _arrays(self) -> dict[str, Any]:
        if isinstance(self._features, _Places):
            return {"length": self._features.length}
        acids = self._features.preprocessor is not None
        return word_arrays(self._features) | {"acids": acids}

    @classmethod
    def _features_of(cls, arrays: dict[str, np.ndarray]) -> Any:
        if "length" in arrays:
            return _Places(int(arrays["length"]))
        return vectorizer_of(arrays, _acids if arrays.get("acids") else _kmers)


class _Places:
    """The one-hot letters of the first `length` places, (sequences, 4 length) float32."""

    def __init__(self, length: int):
        self.length = length

    def transform(self, sequences: Sequence[str]) -> np.ndarray:
        ids = np.zeros((len(sequences), self.length), "int32")
        for row, sequence in zip(ids, sequences, strict=True):
            row[: len(sequence)] = genomics.ids(sequence[: self.length])
        return genomics.alphabet.ONE_HOT[ids].reshape(len(ids), -1)


def _kmers(**options: Any) -> TfidfVectorizer:
    shared = {"analyzer": "char", "lowercase": False, "sublinear_tf": True, "dtype": np.float32}
    return TfidfVectorizer(**{"ngram_range": (1, _LONGEST)} | shared | options)


def _acids(**options: Any) -> TfidfVectorizer:
    return _kmers(ngram_range=(2, 3), preprocessor=genomics.translated, **options)
