"""What callers hand over as clips, and clips as a network reads them."""

from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from zoo.errors import UserError
from zoo.video import files
from zoo.video.cache import StoredClips
from zoo.video.files import Sampling

Clip: TypeAlias = str | np.ndarray  # the path of a video, or its frames, or coordinates
_FRAMES = "a clip is (time, height, width, 1 or 3) uint8"


def clips_of(inputs: Any, coordinates: int | None = None) -> Sequence[Clip]:
    """What callers hand over: the gate before a network that reads clips.

    Args:
        inputs: a list of paths of videos and of clips, (time, height, width, 1 or 3) uint8, or an
            array or files of clips.
        coordinates: where a network reads paths of points, (time, coordinates) float, so many;
            then files of videos are refused.

    Raises:
        TypeError: they are something else.
        UserError: a clip has no frames, or numbers that are none.
    """
    if isinstance(inputs, StoredClips) and coordinates is None:
        return inputs
    single = isinstance(inputs, str | bytes | Path | Mapping | Set) or hasattr(inputs, "columns")
    if single or not isinstance(inputs, Iterable) or getattr(inputs, "ndim", 1) == 0:
        kind = "one string" if isinstance(inputs, str) else f"a {type(inputs).__name__}"
        raise TypeError(f"give a list of paths or clips, not {kind}")
    if coordinates is None:
        return [_frames(i, item) for i, item in enumerate(inputs)]
    return [_path(i, item, coordinates) for i, item in enumerate(inputs)]


def _frames(index: int, item: Any) -> Clip:
    if isinstance(item, str | Path):
        return str(item)
    array = _array(item)
    if array.ndim != 4 or array.dtype != "uint8" or array.shape[-1] not in (1, 3):
        told = _told(item, array)
        raise TypeError(f"give paths of videos, or clips: item {index} is {told}, where {_FRAMES}")
    if not array.size:
        raise UserError(f"item {index} has no frames: its shape is {array.shape}")
    return array


def _path(index: int, item: Any, size: int) -> np.ndarray:
    if isinstance(item, str | Path):
        raise UserError(
            f"{item}: this model reads coordinates and no videos: give arrays (time, {size}), or "
            "another model"
        )
    array = _array(item)
    if array.ndim != 2 or array.dtype.kind not in "fi" or array.shape[-1] != size:
        told = _told(item, array)
        raise TypeError(
            f"give paths of points: item {index} is {told}, where a path is (time, {size}) float"
        )
    if not array.size:
        raise UserError(f"item {index} has no points: its shape is {array.shape}")
    if not np.isfinite(array).all():
        raise UserError(f"item {index} has numbers that are none: mend it or leave it out")
    return array.astype("float32")


def _told(item: Any, array: np.ndarray) -> str:
    return f"{array.shape} {array.dtype}" if array.ndim else f"of the type {type(item).__name__}"


def _array(item: Any) -> np.ndarray:
    try:
        return np.asarray(item) if hasattr(item, "__array__") else np.empty((), object)
    except (TypeError, ValueError):
        return np.empty((), object)


def read(clip: Clip, sampling: Sampling) -> np.ndarray:
    """The frames that a network reads: those of a file, or what `fitted` makes of an array.

    A UserError says that the file cannot be read.
    """
    if isinstance(clip, str):
        return files.read(clip, sampling)
    few = sampling.frames is None or len(clip) <= sampling.frames
    if few and clip.shape[1:] == (*(sampling.size or ()), sampling.channels):
        return clip
    one = tf.constant(in_colours(clip, sampling.channels))[None]
    return fitted(one, [len(clip)], sampling)[0][0].numpy()


def in_colours(frames: np.ndarray, channels: int) -> np.ndarray:
    """Frames of one channel or three, as of a television (ITU-R BT.601), uint8."""
    if frames.shape[-1] == channels:
        return frames
    if channels == 3:
        return np.repeat(frames, 3, axis=-1)
    brightness = frames @ np.array([0.299, 0.587, 0.114], "float32")
    return np.round(brightness[..., None]).astype("uint8")


def fitted(frames: Any, lengths: Any, sampling: Sampling) -> tuple[tf.Tensor, tf.Tensor]:
    """Clips as `zoo.video.read` keeps them, by stock operations of TensorFlow.

    Args:
        frames: (batch, time, height, width, channels) uint8.
        lengths: (batch,) int32, from 1 to `time`.
        sampling: of which the size and the number of frames count: there are no times for a rate.

    Returns:
        The frames that are kept, (batch, steps, *size, channels) uint8, those that do not count
        black; and how many of each do, (batch,) int32.
    """
    frames, lengths = tf.convert_to_tensor(frames), tf.convert_to_tensor(lengths, tf.int32)
    steps, kept = tf.shape(frames)[1], lengths
    if sampling.frames is not None:
        kept, steps = tf.minimum(lengths, sampling.frames), tf.minimum(steps, sampling.frames)
        parts = 2 * tf.range(steps)[None] + 1
        places = parts * lengths[:, None] // tf.maximum(2 * kept, 1)[:, None]
        last = tf.maximum(lengths - 1, 0)[:, None]
        frames = tf.gather(frames, tf.minimum(places, last), batch_dims=1)
    mask = tf.sequence_mask(kept, steps, tf.uint8)[..., None, None, None]
    shape, channels = tf.shape(frames), frames.shape[-1]
    pictures = tf.reshape(frames * mask, tf.concat([[-1], shape[2:]], axis=0))
    pictures = tf.cast(tf.round(tf.image.resize(pictures, sampling.size, "area")), tf.uint8)
    return tf.reshape(pictures, [shape[0], steps, *(sampling.size or ()), channels]), kept
