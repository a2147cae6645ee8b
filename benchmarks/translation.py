"""The translation task against idiomatic Keras and PyTorch: one run, same batches, ratios.

    python -m benchmarks.translation [--rounds N] [--limit N] [--dataset NAME]
                                     [--level character|subword|word] [--json]

All train one network, that of `python -m tasks.translation --dataset bible_en_fr` with its
defaults: a bidirectional GRU reads the source, a GRU with attention writes the target. Adam, on
gradients clipped by their global norm, and smoothed labels. The vocabulary is that of the whole
training split; only as many pairs as `--limit` says are timed. What differs is how one writes and
runs it:

- zoo: the task. It translates with one beam, and with the beams of `predict` for comparison.
- keras: `keras.layers`, the reset of the GRU in front of the product as in the zoo, `fit`. Texts
  are translated by a `tf.function` of one step, called from a loop in Python.
- torch: `DataLoader`, `torch.nn.GRU`, the sources packed, the targets padded. Its reset is behind
  the product, and has a bias of its own that is not counted among the weights. Texts are translated
  step by step under `inference_mode`. Left out where not installed.

Training is timed from ids in memory to updated weights, an epoch whole: shuffling, batching and
padding count. A second's tokens are those of the targets, `<EOS>` included. Translating is timed
from texts to texts, in the same batches of similar length, with the tokenizer of the zoo for all.

All begin with the same weights, of no training: the zoo's, but that the GRUs' product of the reset
state is with the identity, to which it is the same whether the reset is in front of it or behind
it; and that no special token is ever the most probable. So every translation is as long as it may
be, twice the tokens of its source, and nobody gains by an early end: a trained network, which ends
its translations itself, translates more sentences a second. Before anything is timed it is checked
that all have the same number of weights, train on the same batches, and give the same logits and
translations. Each may use two threads. A ratio above 1 means that the zoo is faster.

The zoo does more than its peers: it measures perplexity while it trains, and when it translates it
rules `<UNK>` out and adds up log-probabilities. Measure on an idle machine, as
`benchmarks.sentiment` says.
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
from benchmarks import keras_translator, throughput, zoo_translator
from tasks.translation import Translation
from zoo.errors import UserError
from zoo.predictors import translator
from zoo.text.special_tokens import END_ID, PADDING_ID
from zoo.training.callbacks import FiniteLoss

THREADS = int(os.environ["TF_NUM_INTRAOP_THREADS"])
TRIED = 64  # texts that all translate before anything is timed
# How many of them all have to translate alike: which of two tokens is the more probable may be a
# matter of rounding.
ALIKE = 0.9
BEAMS = "zoo_beams"  # the column of the zoo with several beams
# What the peers are written for. The rest follows the options of the task.
WRITTEN_FOR = {
    "cell": ("gru",),
    "layers": (1,),
    "bidirectional": (True,),
    "residual": (False,),
    "attention": ("additive", "multiplicative"),
    "input_feeding": (False,),
}


class Candidate(NamedTuple):
    """One way to do the work.

    Attributes:
        parameters: number of weights.
        batches: () -> the batches of the first epoch, each a dict of padded ids: `source_ids`,
            `target_ids` and `targets`.
        logits: `source_ids`, `target_ids` -> logits (batch, target timesteps, vocabulary).
        train: () -> None, trains for an epoch.
        translate: list of texts -> list of texts.
    """

    parameters: int
    batches: Callable
    logits: Callable
    train: Callable
    translate: Callable


def task_settings(dataset="bible_en_fr", level=None):
    """The defaults of the task for a corpus, and for a level if there is one.

    Raises:
        UserError: the defaults are not what the peers are written for.
    """
    settings = Translation.options(dataset=dataset, level=level)
    settings.resolve()
    for name, values in WRITTEN_FOR.items():
        if (value := getattr(settings, name)) not in values:
            raise UserError(
                f"the task's {name} is {value}, but its peers have {' or '.join(map(str, values))}:"
                " bring benchmarks/keras_translator.py and torch_translator.py up to date"
            )
    return settings


def batches_of(predictor, pairs, settings):
    """What all train on."""
    return predictor.batches(pairs, settings.batch_size, shuffle=True, seed=settings.seed)


def trained_on(batches):
    """The batches of the first epoch, as `Candidate.batches` has them."""
    epoch = batches.dataset(0).as_numpy_iterator()
    return ({**inputs, "targets": targets} for inputs, targets, _ in epoch)


def zoo_candidate(predictor, pairs, settings):
    """The task itself."""
    clipped = {"clip_norm": settings.clip_norm, "norm_order": int(settings.clip_order)}
    optimizer = zoo.training.ClippedAdam(settings.learning_rate, **clipped)
    predictor.compile(optimizer, settings.label_smoothing)
    batches = batches_of(predictor, pairs, settings)
    # The callback is what looks at every batch in a training.
    train = throughput.training(predictor.model, batches, [FiniteLoss(run_folder=".")])

    def logits(source_ids, target_ids):
        return predictor.model({"source_ids": source_ids, "target_ids": target_ids}).numpy()

    translate = functools.partial(zoo_translator.translate, predictor)
    parameters = predictor.model.count_params()
    return Candidate(parameters, lambda: trained_on(batches), logits, train, translate)


def keras_candidate(predictor, pairs, settings):
    """Keras, on the batches that the zoo has made."""
    model = keras_translator.Translator(zoo_translator.sizes_of(predictor, settings))
    model.set_zoo_weights(zoo_translator.weights_of(predictor.model))
    model.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate, global_clipnorm=settings.clip_norm),
        loss=keras_translator.SmoothedCrossentropy(settings.label_smoothing),
    )
    batches = batches_of(predictor, pairs, settings)

    def logits(source_ids, target_ids):
        return model({"source_ids": source_ids, "target_ids": target_ids}).numpy()

    train = throughput.training(model, batches)
    translate = zoo_translator.in_batches(predictor, keras_translator.writer(model))
    return Candidate(model.count_params(), lambda: trained_on(batches), logits, train, translate)


def torch_candidate(predictor, pairs, settings):
    """PyTorch, each batch of the same pairs as the zoo's."""
    import torch

    from benchmarks import torch_translator

    torch.set_num_threads(THREADS)
    torch.manual_seed(settings.seed)
    network = torch_translator.Translator(zoo_translator.sizes_of(predictor, settings))
    network.set_zoo_weights(zoo_translator.weights_of(predictor.model))
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    targets = translator.encoded(predictor.target_tokenizer, pairs.targets).to_list()
    columns = {
        "source_ids": translator.encoded(predictor.source_tokenizer, pairs.sources).to_list(),
        "target_ids": [[END_ID, *ids[:-1]] for ids in targets],
        "targets": targets,
    }
    batches, epochs = batches_of(predictor, pairs, settings), itertools.count()
    options = {"clip_norm": settings.clip_norm, "label_smoothing": settings.label_smoothing}

    def load(epoch):
        return torch_translator.loader(columns, batches.indices(epoch))

    def logits(*ids):
        with torch.inference_mode():
            ids = (torch.tensor(array, device=network.device) for array in ids)
            return network.eval()(*ids).cpu().numpy()

    def train():
        torch_translator.train(network, optimizer, load(next(epochs)), **options)

    translate = zoo_translator.in_batches(
        predictor, functools.partial(torch_translator.write, network)
    )
    return Candidate(network.parameter_count(), lambda: load(0), logits, train, translate)


