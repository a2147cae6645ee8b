"""Clips to read, made up."""

import numpy as np


def moving(frames=12, height=32, width=48, channels=3):
    """A bright square that crosses a dark picture: (time, height, width, channels) uint8."""
    clip = np.full((frames, height, width, channels), 30, "uint8")
    for time in range(frames):
        left = time * (width - 8) // max(frames - 1, 1)
        clip[time, 8:16, left : left + 8] = [220, 140, 60][:channels]
    return clip


def numbered(frames=20, size=16, step=10):
    """Frames that are all of one gray, `step` brighter each."""
    levels = (np.arange(frames) * step).astype("uint8")
    return np.broadcast_to(levels[:, None, None, None], (frames, size, size, 1)).copy()
