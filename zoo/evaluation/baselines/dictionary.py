"""Word by word with a dictionary that was learnt from translations: the baseline of translation."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.evaluation.baselines.files import stored_arrays
from zoo.evaluation.translation import translation_metrics

_WORDS = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_ITERATIONS = 5
_NOTHING = ""  # stands in every source: what words of the target come from that have no other


class Dictionary:
    """Each word of a source replaced by its most probable translation; unknown words stay."""

    def __init__(self, translations: dict[str, str]):
        self._translations = translations  # from words of the source to words of the target

    @classmethod
    def fit(cls, sources: Sequence[str], targets: Sequence[str]) -> "Dictionary":
        """Learns by the first IBM model, with expectation maximisation.

            P(f | e_1 ... e_n) = 1/(n+1) Σ_i t(f | e_i),   e_0 being nothing

        Source: Brown et al. (1993), "The mathematics of statistical machine translation".
        """
        source_ids: dict[str, int] = {_NOTHING: 0}
        target_ids: dict[str, int] = {}
        lefts, rights, of_places, place = [], [], [], 0
        for source, target in zip(sources, targets, strict=True):
            e = [0, *(source_ids.setdefault(w, len(source_ids)) for w in words(source))]
            f = [target_ids.setdefault(w, len(target_ids)) for w in words(target)]
            lefts.append(np.tile(e, len(f)))
            rights.append(np.repeat(f, len(e)))
            of_places.append(np.repeat(np.arange(place, place + len(f)), len(e)))
            place += len(f)
        left, right, places = map(np.concatenate, (lefts, rights, of_places))
        pairs, of_pair = np.unique(left * len(target_ids) + right, return_inverse=True)
        e_of_pair, f_of_pair = np.divmod(pairs, len(target_ids))
        t: np.ndarray = np.ones(len(pairs))
        for _ in range(_ITERATIONS):
            shares = t[of_pair]
            shares /= np.bincount(places, shares)[places]
            t = np.bincount(of_pair, shares, len(pairs))
            t = t / np.bincount(e_of_pair, t)[e_of_pair]
        order = np.lexsort([f_of_pair, -t, e_of_pair])  # of equals the first that was met
        words_met, first = np.unique(e_of_pair[order], return_index=True)
        best = f_of_pair[order][first]
        names = list(source_ids), list(target_ids)
        found = {names[0][i]: names[1][j] for i, j in zip(words_met, best, strict=True)}
        found.pop(_NOTHING, None)
        return cls(found)

    def translate(self, texts: Iterable[str]) -> list[str]:
        """The translations of texts, a list of strings, words and punctuation marks apart."""
        return [" ".join(self._translations.get(w, w) for w in words(text)) for text in texts]

    def evaluate(self, pairs: Any) -> dict[str, Any]:
        """Figures on `zoo.datasets.parallel_text.Pairs`, some of those of `translation_metrics`."""
        found = self.translate(pairs.sources)
        metrics = translation_metrics(found, pairs.sources, pairs.targets, pairs.groups)
        names = ("bleu", "chrf", "exact_match", "by_source_length")
        return {name: metrics[name] for name in names if name in metrics}

    def save(self, path: str | Path) -> None:
        """Writes the words, without pickles."""
        content = json.dumps(self._translations, ensure_ascii=False)
        np.savez_compressed(path, translations=content)

    @classmethod
    def load(cls, path: str | Path) -> "Dictionary":
        """What `save` wrote; a `UserError` if the file is missing or damaged."""
        with stored_arrays(path) as arrays:
            return cls(dict(json.loads(arrays["translations"].item())))


def words(text: str) -> list[str]:
    """The words and punctuation marks of a text."""
    return _WORDS.findall(text)
