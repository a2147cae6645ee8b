"""What is made of frames before a network reads them."""

from typing import Any

import keras
import numpy as np


def with_differences(frames: Any) -> Any:
    """Frames with one channel more: how much brighter each place is than in the frame before.

    The brightness is the mean of the channels; the first frame differs by nothing.

    Args:
        frames: (..., time, height, width, channels) float; an array of NumPy, a tensor, or one of a
            Keras network that is being built.

    Returns:
        (..., time, height, width, channels + 1) of the same kind and type.

    Raises:
        ValueError: the frames are integers, of which differences would not be right.
    """
    if "float" not in str(frames.dtype):
        raise ValueError(f"`frames` must be float. Received: {frames.dtype}")
    backend: Any = np if isinstance(frames, np.ndarray) else keras.ops
    brightness = backend.mean(frames, axis=-1, keepdims=True)
    steps = brightness[..., 1:, :, :, :] - brightness[..., :-1, :, :, :]
    first = backend.zeros_like(brightness[..., :1, :, :, :])
    differences = backend.concatenate([first, steps], axis=-4)
    return backend.concatenate([frames, differences], axis=-1)
