"""What `remember` may be: how the bias of the gates that keep a cell's memory starts."""

import contextlib
import math
from typing import TypeAlias

Remember: TypeAlias = float | str | None
"""A bias, "chrono:STEPS", or None."""

_CHRONO = "chrono:"
_MOST_DIGITS = 9  # a damaged file may have more than a float holds


def parse_remember(remember: Remember) -> Remember:
    """`remember` as cells keep it, from a number, the words of a command line, or None.

    Args:
        remember: a bias, also in words ("4"); or "chrono:STEPS" for chrono initialisation (Tallec &
            Ollivier 2018), STEPS being the longest that something shall be remembered.

    Returns:
        A float, "chrono:STEPS" or None.

    Raises:
        ValueError: if it is none of them, or STEPS is below 3 or above 999,999,999.
    """
    if remember is None or longest_memory(remember):
        return remember
    number = math.nan
    if not isinstance(remember, bool) and not str(remember).startswith(_CHRONO):
        with contextlib.suppress(TypeError, ValueError):
            number = float(remember)
    if not math.isfinite(number):
        raise ValueError(
            f"`remember` must be a number, or chrono:STEPS with 3 steps or more. "
            f"Received: {remember!r}"
        )
    return number


def longest_memory(remember: Remember) -> int:
    """STEPS of "chrono:STEPS", 0 of anything else."""
    if not isinstance(remember, str) or not remember.startswith(_CHRONO):
        return 0
    steps = remember.removeprefix(_CHRONO)
    if not steps.isascii() or not steps.isdecimal() or len(steps) > _MOST_DIGITS:
        return 0
    return int(steps) if int(steps) >= 3 else 0
