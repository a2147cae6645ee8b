"""Paths of points drawn as frames."""

import numpy as np


def draw(
    paths: np.ndarray, size: int = 24, *, spread: float = 0.04, trail: float = 0.0
) -> np.ndarray:
    """Draws paths as frames that are black but for a soft bright spot where the point is.

    The brightness at a distance d from the point is exp(-d² / (2 spread²)). A point at (0, 0) is in
    the middle of the first pixel of the first row, one at (1, 1) in that of the last of the last.

    Args:
        paths: (..., time, 2), the x of each point, to the right, and its y, downwards, from 0 to 1;
            what is beyond is out of the picture.
        size: rows and columns of a frame, 2 at least.
        spread: the standard deviation of the spot, as a part of the picture.
        trail: from 0 to 1, what remains of the brightness of a frame in the next one.

    Returns:
        (..., time, size, size, 1) uint8.

    Raises:
        ValueError: the paths are not of points in a plane, or a number is out of its range.
    """
    paths = np.asarray(paths, "float32")
    if paths.ndim < 2 or paths.shape[-1] != 2 or not np.isfinite(paths).all():
        raise ValueError(f"`paths` must be (..., time, 2), finite. Received: {paths.shape}")
    if size < 2 or spread <= 0 or not 0 <= trail <= 1:
        raise ValueError("`size` must be 2 or more, `spread` above 0, `trail` from 0 to 1.")
    grid = np.linspace(0, 1, size, dtype="float32")
    bells = np.exp(-((grid - paths[..., None]) ** 2) / (2 * spread**2))  # (..., time, 2, size)
    frames = bells[..., 1, :, None] * bells[..., 0, None, :]  # (..., time, size, size)
    if trail:
        for step in range(1, frames.shape[-3]):
            before = trail * frames[..., step - 1, :, :]
            frames[..., step, :, :] = np.maximum(frames[..., step, :, :], before)
    return np.round(255 * frames[..., None]).astype("uint8")
