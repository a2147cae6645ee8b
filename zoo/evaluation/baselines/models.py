"""What scikit-learn fits, as arrays: for files without pickles."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from zoo.errors import UserError


@dataclass(frozen=True)
class Regression:
    """Logistic regression: the class of the highest score. Features may be sparse."""

    classes: np.ndarray  # (classes,)
    coefficients: np.ndarray  # (classes, features), of two classes (1, features)
    intercepts: np.ndarray

    @classmethod
    def fit(cls, features: Any, labels: np.ndarray, **options: Any) -> Self:
        """Fits it; `options` are those of scikit-learn's."""
        fitted = LogisticRegression(max_iter=1000, **options).fit(features, labels)
        return cls(fitted.classes_, fitted.coef_.astype("float32"), fitted.intercept_)

    def predict(self, features: Any) -> np.ndarray:
        scores = features @ self.coefficients.T + self.intercepts
        if scores.shape[1] == 1:
            return self.classes[(scores[:, 0] > 0).astype(int)]
        return self.classes[scores.argmax(axis=1)]


@dataclass(frozen=True)
class KernelMachine:
    """A support vector machine with the kernel exp(-gamma |x - y|²), one class against another.

    The class with the most votes is the answer, the first of them if there are several.
    """

    classes: np.ndarray  # (classes,)
    counts: np.ndarray  # (classes,), the support vectors of each
    support: np.ndarray  # (vectors, features), by class
    weights: np.ndarray  # (classes - 1, vectors), against each other class in turn
    intercepts: np.ndarray  # (pairs of classes,)
    gamma: np.ndarray  # a number

    @classmethod
    def fit(
        cls, features: np.ndarray, labels: np.ndarray, C: float = 1.0, gamma: float | None = None
    ) -> Self:
        """Fits it; `C` and `gamma` are scikit-learn's, whose default of gamma is "scale"."""
        gamma = gamma or 1 / (features.shape[1] * features.var() or 1.0)
        fitted = SVC(C=C, gamma=gamma).fit(features, labels)
        # scikit-learn turns the signs for two classes.
        sign = -1 if len(fitted.classes_) == 2 else 1
        return cls(
            fitted.classes_,
            fitted.n_support_,
            fitted.support_vectors_.astype("float32"),
            sign * fitted.dual_coef_,
            sign * fitted.intercept_,
            np.array(gamma),
        )

    def predict(self, features: np.ndarray) -> np.ndarray:
        support = self.support.astype("float64")
        squares = (features**2).sum(1)[:, None] + (support**2).sum(1) - 2 * features @ support.T
        kernel = np.exp(-self.gamma * np.maximum(squares, 0))  # (examples, vectors)
        own = np.split(np.arange(len(support)), np.cumsum(self.counts)[:-1])
        votes = np.zeros((len(features), len(self.classes)), int)
        pairs = zip(*np.triu_indices(len(self.classes), 1), strict=True)
        for (i, j), intercept in zip(pairs, self.intercepts, strict=True):
            score = kernel[:, own[i]] @ self.weights[j - 1, own[i]]
            score += kernel[:, own[j]] @ self.weights[i, own[j]]
            votes[np.arange(len(features)), np.where(score + intercept > 0, i, j)] += 1
        return self.classes[votes.argmax(axis=1)]


def check_classes(labels: np.ndarray) -> None:
    """UserError if all labels are one, so that there is nothing to learn."""
    if len(np.unique(labels)) < 2:
        raise UserError(
            f"the {len(labels)} training examples are all of one class: give more, of two "
            "classes or more (a higher --limit, if you set one)"
        )
