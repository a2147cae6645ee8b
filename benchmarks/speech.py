"""The speech task against idiomatic Keras and PyTorch: one run, same batches, ratios.

    python -m benchmarks.speech [--rounds N] [--limit N] [--json]

All train one network, that of `python -m tasks.speech` with its defaults: normalised features, two
bidirectional LSTM layers, a logit for each letter, and connectionist temporal classification. Adam,
on gradients clipped by their global norm. What differs is how one writes and runs it:

- zoo: the task, without its augmentation, which the others do not have.
- keras: `keras.layers` with masks, `keras.ops.ctc_loss` with the lengths, `fit` and
  `predict_on_batch`. (`keras.losses.CTC` takes padding for speech.)
- torch: `DataLoader`, `torch.nn.LSTM` on packed sequences, `torch.nn.CTCLoss`. Left out where not
  installed.

Training is timed from features in memory to updated weights, an epoch whole. Recognition is timed
from features to texts, by the most probable path; the zoo finds the times of the words besides.
Batches and the number of weights are checked before anything is timed. Each may use two threads. A
ratio above 1 means that the zoo is faster. Measure on an idle machine.
"""

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
from benchmarks import keras_speech, throughput
from tasks.speech import Speech
from zoo.training.callbacks import FiniteLoss

THREADS = int(os.environ["TF_NUM_INTRAOP_THREADS"])
TOGETHER = 32  # utterances, as in `SpeechRecognizer.transcribe`


class Candidate(NamedTuple):
    """One way to do the work.

    Attributes:
        parameters: number of weights.
        batches: () -> the batches of the first epoch, each a dict of `features`, `mask`, `labels`.
        train: () -> None, trains for an epoch.
        recognize: list of features (frames, size) -> list of texts.
    """

    parameters: int
    batches: Callable
    train: Callable
    recognize: Callable


def task_settings():
    """The defaults of the task, without augmentation."""
    return Speech.options(augment=False)


def batches_of(recognizer, utterances, settings):
    """What all train on."""
    return Speech().batches(recognizer, utterances, settings, shuffle=True)


def trained_on(batches):
    """The batches of the first epoch, as `Candidate.batches` has them."""
    return ({**inputs, "labels": y} for inputs, y, _ in batches.dataset(0).as_numpy_iterator())


def in_batches(features, recognize):
    """What a function of normalised, padded features finds, sorted by length and put back."""
    texts = [None] * len(features)
    order = sorted(range(len(features)), key=lambda i: len(features[i]))
    for start in range(0, len(order), TOGETHER):
        places = order[start : start + TOGETHER]
        found = recognize(*padded([features[i] for i in places]))
        for place, text in zip(places, found, strict=True):
            texts[place] = text
    return texts


def padded(features):
    """Features normalised as the zoo does it, (batch, frames, size), and their lengths."""
    lengths = np.array([*map(len, features)], "int32")
    rows = [np.pad(f, [(0, lengths.max() - len(f)), (0, 0)]) for f in features]
    return zoo.audio.normalized(np.stack(rows), lengths).numpy(), lengths


def letters(path, tokens):
    """The text of a path, (steps,) integers: repeats collapsed, blanks removed."""
    return "".join(tokens[symbol] for symbol, _ in itertools.groupby(path.tolist()) if symbol)


def zoo_candidate(recognizer, utterances, settings):
    """The task itself."""
    clipped = {"clip_norm": settings.clip_norm, "norm_order": int(settings.clip_order)}
    recognizer.compile(zoo.training.ClippedAdam(settings.learning_rate, **clipped))
    batches = batches_of(recognizer, utterances, settings)
    train = throughput.training(recognizer.model, batches, [FiniteLoss(run_folder=".")])

    def recognize(features):
        found = recognizer.transcribe(features, beams=1)
        return [one["hypotheses"][0]["text"] for one in found]

    parameters = recognizer.model.count_params()
    return Candidate(parameters, lambda: trained_on(batches), train, recognize)


def keras_candidate(recognizer, utterances, settings):
    """Keras, on the batches that the zoo has made."""
    tokens = recognizer.tokenizer.vocabulary.tokens
    model = keras_speech.network(recognizer.features.size, len(tokens), settings)
    model.compile(
        keras.optimizers.Adam(settings.learning_rate, global_clipnorm=settings.clip_norm),
        keras_speech.CTC(),
        jit_compile=False,
    )
    batches = batches_of(recognizer, utterances, settings)

    def recognize(features, lengths):
        mask = np.int32(np.arange(features.shape[1]) < lengths[:, None])
        logits = model.predict_on_batch({"features": features, "mask": mask})
        paths = zip(logits.argmax(axis=-1), lengths, strict=True)
        return [letters(path[:n], tokens) for path, n in paths]

    return Candidate(
        model.count_params(),
        lambda: trained_on(batches),
        throughput.training(model, keras_speech.WithLengths(batches)),
        lambda features: in_batches(features, recognize),
    )


