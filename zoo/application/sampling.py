"""The options of verbs that draw at random: how freely, and with which seed."""

import math
import secrets
from dataclasses import dataclass
from typing import Any

from zoo.application.options import option, seed_option
from zoo.generation.temperature import HOTTEST


def check_temperature(value: float, greedy: str = "--top-k 1") -> float:
    """A temperature, if it is above 0 and not above `HOTTEST`; else a ValueError.

    `greedy` is the option to take the likeliest choice with.
    """
    if 0 < value <= HOTTEST:
        return value
    hint = f"above {HOTTEST:g}, where all choices are equally likely"
    if not value > 0:
        hint = f"not above 0: for the likeliest choice each time give {greedy}"
    raise ValueError(f"{value:g} is {hint}")


def _check_share(value: float) -> float:
    if math.isnan(value):  # which is neither in a range nor out of it
        raise ValueError("nan is no number")
    return value


@dataclass
class SamplingOptions:
    """How to draw tokens or notes."""

    temperature: float | None = option(
        None,
        "Below 1 likely choices become likelier, above 1 unlikely ones.  [default: 1]",
        check=check_temperature,
    )
    top_k: int | None = option(None, "Draw from so many likeliest choices only.", least=1)
    top_p: float | None = option(
        None,
        "Draw from the fewest choices that have this probability together.",
        above=0,
        most=1,
        check=_check_share,
    )
    seed: int | None = seed_option(
        None, "The same seed gives the same result.  [default: a new one, which is said]"
    )

    def drawing(self) -> dict[str, Any]:
        """What was given of the options that make no sense where nothing is drawn, by name."""
        values = {name: getattr(self, name) for name in ("temperature", "top_k", "top_p")}
        return {name: value for name, value in values.items() if value is not None}

    def settings(self) -> dict[str, Any]:
        """The arguments of a predictor's `generate`, with a seed if none is given."""
        seed = secrets.randbits(32) if self.seed is None else self.seed
        return {"temperature": 1.0, "top_k": 0, "top_p": 1.0, **self.drawing(), "seed": seed}
