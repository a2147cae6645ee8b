"""The language model against idiomatic Keras and PyTorch: one run, same stream, ratios.

    python -m benchmarks.language_model [--level character|word] [--rounds N] [--limit TOKENS]
                                        [--length TOKENS] [--dataset NAME] [--json]

All train one network, that of `python -m tasks.language_model` with its defaults: an embedding,
layers of LSTM in one direction, a logit for each token; Adam, on gradients clipped by their global
norm. The vocabulary is that of the whole training split; only as many of its tokens as `--limit`
says are an epoch. What differs is how one writes and runs it:

- zoo: the task; the states are inputs and outputs of the network.
- keras: `keras.layers.LSTM(stateful=True)`, `fit`. Texts are drawn by a `tf.function` of one step
  with the same weights, called from a loop in Python.
- torch: `torch.nn.LSTM`, its state detached after each piece. Texts are drawn step by step under
  `inference_mode`. Left out where not installed.

Training is timed from the stream of ids in memory to updated weights, an epoch whole, which begins
with states of zeros and carries them from piece to piece. Writing is timed from nothing to texts,
drawn from the softmax as it is, one text and 64 side by side. That all train on the same pieces
and have the same number of weights is checked before anything is timed. Each may use two threads.
A ratio above 1 means that the zoo is faster.

The zoo does more than its peers: it masks padding and measures perplexity while it trains, and
when it writes it rules `<UNK>` out, draws what the seed of a text says whatever texts are beside
it, and adds up log-probabilities.

At last it is measured whether a token costs more the longer the text: the time that the second
half of a long text takes, divided by that of the first, as the zoo writes it with the state carried
along, and where all that was written is read again for each token. Measure on an idle machine, as
`benchmarks.sentiment` says.
"""

import functools
import json
import os
from collections.abc import Callable
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_NUM_INTRAOP_THREADS"] = "2"
os.environ["TF_NUM_INTEROP_THREADS"] = "2"

import click
import keras
import numpy as np
import tensorflow as tf

import zoo
from benchmarks import keras_language_model, long_text, throughput
from tasks.language_model import LanguageModelling
from zoo.datasets.batches.streams import StreamBatches
from zoo.training.callbacks import FiniteLoss

THREADS = int(os.environ["TF_NUM_INTRAOP_THREADS"])
TOGETHER = (1, 64)  # texts that are written side by side
LONGER = 32  # how many times as long the long text is: a whole number of pieces in each half


class Sizes(NamedTuple):
    """Sizes of the network."""

    vocabulary: int
    embedding_dim: int
    units: int
    layers: int
    tie_weights: bool
    dropout: float


class Candidate(NamedTuple):
    """One way to do the work.

    Attributes:
        parameters: number of weights.
        pieces: () -> the pieces of the stream in order, each (ids, targets), (batch, timesteps).
        train: () -> None, trains for an epoch.
        write: (batch, length) -> list of dicts of `text` and `tokens`, their number.
    """

    parameters: int
    pieces: Callable
    train: Callable
    write: Callable


def task_settings(level):
    """The defaults of the task, for tokens of this level and the usual corpus."""
    settings = LanguageModelling.options(level=level)
    settings.resolve()
    settings.suit(zoo.datasets.plain_text.load(LanguageModelling.dataset))
    return settings


def sizes_of(predictor, settings):
    """Sizes of the zoo's network, for its peers."""
    return Sizes(
        vocabulary=len(predictor.tokenizer.vocabulary),
        embedding_dim=settings.embedding_dim,
        units=settings.units,
        layers=settings.layers,
        tie_weights=settings.tie_weights,
        dropout=settings.dropout,
    )


def batches_of(predictor, ids, settings):
    """What all train on."""
    start_id = predictor.tokenizer.start_id
    return StreamBatches(ids, settings.batch_size, settings.timesteps, start_id)


def pieces_of(batches):
    """The pieces of a stream, as `Candidate.pieces` has them."""
    return (
        (inputs["token_ids"], targets)
        for inputs, targets, _ in batches.dataset().as_numpy_iterator()
    )


def texts_of(tokenizer, ids):
    """Texts of ids (batch, length), as `Candidate.write` gives them."""
    texts = tokenizer.join(tf.constant(ids)).numpy()
    return [
        {"text": text.decode(), "tokens": len(row)} for text, row in zip(texts, ids, strict=True)
    ]


def parameters(model):
    """Number of weights: states are variables too."""
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)


def zoo_candidate(predictor, ids, settings):
    """The task itself."""
    clipped = {"clip_norm": settings.clip_norm, "norm_order": int(settings.clip_order)}
    optimizer = zoo.training.ClippedAdam(settings.learning_rate, **clipped)
    model = predictor.compile(optimizer, settings.batch_size)
    batches = batches_of(predictor, ids, settings)
    # The callback is what looks at every batch in a training.
    train = throughput.training(model, batches, [FiniteLoss(run_folder=".")])

    def write(batch, length):
        return predictor.generate([""] * batch, length=length, past_end=True)

    return Candidate(parameters(predictor.model), lambda: pieces_of(batches), train, write)


