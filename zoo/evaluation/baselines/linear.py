"""Logistic regression on features of any kind: what the linear baselines share."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from zoo.errors import UserError
from zoo.evaluation.baselines.files import stored_arrays


class LinearBaseline(ABC):
    """Features of an input, and logistic regression on them.

    A subclass says what the features are, which `transform` of scikit-learn's gives. Use its `fit`,
    or `load`.
    """

    def __init__(self, features: Any, regression: LogisticRegression):
        self._features = features
        self._regression = regression

    def predict(self, inputs: Any) -> np.ndarray:
        """The indices of the likeliest labels, (inputs,)."""
        return self._regression.predict(self._features.transform(inputs))

    def accuracy(self, inputs: Any, labels: np.ndarray) -> float:
        """Share of inputs whose label is predicted right."""
        return float((self.predict(inputs) == np.asarray(labels)).mean())

    def save(self, path: str | Path) -> None:
        """Writes features and coefficients, without pickles."""
        np.savez_compressed(
            path,
            **self._arrays(),
            coefficients=self._regression.coef_.astype("float32"),
            intercepts=self._regression.intercept_,
            classes=self._regression.classes_,
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """What `save` wrote; a `UserError` if the file is missing or damaged."""
        with stored_arrays(path) as arrays:
            features = cls._features_of(arrays)
            regression = LogisticRegression()
            regression.coef_ = arrays["coefficients"].astype("float64")
            regression.intercept_ = arrays["intercepts"]
            regression.classes_ = arrays["classes"]
        return cls(features, regression)

    @abstractmethod
    def _arrays(self) -> dict[str, Any]:
        """What `_features_of` makes the features of again."""

    @classmethod
    @abstractmethod
    def _features_of(cls, arrays: dict[str, np.ndarray]) -> Any:
        """The features of what `_arrays` gave."""


def check_classes(labels: np.ndarray) -> None:
    """UserError if all labels are one, so that there is nothing to learn."""
    if len(np.unique(labels)) < 2:
        raise UserError(
            f"the {len(labels)} training examples are all of one class: give more, of two "
            "classes or more (a higher --limit, if you set one)"
        )


def word_arrays(vectorizer: TfidfVectorizer) -> dict[str, Any]:
    """The words of a vectorizer and their weights, for a file."""
    # One string: in an array of strings each takes the space of the longest.
    words = "\n".join(vectorizer.get_feature_names_out())
    return {"words": words, "idf": vectorizer.idf_.astype("float32")}


def vectorizer_of(
    arrays: dict[str, np.ndarray], made: Callable[..., TfidfVectorizer]
) -> TfidfVectorizer:
    """The vectorizer that `word_arrays` was given; `made` makes one of a `vocabulary`."""
    vectorizer = made(vocabulary=arrays["words"].item().split("\n"))
    vectorizer.idf_ = arrays["idf"]
    return vectorizer
