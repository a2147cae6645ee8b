"""How good translations are, by what the field measures: BLEU, chrF, exact matches."""

import numpy as np
import sacrebleu

from zoo.evaluation import source_lengths

_MOST_GROUPS = 100
_FEWEST_LENGTHS = 3  # that make a curve


def measured(translations, pairs):
    """Compares translations with the targets.

    Args:
        translations: list of strings, one for each source.
        pairs: `Pairs`.

    Returns:
        What `Translator.evaluate` returns.
    """
    targets, bleu = list(pairs.targets), sacrebleu.metrics.BLEU(force=True)  # no warning of ' .'
    same = np.array([t == target for t, target in zip(translations, targets, strict=True)])
    found = {
        "bleu": bleu.corpus_score(translations, [targets]).score,
        "chrf": sacrebleu.metrics.CHRF().corpus_score(translations, [targets]).score,
        "bleu_signature": str(bleu.get_signature()),
        "exact_match": float(same.mean()),
        "sentences": len(pairs),
        "examples": len(pairs),
    }
    if pairs.groups and len(set(pairs.groups)) <= _MOST_GROUPS:
        groups = np.array(pairs.groups)
        found["exact_match_by_group"] = {
            group: float(same[groups == group].mean()) for group in sorted(set(pairs.groups))
        }
    groups = source_lengths.groups(pairs.sources)
    if len(groups) >= _FEWEST_LENGTHS:
        found["by_source_length"] = [
            _of_group(group, translations, pairs, bleu) for group in groups
        ]
    return found


def _of_group(group, translations, pairs, bleu):
    """BLEU of the sentences of one `source_lengths.Group`."""
    found, targets = ([texts[i] for i in group.places] for texts in (translations, pairs.targets))
    return {
        "least": group.least,
        "most": group.most,
        "words": float(np.mean([len(pairs.sources[i].split()) for i in group.places])),
        "sentences": len(group.places),
        "bleu": bleu.corpus_score(found, [targets]).score,
    }
