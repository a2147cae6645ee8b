"""Checks the losses, the clipping and a resumed run on the backend in KERAS_BACKEND."""

import sys
from pathlib import Path

import keras
import numpy as np

from support import tiny_training as tiny
from zoo.training import BinarySequenceCrossentropy, SequenceCrossentropy, clip_by_global_norm, fit


def check_losses():
    _, targets, mask = tiny.corpus()
    logits = np.random.default_rng(0).normal(size=(*targets.shape, tiny.CLASSES)).astype("float32")
    log_sums = np.log(np.exp(logits).sum(axis=-1))
    steps = log_sums - np.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    divisors = {"sum_over_time": len(targets), "mean_per_step": mask.sum()}
    for reduction, divisor in divisors.items():
        loss = SequenceCrossentropy(reduction)(targets, logits, mask)
        expected = (steps * mask).sum() / divisor
        np.testing.assert_allclose(to_numpy(loss), expected, rtol=1e-5)

        logit = logits[..., :1]
        expected = (np.log1p(np.exp(-logit[..., 0])) * mask).sum() / divisor
        loss = BinarySequenceCrossentropy(reduction)(np.ones_like(targets), logit, mask)
        np.testing.assert_allclose(to_numpy(loss), expected, rtol=1e-5)


def check_clipping():
    gradients = [np.array([3.0, -4.0], "float32"), np.array([[12.0]], "float32")]
    for order, norm in ((1, 19), (2, 13)):
        clipped = clip_by_global_norm([keras.ops.array(g) for g in gradients], 1.0, order)
        for before, after in zip(gradients, clipped, strict=True):
            np.testing.assert_allclose(to_numpy(after), before / norm, rtol=1e-5)
    (zero,) = clip_by_global_norm([keras.ops.zeros(3)], 1.0)
    np.testing.assert_array_equal(to_numpy(zero), np.zeros(3))
    first, second = clip_by_global_norm([keras.ops.array([np.nan]), keras.ops.ones(1)], 1.0)
    assert np.isnan([to_numpy(first), to_numpy(second)]).all()


def to_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def check_resume(folder):
    def train(folder, epochs, **arguments):
        model = tiny.network()
        arguments |= {"seed": 3, "run_folder": folder, "monitor": "loss"}
        fit(model, tiny.Batches(), epochs=epochs, **arguments)
        return model.get_weights()

    unbroken = train(folder / "unbroken", 3)
    train(folder / "broken", 1)
    resumed = train(folder / "broken", 3, resume=True)
    for one, other in zip(unbroken, resumed, strict=True):
        np.testing.assert_array_equal(one, other)


check_losses()
check_clipping()
check_resume(Path(sys.argv[1]))
print(keras.backend.backend())
