"""The simple models that a network has to beat on the same data."""

from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from zoo.errors import UserError


class LinearTextBaseline:
    """TF-IDF weighted words and logistic regression, at scikit-learn's defaults.

    Words that occur in one training text only are left out.

    Args:
        pipeline: a fitted scikit-learn pipeline of the two; use `fit` or `load`.
    """

    def __init__(self, pipeline):
        self._pipeline = pipeline

    @classmethod
    def fit(cls, texts, labels):
        """Fits the baseline.

        Args:
            texts: list of strings.
            labels: (examples,) integers.
        """
        vectorizer = TfidfVectorizer(min_df=2 if len(texts) > 100 else 1, dtype=np.float32)
        return cls(make_pipeline(vectorizer, LogisticRegression(max_iter=1000)).fit(texts, labels))

    def accuracy(self, texts, labels):
        """Share of texts whose label is predicted right."""
        return float(self._pipeline.score(texts, labels))

    def save(self, path):
        """Writes words, weights and coefficients, without pickles."""
        vectorizer, regression = (step for _, step in self._pipeline.steps)
        np.savez_compressed(
            path,
            words=vectorizer.get_feature_names_out().astype(str),
            idf=vectorizer.idf_.astype("float32"),
            coefficients=regression.coef_.astype("float16"),
            intercepts=regression.intercept_,
            classes=regression.classes_,
        )

    @classmethod
    def load(cls, path):
        """Reads what `save` wrote.

        Raises:
            UserError: the file is missing or damaged.
        """
        try:
            with np.load(Path(path), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            words = arrays["words"].tolist()
            vectorizer = TfidfVectorizer(vocabulary=words, dtype=np.float32)
            vectorizer.idf_ = arrays["idf"]
            regression = LogisticRegression()
            regression.coef_ = arrays["coefficients"].astype("float64")
            regression.intercept_ = arrays["intercepts"]
            regression.classes_ = arrays["classes"]
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise UserError(f"{path}: the baseline cannot be read: restore the file") from error
        return cls(make_pipeline(vectorizer, regression))
