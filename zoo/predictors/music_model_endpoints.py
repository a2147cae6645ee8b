"""What a served model of music answers to."""

import numpy as np
import tensorflow as tf

from zoo import generation
from zoo.generation.temperature import HOTTEST
from zoo.music.chords import END_ID, FIRST_KEY_ID, HIGHEST, LOWEST, REST_ID
from zoo.music.notes import KEYS, chord_name
from zoo.music.score import Score
from zoo.predictors.endpoints import Endpoint, request
from zoo.text.special_tokens import PADDING_ID

LONGEST = 1024
"""Steps that one request may ask for: a server must not be busy with one client for ever."""

_FREE, _NO_STEP = -1, -1  # a voice that is left to the draw; what fills up a shorter piece
_KEYS_OF_PIANO = HIGHEST - LOWEST + 1


def endpoints(predictor):
    """The signatures of a served model of music.

    - `generate`, and the same as `serving_default`: `seed_chord` (batch, voices), MIDI numbers, the
      highest voice first, 0 for silence and -1 for a voice that is free; `key`, "G major" or "" for
      any; `temperature` (0 or less for the most probable note each time), `seed` and `max_length`
      in steps (at most `LONGEST`) -> `pitches` (batch, steps, voices), -1 after the end of a piece,
      `onsets`, 1 where a note begins, and `step_count`. The same seed gives the same piece, whoever
      else asks at the same time.
    - `score`: `notes` (batch, steps, voices), MIDI numbers, 0 for silence and -1 after the end of a
      piece, and `struck`, 1 where a note begins -> `log_probability` of all steps, natural
      logarithm, whatever the key, and `length` in steps. A piece begins with a bar of 4/4.

    Args:
        predictor: a `MusicModel`.

    Returns:
        Tuple of `Endpoint`s.
    """
    generate = _generate(predictor)
    return (
        Endpoint("serving_default", *generate),
        Endpoint("generate", *generate),
        _score(predictor),
    )


def _generate(predictor):
    sequences, encoder = predictor.sequences, predictor.encoder
    voices = encoder.voices

    def generate(seed_chord, key, temperature, seed, max_length):
        keys = tf.argmax(tf.equal(key[:, None], ("", *KEYS)), axis=1, output_type=tf.int32)
        limits = tf.clip_by_value(max_length, 1, LONGEST)
        steps = tf.reduce_max(limits)
        given = tf.pad(_symbols(seed_chord)[:, None], [[0, 0], [0, steps - 1], [0, 0]])
        nothing = tf.zeros_like(keys)
        state = sequences.beginning(given, keys, nothing, nothing + encoder.bar)
        written = sequences.write(
            nothing,
            state,
            generation.uniforms(seed, 0, voices * steps),
            {
                # No number of one client may break the batch that others are in.
                "temperature": tf.where(temperature > 0, tf.minimum(temperature, HOTTEST), 0.0),
                "top_k": nothing,
                "top_p": tf.ones_like(temperature),
            },
        )
        symbols = tf.reshape(written.tokens, [-1, steps, voices])
        there = tf.logical_and(symbols[..., 0] != END_ID, tf.range(steps) < limits[:, None])
        sounds = symbols >= FIRST_KEY_ID
        pitches = tf.where(sounds, (symbols - FIRST_KEY_ID) % _KEYS_OF_PIANO + LOWEST, 0)
        onsets = tf.logical_and(sounds, symbols < FIRST_KEY_ID + _KEYS_OF_PIANO)
        if encoder.ranked:  # a key that follows itself is one long note
            onsets = tf.logical_and(sounds, pitches != _shifted(pitches))
        return {
            "pitches": tf.where(there[..., None], pitches, _NO_STEP),
            "onsets": tf.cast(tf.logical_and(onsets, there[..., None]), tf.int32),
            "step_count": tf.reduce_sum(tf.cast(there, tf.int32), axis=1),
        }

    def expected(inputs):
        """Each piece written by itself."""
        found = [_written(predictor, *row) for row in zip(*inputs.values(), strict=True)]
        steps = int(np.clip(inputs["max_length"], 1, LONGEST).max())
        blank = {"pitches": _NO_STEP, "onsets": 0}
        return request(
            **{
                name: np.stack([_filled(getattr(s, name), steps, blank[name]) for s in found])
                for name in blank
            },
            step_count=np.int32([len(score) for score in found]),
        )

    inputs = (
        tf.TensorSpec([None, voices], tf.int32, "seed_chord"),
        tf.TensorSpec([None], tf.string, "key"),
        tf.TensorSpec([None], tf.float32, "temperature"),
        tf.TensorSpec([None], tf.int64, "seed"),
        tf.TensorSpec([None], tf.int32, "max_length"),
    )
    examples = [_asked(voices, 1, [12]), _asked(voices, 3, [20, 1, 9])]
    return inputs, generate, examples, expected


