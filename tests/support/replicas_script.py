"""Trains on two logical CPU devices and prints what came of it as one JSON object.

The argument is a folder for the runs. A process of its own, since TensorFlow divides a device
before it first uses it.
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


def train(name, strategy=None, *, reduction="sum_over_time", order=2, batch_size=5, **arguments):
    """The weights and the history.

    Of the 22 examples, batches of 5 give the replicas 3 and 2, and those of 3 leave a last one.
    """
    fit_arguments = {"epochs": 2, "seed": 0, "run_folder": FOLDER / name}
    fit_arguments |= {k: arguments.pop(k) for k in ("epochs", "resume") if k in arguments}
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = tiny.network(
            loss=SequenceCrossentropy(reduction),
            optimizer=ClippedAdam(0.01, clip_norm=0.1, norm_order=order),
            **arguments,
        )
    history = fit(model, tiny.Batches(batch_size), tiny.validation(), **fit_arguments)
    return model.get_weights(), history.history


def difference(ones, others):
    return max(float(np.abs(a - b).max()) for a, b in zip(ones, others, strict=True))


def compare(name, **arguments):
    """The largest differences of weights and of losses between one replica and two."""
    arguments |= {"dropout": 0, "epochs": 1}
    weights, history = train(f"{name}_one", **arguments)
    on_two, history_on_two = train(f"{name}_two", STRATEGY, **arguments)
    losses = [np.array(h["loss"] + h["val_loss"]) for h in (history, history_on_two)]
    return {"weights": difference(weights, on_two), "losses": difference(losses[:1], losses[1:])}


STRATEGY = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
results = {
    "replicas": STRATEGY.num_replicas_in_sync,
    "a part larger": compare("larger", recurrent=True, reduction="mean_per_step", order=1),
    "a part empty": compare("empty", batch_size=3),
}

# float16 has a state of its own, the loss scale; bfloat16 is float32 to everything but the layers.
keras.config.set_dtype_policy("mixed_float16")
unbroken, history = train("unbroken", STRATEGY)
train("broken", STRATEGY, epochs=1)
resumed, _ = train("broken", STRATEGY, resume=True)
results["resume"] = difference(unbroken, resumed)
results["float16"] = history["loss"]

print(json.dumps(results))
