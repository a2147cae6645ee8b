"""What a served model of music answers to."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from zoo import generation
from zoo.music.chords import END_ID, FIRST_KEY_ID, HIGHEST, LOWEST, REST_ID, ChordEncoder
from zoo.music.notes import KEYS, chord_name
from zoo.music.score import Score
from zoo.predictors.endpoints import (
    DRAWING,
    Arrays,
    Endpoint,
    bounded,
    drawn_with,
    each_alone,
    request,
)
from zoo.predictors.graphs import padded
from zoo.text.special_tokens import PADDING_ID

LONGEST = 1024
"""Steps that one request may ask for: a server must not be busy with one client for ever."""

_FREE, _NO_STEP = -1, -1  # a voice that is left to the draw; what fills up a shorter piece
_KEYS_OF_PIANO = HIGHEST - LOWEST + 1


def endpoints(predictor: Any) -> tuple[Endpoint, ...]:
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
    """
    generate = _generate(predictor)
    return (dataclasses.replace(generate, name="serving_default"), generate, _score(predictor))


def _generate(predictor: Any) -> Endpoint:
    sequences, encoder = predictor.sequences, predictor.encoder
    voices = encoder.voices

    def generate(
        seed_chord: tf.Tensor,
        key: tf.Tensor,
        temperature: tf.Tensor,
        seed: tf.Tensor,
        max_length: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        keys = tf.argmax(tf.equal(key[:, None], ("", *KEYS)), axis=1, output_type=tf.int32)
        limits = tf.clip_by_value(max_length, 1, LONGEST)
        steps = tf.maximum(1, tf.reduce_max(limits))  # a batch of no rows has no greatest limit
        given = tf.pad(_symbols(seed_chord)[:, None], [[0, 0], [0, steps - 1], [0, 0]])
        nothing = tf.zeros_like(keys)
        state = sequences.beginning(given, keys, nothing, nothing + encoder.bar)
        written = sequences.write(
            nothing,
            state,
            generation.uniforms(seed, 0, voices * steps),
            {
                "temperature": bounded(temperature),
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

    def expected(inputs: Arrays) -> Arrays:
        """Each piece written by itself."""
        found = [_written(predictor, *row) for row in zip(*inputs.values(), strict=True)]
        steps = int(np.clip(inputs["max_length"], 1, LONGEST).max())
        return request(
            pitches=_filled([score.pitches for score in found], steps, _NO_STEP),
            onsets=_filled([score.onsets for score in found], steps, 0),
            step_count=[len(score) for score in found],
        )

    inputs = (
        tf.TensorSpec([None, voices], tf.int32, "seed_chord"),
        tf.TensorSpec([None], tf.string, "key"),
        *DRAWING,
    )
    examples = [_asked(voices, [12]), _asked(voices, [20, 1, 9])]
    return Endpoint("generate", inputs, generate, examples, expected)


def _shifted(notes: tf.Tensor) -> tf.Tensor:
    """The notes of the step before, (batch, steps, voices); 0 before the first."""
    return tf.pad(notes, [[0, 0], [1, 0], [0, 0]])[:, :-1]


def _symbols(chord: tf.Tensor) -> tf.Tensor:
    """The symbols of MIDI numbers; a voice is free where a number is no key of the piano."""
    struck = tf.logical_and(chord >= LOWEST, chord <= HIGHEST)
    symbols = tf.where(struck, chord - LOWEST + FIRST_KEY_ID, PADDING_ID)
    return tf.where(chord == 0, REST_ID, symbols)


def _asked(voices: int, lengths: list[int]) -> Arrays:
    """A request: the first piece from one note, the others from nothing."""
    rows = len(lengths)
    chords = np.full((rows, voices), _FREE, "int32")
    chords[0, 0] = 72
    given = request(seed_chord=chords, key=["G major", "", "no key"][:rows])
    return {**given, **drawn_with(rows, [0.8, 1.0, 0.0], lengths)}


def _written(
    predictor: Any,
    chord: np.ndarray,
    key: bytes,
    temperature: float,
    seed: int,
    max_length: int,
) -> Score:
    """The score of one row of a request, as the predictor writes it."""
    name = key.decode()
    (piece,) = predictor.generate(
        chord_name(pitch for pitch in chord if pitch != _FREE),
        key=name if name in KEYS else None,
        length=int(np.clip(max_length, 1, LONGEST)),
        temperature=float(temperature) if temperature > 0 else 1.0,
        top_k=0 if temperature > 0 else 1,
        seed=int(seed),
    )
    return piece["score"]


def _score(predictor: Any) -> Endpoint:
    sequences, encoder = predictor.sequences, predictor.encoder

    def score(notes: tf.Tensor, struck: tf.Tensor) -> dict[str, tf.Tensor]:
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

    def alone(notes: np.ndarray, struck: np.ndarray) -> dict[str, Any]:
        steps = int((notes[:, 0] >= 0).sum())
        piece = Score(
            pitches=notes[:steps],
            onsets=(struck[:steps] > 0) & (notes[:steps] > 0),
            steps_per_quarter=encoder.steps_per_quarter,
            positions=np.arange(steps) % (4 * encoder.steps_per_quarter),
            ranked=encoder.ranked,
        )
        (found,) = predictor.log_probabilities([piece])
        return {"log_probability": found[:-1].sum(), "length": steps}

    inputs = (
        tf.TensorSpec([None, None, encoder.voices], tf.int32, "notes"),
        tf.TensorSpec([None, None, encoder.voices], tf.int32, "struck"),
    )
    examples = [_example(encoder, [4]), _example(encoder, [4, 9, 2])]
    return Endpoint("score", inputs, score, examples, each_alone(alone))


def _example(encoder: ChordEncoder, lengths: list[int]) -> Arrays:
    """Pieces of a few steps, struck at every other one."""
    steps = np.arange(max(lengths))
    there = (steps < np.array(lengths)[:, None])[..., None]  # (pieces, steps, 1)
    notes = 72 - 5 * np.arange(encoder.voices) + (steps[:, None] // 2) % 3
    struck = (steps % 2 == 0)[:, None] & there & (notes > 0)
    return request(
        notes=np.where(there, notes, _NO_STEP).astype("int32"), struck=struck.astype("int32")
    )


def _filled(arrays: Sequence[np.ndarray], steps: int, value: int) -> np.ndarray:
    """Arrays (n, voices) of several lengths as one of int32, with `value` after the last steps."""
    return np.stack([padded(array.astype("int32"), steps, value) for array in arrays])
