"""`VideoClassifier`: files and arrays, sizes and colours, timelines, what it refuses."""

import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from support.clips import LABELS, classifier, motions, moving, written
from support.predictor_case import made
from support.refusals import refused

import zoo
from zoo.datasets.batches.clips import ClipBatches
from zoo.networks import Clips
from zoo.predictors import presets
from zoo.predictors.clips import fitted, in_colours, read
from zoo.video import Sampling, augmentation, cache, files, write

SAMPLING = Sampling((8, 6), 1, frames=4)


def test_predictions_are_the_softmax_of_the_logits_of_the_frames():
    predictor = made("video of 3")
    clip = np.random.default_rng(0).integers(0, 256, (5, 8, 6, 1), "uint8")
    logits = predictor.model({"clip": clip[None], "mask": np.ones((1, 5), "int32")})
    expected = scipy.special.softmax(np.array(logits)[0])
    (found,) = predictor.predict([clip])
    assert found["label"] == LABELS[expected.argmax()]
    assert found["probability"] == pytest.approx(expected.max(), abs=1e-6)
    assert predictor.probabilities([]).shape == (0, 3)


def test_a_file_its_frames_and_its_colours_have_one_answer(tmp_path):
    predictor = classifier(3, sampling=SAMPLING)
    clip = moving(9, 16, 12, 1)
    write(clip, tmp_path / "clip.mkv")
    found = predictor.probabilities(
        [tmp_path / "clip.mkv", clip, np.repeat(clip, 3, axis=-1), str(tmp_path / "clip.mkv")]
    )
    np.testing.assert_allclose(found, np.repeat(found[:1], 4, axis=0), atol=1e-3)
    kept = files.read(tmp_path / "clip.mkv", SAMPLING)
    np.testing.assert_allclose(read(clip, SAMPLING).astype(int), kept, atol=1)
    assert kept.shape == (4, 8, 6, 1)


def test_frames_are_fitted_as_the_mean_of_what_each_covers_and_evenly_in_time():
    clips = np.zeros((2, 9, 4, 4, 3), "uint8")
    clips[0, :, :2, :2] = 100
    clips[1] = np.arange(9)[:, None, None, None]
    found, lengths = fitted(clips, [9, 5], Sampling((2, 2), 3, frames=3))
    assert lengths.numpy().tolist() == [3, 3]
    assert found[0, 0, :, :, 0].numpy().tolist() == [[100, 0], [0, 0]]
    assert found[1, :, 0, 0, 0].numpy().tolist() == files.evenly(5, 3).tolist()
    found, lengths = fitted(clips, [2, 5], Sampling((2, 2), 3))
    assert lengths.numpy().tolist() == [2, 5]
    assert not np.any(found[0, 2:]), "what does not count is black"
    assert in_colours(np.full((1, 1, 1, 3), 255, "uint8"), 1).tolist() == [[[[255]]]]


def test_a_timeline_says_what_each_beginning_would_be_called(tmp_path):
    predictor, clip = made("video of 3"), moving(10, 8, 6, 1)
    found = predictor.timeline(clip, moments=5)
    assert found.frames.tolist() == [2, 4, 6, 8, 10]
    expected = predictor.probabilities([clip[:end] for end in found.frames])
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)
    assert predictor.timeline(clip[:1]).frames.tolist() == [1]


def test_clips_of_other_lengths_than_those_of_the_training_are_not_familiar(tmp_path):
    predictor = classifier(2)
    clips = [moving(length, 8, 6, 1) for length in (3, 4, 6, 5)]
    examples = zoo.datasets.video.LabelledClips(clips, np.array([0, 1, 0, 1]), [*"abcd"])
    predictor.calibrate(examples, examples)
    presets.save(predictor, tmp_path, {})
    for one in (predictor, zoo.load(tmp_path)):
        assert one.lengths == (3, 6)
        found = one.predict([moving(length, 8, 6, 1) for length in (1, 3, 6, 7)])
        assert [prediction["familiar"] for prediction in found] == [False, True, True, False]


def test_what_is_no_clip_is_refused(tmp_path):
    frames, paths = made("video of 3"), made("video of paths")
    clip = moving(3)
    for inputs, hint in (
        ("clip.mp4", "not one string"),
        ({"clip": clip}, "not a dict"),
        (None, "not a NoneType"),
        ([clip, None], "item 1 is of the type NoneType"),
        ([clip.astype("float32")], r"item 0 is \(3, 32, 48, 3\) float32"),
        (clip, r"item 0 is \(32, 48, 3\) uint8"),
        ([[clip]], "item 0 is of the type list"),
    ):
        with pytest.raises(TypeError, match=hint):
            frames.predict(inputs)
    for inputs, hint in (([clip], "item 0 is"), ([np.zeros((3, 3))], r"\(3, 3\) float64, where")):
        with pytest.raises(TypeError, match=hint):
            paths.predict(inputs)
    refused("item 0 has no frames", frames.predict, [clip[:0]])
    refused("item 1 has no points", paths.predict, [np.zeros((2, 2)), np.zeros((0, 2))])
    refused("numbers that are none", paths.predict, [np.full((2, 2), np.nan)])
    refused("reads coordinates and no videos", paths.predict, ["clip.mp4"])
    refused("there is no such file", frames.predict, [tmp_path / "none.mp4"])
    (tmp_path / "empty.mp4").touch()
    refused("the file is empty", frames.predict, [tmp_path / "empty.mp4"])
    zoo.audio.write(np.zeros(800, "float32"), tmp_path / "sound.wav", 8000)
    refused("there is no video in it", frames.predict, [tmp_path / "sound.wav"])


