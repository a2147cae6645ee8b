"""Options as dataclasses: what they say of themselves, and the command line that it makes."""

import shlex
from dataclasses import dataclass

import pytest
from support.command_lines import Result, assert_refused

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

LEVELS = {
    "letter": {"steps": 9, "tied": False},
    "word": {"steps": 3, "tied": True},
}


def no_odd_number(value):
    if value % 2:
        raise ValueError(f"{value} is odd")
    return value


@dataclass
class Base:
    """Options from which others inherit."""

    texts: tuple[str, ...] = argument("TEXT...")
    units: int = option(64, "Units of a layer.", least=1)
    cell: str = option("lstm", "The cell.", choices=("lstm", "gru"))
    both: bool = option(True, "Both directions.")
    rate: float = option(0.5, "Of learning.", least=0, below=1)
    heat: float = option(1.0, "Of drawing.", above=0, most=9)
    pairs: int | None = option(None, "An even number.", check=no_odd_number)
    file_format: str = option("a", "Kind of file.", name="format", what="kind")
    names: tuple[str, ...] = option((), "A name; can be repeated.", what="name")
    out: str | None = option(None, "Where to.", what="folder")
    resume: bool = option(False, "Go on.", flag=True)
    weights: int = option(None, "Of a network.", least=9, required=True)
    anew: str = option("x", "Of the base alone.")


@dataclass
class Options(Base):
    """Options that say less, and something else."""

    texts: tuple[str, ...] = argument("[TEXT]...", required=False)
    units: int = 7
    both: bool = fixed(False)
    weights: int = fixed(9)
    rate: float = option(0.25, "Of forgetting.")
    anew: str = fixed("y")
    level: str = option("letter", "What a token is.", choices=tuple(LEVELS))
    steps: int = by_level(LEVELS, "steps", "Steps of a piece.", least=1)
    tied: bool = by_level(LEVELS, "tied", "Tie the weights.")

    def resolve(self):
        for name, value in LEVELS[self.level].items():
            if getattr(self, name) is None:
                setattr(self, name, value)


@pytest.fixture
def parse(capfd):
    """What a command line makes of words: the options, or a `Result` if it refuses them."""

    def parse(*words, options=Options):
        found = []
        verb = Verb(lambda options, output: found.append((options, output)), "Tries.", (options,))
        capfd.readouterr()
        code = execute(command_of(verb._replace(name="try")), "try", [*words])
        return found[0] if found else Result(code, *capfd.readouterr())

    return parse


def test_a_subclass_keeps_what_its_base_says_and_a_fixed_field_is_no_option():
    fields = {field.name: field for field in declared(Options)}
    assert [*fields][:3] == ["texts", "units", "cell"]
    assert not {"both", "weights", "anew"} & fields.keys()
    assert (fields["units"].default, fields["units"].about) == (
        7,
        {"help": "Units of a layer.", "least": 1},
    )
    assert fields["rate"].about == {"help": "Of forgetting.", "least": 0, "below": 1}
    assert (fields["names"].type, fields["names"].many) == (str, True)
    assert (fields["pairs"].type, fields["pairs"].many) == (int, False)
    assert fields["file_format"].flag == "--format"
    assert [name for name, field in fields.items() if field.one_way] == ["resume"]
    assert [name for name, field in fields.items() if field.depends] == ["steps", "tied"]
    assert {field.name for field in declared(Base)} > {"both", "anew"}
    assert (Options().anew, Options().both) == ("y", False)


def test_defaults_and_values(parse):
    options, output = parse()
    assert options == Options()
    assert (output.json, output.given) == (False, frozenset())
    words = "--units 3 --cell=gru --rate=0 --heat 9 --pairs=4 --format b --names x --names y"
    options, output = parse(*words.split(), "--out=o", "--resume", "--json", "--tied", "hot", "-")
    assert output.json
    assert output.given > {"units", "file_format", "resume", "tied", "texts"}
    assert not {"steps", "level"} & output.given
    assert options == Options(
        units=3,
        cell="gru",
        rate=0.0,
        heat=9.0,
        pairs=4,
        file_format="b",
        names=("x", "y"),
        out="o",
        resume=True,
        tied=True,
        texts=("hot", "-"),
    )
    assert parse("--no-tied")[0].tied is False


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--units=0", "'--units': 0 is not in the range x>=1"),
        ("--units=many", "'--units': 'many' is not a valid integer"),
        ("--cell=elman", "'--cell': 'elman' is not one of 'lstm', 'gru'"),
        ("--rate=1", "'--rate': 1.0 is not in the range 0<=x<1"),
        ("--rate=-0.1", "'--rate': -0.1 is not in the range 0<=x<1"),
        ("--heat=0", "'--heat': 0.0 is not in the range 0<x<=9"),
        ("--heat=9.1", "is not in the range 0<x<=9"),
        ("--pairs=3", "'--pairs': 3 is odd"),
        ("--format=", "'--format': it is empty: give a kind or leave the option out"),
        ("--both", "No such option '--both'"),
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
    assert "--cell [lstm|gru] The cell. [default: lstm]" in text
    assert "Of forgetting. [default: 0.25; 0<=x<1]" in text
    assert "Steps of a piece. [default: (9 for letters; 3 for words)" in text
    assert "--tied / --no-tied Tie the weights. [default: (off for letters; on for words)]" in text
    assert "--resume Go on. --json" in text  # nobody asks what a switch is by default
    assert text.index("--level") < text.index("--out") < text.index("--resume")
    assert "try [OPTIONS] TEXT..." in parse("--help", options=Base).out


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("--units=7 --level=letter --steps=9", ""),
        ("--units=64 --format='a b' --no-tied", "--units 64 --format 'a b'"),
        ("--level=word --steps=3 --tied", "--level word"),
        (
            "--level=word --steps=9 --no-tied --rate=0",
            "--rate 0.0 --level word --steps 9 --no-tied",
        ),
        ("--steps=3 --out=o --resume --heat=1e-5", "--heat 1e-05 --steps 3"),
    ],
)
def test_the_command_of_a_training_is_short_and_means_the_same(words, shown, parse):
    """Without what is a default, also one that depends on others, or is of that one call."""
    options, _ = parse(*shlex.split(words))
    options.resolve()
    line = training_command("tagging", options)
    assert line == f"python -m tasks.tagging train {shown}".rstrip()
    repeated, _ = parse(*shlex.split(line)[4:])
    repeated.resolve()
    repeated.out, repeated.resume = options.out, options.resume
    assert repeated == options


def test_what_is_recorded_repeats_the_run():
    options = TrainingOptions(units=3, out="o", resume=True)
    recorded = options.recorded()
    assert (recorded["units"], recorded["seed"]) == (3, 1)
    assert not {"out", "resume", "overwrite"} & recorded.keys()
    assert TrainingOptions(**recorded, out="o", resume=True) == options


def test_sampling_without_options_is_free_and_has_a_new_seed():
    settings = SamplingOptions().settings()
    assert (settings["temperature"], settings["top_k"], settings["top_p"]) == (1.0, 0, 1.0)
    assert 0 <= settings["seed"] < 2**32
    assert SamplingOptions().settings()["seed"] != settings["seed"]
    given = SamplingOptions(temperature=0.5, top_k=3, top_p=0.9, seed=0)
    assert given.settings() == {"temperature": 0.5, "top_k": 3, "top_p": 0.9, "seed": 0}
    assert given.drawing() == {"temperature": 0.5, "top_k": 3, "top_p": 0.9}