CANDIDATES = {"zoo": zoo_candidate, "keras": keras_candidate, "torch": torch_candidate}


def build(predictor, pairs, settings):
    """All candidates that can be built, by name.

    Args:
        predictor: `zoo.predictors.Translator`, not trained; its weights are changed.
        pairs: `Pairs` to train on.
        settings: those that the predictor was built with.
    """
    zoo_translator.make_comparable(predictor.model)
    candidates = throughput.installed(CANDIDATES)
    return {name: make(predictor, pairs, settings) for name, make in candidates.items()}


def require_same_work(candidates, texts):
    """Compares the candidates with the zoo.

    Raises:
        AssertionError: one has another number of weights, trains on other batches, gives other
            logits, or translates too many of the texts into others.
        ValueError: one has more or fewer batches.
    """
    ours = candidates["zoo"]
    translations = ours.translate(texts)
    for name, candidate in candidates.items():
        assert candidate.parameters == ours.parameters, f"{name}: {candidate.parameters} weights"
        for batch, our_batch in zip(candidate.batches(), ours.batches(), strict=True):
            assert batch.keys() == our_batch.keys(), f"{name}: {batch.keys()}"
            for what, ids in batch.items():
                np.testing.assert_array_equal(ids, our_batch[what], f"{name}: {what}")
        ids, counted = (our_batch["source_ids"], our_batch["target_ids"]), our_batch["targets"]
        logits = [of.logits(*ids)[counted != PADDING_ID] for of in (candidate, ours)]
        np.testing.assert_allclose(*logits, rtol=1e-4, atol=1e-4, err_msg=f"{name}: logits")
        alike = np.mean(np.array(candidate.translate(texts)) == np.array(translations))
        assert alike >= ALIKE, f"{name}: only {alike:.0%} of the translations are the zoo's"


