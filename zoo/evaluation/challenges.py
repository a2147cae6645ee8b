"""Short texts that classifiers of sentiment get wrong: negations, contrasts, and neutral ones.

They are written for this purpose, are in no training data, and must not get into any: a model is
judged by them, not chosen.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

_TEXTS: dict[str, dict[str, Sequence[str]]] = {
    "negation": {
        "pos": (
            "Not bad, not bad at all.",
            "I can't say a single bad word about it.",
            "It is not nearly as bad as the trailer made me fear.",
            "You won't be disappointed.",
            "There was never a dull moment.",
            "Nobody could have done it better.",
            "I couldn't stop laughing.",
            "There is nothing wrong with this film.",
            "It never gets boring.",
            "Don't miss it.",
        ),
        "neg": (
            "Not good, not good at all.",
            "I can't say a single good word about it.",
            "It is not nearly as good as the trailer made me hope.",
            "You won't be entertained.",
            "There was never a funny moment.",
            "Nobody could have liked it.",
            "I couldn't wait for it to end.",
            "There is nothing right with this film.",
            "It never gets interesting.",
            "Don't bother.",
        ),
    },
    "contrast": {
        "pos": (
            "I expected to hate it, but I loved every minute.",
            "The start is slow, yet what follows is wonderful.",
            "Despite a weak script, the actors make it a joy.",
            "The critics called it dull; they were wrong.",
            "Cheap sets, clumsy fights, and still a great evening.",
        ),
        "neg": (
            "I expected to love it, but I hated every minute.",
            "The start is wonderful, yet what follows is tedious.",
            "Despite a clever script, the actors make it a pain.",
            "The critics called it brilliant; they were wrong.",
            "Splendid sets, elegant fights, and still a wasted evening.",
        ),
    },
}
_NEUTRAL = (
    "The film was released in 1994.",
    "It lasts two hours and ten minutes.",
    "The story takes place in a small town in Ohio.",
    "I saw it on a Tuesday.",
    "She plays the sister of the mayor.",
    "It is based on a novel.",
    "The director was born in Lyon.",
    "There are three parts.",
)
_UNDECIDED = 0.75  # a probability below this does not claim to know


def challenge_metrics(
    predict: Callable[[Sequence[str]], Sequence[dict[str, Any]]],
) -> dict[str, float]:
    """Asks a classifier of the labels `neg` and `pos`.

    Returns a dict of the accuracy for `negation` and for `contrast`, and for `neutral` the share of
    texts to which it gives no label a probability of 0.75 or more; `undecided` is that share of the
    other texts, for one that never decides is no judge of what is neutral.
    """
    found, others = {}, []
    for kind, by_label in _TEXTS.items():
        answers = [(label, one) for label, texts in by_label.items() for one in predict(texts)]
        found[kind] = _share(one["label"] == label for label, one in answers)
        others += [one for _, one in answers]
    for name, answered in (("neutral", predict(_NEUTRAL)), ("undecided", others)):
        found[name] = _share(one["probability"] < _UNDECIDED for one in answered)
    return found


def _share(true: Iterable[bool]) -> float:
    values = [*true]
    return sum(values) / len(values)
