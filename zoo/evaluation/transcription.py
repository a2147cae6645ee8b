"""How good transcriptions are: error rates of words and characters, as jiwer counts them."""

from collections.abc import Sequence
from typing import Any

import jiwer


def error_rate(texts: Sequence[str], references: Sequence[str], words: bool = True) -> float:
    """Substitutions, deletions and insertions for each word, or character, of the references.

    It is that of all texts together, by the fewest edits of each; 0 if there are no words and no
    errors, and above 1 where more is said than was.
    """
    errors = tokens = 0
    for text, reference in zip(texts, references, strict=True):
        if not reference.split():
            errors += len(text.split() if words else text)
            continue
        found = (jiwer.process_words if words else jiwer.process_characters)(reference, text)
        errors += found.substitutions + found.deletions + found.insertions
        tokens += found.substitutions + found.deletions + found.hits
    return errors / max(tokens, 1)


def transcription_metrics(
    texts: Sequence[str], references: Sequence[str], speakers: Sequence[str] | None = None
) -> dict[str, Any]:
    """Compares transcriptions with what was said.

    Args:
        texts: the transcriptions.
        references: what was said, as many.
        speakers: who speaks in each, "" if that is not known; None if of none.

    Returns:
        dict of `wer` and `cer`, the error rates of words and characters; `exact_match`, the share
        of texts without an error; `examples`; and if speakers are known, `by_speaker`, a dict of
        the name and a dict of `wer`, `cer` and `examples`.
    """
    metrics: dict[str, Any] = {
        "wer": error_rate(texts, references),
        "cer": error_rate(texts, references, words=False),
        "exact_match": sum(map(str.__eq__, texts, references)) / max(len(texts), 1),
        "examples": len(texts),
    }
    names = sorted({*(speakers or ())} - {""})
    if names:
        metrics["by_speaker"] = {
            name: _of_speaker(name, texts, references, speakers or ()) for name in names
        }
    return metrics


def _of_speaker(
    name: str, texts: Sequence[str], references: Sequence[str], speakers: Sequence[str]
) -> dict[str, Any]:
    own = [i for i, speaker in enumerate(speakers) if speaker == name]
    said, was = [texts[i] for i in own], [references[i] for i in own]
    return {
        "wer": error_rate(said, was),
        "cer": error_rate(said, was, words=False),
        "examples": len(own),
    }
