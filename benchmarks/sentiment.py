"""The sentiment task against idiomatic Keras and PyTorch: one run, same data, ratios.

    python -m benchmarks.sentiment [--json] [--rounds N] [--examples N] [--batch-size N]
                                   [--length N]

All train one network with Adam on gradients clipped by their global norm: word embedding,
bidirectional LSTM, maximum over time, one logit, dropout after the embedding and before the logit.
All read the same ids. What differs is how one feeds and runs it:

- zoo: `python -m tasks.sentiment`. Batches of similar length, `Recurrence`, `ClippedAdam`.
- keras: shuffled `padded_batch`, each batch as long as its longest text, `mask_zero`, `fit`.
- keras_untuned: the same, its `tf.data` told not to tune itself: the thread that tunes is waited
  for at the end of an epoch (`zoo.datasets.batches.pipeline`).
- keras_fixed: the same network on one array in which every text is as long as the longest, the way
  of the Bidirectional LSTM example on keras.io.
- torch: `DataLoader`, packed sequences, `torch.nn.LSTM`. Left out where not installed.

An epoch is timed whole, from ids to updated weights or logits: shuffling, batching and padding
count. A ratio above 1 means that the zoo is faster. Measure on an idle machine: the threads of
PyTorch busy-wait for each other, so that a core taken by another process costs it far more than
that core.
"""

import functools
import json
import os
import statistics
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import click
import keras
import numpy as np
import tensorflow as tf

import zoo
from benchmarks import throughput
from zoo.datasets.batches.by_length import BucketedBatches
from zoo.datasets.text_classification import LabelledTexts
from zoo.training.callbacks import FiniteLoss

EMBEDDING_DIM, UNITS, DROPOUT = 100, 64, 0.5
LEARNING_RATE, CLIP_NORM = 1e-3, 1.0
VOCABULARY_SIZE, MAX_LENGTH = 10_000, 400  # the defaults of the task


def zoo_network(vocabulary_size):
    """The network as the task builds it, compiled."""
    model = zoo.networks.many_to_one(
        vocabulary_size,
        2,
        embedding_dim=EMBEDDING_DIM,
        units=UNITS,
        embedding_dropout=DROPOUT,
        dropout=DROPOUT,
    )
    optimizer = zoo.training.ClippedAdam(LEARNING_RATE, clip_norm=CLIP_NORM)
    zoo.predictors.TextClassifier(model, None, ("neg", "pos")).compile(optimizer)
    return model


def zoo_candidates(sequences, labels, vocabulary_size, batch_size):
    """Training and inference of the zoo over all examples, as callables."""
    model = zoo_network(vocabulary_size)
    batches = BucketedBatches(sequences, labels, batch_size=batch_size, shuffle=True)
    in_order = BucketedBatches(sequences, labels, batch_size=batch_size, shuffle=False).dataset()
    # The callback is what looks at every batch in a training.
    train = throughput.training(model, batches, [FiniteLoss(run_folder=".")])
    return train, lambda: model.predict(in_order, verbose=0)


def keras_network(vocabulary_size):
    """The network as one writes it with the layers of Keras, compiled.

    One difference is left: `GlobalMaxPooling1D` knows no mask, and Keras warns of it. It counts the
    padding, where `Bidirectional` returns 0, which takes no longer.
    """
    warnings.filterwarnings("ignore", message=r"Layer 'global_max_pooling1d")
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(vocabulary_size, EMBEDDING_DIM, mask_zero=True),
            layers.SpatialDropout1D(DROPOUT),
            layers.Bidirectional(layers.LSTM(UNITS, return_sequences=True)),
            layers.GlobalMaxPooling1D(),
            layers.Dropout(DROPOUT),
            layers.Dense(1),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE, global_clipnorm=CLIP_NORM),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
    )
    return model


def keras_candidates(sequences, labels, vocabulary_size, batch_size, tuned=True):
    """Training and inference of Keras, each batch padded to its longest text."""
    model = keras_network(vocabulary_size)
    rows = [np.array(row, dtype="int32") for row in sequences.to_list()]
    signature = (tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32))
    examples = tf.data.Dataset.from_generator(
        lambda: zip(rows, labels, strict=True), output_signature=signature
    )
    examples = examples.apply(tf.data.experimental.assert_cardinality(len(labels))).cache()
    options = tf.data.Options()
    options.autotune.enabled = tuned
    examples = examples.with_options(options)
    train = examples.shuffle(len(labels)).padded_batch(batch_size).prefetch(tf.data.AUTOTUNE)
    infer = examples.padded_batch(batch_size).prefetch(tf.data.AUTOTUNE)
    return (
        lambda: model.fit(train, shuffle=False, verbose=0),
        lambda: model.predict(infer, verbose=0),
    )


def keras_fixed_candidates(sequences, labels, vocabulary_size, batch_size):
    """Training and inference of Keras, every text padded to the longest of all."""
    model = keras_network(vocabulary_size)
    ids = keras.utils.pad_sequences(sequences.to_list(), padding="post")

    def train():
        model.fit(ids, labels, batch_size=batch_size, verbose=0)

    return train, lambda: model.predict(ids, batch_size=batch_size, verbose=0)