def measure(candidates, beams, texts, tokens, *, rounds):
    """Times an epoch of training and the translation of texts; returns a row for each.

    Args:
        candidates: dict by name.
        beams: list of texts -> list of texts, the zoo with several beams.
        texts: list of texts to translate.
        tokens: number of tokens that are trained on.
        rounds: how often each is timed.
    """
    train = {name: c.train for name, c in candidates.items()}
    translate = {name: functools.partial(c.translate, texts) for name, c in candidates.items()}
    translate[BEAMS] = functools.partial(beams, texts)
    return [
        throughput.measure("train", train, tokens, rounds=rounds, unit="tokens"),
        throughput.measure("translate", translate, len(texts), rounds=rounds, unit="sentences"),
    ]


@click.command(help=__doc__.split("\n")[0])
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option(
    "--limit",
    default=1024,
    show_default=True,
    type=click.IntRange(1),
    help="Pairs of an epoch, and texts to be translated.",
)
@click.option("--dataset", default="bible_en_fr", show_default=True)
@click.option(
    "--level",
    type=click.Choice(list(translator.TOKENIZERS)),
    help="What a token is.  [default: as in the task]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def main(rounds, limit, dataset, level, as_json):
    # TensorFlow warns that graphs are made for new shapes and beams, before the timing starts.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        data = zoo.datasets.parallel_text.load(dataset)
        settings = task_settings(dataset, level)
    except UserError as error:
        raise click.UsageError(str(error)) from error
    keras.utils.set_random_seed(settings.seed)
    predictor = Translation().build(data, settings)
    train, texts = (
        throughput.some(data.train, limit),
        list(throughput.some(data.test, limit).sources),
    )
    candidates = build(predictor, train, settings)
    require_same_work(candidates, texts[:TRIED])
    tokens = int(translator.encoded(predictor.target_tokenizer, train.targets).flat_values.shape[0])
    described = {
        "dataset": data.name,
        "level": settings.level,
        "attention": settings.attention,
        "threads": THREADS,
        "train_pairs": len(train),
        "train_target_tokens": tokens,
        "translated_sentences": len(texts),
        "beams": translator.BEAMS,
        "vocabulary": len(predictor.target_tokenizer.vocabulary),
        "parameters": {name: c.parameters for name, c in candidates.items()},
    }
    for name, value in described.items():
        click.echo(f"{name}: {value}", err=as_json)
    beams = functools.partial(zoo_translator.translate, predictor, beams=translator.BEAMS)
    train_row, translate_row = measure(candidates, beams, texts, tokens, rounds=rounds)
    throughput.show([train_row], CANDIDATES, err=as_json, unit="tokens")
    columns = [*candidates, BEAMS]
    throughput.show([translate_row], columns, err=as_json, unit="sentences")
    if as_json:
        click.echo(json.dumps({"rows": [train_row, translate_row], **described}))


if __name__ == "__main__":
    main()
