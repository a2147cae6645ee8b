"""Timing of alternatives side by side, for ratios that hold on a busy machine."""

import statistics
import time

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