def keras_candidate(predictor, ids, settings):
    """Keras, on the pieces that the zoo has made."""
    sizes, tokenizer = sizes_of(predictor, settings), predictor.tokenizer
    model = keras_language_model.network(sizes, settings.batch_size)
    model.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate, global_clipnorm=settings.clip_norm),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    batches = batches_of(predictor, ids, settings)

    def pieces():
        return batches.dataset().map(lambda inputs, *others: (inputs["token_ids"], *others))

    @functools.cache
    def writer(batch):
        return keras_language_model.writer(model, sizes, batch)

    def train():
        callbacks = [keras_language_model.ResetStates()]
        model.fit(pieces(), shuffle=False, callbacks=callbacks, verbose=0)
        writer.cache_clear()  # it has copied the weights

    def write(batch, length):
        return texts_of(tokenizer, writer(batch)(tokenizer.start_id, length))

    def inputs_and_targets():
        return (piece[:2] for piece in pieces().as_numpy_iterator())

    return Candidate(parameters(model), inputs_and_targets, train, write)


def torch_candidate(predictor, ids, settings):
    """PyTorch on views of the lanes, which lie in memory whole."""
    import torch

    from benchmarks import torch_language_model

    torch.set_num_threads(THREADS)
    torch.manual_seed(settings.seed)
    network = torch_language_model.LanguageModel(sizes_of(predictor, settings))
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    columns = zip(*pieces_of(batches_of(predictor, ids, settings)), strict=True)
    lanes = [torch.tensor(np.concatenate(column, axis=1)).long() for column in columns]
    tokenizer = predictor.tokenizer

    def pieces():
        return list(zip(*(lane.split(settings.timesteps, dim=1) for lane in lanes), strict=True))

    def train():
        torch_language_model.train(network, optimizer, pieces(), settings.clip_norm)

    def write(batch, length):
        ids = torch_language_model.write(network, tokenizer.start_id, batch, length)
        return texts_of(tokenizer, ids)

    return Candidate(network.parameter_count(), pieces, train, write)


CANDIDATES = {"zoo": zoo_candidate, "keras": keras_candidate, "torch": torch_candidate}


def build(predictor, ids, settings):
    """All candidates that can be built, by name.

    Args:
        predictor: `zoo.predictors.LanguageModel`, not trained.
        ids: (tokens,) integers, the stream to train on.
        settings: those that the predictor was built with.
    """
    candidates = throughput.installed(CANDIDATES)
    return {name: make(predictor, ids, settings) for name, make in candidates.items()}


def require_same_work(candidates, length):
    """Compares the candidates with the zoo.

    Raises:
        AssertionError: one has another number of weights, trains on other pieces, or does not
            write `length` tokens of each text.
        ValueError: one has more or fewer pieces.
    """
    ours = candidates["zoo"]
    for name, candidate in candidates.items():
        assert candidate.parameters == ours.parameters, f"{name}: {candidate.parameters} weights"
        for piece, our_piece in zip(candidate.pieces(), ours.pieces(), strict=True):
            for ids, our_ids, what in zip(piece, our_piece, ("ids", "targets"), strict=True):
                np.testing.assert_array_equal(ids, our_ids, f"{name}: {what}")
        for batch in TOGETHER:
            tokens = [written["tokens"] for written in candidate.write(batch, length)]
            assert tokens == [length] * batch, f"{name}: {tokens} tokens of {batch} texts"


def measure(candidates, tokens, length, *, rounds):
    """Times an epoch of training and the writing of texts; returns a row for each."""
    timed = functools.partial(throughput.measure, rounds=rounds, unit="tokens")
    rows = [timed("train", {name: c.train for name, c in candidates.items()}, tokens)]
    for batch in TOGETHER:
        write = {name: functools.partial(c.write, batch, length) for name, c in candidates.items()}
        rows.append(timed(f"write {batch}", write, batch * length))
    return rows


@click.command(help=__doc__.split("\n")[0])
@click.option(
    "--level",
    default="character",
    show_default=True,
    type=click.Choice(["character", "word"]),
    help="What a token is.",
)
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option(
    "--limit",
    default=65_536,
    show_default=True,
    type=click.IntRange(1),
    help="Tokens of an epoch.",
)
@click.option(
    "--length",
    default=128,
    show_default=True,
    type=click.IntRange(1),
    help=f"Tokens of a text; the long one has {LONGER} times as many.",
)
@click.option("--dataset", default="shakespeare", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def main(level, rounds, limit, length, dataset, as_json):
    try:
        data = zoo.datasets.plain_text.load(dataset)
    except zoo.errors.UserError as error:
        raise click.UsageError(str(error)) from error
    settings = task_settings(level)
    keras.utils.set_random_seed(settings.seed)
    predictor = LanguageModelling().build(data, settings)
    ids = predictor.tokenizer.stream(data.train.texts)[:limit]
    candidates = build(predictor, ids, settings)
    require_same_work(candidates, length)
    described = {
        "dataset": data.name,
        "level": level,
        "threads": THREADS,
        "train_tokens": len(ids),
        "tokens_of_a_text": length,
        "tokens_of_the_long_text": LONGER * length,
        "vocabulary": len(predictor.tokenizer.vocabulary),
        "parameters": {name: c.parameters for name, c in candidates.items()},
    }
    for name, value in described.items():
        click.echo(f"{name}: {value}", err=as_json)
    rows = measure(candidates, len(ids), length, rounds=rounds)
    throughput.show(rows, CANDIDATES, err=as_json, unit="tokens")
    halves = long_text.measure(predictor, ids, LONGER * length, rounds=rounds)
    click.echo("second half / first half of the long text", err=as_json)
    for name, value in halves.items():
        click.echo(f"{name:22}{value:{throughput.COLUMN}.2f}", err=as_json)
    if as_json:
        click.echo(json.dumps({"rows": rows, "second_half/first_half": halves, **described}))


if __name__ == "__main__":
    main()
