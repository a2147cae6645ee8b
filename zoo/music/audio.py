"""Scores to sound, by adding up harmonics: an organ of sorts that needs no samples."""

import wave
from pathlib import Path
from typing import BinaryIO

import numpy as np

from zoo.music.files import writing
from zoo.music.score import Score, check_tempo

SAMPLE_RATE = 22_050  # a second

_HARMONICS = 8
_FALL = 1.5  # the harmonic k has the amplitude of the first by k to this power
_ATTACK, _RELEASE = 0.02, 0.08  # seconds
_DECAY = 0.4  # a second: what a held note loses, as e to this power
_LOUDEST = 0.9  # of what 16 bits hold


def write_wav(score: Score, path: str | Path | BinaryIO, tempo: float = 100) -> None:
    """Writes a score as sound, by convention .wav: 16 bits, one channel, 22,050 samples a second.

    The tempo is in quarter notes a minute.

    Raises:
        UserError: the tempo cannot be played (`check_tempo`), or the file cannot be written.
    """
    samples = np.round(synthesised(score, tempo) * np.iinfo(np.int16).max).astype("<i2")
    with writing(path) as opened, wave.open(opened, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(samples.itemsize)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.tobytes())


def synthesised(score: Score, tempo: float = 100) -> np.ndarray:
    """The sound of a score, (samples,) float between -0.9 and 0.9, its end fading."""
    check_tempo(tempo)
    step = 60 / tempo / score.steps_per_quarter  # seconds
    samples = np.zeros(_samples(len(score) * step + _RELEASE))
    for voice in range(score.voices):
        for start, stop, pitch in score.notes(voice):
            sound = _note(pitch, (stop - start) * step)
            first = _samples(start * step)
            samples[first : first + len(sound)] += sound[: len(samples) - first]
    return samples * (_LOUDEST / max(np.abs(samples).max(initial=0), 1e-9))


def _note(pitch: int, seconds: float) -> np.ndarray:
    """A note of equal temperament, A4 at 440 Hz; it fades after its end."""
    time = np.arange(_samples(seconds + _RELEASE)) / SAMPLE_RATE
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    harmonics = np.arange(1, _HARMONICS + 1)
    harmonics = harmonics[harmonics * frequency < SAMPLE_RATE / 2, None]  # what can be represented
    waves = np.sin(2 * np.pi * frequency * harmonics * time) / harmonics**_FALL
    rise = np.minimum(time / _ATTACK, 1)
    fall = np.clip((seconds + _RELEASE - time) / _RELEASE, 0, 1)
    return waves.sum(axis=0) * rise * fall * np.exp(-_DECAY * time)


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)
