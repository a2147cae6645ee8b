"""The tagging task against idiomatic Keras and PyTorch: one run, same batches, ratios.

    python -m benchmarks.tagging [--rounds N] [--limit N] [--dataset NAME] [--json]

All train one network, that of `python -m tasks.ner` with its defaults: words, characters read by a
bidirectional LSTM, and shapes; a bidirectional LSTM; a logit for each tag. Adam, on gradients
clipped by their global norm. The sizes are those of the whole training split; only as many
sentences as `--limit` says are timed. What differs is how one writes and runs it:

- zoo: the task, with a CRF and with a softmax.
- keras: `keras.layers` with masks, `fit` and `predict_on_batch`. Softmax only: Keras has no CRF.
- torch: `DataLoader`, `torch.nn.LSTM` on packed sequences, and a CRF in Python. Left out where not
  installed.
- torch_once: the same, but it tags as the zoo does: each distinct token is looked up and spelt
  once.

Training is timed from ids in memory to updated weights, an epoch whole: shuffling, batching and
padding count. Tagging is timed from tokenised sentences to lists of tags. All read the ids of
the zoo's encoder, in the same batches of sentences of similar length; that, and the number of
weights, is checked before anything is timed. Each may use two threads. A ratio above 1 means that
the zoo, with the head named, is faster.

The zoo does more than its peers: it measures F1 of spans while it trains, for which the CRF decodes
every batch. Measure on an idle machine, as `benchmarks.sentiment` says.
"""

import functools
import itertools
import json
import logging
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

import zoo
from benchmarks import keras_tagger, throughput
from tasks.ner import NamedEntities
from zoo.datasets.batches.by_length import BucketedBatches
from zoo.predictors.base import batches_by_length
from zoo.predictors.graphs import padded_rows
from zoo.text.token_features import ragged_tokens
from zoo.training.callbacks import FiniteLoss

THREADS = int(os.environ["TF_NUM_INTRAOP_THREADS"])
TAGGED_TOGETHER = 64  # sentences, as in `EntityTagger.tag`
TRIED = 64  # sentences that all tag before anything is timed
REFERENCES = ("zoo_crf", "zoo_softmax")


class Sizes(NamedTuple):
    """Sizes of the network."""

    words: int
    characters: int
    longest_word: int
    shapes: int
    tags: int
    embedding_dim: int
    character_units: int
    shape_dim: int
    units: int
    word_dropout: float
    dropout: float
    elsewhere: bool


class Candidate(NamedTuple):
    """One way to do the work.

    Attributes:
        parameters: number of weights.
        batches: () -> the batches of the first epoch, each a dict of padded ids with `tags`.
        train: () -> None, trains for an epoch.
        tag: `TaggedSentences` -> list of lists of tags.
    """

    parameters: int
    batches: Callable
    train: Callable
    tag: Callable


def task_settings(head):
    """The defaults of the task, with this head."""
    return NamedEntities.options(head=head)


def sizes_of(tagger, settings):
    """Sizes of the zoo's network, for its peers."""
    encoder, shapes = tagger.encoder, tagger.model.get_layer("shape_embedding")
    return Sizes(
        words=len(encoder.words),
        characters=len(encoder.characters),
        longest_word=encoder.longest_word,
        shapes=shapes.input_dim,
        tags=len(tagger.tag_names),
        embedding_dim=settings.embedding_dim,
        character_units=settings.character_units,
        shape_dim=shapes.output_dim,
        units=settings.units,
        word_dropout=settings.word_dropout,
        dropout=settings.dropout,
        elsewhere=any(layer.name == "elsewhere" for layer in tagger.model.layers),
    )


def batches_of(tagger, sentences, settings):
    """What all train on."""
    return tagger.batches(sentences, settings.batch_size, shuffle=True, seed=settings.seed)


def encoded(tagger, tokens):
    """The ids of the tokens of sentences, a dict of ragged tensors."""
    return tagger.inputs(ragged_tokens(tokens))


