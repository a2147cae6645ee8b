"""Words and their weights: the baseline of text classification."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from zoo.errors import UserError
from zoo.evaluation.baselines.features import FeatureBaseline, vectorizer_of, word_arrays
from zoo.evaluation.baselines.models import Regression, check_classes

_TOKENS = r"\w+|[^\w\s]"


class LinearTextBaseline(FeatureBaseline):
    """TF-IDF weighted words and logistic regression, at scikit-learn's defaults but for the words.

    A word is a run of letters and digits, of a single one too, or a punctuation mark. Words that
    occur in one training text only are left out, unless there are no more than 100 texts. Use `fit`
    or `load`.
    """

    @classmethod
    def fit(cls, texts: Sequence[str], labels: np.ndarray) -> "LinearTextBaseline":
        """Fits the baseline; a UserError if all labels are one, or there are no words to go by."""
        check_classes(labels)
        vectorizer = _vectorizer(min_df=2 if len(texts) > 100 else 1)
        try:
            features = vectorizer.fit_transform(texts)
        except ValueError as error:  # the vocabulary is empty
            raise UserError(
                "the training texts have no words in common: a classifier needs texts whose words "
                "recur"
            ) from error
        return cls(vectorizer, Regression.fit(features, labels))

    def evaluate(self, examples: Any) -> dict[str, float]:
        """The accuracy on `zoo.datasets.text_classification.LabelledTexts`."""
        return {"accuracy": self.accuracy(examples.texts, examples.labels)}

    def _arrays(self) -> dict[str, Any]:
        return word_arrays(self._features)

    @classmethod
    def _features_of(cls, arrays: dict[str, np.ndarray]) -> TfidfVectorizer:
        return vectorizer_of(arrays, _vectorizer)


def _vectorizer(**options: Any) -> TfidfVectorizer:
    return TfidfVectorizer(token_pattern=_TOKENS, dtype=np.float32, **options)
