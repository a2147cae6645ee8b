"""Sentences with entities to find."""

import random
import shlex

# A network and a training as small as can be.
TINY = shlex.split(
    "--units=4 --embedding-dim=8 --character-units=3 --batch-size=8 --learning-rate=0.1 "
    "--dropout=0 --epochs=3"
)

_ENTITIES = {
    "PER": (["Ann", "Lee"], ["Bob"], ["Eva", "Maria", "Kohl"], ["Joe"]),
    "LOC": (["Rome"], ["New", "York"], ["Köln"], ["Bonn"]),
    "ORG": (["Acme", "Inc"], ["Opel"]),
}
_AROUND = ("the", "met", "in", "went", "to", "said", ",", "of", "\U0001f600", "10")


def sentences(number=64, kinds=("LOC", "PER")):
    """Lists of (token, tag), some of one token, tagged in IOB2."""
    draw = random.Random(1)
    made = []
    for _ in range(number):
        pairs = []
        for _ in range(draw.randint(1, 3)):
            pairs += [(word, "O") for word in draw.choices(_AROUND, k=draw.randint(0, 3))]
            kind = draw.choice(kinds)
            first, *others = draw.choice(_ENTITIES[kind])
            pairs += [(first, f"B-{kind}"), *((word, f"I-{kind}") for word in others)]
        made.append(pairs)
    return made


def sentences_of_every_length():
    """Those of `sentences`, one of 2,000 tokens first, and one of one token for each person."""
    long = [pair for sentence in sentences(2_000) for pair in sentence][:2_000]
    return [long, *([(name, "B-PER")] for name in ("Ann", "Bob", "Eva", "Joe")), *sentences()]


def write_sentences(path, pairs):
    """Writes sentences in columns; returns the path."""
    blocks = ("".join(f"{token} {tag}\n" for token, tag in sentence) for sentence in pairs)
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path
