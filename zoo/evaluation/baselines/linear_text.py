"""Words and their weights: the baseline of text classification."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from zoo.errors import UserError
from zoo.evaluation.baselines.files import stored_arrays

_TOKENS = r"\w+|[^\w\s]"


class LinearTextBaseline:
    """TF-IDF weighted words and logistic regression, at scikit-learn's defaults but for the words.

    A word is a run of letters and digits, of a single one too, or a punctuation mark. Words that
    occur in one training text only are left out, unless there are no more than 100 texts. Use `fit`
    or `load`, which make the pipeline of the two.
    """

    def __init__(self, pipeline: Pipeline):
        self._pipeline = pipeline

    @classmethod
    def fit(cls, texts: Sequence[str], labels: np.ndarray) -> "LinearTextBaseline":
        """Fits the baseline; a UserError if all labels are one, or there are no words to go by."""
        if len(np.unique(labels)) < 2:
            raise UserError(
                f"the {len(texts)} training examples are all of one class: give more, of two "
                "classes or more (a higher --limit, if you set one)"
            )
        vectorizer = _vectorizer(min_df=2 if len(texts) > 100 else 1)
        try:
            features = vectorizer.fit_transform(texts)
        except ValueError as error:  # the vocabulary is empty
            raise UserError(
                "the training texts have no words in common: a classifier needs texts whose words "
                "recur"
            ) from error
        regression = LogisticRegression(max_iter=1000).fit(features, labels)
        return cls(make_pipeline(vectorizer, regression))

    def accuracy(self, texts: Sequence[str], labels: np.ndarray) -> float:
        """Share of texts whose label is predicted right."""
        return float(self._pipeline.score(texts, labels))

    def evaluate(self, examples: Any) -> dict[str, float]:
        """The accuracy on `zoo.datasets.text_classification.LabelledTexts`."""
        return {"accuracy": self.accuracy(examples.texts, examples.labels)}

    def save(self, path: str | Path) -> None:
        """Writes words, weights and coefficients, without pickles."""
        vectorizer, regression = (step for _, step in self._pipeline.steps)
        np.savez_compressed(
            path,
            # One string: in an array of strings each takes the space of the longest.
            words="\n".join(vectorizer.get_feature_names_out()),
            idf=vectorizer.idf_.astype("float32"),
            coefficients=regression.coef_.astype("float32"),
            intercepts=regression.intercept_,
            classes=regression.classes_,
        )

    @classmethod
    def load(cls, path: str | Path) -> "LinearTextBaseline":
        """What `save` wrote; a `UserError` if the file is missing or damaged."""
        with stored_arrays(path) as arrays:
            vectorizer = _vectorizer(vocabulary=arrays["words"].item().split("\n"))
            vectorizer.idf_ = arrays["idf"]
            regression = LogisticRegression()
            regression.coef_ = arrays["coefficients"].astype("float64")
            regression.intercept_ = arrays["intercepts"]
            regression.classes_ = arrays["classes"]
        return cls(make_pipeline(vectorizer, regression))


def _vectorizer(**options: Any) -> TfidfVectorizer:
    return TfidfVectorizer(token_pattern=_TOKENS, dtype=np.float32, **options)
