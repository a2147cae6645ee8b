"""Scores as sound, and as pictures."""

import wave
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread
from support.music_pieces import random_score, score_of

from zoo.music.audio import SAMPLE_RATE, synthesised, write_wav
from zoo.music.piano_roll import draw


def spectrum_of(samples):
    return np.abs(np.fft.rfft(samples * np.hanning(len(samples))))


def strongest(samples):
    """The frequency with the most energy, in Hz."""
    return spectrum_of(samples).argmax() * SAMPLE_RATE / len(samples)


def test_notes_sound_at_their_frequency_one_after_another_at_the_tempo():
    for name, frequency in (("A4", 440), ("C4", 261.63), ("E2", 82.41)):
        assert strongest(synthesised(score_of(name), 60)) == pytest.approx(frequency, abs=1.5)
    samples, second = synthesised(score_of("A4", "-", "E4"), tempo=120), SAMPLE_RATE
    assert len(samples) == pytest.approx(1.5 * second, abs=0.1 * second)
    assert strongest(samples[: second // 2]) == pytest.approx(440, abs=3)
    assert strongest(samples[second:]) == pytest.approx(329.63, abs=3)
    assert np.abs(samples[int(0.6 * second) : second]).max() == 0
    assert abs(samples[-1]) < 0.01
    assert not synthesised(score_of("-", "-")).any()


def test_a_note_that_is_struck_again_begins_again():
    struck = score_of("A4", "A4")
    for score, is_as_loud in ((struck, True), (replace(struck, onsets=[[True], [False]]), False)):
        samples = np.abs(synthesised(score, 60))
        first, second = (samples[int(t * SAMPLE_RATE) :][: SAMPLE_RATE // 2] for t in (0.2, 1.2))
        assert (second.max() > 0.95 * first.max()) == is_as_loud


def test_chords_do_not_clip_and_are_not_faint(tmp_path):
    for score in (random_score(), score_of(*["C5 G4 E4 C3"] * 3), score_of("A4")):
        assert np.abs(synthesised(score)).max() == pytest.approx(0.9)
        write_wav(score, tmp_path / "a.wav")
        with wave.open(str(tmp_path / "a.wav")) as file:
            assert file.getparams()[:3] == (1, 2, SAMPLE_RATE)
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        assert 0.85 * 32767 < np.abs(samples).max() < 32767
    samples = synthesised(score_of("C9"), 60)  # no harmonics beyond what can be represented
    frequencies, spectrum = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE), spectrum_of(samples)
    assert spectrum[frequencies < 8000].max() < 0.01 * spectrum.max()


RED, BLUE = (0.757, 0.267, 0.235), (0.165, 0.435, 0.592)  # of the highest and lowest voice


def share(path, colour):
    """The share of the pixels of a colour, whatever it is mixed with white to."""
    mixed = 0.85 * np.array(colour) + 0.15
    return (np.abs(imread(path)[..., :3] - mixed).max(axis=-1) < 0.03).mean()


def test_voices_have_colours_and_longer_notes_more_of_them(tmp_path):
    draw(score_of("C5 C5 C5 C3", *["C5 - - -"] * 15), tmp_path / "a.png")
    red, blue = share(tmp_path / "a.png", RED), share(tmp_path / "a.png", BLUE)
    assert red > 5 * blue > 0


def test_any_score_makes_a_small_file(tmp_path):
    for score in (random_score(2000), score_of("-", "-"), random_score(9, key=None).sliced(9)):
        draw(score, tmp_path / "a.png")
        assert imread(tmp_path / "a.png").ndim == 3
        assert (tmp_path / "a.png").stat().st_size < 60_000