def flat(ids):
    """The ids of all tokens, one after another."""
    return {name: ragged.flat_values.numpy() for name, ragged in ids.items()}


def by_length(ids):
    """Batches of what is to be tagged, those of similar length together; labels mean nothing."""
    nothing = np.zeros(ids["words"].nrows())
    return BucketedBatches(ids, nothing, batch_size=TAGGED_TOGETHER, shuffle=False)


def names_of(found, sentences, tag_names):
    """The tags of sentences: those of each batch, as (their places, ids), put where they belong."""
    tags = [None] * len(sentences)
    for places, ids in found:
        for place, row in zip(places, ids.tolist(), strict=True):
            tags[place] = [tag_names[tag] for tag in row[: len(sentences.tokens[place])]]
    return tags


def trained_on(batches):
    """The batches of the first epoch, as `Candidate.batches` has them."""
    return ({**ids, "tags": tags} for ids, tags, _ in batches.dataset(0).as_numpy_iterator())


def zoo_candidate(tagger, sentences, settings):
    """The task itself."""
    clipped = {"clip_norm": settings.clip_norm, "norm_order": int(settings.clip_order)}
    tagger.compile(zoo.training.ClippedAdam(settings.learning_rate, **clipped))
    batches = batches_of(tagger, sentences, settings)
    # The callback is what looks at every batch in a training.
    train = throughput.training(tagger.model, batches, [FiniteLoss(run_folder=".")])
    parameters = tagger.model.count_params()
    return Candidate(parameters, lambda: trained_on(batches), train, tagger.tag)


def keras_candidate(tagger, sentences, settings):
    """Keras, on the batches that the zoo has made."""
    model = keras_tagger.network(sizes_of(tagger, settings))
    model.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate, global_clipnorm=settings.clip_norm),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    batches = batches_of(tagger, sentences, settings)

    def tag(sentences):
        batches = by_length(encoded(tagger, sentences.tokens))
        found = (model.predict_on_batch(inputs).argmax(axis=-1) for inputs, _ in batches.dataset())
        return names_of(zip(batches.indices(), found, strict=True), sentences, tagger.tag_names)

    train = throughput.training(model, batches)
    return Candidate(model.count_params(), lambda: trained_on(batches), train, tag)


def torch_candidate(tagger, sentences, settings, once=False):
    """PyTorch on packed sequences, each batch of the same sentences as the zoo's.

    With `once` it looks up and spells each distinct token of what it tags once, as the zoo does.
    """
    import torch

    from benchmarks import torch_tagger

    torch.set_num_threads(THREADS)
    torch.manual_seed(settings.seed)
    network = torch_tagger.Tagger(sizes_of(tagger, settings), settings.head)
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    index = {name: tag for tag, name in enumerate(tagger.tag_names)}
    columns = flat(encoded(tagger, sentences.tokens))
    columns["tags"] = [index[name] for row in sentences.tags for name in row]
    batches, epochs = batches_of(tagger, sentences, settings), itertools.count()

    def load(epoch):
        return torch_tagger.loader(columns, batches.lengths.tolist(), batches.indices(epoch))

    def train():
        torch_tagger.train(network, optimizer, load(next(epochs)), settings.clip_norm)

    def tag(sentences):
        ids = encoded(tagger, sentences.tokens)
        batches = by_length(ids)
        order = batches.indices()
        loader = torch_tagger.loader(flat(ids), batches.lengths.tolist(), order)
        found = torch_tagger.decode(network, loader)
        return names_of(zip(order, found, strict=True), sentences, tagger.tag_names)

    def tag_once(sentences):
        tokens = sentences.tokens
        distinct = sorted({token for sentence in tokens for token in sentence})
        place = {token: i for i, token in enumerate(distinct, 1)}
        order = list(batches_by_length([*map(len, tokens)], TAGGED_TOGETHER))
        batches = [[[place[token] for token in tokens[i]] for i in batch] for batch in order]
        places = [padded_rows(np.concatenate(rows), [*map(len, rows)]) for rows in batches]
        found = torch_tagger.decode_once(network, flat(encoded(tagger, [distinct])), places)
        return names_of(zip(order, found, strict=True), sentences, tagger.tag_names)

    tag = tag_once if once else tag
    return Candidate(network.parameter_count(), lambda: load(0), train, tag)


