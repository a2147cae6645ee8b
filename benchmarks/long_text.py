"""Whether a token costs more, the longer the text that a language model has written."""

import functools
import time

import keras
import numpy as np
import tensorflow as tf

from benchmarks.timing import ratio

PLACES = 16  # of the text, where all before is read again


def carrying_the_state(predictor, length):
    """Writes a text; returns the seconds that its first and its second half took.

    Args:
        predictor: the zoo's.
        length: tokens, of which each half is a whole number of the pieces that `stream` yields.
    """
    pieces = predictor.stream(length=length, past_end=True)
    next(pieces)  # the prompt
    clock = [time.perf_counter()]
    clock += [time.perf_counter() for _ in pieces]
    middle = len(clock) // 2
    return clock[middle] - clock[0], clock[-1] - clock[middle]


def reading_again(predictor, ids):
    """Finds the next token from all before, at places spread over a text; otherwise as above.

    Args:
        predictor: the zoo's.
        ids: (length,) integers, the text.
    """
    seconds = []
    for place in range(PLACES):
        before = ids[None, : (2 * place + 1) * len(ids) // (2 * PLACES)]
        start = time.perf_counter()
        read = predictor.read(tf.RaggedTensor.from_tensor(before))
        keras.ops.convert_to_numpy(predictor.sequences.next_logits(*read)[0])
        seconds.append(time.perf_counter() - start)
    return sum(seconds[: PLACES // 2]), sum(seconds[PLACES // 2 :])


def measure(predictor, ids, length, *, rounds):
    """Seconds of the second half of a long text, divided by those of the first, by way to write it.

    Args:
        predictor: the zoo's.
        ids: (tokens,) integers; the text that is read again is made of them.
        length: tokens of the long text.
        rounds: how often each is timed, after once untimed.
    """
    text = np.resize(ids, length).astype("int32")
    ways = {
        "state carried": functools.partial(carrying_the_state, predictor, length),
        "all read again": functools.partial(reading_again, predictor, text),
    }
    halves = {}
    for name, run in ways.items():
        run()
        first, second = zip(*(run() for _ in range(rounds)), strict=True)
        halves[name] = ratio(second, first)
    return halves
