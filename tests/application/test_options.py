"""Options as dataclasses: what they say of themselves, and the command line that it makes."""

import shlex
from dataclasses import dataclass

import pytest
from support.command_lines import Result, assert_refused

from tasks.sentiment import Sentiment
from zoo.application.command_line.commands import command_of, execute
from zoo.application.options import (
    TrainingOptions,
    argument,
    by_level,
    declared,
    fixed,
    option,
    training_command,
)
from zoo.application.sampling import SamplingOptions
from zoo.application.task import Verb

LEVELS = ("letter", "word")


def no_odd_number(value):
    if value % 2:
        raise ValueError(f"{value} is odd")
    return value


@dataclass
class Base(TrainingOptions):
    """Options from which others inherit."""

    texts: tuple[str, ...] = argument("TEXT...")
    rate: float = option(0.5, "Of learning.", least=0, below=1)
    heat: float = option(1.0, "Of drawing.", above=0, most=9)
    pairs: int | None = option(None, "An even number.", check=no_odd_number)
    file_format: str = option("a", "Kind of file.", name="format", what="kind")
    names: tuple[str, ...] = option((), "A name; can be repeated.", what="name")
    weights: int = option(None, "Of a network.", least=9, required=True)


@dataclass
class Options(Base):
    """Options that say less, and something else."""

    texts: tuple[str, ...] = argument("[TEXT]...", required=False)
    units: int = 7
    bidirectional: bool = fixed(False)
    weights: int = fixed(9)
    rate: float = option(0.25, "Of forgetting.")
    level: str = option("letter", "What a token is.", choices=LEVELS)
    steps: int = by_level(LEVELS, (9, 3), "Steps of a piece.", least=1)
    tied: bool = by_level(LEVELS, (False, True), "Tie the weights.")

    def resolve(self):
        self.fill_in(self.level)


@pytest.fixture
def parse(capfd):
    """What a command line makes of words: the options, or a `Result` if it refuses them."""

    def parse(*words, options=Options):
        found = []
        verb = Verb(lambda task, *given: found.append(given), "Tries.", (options,), "try")
        capfd.readouterr()
        code = execute(command_of(verb, Sentiment()), "try", [*words])
        return found[0] if found else Result(code, *capfd.readouterr())

    return parse


def test_a_subclass_keeps_what_its_base_says_and_a_fixed_field_is_no_option():
    fields = {field.name: field for field in declared(Options)}
    assert not {"bidirectional", "weights"} & fields.keys()
    assert {field.name for field in declared(Base)} > {"bidirectional", "weights"}
    assert fields["units"].default == 7
    assert fields["units"].about == {"help": "Units of a layer, in each direction.", "least": 1}
    assert fields["rate"].about == {"help": "Of forgetting.", "least": 0, "below": 1}
    assert [(fields[name].type, fields[name].many) for name in ("names", "pairs")] == [
        (str, True),
        (int, False),
    ]


def test_defaults_and_values(parse):
    options, output = parse()
    assert options == Options()
    assert (output.json, output.given) == (False, frozenset())
    words = "--units 3 --cell=gru --rate=0 --heat 9 --pairs=4 --format b --names x --names y"
    options, output = parse(*words.split(), "--out=o", "--resume", "--json", "--tied", "hot", "-")
    assert output.json
    assert output.given > {"units", "file_format", "resume", "tied", "texts"}
    assert not {"steps", "level"} & output.given
    numbers = {"units": 3, "rate": 0.0, "heat": 9.0, "pairs": 4}
    words = {"cell": "gru", "file_format": "b", "names": ("x", "y"), "texts": ("hot", "-")}
    assert options == Options(**numbers, **words, out="o", resume=True, tied=True)
    assert parse("--no-tied")[0].tied is False


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--units=0", "'--units': 0 is not in the range x>=1"),
        ("--units=many", "'--units': 'many' is not a valid integer"),
        ("--cell=elman", "'--cell': 'elman' is not one of 'rnn', "),
        ("--rate=1", "'--rate': 1.0 is not in the range 0<=x<1"),
        ("--heat=0", "'--heat': 0.0 is not in the range 0<x<=9"),
        ("--pairs=3", "'--pairs': 3 is odd"),
        ("--format=", "'--format': it is empty: give a kind or leave the option out"),
        ("--bidirectional", "No such option '--bidirectional'"),
        ("--no-resume", "No such option '--no-resume'"),
    ],
)
def test_values_that_cannot_be(words, problem, parse):
    assert_refused(parse(words), problem)


def test_what_must_be_given(parse):
    assert_refused(parse("--weights=9", options=Base), "Missing argument 'TEXT...'")
    assert_refused(parse("a", options=Base), "Missing option '--weights'")
    assert parse("a", "--weights=9", options=Base)[0].weights == 9


def test_help(parse):
    text = " ".join(parse("--help").out.split())
    assert "try [OPTIONS] [TEXT]..." in text
    assert "Of forgetting. [default: 0.25; 0<=x<1]" in text
    assert "Steps of a piece. [default: (9 for letters; 3 for words)" in text
    assert "--tied / --no-tied Tie the weights. [default: (off for letters; on for words)]" in text
    assert "--resume Go on with the run in --out. --overwrite" in text  # a switch is off
    assert text.index("--level") < text.index("--out") < text.index("--resume")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("--units=7 --level=letter --steps=9", ""),
        ("--units=64 --format='a b' --no-tied", "--units 64 --format 'a b'"),
        ("--level=word --steps=3 --tied", "--level word"),
        ("--rate=0 --level=word --no-tied", "--rate 0.0 --level word --no-tied"),
        ("--steps=3 --out=o --resume --heat=1e-5", "--heat 1e-05 --steps 3"),
    ],
)
def test_the_command_of_a_training_is_short_and_means_the_same(words, shown, parse):
    """Without what is a default, also one that depends on others, or is of that one call."""
    options, _ = parse(*shlex.split(words))
    options.resolve()
    line = training_command("python -m tasks.tagging", options)
    assert line == f"python -m tasks.tagging train {shown}".rstrip()
    repeated, _ = parse(*shlex.split(line)[4:])
    repeated.resolve()
    assert repeated.recorded() == options.recorded()
    assert not {"out", "resume", "overwrite"} & options.recorded().keys()


def test_sampling_without_options_is_free_and_has_a_new_seed():
    settings = SamplingOptions().settings()
    assert (settings["temperature"], settings["top_k"], settings["top_p"]) == (1.0, 0, 1.0)
    assert 0 <= settings["seed"] < 2**32
    assert SamplingOptions().settings()["seed"] != settings["seed"]
    given = SamplingOptions(temperature=0.5, top_k=3, top_p=0.9, seed=0)
    assert given.settings() == {**given.drawing(), "seed": 0}
    assert given.drawing() == {"temperature": 0.5, "top_k": 3, "top_p": 0.9}