def test_a_sampling_that_does_not_suit_the_model_is_refused():
    for wrong in (Sampling((9, 6), 1), Sampling((8, 6), 3)):
        with pytest.raises(ValueError, match="for a model that reads"):
            classifier(sampling=wrong)


def test_requests_are_checked():
    (endpoint,) = made("video of 3").endpoints()
    clips = np.zeros((2, 3, 9, 9, 1), "uint8")
    for length in ([0, 3], [3, 4], [3]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="length: "):
            endpoint.function(tf.constant(clips), tf.constant(length))
    sent = np.random.default_rng(0).integers(0, 256, (1, 5, 9, 9, 1), "uint8")
    short = endpoint.function(tf.constant(sent[:, :3]), tf.constant([3]))
    padded = endpoint.function(tf.constant(sent), tf.constant([3]))
    np.testing.assert_allclose(short["probabilities"], padded["probabilities"], atol=1e-6)


def test_batches_have_each_clip_once_and_are_moved_only_in_training(tmp_path):
    clips = [read(clip, Sampling((8, 6), 1)) for clip, _ in motions(9)]
    labels = np.arange(9)
    stored = cache.StoredClips(
        cache.keep(clip, tmp_path / f"{i}.npy") for i, clip in enumerate(clips)
    )
    predictor = made("video of 3")
    for given in (clips, stored):
        batches = predictor.batches(given, labels, 4, shuffle=True, seed=2)
        assert isinstance(batches, ClipBatches)
        seen = {}
        for (inputs, those), places in zip(
            batches.dataset(3).as_numpy_iterator(), batches.indices(3), strict=True
        ):
            np.testing.assert_array_equal(those, labels[places])
            for clip, mask, label in zip(inputs["clip"], inputs["mask"], those, strict=True):
                seen[int(label)] = clip[mask > 0]
        assert len(batches) == 3
        assert all(np.array_equal(seen[i], clip) for i, clip in enumerate(clips))
    moved = predictor.batches(clips, labels, 4, shuffle=True, seed=2, augment=1.0)
    first, again, other = (next(moved.dataset(e).as_numpy_iterator())[0]["clip"] for e in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, next(batches.dataset(3).as_numpy_iterator())[0]["clip"])
    assert other.dtype == "uint8"


def test_a_path_is_moved_as_a_whole_and_keeps_its_ends():
    generator = np.random.default_rng(1)
    paths = generator.normal(size=(3, 20, 2)).cumsum(axis=1).astype("float32")
    lengths = np.array([20, 12, 1])
    still = augmentation.moved_path(paths, lengths, (1, 2), strength=0.0)
    np.testing.assert_allclose(still, paths, atol=1e-4)
    only_tempo = {"turn": 0, "scale": 0, "shift": 0}
    found = augmentation.moved_path(paths, lengths, (1, 2), **only_tempo).numpy()
    for row, path, length in zip(found, paths, lengths, strict=True):
        np.testing.assert_allclose(row[[0, length - 1]], path[[0, length - 1]], atol=1e-4)
        np.testing.assert_array_equal(row[length:], path[length:])
    assert not np.allclose(found, paths, atol=0.01)
    turned = augmentation.moved_path(paths, lengths, (1, 2), scale=0, shift=0, tempo=0).numpy()
    sizes = [np.linalg.norm(np.diff(of, axis=1), axis=-1)[0] for of in (turned, paths)]
    np.testing.assert_allclose(*sizes, atol=1e-4)


def test_without_the_network_weights_of_others_are_an_error(monkeypatch):
    def offline(*arguments, weights=None, **options):
        raise Exception("URL fetch failure on https://example.org: None -- Name unknown\nmore")

    monkeypatch.setattr("keras.applications.MobileNetV2", offline)
    refused("cannot fetch the weights", zoo.networks.clips._pretrained)
    with pytest.raises(ValueError, match="`differences` are a channel"):
        zoo.layers.FrameFeatures(differences=True, kind="mobilenet")


def test_a_pretrained_network_reads_gray_frames_and_is_not_trained(monkeypatch, tmp_path):
    """With weights that are drawn: none can be fetched here."""
    from zoo.layers.frame_features import mobilenet

    monkeypatch.setattr("zoo.networks.clips._pretrained", mobilenet)
    predictor = classifier(2, Clips((32, 32), 1, 4, kind="mobilenet"))
    names = {weight.path.split("/")[0] for weight in predictor.model.trainable_weights}
    assert "frame_features" in names
    features = predictor.model.get_layer("frame_features")
    assert len(features.trainable_weights) == 4  # of the dense layer and the norm
    clip = moving(2, 32, 32, 1)
    presets.save(predictor, tmp_path, {})
    expected = predictor.probabilities([clip])
    np.testing.assert_allclose(zoo.load(tmp_path).probabilities([clip]), expected, atol=1e-5)


def test_videos_of_other_sizes_together():
    assert len(made("video of 3").predict([*written(), moving(2), moving(5, 9, 200)])) == 4
