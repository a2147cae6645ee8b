"""Trains networks on JAX, on one device, two devices or two hosts: python hosts_script.py FOLDER …

`FOLDER ADDRESSES INDEX` is one of two hosts, the second of which dies in the second epoch of a last
training. `FOLDER` alone is one host: on one device, on two, and on where the two hosts had to end.
"""

import os
import signal
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from zoo import networks, training
from zoo.datasets.batches.by_length import BucketedBatches
from zoo.datasets.batches.streams import StreamBatches
from zoo.training import checkpoints, hosts

FOLDER = Path(sys.argv[1])
BATCH_SIZE, EXAMPLES, VOCABULARY = 4, 11, 9  # the last batch is one of three
OPTIMIZER = {"learning_rate": 0.01, "clip_norm": 0.5}
generator = np.random.default_rng(0)


def rows():
    """Sequences of 1 to 8 ids, and as many others."""
    lengths = generator.integers(1, 9, size=EXAMPLES)
    ids = generator.integers(2, VOCABULARY, size=(2, lengths.sum())).astype("int32")
    return [tf.RaggedTensor.from_row_lengths(values, lengths) for values in ids]


def classifier():
    keras.utils.set_random_seed(1)
    model = networks.many_to_one(
        VOCABULARY, 2, embedding_dim=4, units=3, bidirectional=False, adversarial=0.1
    )
    loss = training.BinarySequenceCrossentropy()
    accuracy = keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)
    model.compile(training.ClippedAdam(**OPTIMIZER), loss, metrics=[accuracy])
    return model


def tagger():
    keras.utils.set_random_seed(1)
    model = networks.many_to_many(VOCABULARY, 3, embedding_dim=4, units=3, bidirectional=False)
    f1 = training.SpanF1(("O", "B-X", "I-X"))
    loss = training.ChainCrossentropy()
    model.compile(training.ClippedAdam(**OPTIMIZER), loss, weighted_metrics=[f1])
    return model


def language_model():
    keras.utils.set_random_seed(1)
    network = networks.language_model(VOCABULARY, embedding_dim=4, units=3, dropout=0.2)
    model = networks.StreamModel(network, BATCH_SIZE)
    loss = training.SequenceCrossentropy("mean_per_step")
    model.compile(training.ClippedAdam(**OPTIMIZER), loss, weighted_metrics=[training.Perplexity()])
    return model


IDS, OTHERS = rows()
DATA = {
    classifier: lambda **how: BucketedBatches(IDS, np.arange(EXAMPLES) % 2, **how),
    tagger: lambda **how: BucketedBatches({"words": IDS}, OTHERS % 3, **how),
    language_model: lambda **_: StreamBatches(IDS.flat_values.numpy(), BATCH_SIZE, 6, 1),
}


def train(build, name, **arguments):
    """Trains for two epochs; keeps the weights and the history, if this is the first host."""
    model = build()
    batches = DATA[build](batch_size=BATCH_SIZE, shuffle=True)
    validation = DATA[build](batch_size=EXAMPLES, shuffle=False)  # one batch, of an odd number
    arguments = {"epochs": 2, "seed": 3, "run_folder": FOLDER / name} | arguments
    history = training.fit(model, batches, validation.dataset(), **arguments).history
    weights = model.get_weights()
    if hosts.is_first():
        np.savez(FOLDER / f"{name}.npz", *history.values(), *weights)


def dying():
    """Ends the second host in the midst of the second epoch, as a machine that fails."""
    begun = []

    def on_epoch_begin(epoch, logs):
        begun.append(epoch)

    def on_train_batch_end(batch, logs):
        if begun[-1] == 1 and not hosts.is_first():
            while not (FOLDER / "broken" / checkpoints.FILE_NAME).exists():
                time.sleep(0.1)  # the first host writes it meanwhile
            os.kill(os.getpid(), signal.SIGKILL)

    return keras.callbacks.LambdaCallback(
        on_epoch_begin=on_epoch_begin, on_train_batch_end=on_train_batch_end
    )


def of_two_hosts(addresses, index):
    with hosts.joined(addresses, int(index)), hosts.data_parallel(BATCH_SIZE):
        for build in DATA:
            train(build, f"{build.__name__} on two hosts")
        train(language_model, "broken", callbacks=[dying()])


def of_one_host():
    for build in DATA:
        train(build, f"{build.__name__} on one device")
    with hosts.data_parallel(BATCH_SIZE):
        train(classifier, "classifier on two devices")
        train(language_model, "broken", resume=True)


if __name__ == "__main__":
    if sys.argv[2:]:
        of_two_hosts(*sys.argv[2:])
    else:
        of_one_host()
