"""A model of scikit-learn's on features of any kind: what baselines of texts and letters share."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from zoo.evaluation.baselines.files import stored_arrays
from zoo.evaluation.baselines.models import KernelMachine, Regression


class FeatureBaseline(ABC):
    """Features of an input, and a model of them.

    A subclass says what the features are, which `transform` of scikit-learn's gives. Use its `fit`,
    or `load`.
    """

    def __init__(self, features: Any, model: Regression | KernelMachine):
        self._features = features
        self._model = model

    def predict(self, inputs: Any) -> np.ndarray:
        """The indices of the likeliest labels, (inputs,)."""
        return self._model.predict(self._features.transform(inputs))

    def accuracy(self, inputs: Any, labels: np.ndarray) -> float:
        """Share of inputs whose label is predicted right."""
        return float((self.predict(inputs) == np.asarray(labels)).mean())

    def save(self, path: str | Path) -> None:
        """Writes features and what was fitted, without pickles."""
        fitted = {part.name: getattr(self._model, part.name) for part in fields(self._model)}
        np.savez_compressed(path, **self._arrays(), **fitted)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """What `save` wrote; a `UserError` if the file is missing or damaged."""
        with stored_arrays(path) as arrays:
            kind = KernelMachine if "support" in arrays else Regression
            model: Any = kind(**{part.name: arrays[part.name] for part in fields(kind)})
            return cls(cls._features_of(arrays), model)

    @abstractmethod
    def _arrays(self) -> dict[str, Any]:
        """What `_features_of` makes the features of again."""

    @classmethod
    @abstractmethod
    def _features_of(cls, arrays: dict[str, np.ndarray]) -> Any:
        """The features of what `_arrays` gave."""


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
