"""A model of chords: a proper distribution over those that can be."""

import itertools

import numpy as np
import pytest
from keras import ops
from support.music_pieces import piece_of, predictor_of

from zoo.music.chords import END_ID, FIRST_KEY_ID, HIGHEST, LOWEST, REST_ID
from zoo.text.special_tokens import PADDING_ID

KEYBOARD = HIGHEST - LOWEST + 1
FIRST_HELD_ID = FIRST_KEY_ID + KEYBOARD


def sets_of_keys(chords):
    """Each once: the higher key first, silence below one key, or silence."""
    high, low = chords.T
    keys = (high >= FIRST_KEY_ID) & (low >= FIRST_KEY_ID) & (low < high)
    single = (high >= FIRST_KEY_ID) & (low == REST_ID)
    possible = keys | single | (chords == REST_ID).all(axis=1)
    assert possible.sum() == KEYBOARD * (KEYBOARD - 1) // 2 + KEYBOARD + 1
    return possible


def parts(held):
    """Keys struck, rests, and what each voice may hold, a dict of symbols and voices."""

    def possible(chords):
        of_voices = (chords >= FIRST_KEY_ID) & (chords < FIRST_HELD_ID) | (chords == REST_ID)
        for symbol, voice in held.items():
            of_voices[:, voice] |= chords[:, voice] == symbol
        return of_voices.all(axis=1)

    return possible


@pytest.mark.parametrize(
    ("kind", "before", "possible"),
    [
        ("ranked", (40, 30), sets_of_keys),
        ("ranked", (END_ID, END_ID), None),
        ("parts", (40, REST_ID), parts({40 + KEYBOARD: 0})),
        ("parts", (FIRST_HELD_ID + 7, 50), parts({FIRST_HELD_ID + 7: 0, 50 + KEYBOARD: 1})),
        ("parts", (PADDING_ID, PADDING_ID), parts({})),
        ("parts", (END_ID, END_ID), None),
    ],
)
def test_what_can_follow_a_chord_has_probability_one(kind, before, possible):
    predictor = predictor_of(kind, voices=2)
    chords = np.array([*itertools.product(range(predictor.encoder.symbols), repeat=2)], "int32")
    rows = np.stack([np.broadcast_to(before, chords.shape), chords], axis=1).astype("int32")
    inputs = {name: np.zeros(rows.shape[:2], "int32") for name in predictor.model.input}
    logits = ops.convert_to_numpy(predictor.model(inputs | {"chords": rows}))[:, 1]
    shares = np.exp(logits.astype("float64") - np.logaddexp.reduce(logits, axis=-1, keepdims=True))
    found = np.take_along_axis(shares, chords[..., None], axis=-1)[..., 0].prod(axis=-1)
    expected = (chords == END_ID).all(axis=1)
    if possible:
        expected |= possible(chords)
    assert (found[expected] > 0).all()
    assert (found[~expected] == 0).all()
    np.testing.assert_allclose(found.sum(), 1, rtol=1e-5)


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
