"""The command line of the entity task, in this process, and sentences to train on."""

import random

from support.command_lines import Result
from tasks.ner import NamedEntities
from zoo.application.command_line.commands import commands, execute

# A network and a training as small as can be.
TINY = (
    "--units=4",
    "--embedding-dim=8",
    "--character-units=3",
    "--batch-size=8",
    "--learning-rate=0.1",
    "--dropout=0",
    "--epochs=3",
)
LONG = 2_000  # tokens

_ENTITIES = {
    "PER": (["Ann", "Lee"], ["Bob"], ["Eva", "Maria", "Kohl"], ["Joe"]),
    "LOC": (["Rome"], ["New", "York"], ["Köln"], ["Bonn"]),
    "ORG": (["Acme", "Inc"], ["Opel"]),
}
_AROUND = ("the", "met", "in", "went", "to", "said", ",", "of", "\U0001f600", "10")


def execute_ner(*arguments):
    """Runs the command line in this process; returns the exit code."""
    return execute(commands(NamedEntities()), "python -m tasks.ner", [*map(str, arguments)])


def call(capfd, *arguments):
    """Runs the command line in this process."""
    capfd.readouterr()
    code = execute_ner(*arguments)
    return Result(code, *capfd.readouterr())


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


def long_sentence(tokens=LONG):
    """One sentence of so many tokens."""
    return [pair for sentence in sentences(tokens) for pair in sentence][:tokens]


def write_sentences(path, pairs=None):
    """Writes sentences in columns, those of `sentences` by default; returns the path."""
    blocks = (
        "".join(f"{token} {tag}\n" for token, tag in sentence)
        for sentence in (sentences() if pairs is None else pairs)
    )
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path


def train(folder):
    """Trains a model in `folder/model`, on `folder/sentences.txt`; returns its folder."""
    alone = [[(name, "B-PER")] for name in ("Ann", "Bob", "Eva", "Joe")]
    pairs = [*sentences(), *alone, long_sentence()]
    data = write_sentences(folder / "sentences.txt", pairs)
    assert execute_ner("--data", data, "--out", folder / "model", *TINY) == 0
    return folder / "model"