CANDIDATES = {
    "zoo_crf": zoo_candidate,
    "zoo_softmax": zoo_candidate,
    "keras_softmax": keras_candidate,
    "torch_crf": torch_candidate,
    "torch_softmax": torch_candidate,
    "torch_once_crf": functools.partial(torch_candidate, once=True),
}


def head_of(name):
    """The head of a candidate."""
    return name.rpartition("_")[2]


def build(data, sentences):
    """All candidates that can be built, by name.

    Args:
        data: `SequenceTaggingData`, whose training split gives the vocabularies.
        sentences: `TaggedSentences` of it to train on.
    """
    candidates = {}
    for name, make in throughput.installed(CANDIDATES).items():
        settings = task_settings(head_of(name))
        tagger = NamedEntities().build(data, settings)
        candidates[name] = make(tagger, sentences, settings)
    return candidates


def require_same_work(candidates, sentences):
    """Compares the candidates with the zoo's of the same head.

    Raises:
        AssertionError: one has another number of weights, trains on other batches, or does not
            give each token of the `TaggedSentences` one tag.
    """
    for name, candidate in candidates.items():
        ours = candidates[f"zoo_{head_of(name)}"]
        assert candidate.parameters == ours.parameters, f"{name}: {candidate.parameters} weights"
        for batch, our_batch in zip(candidate.batches(), ours.batches(), strict=True):
            assert batch.keys() == our_batch.keys(), f"{name}: {batch.keys()}"
            for ids, array in batch.items():
                np.testing.assert_array_equal(array, our_batch[ids], f"{name}: {ids}")
        lengths = [len(tags) for tags in candidate.tag(sentences)]
        assert lengths == [len(tokens) for tokens in sentences.tokens], f"{name}: tags"


def measure(candidates, train, test, *, rounds):
    """Times an epoch of training and the tagging of a test split; returns a row for each."""
    timed = functools.partial(
        throughput.measure, rounds=rounds, references=REFERENCES, unit="sentences"
    )
    tag = {name: functools.partial(c.tag, test) for name, c in candidates.items()}
    return [
        # What is read once while tagging trains as any other does.
        timed(
            "train", {n: c.train for n, c in candidates.items() if "_once_" not in n}, len(train)
        ),
        timed("tag", tag, len(test)),
    ]


@click.command(help=__doc__.split("\n")[0])
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option(
    "--limit",
    default=2048,
    show_default=True,
    type=click.IntRange(1),
    help="Sentences of an epoch, and to be tagged.",
)
@click.option("--dataset", default="conll2003_english", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def main(rounds, limit, dataset, as_json):
    # Keras warns that it traces `predict_on_batch` again for new shapes, before the timing starts.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        data = zoo.datasets.sequence_tagging.load(dataset)
    except zoo.errors.UserError as error:
        raise click.UsageError(str(error)) from error
    keras.utils.set_random_seed(0)
    train, test = throughput.some(data.train, limit), throughput.some(data.test, limit)
    candidates = build(data, train)
    require_same_work(candidates, test.take(range(min(TRIED, len(test)))))
    described = {"dataset": data.name, "threads": THREADS}
    for phase, sentences in (("train", train), ("tag", test)):
        described[f"{phase}_sentences"] = len(sentences)
        described[f"{phase}_tokens"] = sum(map(len, sentences.tokens))
    described["parameters"] = {name: c.parameters for name, c in candidates.items()}
    for name, value in described.items():
        click.echo(f"{name}: {value}", err=as_json)
    rows = measure(candidates, train, test, rounds=rounds)
    throughput.show(rows, CANDIDATES, err=as_json, references=REFERENCES, unit="sentences")
    if as_json:
        click.echo(json.dumps({"rows": rows, **described}))


if __name__ == "__main__":
    main()
