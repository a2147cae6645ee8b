"""The options of verbs that draw at random: how freely, and with which seed."""

import math
import secrets

import click

from zoo.generation.temperature import HOTTEST

NAMES = ("temperature", "top_k", "top_p")
"""The parameter names of the options that make no sense where nothing is drawn."""


def options(what):
    """`--temperature`, `--top-k`, `--top-p` and `--seed`.

    Args:
        what: is drawn, in the plural, for the help.
    """
    return [
        click.Option(
            ["--temperature"],
            type=click.FLOAT,
            callback=_a_temperature,
            help=f"Below 1 likely {what} become likelier, above 1 unlikely ones.  [default: 1]",
        ),
        click.Option(
            ["--top-k"], type=click.IntRange(1), help=f"Draw from so many likeliest {what} only."
        ),
        click.Option(
            ["--top-p"],
            type=click.FloatRange(0, 1, min_open=True),
            callback=_a_number,
            help=f"Draw from the fewest {what} that have this probability together.",
        ),
        click.Option(
            ["--seed"],
            type=click.IntRange(0, 2**32 - 1),
            help="The same seed gives the same result.  [default: a new one, which is said]",
        ),
    ]


def settings(values):
    """The arguments of a predictor's `generate`, by name, with a seed if none is given.

    Args:
        values: of the options, by parameter name.
    """
    chosen = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}
    chosen |= {name: values[name] for name in NAMES if values[name] is not None}
    seed = secrets.randbits(32) if values["seed"] is None else values["seed"]
    return chosen | {"seed": seed}


def say_seed(settings):
    """Tells a person which seed was chosen, on standard error."""
    click.echo(f"seed {settings['seed']}", err=True)


def _a_number(context, option, value):
    """Refuses "nan", which is neither in a range nor out of it."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is no number", context, option)
    return value


def _a_temperature(context, option, value):
    if value is not None and not 0 < value <= HOTTEST:
        hint = f"above {HOTTEST:g}, where all choices are equally likely"
        if not value > 0:
            greedy = any(o.name == "greedy" for o in context.command.params)
            hint = "not above 0: for the likeliest choice each time give "
            hint += "--greedy" if greedy else "--top-k 1"
        raise click.BadParameter(f"{value:g} is {hint}", context, option)
    return value
