"""How good translations are, by what the field measures: BLEU, chrF, exact matches."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

_MOST_GROUPS = 100
_WIDTH, _FEWEST = 5, 50  # words and texts of a group of sources
_FEWEST_LENGTHS = 3  # that make a curve


def translation_metrics(
    translations: Sequence[str],
    sources: Sequence[str],
    targets: Sequence[str],
    groups: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Compares translations with the targets.

    Args:
        translations, sources, targets: texts, as many.
        groups: what each is counted with, such as a style of dates, or None.

    Returns:
        dict of `bleu` and `chrf` (sacrebleu, 0 to 100), `bleu_signature`, `exact_match` (share
        of translations that are the target), `sentences`, and `examples`, the same; with groups
        also `exact_match_by_group`. Of sources of three lengths or more also
        `by_source_length`: a list of dicts of `least` and `most` words of a source, `words`,
        their mean, `sentences` and `bleu`.
    """
    bleu = BLEU(force=True)  # no warning of ' .'
    same = np.array([t == target for t, target in zip(translations, targets, strict=True)])
    metrics = {
        "bleu": bleu.corpus_score(translations, [targets]).score,
        "chrf": CHRF().corpus_score(translations, [targets]).score,
        "bleu_signature": str(bleu.get_signature()),
        "exact_match": float(same.mean()),
        "sentences": len(sources),
        "examples": len(sources),
    }
    if groups and len(set(groups)) <= _MOST_GROUPS:
        metrics["exact_match_by_group"] = {
            group: float(same[np.array(groups) == group].mean()) for group in sorted(set(groups))
        }
    lengths = source_lengths(sources)
    if len(lengths) >= _FEWEST_LENGTHS:
        metrics["by_source_length"] = [
            {
                "least": group.least,
                "most": group.most,
                "words": float(np.mean([len(sources[i].split()) for i in group.places])),
                "sentences": len(group.places),
                "bleu": bleu.corpus_score(
                    [translations[i] for i in group.places], [[targets[i] for i in group.places]]
                ).score,
            }
            for group in lengths
        ]
    return metrics


class SourceLength(NamedTuple):
    """Texts of similar length."""

    least: int  # words of the shortest text that belongs here
    most: int
    places: list[int]  # of its texts, among all


def source_lengths(texts: Sequence[str]) -> list[SourceLength]:
    """Groups texts by their number of words, between blanks: 1 to 5, 6 to 10, and so on.

    A group of fewer than 50 texts, whose figure would be left to chance, is one with the next; the
    last, with the one before.
    """
    words = np.array([len(text.split()) for text in texts])
    longest, found, least = max(words, default=0), [], 1
    for most in range(_WIDTH, longest + _WIDTH, _WIDTH):
        places = np.flatnonzero((least <= words) & (words <= most))
        if len(places) >= _FEWEST:
            found.append(SourceLength(least, most, places.tolist()))
            least = most + 1
    rest = np.flatnonzero(words >= least).tolist()
    if not rest:
        return found
    last = found.pop() if found else SourceLength(1, 0, [])
    return [*found, SourceLength(last.least, int(longest), sorted(last.places + rest))]