def _shifted(notes):
    """The notes of the step before, (batch, steps, voices); 0 before the first."""
    return tf.pad(notes, [[0, 0], [1, 0], [0, 0]])[:, :-1]


def _symbols(chord):
    """The symbols of MIDI numbers; a voice is free where a number is no key of the piano."""
    struck = tf.logical_and(chord >= LOWEST, chord <= HIGHEST)
    symbols = tf.where(struck, chord - LOWEST + FIRST_KEY_ID, PADDING_ID)
    return tf.where(chord == 0, REST_ID, symbols)


def _asked(voices, rows, lengths):
    """A request: the first piece from one note, the second from nothing."""
    chords = np.full((rows, voices), _FREE, "int32")
    chords[0, 0] = 72
    return request(
        seed_chord=chords,
        key=["G major", "", "no key"][:rows],
        temperature=np.float32([0.8, 1, 0])[:rows],
        seed=np.int64([1, 2, 3])[:rows],
        max_length=np.int32(lengths),
    )


def _written(predictor, chord, key, temperature, seed, max_length):
    """The score of one row of a request, as the predictor writes it."""
    name = key.decode()
    greedy = {} if temperature > 0 else {"top_k": 1}
    (piece,) = predictor.generate(
        chord_name(pitch for pitch in chord if pitch != _FREE),
        key=name if name in KEYS else None,
        length=int(np.clip(max_length, 1, LONGEST)),
        temperature=float(temperature) if temperature > 0 else 1.0,
        seed=int(seed),
        **greedy,
    )
    return piece["score"]


def _filled(array, steps, value):
    """An array (n, voices) as int32, with `value` after its last step."""
    array = np.asarray(array, "int32")
    return np.pad(array, ((0, steps - len(array)), (0, 0)), constant_values=value)


def _score(predictor):
    sequences, encoder = predictor.sequences, predictor.encoder

    def score(notes, struck):
        there = notes[..., 0] >= 0  # (batch, steps)
        symbols = tf.where(
            notes > 0, tf.clip_by_value(notes, LOWEST, HIGHEST) - LOWEST + FIRST_KEY_ID, REST_ID
        )
        if not encoder.ranked:
            goes_on = (notes > 0) & (notes == _shifted(notes)) & (struck == 0)
            symbols = tf.where(goes_on, symbols + _KEYS_OF_PIANO, symbols)
        symbols = tf.where(there[..., None], symbols, PADDING_ID)
        steps = tf.shape(symbols)[1]
        positions = 1 + tf.range(steps) % max(encoder.bar, 1)
        inputs = {
            "chords": symbols,
            "positions": tf.where(there, positions, 0),
            "keys": tf.zeros_like(symbols[..., 0]),
        }
        inputs = {name: inputs[name] for name in predictor.model.input}
        found = sequences.log_probabilities(inputs)
        return {
            "log_probability": tf.reduce_sum(found, axis=(1, 2)),
            "length": tf.reduce_sum(tf.cast(there, tf.int32), axis=1),
        }

    def expected(inputs):
        """Each piece by itself."""
        totals, lengths = [], []
        for notes, struck in zip(inputs["notes"], inputs["struck"], strict=True):
            steps = int((notes[:, 0] >= 0).sum())
            piece = Score(
                pitches=notes[:steps],
                onsets=(struck[:steps] > 0) & (notes[:steps] > 0),
                steps_per_quarter=encoder.steps_per_quarter,
                positions=np.arange(steps) % (4 * encoder.steps_per_quarter),
                ranked=encoder.ranked,
            )
            (found,) = predictor.log_probabilities([piece])
            totals.append(found[:-1].sum())
            lengths.append(steps)
        return {"log_probability": np.float32(totals), "length": np.int32(lengths)}

    inputs = (
        tf.TensorSpec([None, None, encoder.voices], tf.int32, "notes"),
        tf.TensorSpec([None, None, encoder.voices], tf.int32, "struck"),
    )
    pieces = [_example(encoder, steps) for steps in (4, 9, 2)]
    examples = [_batch(pieces[:1]), _batch(pieces)]
    return Endpoint("score", inputs, score, examples, expected)


def _example(encoder, steps):
    """The notes of a few steps, struck at every other one."""
    chord = 72 - 5 * np.arange(encoder.voices)
    notes = chord + (np.arange(steps)[:, None] // 2) % 3
    struck = np.repeat((np.arange(steps) % 2 == 0)[:, None], encoder.voices, axis=1)
    return notes, struck


def _batch(pieces):
    steps = max(len(notes) for notes, _ in pieces)
    return request(
        notes=np.stack([_filled(notes, steps, _NO_STEP) for notes, _ in pieces]),
        struck=np.stack([_filled(struck, steps, 0) for _, struck in pieces]),
    )