def torch_candidates(sequences, labels, vocabulary_size, batch_size):
    """Training and inference of PyTorch on packed sequences."""
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
    from torch.utils.data import DataLoader

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = torch.nn.Embedding(vocabulary_size, EMBEDDING_DIM, padding_idx=0)
            self.embedding_dropout = torch.nn.Dropout1d(DROPOUT)
            self.lstm = torch.nn.LSTM(EMBEDDING_DIM, UNITS, batch_first=True, bidirectional=True)
            self.dropout = torch.nn.Dropout(DROPOUT)
            self.logit = torch.nn.Linear(2 * UNITS, 1)

        def forward(self, ids, lengths):
            x = self.embedding(ids)  # (batch, timesteps, embedding_dim)
            x = self.embedding_dropout(x.transpose(1, 2)).transpose(1, 2)
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            x, _ = pad_packed_sequence(
                self.lstm(packed)[0], batch_first=True, padding_value=-torch.inf
            )
            return self.logit(self.dropout(x.amax(dim=1)))[:, 0]

    def collate(examples):
        ids, labels = zip(*examples, strict=True)
        lengths = torch.tensor([len(row) for row in ids])
        return pad_sequence(ids, batch_first=True), lengths, torch.tensor(labels)

    torch.set_num_threads(os.cpu_count())
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = Network().to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    loss_function = torch.nn.BCEWithLogitsLoss()
    rows = [torch.tensor(row) for row in sequences.to_list()]
    examples = list(zip(rows, labels.astype("float32").tolist(), strict=True))
    shuffled = DataLoader(examples, batch_size, shuffle=True, collate_fn=collate)
    in_order = DataLoader(examples, batch_size, collate_fn=collate)

    def train():
        network.train()
        total = 0.0
        for ids, lengths, targets in shuffled:
            optimizer.zero_grad()
            loss = loss_function(network(ids.to(device), lengths), targets.to(device))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
            optimizer.step()
            total += loss.item()
        return total / len(shuffled)

    def infer():
        network.eval()
        with torch.inference_mode():
            logits = [network(ids.to(device), lengths) for ids, lengths, _ in in_order]
        return torch.cat(logits).cpu().numpy()

    return train, infer


CANDIDATES = {
    "zoo": zoo_candidates,
    "keras": keras_candidates,
    "keras_untuned": functools.partial(keras_candidates, tuned=False),
    "keras_fixed": keras_fixed_candidates,
    "torch": torch_candidates,
}


def choose(train, examples, length=None):
    """Draws so many examples of a corpus, the same in every run.

    Args:
        train: `LabelledTexts`.
        examples: how many.
        length: None for the texts as they are; else each text is several ones of the corpus, drawn
            and joined, `length` words long on average and up to about twice as long.

    Returns:
        `LabelledTexts`, without joining at most as many as there are.
    """
    if length is None:
        return throughput.some(train, examples)
    generator = np.random.default_rng(0)
    words = statistics.mean(len(text.split()) for text in train.texts)
    most = max(1, round(2 * length / words) - 1)  # the mean of 1 ... most is length / words
    drawn = [
        generator.integers(len(train), size=generator.integers(1, most, endpoint=True))
        for _ in range(examples)
    ]
    texts = [" ".join(train.texts[i] for i in indices) for indices in drawn]
    return LabelledTexts(texts, train.labels[[indices[0] for indices in drawn]])


def measure(sequences, labels, vocabulary_size, *, batch_size, rounds):
    """Times an epoch of every candidate; returns a row of examples per second for each phase.

    Args:
        sequences: ragged (examples, None) int32 ids.
        labels: (examples,) int32.
        vocabulary_size: number of ids.
        batch_size: examples in a batch.
        rounds: how many epochs of each candidate are timed, after one that is not.
    """
    candidates = {
        name: build(sequences, labels, vocabulary_size, batch_size)
        for name, build in throughput.installed(CANDIDATES).items()
    }
    return [
        throughput.measure(
            phase, {name: pair[i] for name, pair in candidates.items()}, len(labels), rounds=rounds
        )
        for i, phase in enumerate(("train", "inference"))
    ]


@click.command(help=__doc__.split("\n")[0])
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--examples", default=2048, show_default=True, type=click.IntRange(1))
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(1))
@click.option("--length", type=click.IntRange(1), help="Join snippets to N words on average.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def main(rounds, examples, batch_size, length, as_json):
    try:
        train = zoo.datasets.text_classification.load().train
    except zoo.errors.UserError as error:
        raise click.UsageError(str(error)) from error
    from_texts = zoo.text.words.WordTokenizer.from_texts
    tokenizer = from_texts(train.texts, VOCABULARY_SIZE, max_length=MAX_LENGTH)
    chosen = choose(train, examples, length)
    sequences = tokenizer.ragged(chosen.texts)
    lengths = sequences.row_lengths().numpy()
    mean, longest = float(lengths.mean()), int(lengths.max())
    click.echo(f"{len(chosen)} texts of {mean:.1f} tokens, the longest of {longest}", err=as_json)
    keras.utils.set_random_seed(0)
    size = len(tokenizer.vocabulary)
    rows = measure(sequences, chosen.labels, size, batch_size=batch_size, rounds=rounds)
    throughput.show(rows, CANDIDATES, err=as_json)
    if as_json:
        described = {"examples": len(chosen), "batch_size": batch_size}
        described |= {"mean_length": mean, "longest": longest}
        click.echo(json.dumps({"rows": rows, **described}))


if __name__ == "__main__":
    main()
