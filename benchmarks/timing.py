"""Timing of alternatives side by side, for ratios that hold on a busy machine."""

import statistics
import time

import click

# Thread pools spin for a while after their work; a pause keeps one candidate's off the next one's.
PAUSE = 0.05  # seconds


def time_in_turn(candidates, *, rounds, warm_up=3):
    """Times each candidate once per round, in turn, so that all see the same machine.

    Args:
        candidates: dict of name -> callable without arguments that returns when its work is done.
        rounds: how many timed rounds.
        warm_up: how many calls of each before (tracing, allocation).

    Returns:
        dict of name -> list of seconds, one per round.
    """
    for run in candidates.values():
        for _ in range(warm_up):
            run()
    seconds = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, run in candidates.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(numerator, denominator):
    """Median over the rounds of numerator / denominator, round by round."""
    return statistics.median(n / d for n, d in zip(numerator, denominator, strict=True))


def parse_shape(context, parameter, values):
    """Click callback: "32,100,128,256" -> (32, 100, 128, 256)."""
    shapes = []
    for value in values:
        try:
            shape = tuple(int(n) for n in value.split(","))
        except ValueError:
            shape = ()
        if len(shape) != 4 or min(shape) < 1:
            raise click.BadParameter(f"{value!r} is not four positive integers, B,T,I,U.")
        shapes.append(shape)
    return shapes
