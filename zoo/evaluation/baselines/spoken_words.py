"""Recordings cut at their pauses, and each piece taken for a word: the baseline of speech."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from zoo.audio import Features, features_of
from zoo.errors import UserError
from zoo.evaluation import transcription
from zoo.evaluation.baselines.files import stored_arrays

_PARTS = 8  # of a piece, of which the mean features count
_PAUSE = 3  # frames below the threshold that end a piece
_LOUD = 0.35  # of the way from the quietest frame to the loudest
_MOST_WORDS = 200
_LIMIT = 20_000  # pieces to learn from


class SpokenWords:
    """Pieces between pauses, each a word by logistic regression on the means of eight parts of it.

    It learns from the recordings that have as many pieces as words, and knows the most frequent
    200 words. The features of a recording are normalised by its own mean and deviation.

    Args:
        words: the words by class.
        weights: (features, classes), and `bias`, (classes,).
        settings: of the features.
    """

    def __init__(
        self, words: Sequence[str], weights: np.ndarray, bias: np.ndarray, settings: Features
    ) -> None:
        self.words, self.weights, self.bias = tuple(words), weights, bias
        self.settings = settings

    @classmethod
    def fit(
        cls, recordings: Sequence[np.ndarray], texts: Sequence[str], settings: Features
    ) -> "SpokenWords":
        """Fits the baseline; a UserError if there are not two words that recur."""
        pieces: list[np.ndarray] = []
        labels: list[str] = []
        for features, text in zip(features_of(recordings, settings), texts, strict=True):
            found, words = _pieces(features), text.split()
            if len(found) == len(words):
                pieces += found
                labels += words
        frequent = [word for word, _ in Counter(labels).most_common(_MOST_WORDS)]
        chosen = [i for i, word in enumerate(labels) if word in set(frequent)][:_LIMIT]
        if len({labels[i] for i in chosen}) < 2:
            common = Counter(word for text in texts for word in text.split()).most_common(1)
            if not common:
                raise UserError("nothing is said in the training data: give texts with words")
            size = _PARTS * settings.size
            return cls((common[0][0],), np.zeros((size, 1)), np.zeros(1), settings)
        regression = LogisticRegression(C=0.1, max_iter=300)
        regression.fit(np.stack([pieces[i] for i in chosen]), [labels[i] for i in chosen])
        weights, bias = regression.coef_.T, regression.intercept_
        if weights.shape[1] == 1:  # of two classes
            weights = np.concatenate([np.zeros_like(weights), weights], axis=1)
            bias = np.concatenate([[0.0], bias])
        return cls([*map(str, regression.classes_)], weights, bias, settings)

    def transcribe(self, recordings: Sequence[np.ndarray]) -> list[str]:
        """The words of each recording, with spaces between them."""
        texts = []
        for features in features_of(recordings, self.settings):
            pieces = _pieces(features)
            rows = np.stack(pieces) @ self.weights + self.bias if pieces else np.zeros((0, 1))
            texts.append(" ".join(self.words[i] for i in rows.argmax(axis=1)))
        return texts

    def evaluate(self, examples: Any) -> dict[str, float]:
        """`wer` and `cer` on `zoo.datasets.speech.Utterances`."""
        found = transcription.transcription_metrics(
            self.transcribe(examples.recordings), examples.texts
        )
        return {"wer": found["wer"], "cer": found["cer"]}

    def save(self, path: str | Path) -> None:
        """Writes words and weights, without pickles."""
        np.savez_compressed(
            path,
            words="\n".join(self.words),
            weights=self.weights.astype("float32"),
            bias=self.bias.astype("float32"),
        )

    @classmethod
    def load(cls, path: str | Path, settings: Features) -> "SpokenWords":
        """What `save` wrote; a UserError if the file is missing or damaged."""
        with stored_arrays(path) as arrays:
            words = arrays["words"].item().split("\n")
            return cls(words, arrays["weights"], arrays["bias"], settings)


def _pieces(features: np.ndarray) -> list[np.ndarray]:
    """The parts between pauses, each as the means of eight parts: (8 * size,)."""
    if not len(features):
        return []
    loudness = features[:, 0] if features.shape[1] < 40 else features.mean(axis=1)
    threshold = loudness.min() + _LOUD * (loudness.max() - loudness.min())
    loud = np.flatnonzero(loudness >= threshold)
    if not len(loud):
        return []
    normal = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-2)
    cuts = np.flatnonzero(np.diff(loud) > _PAUSE)
    starts, ends = loud[np.append(0, cuts + 1)], loud[np.append(cuts, len(loud) - 1)] + 1
    return [_parts(normal[start:end]) for start, end in zip(starts, ends, strict=True)]


def _parts(piece: np.ndarray) -> np.ndarray:
    bounds = np.linspace(0, len(piece), _PARTS + 1)
    low = np.minimum(bounds[:-1].astype(int), len(piece) - 1)
    high = np.maximum(np.ceil(bounds[1:]).astype(int), low + 1)
    return np.concatenate([piece[a:b].mean(axis=0) for a, b in zip(low, high, strict=True)])
