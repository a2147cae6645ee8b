"""A model of chords: a proper distribution, and the same one step at a time."""

import itertools

import numpy as np
import pytest
from keras import ops
from support.music_pieces import encoder_of, piece_of, predictor_of

from zoo.music.chords import END_ID, FIRST_KEY_ID, HIGHEST, LOWEST, REST_ID
from zoo.networks import chord_model
from zoo.text.special_tokens import PADDING_ID

KEYBOARD = HIGHEST - LOWEST + 1
FIRST_HELD_ID = FIRST_KEY_ID + KEYBOARD
KINDS = ("ranked", "parts")


def probabilities(predictor, before, chords):
    """P of each chord (n, voices) after the chord `before`, by the network."""
    rows = np.stack([np.broadcast_to(before, chords.shape), chords], axis=1).astype("int32")
    inputs = {name: np.zeros(rows.shape[:2], "int32") for name in predictor.model.input}
    inputs["chords"] = rows
    logits = ops.convert_to_numpy(predictor.model(inputs))[:, 1].astype("float64")
    logits -= logits.max(axis=-1, keepdims=True)
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return np.take_along_axis(shares, chords[..., None], axis=-1)[..., 0].prod(axis=-1)


def all_chords(predictor):
    symbols = range(predictor.encoder.symbols)
    return np.array(list(itertools.product(symbols, symbols)))


def test_the_sets_of_keys_have_probability_one():
    predictor = predictor_of("ranked", voices=2)
    chords = all_chords(predictor)
    found = probabilities(predictor, np.array([40, 30]), chords)
    high, low = chords.T
    keys = (high >= FIRST_KEY_ID) & (low >= FIRST_KEY_ID) & (low < high)
    single = (high >= FIRST_KEY_ID) & (low == REST_ID)
    silence, end = (chords == REST_ID).all(axis=1), (chords == END_ID).all(axis=1)
    possible = keys | single | silence | end
    assert possible.sum() == KEYBOARD * (KEYBOARD - 1) // 2 + KEYBOARD + 2  # each set once
    assert (found[possible] > 0).all()
    assert (found[~possible] == 0).all()
    np.testing.assert_allclose(found.sum(), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("before", "held"),
    [
        ((40, REST_ID), {40 + KEYBOARD: 0}),
        ((FIRST_HELD_ID + 7, 50), {FIRST_HELD_ID + 7: 0, 50 + KEYBOARD: 1}),
        ((PADDING_ID, PADDING_ID), {}),
    ],
)
def test_parts_hold_only_what_they_have(before, held):
    predictor = predictor_of("parts", voices=2)
    chords = all_chords(predictor)
    found = probabilities(predictor, np.array(before), chords)
    struck = (chords >= FIRST_KEY_ID) & (chords < FIRST_HELD_ID)
    possible = struck | (chords == REST_ID)
    for symbol, voice in held.items():
        possible[:, voice] |= chords[:, voice] == symbol
    possible = possible.all(axis=1) | (chords == END_ID).all(axis=1)
    assert (found[possible] > 0).all()
    assert (found[~possible] == 0).all()
    np.testing.assert_allclose(found.sum(), 1, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_comes_after_the_end(kind):
    predictor = predictor_of(kind, voices=2)
    chords = all_chords(predictor)
    found = probabilities(predictor, np.array([END_ID, END_ID]), chords)
    np.testing.assert_allclose(found, (chords == END_ID).all(axis=1), atol=1e-6)


def test_a_voice_does_not_see_the_voices_below():
    predictor = predictor_of("parts")
    chords = predictor.encoder.encode(piece_of())[None]
    inputs = {n: np.ones(chords.shape[:2], "int32") for n in predictor.model.input}
    of_all = predictor.model(inputs | {"chords": chords})
    other = chords.copy()
    other[0, 5, 2] = FIRST_KEY_ID + 3  # the tenor of one chord
    changed = predictor.model(inputs | {"chords": other})
    differs = np.abs(of_all - changed).max(axis=-1)[0] > 1e-6  # (steps, voices)
    assert not differs[:5].any()
    assert differs[5].tolist() == [False, False, False, True]
    assert differs[6].all()


def test_its_size_is_that_of_its_voices_and_symbols():
    encoder = encoder_of("parts", 3)
    model = chord_model(3, positions=16, keys=24, units=4)
    assert model.output.shape == (None, None, 3, encoder.symbols)
    assert set(model.input) == {"chords", "positions", "keys"}
    assert set(chord_model(2, ranked=True, units=4).input) == {"chords"}