def torch_candidate(recognizer, utterances, settings):
    """PyTorch on packed sequences, each batch of the same utterances as the zoo's."""
    import torch

    from benchmarks import torch_speech

    torch.set_num_threads(THREADS)
    torch.manual_seed(settings.seed)
    tokens = recognizer.tokenizer.vocabulary.tokens
    network = torch_speech.Recognizer(recognizer.features.size, len(tokens), settings)
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    batches, epochs = batches_of(recognizer, utterances, settings).batches, itertools.count()
    features = [padded([one])[0][0] for one in utterances.recordings]
    labels = recognizer.tokenizer.ragged(utterances.texts).to_list()

    def load(epoch):
        return torch_speech.loader(features, labels, batches.indices(epoch))

    def train():
        torch_speech.train(network, optimizer, load(next(epochs)), settings.clip_norm)

    def recognize(features, lengths):
        paths = torch_speech.paths(network, features, lengths)
        return [letters(path[:n], tokens) for path, n in zip(paths, lengths, strict=True)]

    return Candidate(
        network.parameter_count(),
        lambda: torch_speech.as_numpy(load(0)),
        train,
        lambda features: in_batches(features, recognize),
    )


CANDIDATES = {"zoo": zoo_candidate, "keras": keras_candidate, "torch": torch_candidate}


def build(data, utterances):
    """All candidates that can be built, by name, of a `SpeechData` and a part of its training."""
    settings, candidates = task_settings(), {}
    for name, make in throughput.installed(CANDIDATES).items():
        candidates[name] = make(Speech().build(data, settings), utterances, settings)
    return candidates


def require_same_work(candidates, features):
    """Compares the candidates with the zoo's.

    Raises:
        AssertionError: one has another number of weights, trains on other batches, or does not
            give each of the features a text.
    """
    ours = candidates["zoo"]
    for name, candidate in candidates.items():
        assert candidate.parameters == ours.parameters, f"{name}: {candidate.parameters} weights"
        for batch, our_batch in zip(candidate.batches(), ours.batches(), strict=True):
            for key, array in our_batch.items():
                message = f"{name}: {key}"
                np.testing.assert_allclose(batch[key], array, rtol=1e-4, atol=1e-4, err_msg=message)
        texts = candidate.recognize(features)
        assert [*map(type, texts)] == [str] * len(features), f"{name}: texts"


def measure(candidates, train, features, *, rounds):
    """Times an epoch of training and the recognition of a test split; returns a row for each."""
    recognize = {n: (lambda c=c: c.recognize(features)) for n, c in candidates.items()}
    timed = {"rounds": rounds, "unit": "utterances"}
    training = {name: c.train for name, c in candidates.items()}
    return [
        throughput.measure("train", training, len(train), **timed),
        throughput.measure("recognize", recognize, len(features), **timed),
    ]


@click.command(help=__doc__.split("\n")[0])
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option(
    "--limit",
    default=640,
    show_default=True,
    type=click.IntRange(1),
    help="Utterances of an epoch, and to be recognised.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def main(rounds, limit, as_json):
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        data = zoo.datasets.speech.load()
    except zoo.errors.UserError as error:
        raise click.UsageError(str(error)) from error
    keras.utils.set_random_seed(0)
    train, test = throughput.some(data.train, limit), throughput.some(data.test, limit)
    candidates = build(data, train)
    features = zoo.audio.features_of(test.recordings, zoo.audio.Features())
    require_same_work(candidates, features)
    described = {
        "dataset": data.name,
        "threads": THREADS,
        "train_utterances": len(train),
        "recognize_utterances": len(test),
        "parameters": {name: c.parameters for name, c in candidates.items()},
    }
    for name, value in described.items():
        click.echo(f"{name}: {value}", err=as_json)
    rows = measure(candidates, train, features, rounds=rounds)
    throughput.show(rows, CANDIDATES, err=as_json, unit="utterances")
    if as_json:
        click.echo(json.dumps({"rows": rows, **described}))


if __name__ == "__main__":
    main()
