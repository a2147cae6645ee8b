"""The tag that a word has most often: the baseline of tagging."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from zoo.evaluation.baselines.files import stored_arrays
from zoo.evaluation.tagging import tagging_metrics


class MostFrequentTag:
    """The tag that a word has most often in training; of an unknown word, the most frequent tag."""

    def __init__(self, tags: dict[str, str], default: str):
        self._tags = tags  # by word
        self._default = default  # of any other word

    @classmethod
    def fit(cls, sentences: Any) -> "MostFrequentTag":
        """Counts the tags of each word of `zoo.datasets.sequence_tagging.TaggedSentences`."""
        by_word: dict[str, Counter[str]] = defaultdict(Counter)
        total: Counter[str] = Counter()
        for tokens, tags in zip(sentences.tokens, sentences.tags, strict=True):
            total.update(tags)
            for token, tag in zip(tokens, tags, strict=True):
                by_word[token][tag] += 1
        # Of equally frequent tags the first by alphabet: the same in every run.
        most = {word: min(c, key=lambda tag: (-c[tag], tag)) for word, c in by_word.items()}
        default = min(total, key=lambda tag: (-total[tag], tag))
        return cls({word: tag for word, tag in most.items() if tag != default}, default)

    def tag(self, sentences: Any) -> list[list[str]]:
        """Lists of tags, as many as tokens."""
        return [
            [self._tags.get(token, self._default) for token in tokens]
            for tokens in sentences.tokens
        ]

    def evaluate(self, sentences: Any) -> dict[str, float]:
        """F1, precision and recall of spans, and accuracy of tags, on `TaggedSentences`."""
        figures = tagging_metrics(sentences.tags, self.tag(sentences))
        return {name: figures[name] for name in ("f1", "precision", "recall", "token_accuracy")}

    def save(self, path: str | Path) -> None:
        """Writes words and tags, without pickles."""
        words = json.dumps(self._tags, ensure_ascii=False)
        np.savez_compressed(path, tags=words, default=self._default)

    @classmethod
    def load(cls, path: str | Path) -> "MostFrequentTag":
        """What `save` wrote; a `UserError` if the file is missing or damaged."""
        with stored_arrays(path) as arrays:
            return cls(dict(json.loads(arrays["tags"].item())), arrays["default"].item())
