"""Was or were: "The cats, which the old dogs near the bird saw, were full", of any length.

A sentence is a noun, relative clauses after it, and the verb, whose number is that of the noun far
before it. The nouns of the clauses are attractors: their numbers are drawn without regard to it.

    sentence  the NOUN, clause, clause, ..., was|were full.
    clause    which|who PHRASE (near|beside PHRASE) saw|liked
    PHRASE    the ((very) old|small) NOUN
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from zoo.memory.problems import Examples, Problem

SINGULAR = ("cat", "dog", "boy", "girl", "king", "bird")
PLURAL = tuple(f"{noun}s" for noun in SINGULAR)
PRONOUNS, PREPOSITIONS = ("which", "who"), ("near", "beside")
ADVERBS, ADJECTIVES, VERBS = ("very",), ("old", "small"), ("saw", "liked")  # of either number
WORDS = (
    "the", ",", *PRONOUNS, *PREPOSITIONS, *ADVERBS, *ADJECTIVES, *VERBS, *SINGULAR, *PLURAL
)  # fmt: skip
FORMS = ("was", "were")

# Words of a clause and the comma before it, from ", which the dogs saw" to ", which the very old
# dogs near the very small bird saw"; after the last clause there is one comma more.
_SHORTEST, _LONGEST = 5, 12


class Sentence(NamedTuple):
    """The words up to the verb, commas being words, and whether it is "were"."""

    words: tuple[str, ...]
    plural: bool

    def __str__(self) -> str:
        text = " ".join(self.words).replace(" ,", ",").capitalize()
        return f"{text} {FORMS[self.plural]} full."


def sentence(generator: np.random.Generator | int, between: int) -> Sentence:
    """A sentence with so many words between noun and verb: 0, or at least 6.

    It is drawn by a generator, or by a seed.
    """
    generator = np.random.default_rng(generator)
    plural, noun = _noun(generator)
    words = ["the", noun]
    for length in _lengths(generator, between - 1) if between else ():
        words += [",", *_clause(generator, length - 1)]
    return Sentence((*words, ",") if between else tuple(words), plural)


def agreement(between: Sequence[int]) -> Problem:
    """The words of sentences in, one-hot, and "was" or "were" asked for; chance is a half.

    All sentences of one sample have the same number of words between noun and verb, drawn from
    `between`. Solved: 99 of 100. A ValueError says that a number cannot be had.
    """
    if impossible := [n for n in between if n and n <= _SHORTEST]:
        raise ValueError(f"there is no clause of {impossible[0]} words: at least {_SHORTEST + 1}")

    def sample(generator: np.random.Generator, examples: int) -> Examples:
        words = _one_of(between, generator)
        said = [sentence(generator, words) for _ in range(examples)]
        ids = [[_IDS[word] for word in one.words] for one in said]
        x = np.eye(len(WORDS), dtype="float32")[np.array(ids)]
        return x, np.array([[one.plural] for one in said], "int32")

    return Problem(len(WORDS), 1, 1, sample, 0.5, 0.99, one_length=len(set(between)) == 1)


def accuracy(model: keras.Model, between: int, examples: int, seed: int) -> float:
    """The share of new sentences with so many words between that a network is right about."""
    problem = agreement([between])
    x, y = problem.sample(np.random.default_rng([seed, between]), examples)
    return problem.figure(y, keras.ops.convert_to_numpy(model(x, training=False)))


_IDS = {word: i for i, word in enumerate(WORDS)}


def _one_of(words: Sequence[Any], generator: np.random.Generator) -> Any:
    return words[int(generator.integers(len(words)))]  # `choice` takes five times as long


def _noun(generator: np.random.Generator) -> tuple[bool, str]:
    plural = bool(generator.integers(2))
    return plural, _one_of(PLURAL if plural else SINGULAR, generator)


def _lengths(generator: np.random.Generator, words: int) -> list[int]:
    """Lengths of clauses, commas included, that make so many words."""
    lengths = []
    while words:
        possible = [
            n for n in range(_SHORTEST, _LONGEST + 1) if words == n or words - n >= _SHORTEST
        ]
        lengths.append(_one_of(possible, generator))
        words -= lengths[-1]
    return lengths


def _clause(generator: np.random.Generator, length: int) -> list[str]:
    """A clause of so many words, its comma not counted."""
    modifiers, place = length - 4, []  # "which the dogs saw" has four words
    if modifiers > 2:  # two of a noun at most, so there is another noun
        modifiers -= 3
        place = [_one_of(PREPOSITIONS, generator)]
    of_first = modifiers if not place else int(generator.integers(max(0, modifiers - 2), 3))
    of_first = min(of_first, modifiers)
    if place:
        place += _phrase(generator, modifiers - of_first)
    pronoun, verb = (_one_of(words, generator) for words in (PRONOUNS, VERBS))
    return [pronoun, *_phrase(generator, of_first), *place, verb]


def _phrase(generator: np.random.Generator, modifiers: int) -> list[str]:
    """A noun of any number: "the bird", "the old bird", "the very old bird"."""
    adjective = [_one_of(ADJECTIVES, generator)] if modifiers else []
    return ["the", *ADVERBS[: modifiers - 1 if modifiers else 0], *adjective, _noun(generator)[1]]
