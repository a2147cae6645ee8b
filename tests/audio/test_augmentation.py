"""Augmentation: masks of the sizes that were asked for, and recordings at another speed."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from support.recordings import tone

from zoo.audio import Augmentation, Features
from zoo.audio.augmentation import frequency_warps, masked, speed, stretched
from zoo.audio.features import mel_centres

LENGTHS = np.tile([100, 50, 4, 0], 50)
ONES = np.ones((len(LENGTHS), 100, 13), "float32")


def stretches(hidden):
    """The lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], hidden, [0]])))
    return edges[1::2] - edges[::2]


def test_one_mask_has_any_size_up_to_the_most_and_lies_anywhere():
    found = masked(ONES, LENGTHS, (1, 2), time_masks=1, feature_masks=0, longest=15, most=0.2)
    hidden = found.numpy()[..., 0] == 0
    sizes = {length: set() for length in (100, 50, 4, 0)}
    for row, length in zip(hidden, LENGTHS, strict=True):
        assert not row[length:].any()
        sizes[length].add(row.sum())
        assert len(stretches(row)) <= 1
    assert sizes[100] >= {0, 15}
    assert max(sizes[100]) == 15
    assert max(sizes[50]) == 10
    assert sizes[4] == sizes[0] == {0}
    assert hidden[LENGTHS == 100].any(axis=0).mean() > 0.9
    found = masked(ONES, LENGTHS, (1, 2), time_masks=0, feature_masks=1, widest=4)
    hidden = found.numpy()[:, 0] == 0
    assert {row.sum() for row in hidden} == {0, 1, 2, 3, 4}
    assert hidden.any(axis=0).all()


def test_a_seed_masks_the_same_in_a_graph_too():
    found = masked(ONES, LENGTHS, (1, 2)).numpy()
    assert (tf.function(masked)(ONES, LENGTHS, tf.constant((1, 2))).numpy() == found).all()
    assert (masked(ONES, LENGTHS, (1, 3)).numpy() != found).any()


@pytest.mark.parametrize("factor", [0.5, 0.9, 1, 1.1, 2])
def test_a_tone_at_another_speed_is_higher_and_as_loud(factor):
    found = speed(tone(1, 8_000, 400), factor)
    assert (found.dtype, len(found)) == ("float32", round(8_000 / factor))
    expected = tone(1 / factor, 8_000, 400 * 8_000 / len(found))
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_what_would_be_above_half_the_rate_is_left_out():
    assert np.abs(speed(tone(1, 8_000, 3_000), 2)).max() < 0.01


def test_speed_of_nothing_and_no_speed():
    assert len(speed(np.zeros(0), 1.1)) == len(speed(np.zeros(1), 9)) == 0
    for factor in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="factor"):
            speed(tone(), factor)


def test_another_tempo_is_a_line_between_frames():
    """Each row by NumPy, whatever is beside it and behind its end; the mean stays where it was."""
    draw = np.random.default_rng(0)
    features, lengths = draw.normal(size=(4, 20, 3)).astype("float32"), np.array([20, 7, 1, 0])
    spoilt = np.where(np.arange(20)[:, None] < lengths[:, None, None], features, np.nan)
    for factors in ((1.0, 1.0, 1.0, 1.0), (2.0, 0.5, 3.0, 1.0), (0.8, 1.3, 0.1, 0.5)):
        found, after = stretched(spoilt, lengths, np.array(factors, "float32"))
        expected = [max(round(n / f), 1) if n else 0 for n, f in zip(lengths, factors, strict=True)]
        assert after.numpy().tolist() == [min(n, 8 * m) for n, m in zip(expected, lengths)]  # noqa: B905
        for row, of_row, n, m in zip(found.numpy(), features, after.numpy(), lengths, strict=True):
            places = (np.arange(n) + 0.5) * m / max(n, 1) - 0.5
            for column in range(3):
                line = np.interp(places, np.arange(m), of_row[:m, column]) if m else []
                np.testing.assert_allclose(row[:n, column], line, atol=1e-5)
            assert not row[n:].any()


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
def test_no_warp_changes_nothing(kind):
    settings = Features(kind, bands=40)
    (matrix,) = frequency_warps(settings, [1.0])
    np.testing.assert_allclose(matrix, np.eye(settings.size), atol=1e-6)


@pytest.mark.parametrize("factor", [0.85, 0.95, 1.1, 1.15])
def test_a_peak_is_where_its_frequency_was_moved_to(factor):
    """What was at a f is at f: a peak at 2 kHz comes to 2 kHz / a."""
    settings = Features("log_mel", bands=60)
    centres = mel_centres(60, 8_000)
    for hertz in (500, 1_000, 2_000):
        spectrum = np.exp(-(((centres - hertz) / 150) ** 2)).astype("float32")
        found = spectrum @ frequency_warps(settings, [factor])[0]
        expected = np.interp(centres * factor, centres, spectrum)
        low = centres < 0.75 * 4_000 / max(factor, 1)
        np.testing.assert_allclose(found[low], expected[low], atol=0.02)
        assert abs(centres[found.argmax()] - hertz / factor) < np.diff(centres).max()


def test_a_warp_of_cepstra_is_that_of_the_spectrum_that_they_describe():
    settings = Features("mfcc", bands=32, coefficients=9)
    cepstra = np.random.default_rng(0).normal(size=(5, 9)).astype("float32")
    k, b = np.ogrid[:9, :32]
    basis = np.sqrt(np.where(k == 0, 1, 2) / 32) * np.cos(np.pi * k * (2 * b + 1) / 64)
    spectra = cepstra @ basis
    of_spectra = frequency_warps(dataclasses.replace(settings, kind="log_mel"), [1.1])[0]
    expected = spectra @ of_spectra @ basis.T
    np.testing.assert_allclose(cepstra @ frequency_warps(settings, [1.1])[0], expected, atol=1e-4)


def test_augmented_features_keep_to_their_lengths_and_seeds():
    settings, lengths = Features(), np.array([30, 12, 5], "int32")
    features = np.random.default_rng(0).normal(size=(3, 30, 13)).astype("float32")
    nothing = Augmentation(0, 0, 0, 0, (0, 0))
    found, after = nothing.distorted(features, lengths, (1, 2), settings)
    np.testing.assert_array_equal(found, features)
    blurred = nothing.blurred(features, lengths, (1, 2)).numpy()
    counts = np.arange(30) < lengths[:, None]
    np.testing.assert_allclose(blurred, np.where(counts[..., None], features, 0), atol=1e-6)
    draws = []
    for seed in ((1, 2), (1, 2), (1, 3)):
        found, after = Augmentation().distorted(features, lengths, seed, settings)
        found = Augmentation().blurred(found, after, seed).numpy()
        after = after.numpy()
        assert not found[np.arange(found.shape[1]) >= after[:, None]].any()
        assert (np.abs(after / lengths - 1) < 0.3).all()
        draws.append(found)
    np.testing.assert_array_equal(draws[0], draws[1])
    assert draws[0].shape != draws[2].shape or (draws[0] != draws[2]).any()
