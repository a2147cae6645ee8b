"""Letters at their places, or k-mers: the baseline of sequences of nucleotides."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix

from zoo import genomics
from zoo.evaluation.baselines.linear import (
    LinearBaseline,
    check_classes,
    vectorizer_of,
    word_arrays,
)
from zoo.evaluation.classification import matthews_correlation

_LONGEST = 6  # letters of a k-mer
_REGULARISATION = 0.1  # the C of scikit-learn, of letters at places


class LinearSequenceBaseline(LinearBaseline):
    """Logistic regression on what a sequence has where, or on what it has how often.

    Places: the shares of A, C, G and T at each place (`zoo.genomics.one_hot`), with C = 0.1, for
    windows that are cut around the same spot. Of a sequence of another length what is too much is
    cut off, and what is missing has no base.

    k-mers: all runs of 1 to 6 letters, TF-IDF weighted with 1 + log of their counts, at
    scikit-learn's other defaults. Those of one training sequence only are left out, unless there
    are no more than 100.

    Use `fit` or `load`.
    """

    @classmethod
    def fit(
        cls,
        sequences: Sequence[str],
        labels: np.ndarray,
        by: Literal["places", "k-mers"] | None = None,
    ) -> "LinearSequenceBaseline":
        """Fits the baseline.

        Args:
            sequences: they are `zoo.genomics.normalized`.
            labels: (sequences,) integers.
            by: what to go by; places, if all sequences are of one length, else k-mers.

        Raises:
            UserError: all labels are one.
        """
        check_classes(labels)
        lengths = {len(sequence) for sequence in sequences}
        if (by or ("places" if len(lengths) == 1 else "k-mers")) == "places":
            features: Any = _Places(max(lengths))
            regression = LogisticRegression(C=_REGULARISATION, max_iter=1000)
        else:
            features = _kmers(min_df=2 if len(sequences) > 100 else 1)
            features.fit(sequences)
            regression = LogisticRegression(max_iter=1000)
        return cls(features, regression.fit(features.transform(sequences), labels))

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
        return word_arrays(self._features)

    @classmethod
    def _features_of(cls, arrays: dict[str, np.ndarray]) -> Any:
        if "length" in arrays:
            return _Places(int(arrays["length"]))
        return vectorizer_of(arrays, _kmers)


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
    return TfidfVectorizer(
        analyzer="char",
        ngram_range=(1, _LONGEST),
        lowercase=False,
        sublinear_tf=True,
        dtype=np.float32,
        **options,
    )
