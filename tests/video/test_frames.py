"""Paths drawn as frames, differences of frames, and frames kept on disk."""

import math
import os

import keras
import numpy as np
import pytest
from support.clips import moving
from support.refusals import refused

from zoo.video import Sampling, cache, draw, with_differences


def brightness(x, y, row, column, size, spread):
    """Of one pixel, in plain Python."""
    distance = math.hypot(column / (size - 1) - x, row / (size - 1) - y)
    return math.exp(-(distance**2) / (2 * spread**2))


def test_each_pixel_is_as_the_equation_has_it():
    paths = np.random.default_rng(0).random((2, 3, 2))
    found = draw(paths, 9, spread=0.2)
    assert (found.shape, found.dtype) == ((2, 3, 9, 9, 1), "uint8")
    for (path, time, row, column, _), level in np.ndenumerate(found):
        x, y = paths[path, time]
        assert abs(level - 255 * brightness(x, y, row, column, 9, 0.2)) <= 0.51


def test_corners_and_a_trail_that_fades():
    path = np.array([[0, 0], [1, 0], [1, 1]])
    plain, trail = draw(path)[..., 0], draw(path, trail=0.5)[..., 0]
    assert [int(plain[at].argmax()) for at in range(3)] == [0, 23, 24 * 24 - 1]
    assert plain.max() == plain[0, 0, 0] == 255
    assert trail[:, 0, 0].tolist() == [255, 128, 64]
    assert trail[2, 0, 23] == 128
    assert (draw(path, trail=1)[2] == draw(path).max(axis=0)).all()
    for wrong in ({"paths": path[:, :1]}, {"size": 1}, {"spread": 0}, {"trail": 2}):
        with pytest.raises(ValueError, match="must be"):
            draw(**{"paths": path} | wrong)


def test_differences_are_an_extra_channel_of_arrays_tensors_and_networks():
    frames = (moving() / 255).astype("float32")
    found = with_differences(frames)
    assert (found.shape, found.dtype) == ((12, 32, 48, 4), "float32")
    np.testing.assert_array_equal(found[..., :3], frames)
    assert not found[0, ..., 3].any()
    brighter = frames.mean(-1)
    np.testing.assert_allclose(found[1:, ..., 3], brighter[1:] - brighter[:-1], atol=1e-6)
    batch = keras.ops.convert_to_tensor(frames[None])
    np.testing.assert_allclose(with_differences(batch)[0], found, atol=1e-6)
    inputs = keras.Input((None, 32, 48, 3))
    model = keras.Model(inputs, with_differences(inputs))
    assert model.output_shape == (None, None, 32, 48, 4)
    np.testing.assert_allclose(model(batch)[0], found, atol=1e-6)
    with pytest.raises(ValueError, match="float"):
        with_differences(moving())


def test_a_clip_is_kept_by_its_file_and_what_is_kept_of_it(tmp_path):
    file, folder = tmp_path / "a.mp4", tmp_path / "cache"
    file.write_bytes(b"one")
    first = cache.place(file, Sampling(), folder)
    assert first == cache.place(file, Sampling(), folder)
    others = {cache.place(file, Sampling(frames=3), folder)}
    os.utime(file, (0, 0))
    others.add(cache.place(file, Sampling(), folder))
    file.write_bytes(b"others")
    others.add(cache.place(file, Sampling(), folder))
    assert len({first, *others}) == 4
    refused("absent: cannot be read", cache.place, tmp_path / "absent", Sampling(), folder)


def test_stored_clips_are_read_when_they_are_asked_for(tmp_path):
    some = [moving(frames) for frames in (1, 2, 3)]
    places = [cache.keep(clip, cache.named(str(len(clip)), tmp_path)) for clip in some]
    assert len(list(tmp_path.rglob("*.npy"))) == len(list(tmp_path.rglob("?*.*"))) == 3
    clips = cache.StoredClips(places)
    assert [len(clip) for clip in clips] == [1, 2, 3]
    np.testing.assert_array_equal(clips[-1], some[-1])
    assert [len(clip) for clip in clips[np.array([2, 0])][:1]] == [3]
    places[0].write_bytes(b"")
    places[1].unlink()
    for at in (0, 1):
        refused("gone or damaged: delete the file", clips.__getitem__, at)
    (tmp_path / "file").write_bytes(b"")
    refused("cannot keep the frames", cache.keep, some[0], tmp_path / "file" / "a.npy")
