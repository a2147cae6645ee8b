"""How a voice is judged by intervals, and what breaks the rules, against loops in plain NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax
from support.music_pieces import predictor_of
from support.predictor_case import made
from support.sequences import randomize

from zoo.music import Score
from zoo.music.chords import FIRST_KEY_ID, LOWEST, REST_ID, ChordEncoder
from zoo.music.counterpoint import RANGES, statistics
from zoo.networks.chord_model import step_models
from zoo.networks.chord_rules import IMPOSSIBLE, against_counterpoint
from zoo.networks.voice_leading import WIDEST, VoiceLeading

KINDS = pytest.mark.parametrize("ranked", [False, True], ids=["parts", "ranked"])
KEYS, UNITS, ROWS = 88, 5, 40


def key(symbol):
    return (int(symbol) - FIRST_KEY_ID) % KEYS if symbol >= FIRST_KEY_ID else None


def chords(rows=ROWS, ranked=False, seed=0, lowest=20, highest=60):
    """Symbols (rows, 4) of two chords, with rests; of ranks each below the last."""
    draw = np.random.default_rng(seed)
    found = draw.integers(FIRST_KEY_ID + lowest, FIRST_KEY_ID + highest, (2, rows, 4))
    found = -np.sort(-found, axis=-1) if ranked else found
    found[draw.random(found.shape) < (0 if ranked else 0.15)] = REST_ID
    return found.astype("int32")


def leading(voice, ranked, hidden, before, chord, kernel, bias, table):
    """What is added to the logits of one row: the equations of `VoiceLeading`."""
    scores = hidden @ kernel + bias
    terms = np.zeros(KEYS)
    own, width = key(before[voice]), 2 * WIDEST + 1
    for p in range(KEYS):
        if own is not None:
            terms[p] += scores[1 + min(max(p - own, -WIDEST), WIDEST) + WIDEST]
        for u in range(voice):
            old, new = key(before[u]), key(chord[u])
            if new is None:
                continue
            apart = min(max(p - new, -WIDEST), WIDEST)
            terms[p] += scores[1 + (1 + u) * width + apart + WIDEST]
            interval = 12 if None in (old, own) else abs(old - own) % 12
            move = 0 if old is None else np.sign(new - old)
            own_move = 0 if own is None else np.sign(p - own)
            entry = table[u].reshape(13, 3, 12, 3)[interval, move + 1, abs(new - p) % 12]
            terms[p] += 10 * entry[own_move + 1]
    return np.concatenate([np.zeros(FIRST_KEY_ID), terms, *([] if ranked else [terms + scores[0]])])


@KINDS
@pytest.mark.parametrize("voice", [0, 1, 3])
def test_what_intervals_add_and_its_gradient(voice, ranked):
    layer, draw = VoiceLeading(ranked, voice), np.random.default_rng(1)
    hidden = draw.normal(size=(ROWS, UNITS)).astype("float32")
    before, chord = chords(ranked=ranked)
    symbols = ChordEncoder(4, ranked, 1).symbols
    logits, cotangents = draw.normal(size=(2, ROWS, symbols)).astype("float32")
    arguments = {
        "before": before[:, voice],
        "past": [before[:, u] for u in range(voice)],
        "above": [chord[:, u] for u in range(voice)],
    }
    layer(logits, hidden=hidden, **arguments)
    randomize(layer)
    with tf.GradientTape() as tape:
        found = layer(logits, hidden=hidden, **arguments)
    gradients = tape.gradient(
        found, [w.value for w in layer.trainable_weights], output_gradients=cotangents
    )
    weights = [w.numpy() for w in layer.trainable_weights]

    def by_numpy(kernel, bias, *table):
        table = table[0].reshape(voice, 13, 3, 36) if table else None
        rows = zip(hidden, before, chord, strict=True)
        return np.stack([leading(voice, ranked, *row, kernel, bias, table) for row in rows])

    value = by_numpy(*weights)
    np.testing.assert_allclose(found, logits + value, rtol=1e-4, atol=1e-4)
    for i, gradient in enumerate(gradients):  # affine in each weight: a difference is exact
        step = draw.normal(size=weights[i].shape)
        moved = by_numpy(*weights[:i], weights[i] + step, *weights[i + 1 :])
        expected = ((moved - value) * cotangents).sum()
        product = (np.array(tf.convert_to_tensor(gradient)) * step).sum()
        assert product == pytest.approx(expected, rel=1e-4, abs=1e-2)


@KINDS
def test_the_probability_of_a_voice(ranked):
    """The head of each voice from its weights: vectors, intervals, hidden layer, logits, rules."""
    predictor = predictor_of("ranked" if ranked else "parts")
    model = predictor.model
    _, heads = step_models(model)
    before, chord = chords(rows=8, ranked=ranked)
    hidden = np.random.default_rng(2).normal(size=(8, 5)).astype("float32")
    vectors = model.get_layer("embedding").embeddings.numpy()
    (of_intervals,) = (w.numpy() for w in model.get_layer("intervals").weights)

    def interval(lower, upper):
        if lower is None or upper is None:
            return of_intervals[0]
        return of_intervals[1 + min(max(upper - lower, -WIDEST), WIDEST) + WIDEST]

    for v, head in enumerate(heads):
        dense, last = ([w.numpy() for w in model.get_layer(f"{n}_{v}").weights] for n in NAMES)
        weights = [w.numpy() for w in model.get_layer(f"leading_{v}").weights]
        table = weights[2].reshape(v, 13, 3, 36) if v else np.zeros((0, 13, 3, 36))
        found = np.array(head({"hidden": hidden, "before": before, "chord": chord}))
        for row, (a, old, new) in enumerate(zip(hidden, before, chord, strict=True)):
            past, above = [*map(key, old)], [*map(key, new[:v])]
            read = [a, *vectors[old], *vectors[new[:v]]]
            read += [interval(past[v], p) for u, p in enumerate(past) if u != v]
            read += [interval(past[v], p) for p in above]
            read += [interval(p, q) for p, q in zip(past[:v], above, strict=True)]
            h = np.maximum(np.concatenate(read) @ dense[0] + dense[1], 0)
            expected = h @ last[0] + last[1]
            expected += leading(v, ranked, h, old, new, *weights[:2], table)
            possible = found[row] > IMPOSSIBLE
            assert possible.sum() >= 2
            np.testing.assert_allclose(
                log_softmax(found[row].astype("float64"))[possible],
                log_softmax(expected[possible]),
                rtol=1e-4,
                atol=1e-4,
            )


NAMES = ("hidden", "logits")


def parallels(encoder, *rows):
    pitches = encoder.decode(np.stack(rows)).pitches
    counted = statistics([Score(pitches, pitches > 0, 1, np.zeros(len(rows)))])
    return sum(counted[name] for name in counted if name.startswith("parallel"))


@KINDS
def test_what_breaks_a_rule_is_what_the_statistics_count(ranked):
    encoder, wrong = ChordEncoder(4, ranked, 1), 0
    for before, chord in zip(*chords(6, ranked, seed=4), strict=True):
        for voice, (lowest, highest) in enumerate(RANGES.values()):
            rows = keras.ops.convert_to_tensor(np.stack([before, chord]))
            found = np.array(against_counterpoint(voice, rows[:1], rows[1:], ranked))[0]
            both = np.where(np.arange(4) < voice, chord, REST_ID)
            already = parallels(encoder, before, both)
            for symbol in range(FIRST_KEY_ID, encoder.symbols, 3):
                both[voice] = symbol
                expected = parallels(encoder, before, both) > already
                wrong += expected
                if not ranked and symbol < FIRST_KEY_ID + KEYS:  # it is struck
                    expected |= not lowest <= key(symbol) + LOWEST <= highest
                assert found[symbol] == expected, (before, chord, voice, symbol)
            assert not found[:FIRST_KEY_ID].any()
    assert wrong


def test_by_the_rules_nothing_wrong_is_drawn():
    predictor = made("music, parts")
    free, strict = (
        statistics([p["score"] for p in predictor.generate(length=64, pieces=8, rules=r, seed=2)])
        for r in (False, True)
    )
    assert free["parallel_fifths_per_100_changes"] > 0
    assert free["parallel_octaves_per_100_changes"] > 0
    assert strict["parallel_fifths_per_100_changes"] == 0
    assert strict["parallel_octaves_per_100_changes"] == 0
    assert (free["out_of_range"] > 0.1, strict["out_of_range"]) == (True, 0)
    (piece,) = predictor.generate("C7 C6 C5 C4 | D7 D6 D5 D4", length=6, rules=True)
    chosen = piece["score"].pitches[:2].tolist()  # what is given stays as it is
    assert chosen == [[96, 84, 72, 60], [98, 86, 74, 62]]
