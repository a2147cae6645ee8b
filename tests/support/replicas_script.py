"""Trains on two logical CPU devices: python replicas_script.py FOLDER, for results.json there.

A process of its own, since TensorFlow divides a device before it first uses it.
"""

import contextlib
import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from support import tiny_training as tiny  # noqa: E402
from zoo.training import ClippedAdam, SequenceCrossentropy, fit  # noqa: E402

FOLDER = Path(sys.argv[1])


def train(name, strategy=None, *, dropout=0.3, **arguments):
    """The weights and the history.

    Of the 22 examples, batches of 3 give the replicas 2 and 1, and the last one 1 and none.
    """
    arguments = {"epochs": 2, "seed": 0, "run_folder": FOLDER / name} | arguments
    with strategy.scope() if strategy else contextlib.nullcontext():
        optimizer = ClippedAdam(0.01, clip_norm=0.1, norm_order=1)
        loss = SequenceCrossentropy("mean_per_step")
        model = tiny.network(loss=loss, optimizer=optimizer, dropout=dropout)
    history = fit(model, tiny.Batches(3), tiny.validation(), **arguments)
    return model.get_weights(), history.history


def difference(ones, others):
    return max(float(np.abs(np.subtract(a, b)).max()) for a, b in zip(ones, others, strict=True))


STRATEGY = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
weights, history = train("one", dropout=0, epochs=1)
on_two, history_on_two = train("two", STRATEGY, dropout=0, epochs=1)
results = {
    "replicas": STRATEGY.num_replicas_in_sync,
    "weights": difference(weights, on_two),
    "losses": difference(history.values(), history_on_two.values()),
}

# float16 has a state of its own, the loss scale; bfloat16 is float32 to everything but the layers.
keras.config.set_dtype_policy("mixed_float16")
unbroken, history = train("unbroken", STRATEGY)
train("broken", STRATEGY, epochs=1)
resumed, _ = train("broken", STRATEGY, resume=True)
results |= {"resume": difference(unbroken, resumed), "float16": history["loss"]}
(FOLDER / "results.json").write_text(json.dumps(results))
