"""The tasks of DNA and of video against idiomatic Keras and PyTorch: same batches, ratios.

    python -m benchmarks.classification [--task dna|video] [--rounds N] [--limit N] [--json]

All train one network, that of `python -m tasks.dna` or `python -m tasks.video` with its defaults: a
convolution over letters, or over frames that a small convolutional network has read; a
bidirectional LSTM; its middle step, or mean and maximum of all; a logit for each label. Adam, on
gradients clipped by their global norm, and the smoothed labels of the task. What differs is how one
writes and runs it:

- zoo: the task, clips without its augmentation, which the others do not have.
- keras: `keras.layers`, `fit` on the batches that the zoo has made, `predict_on_batch`.
- torch: `DataLoader`, `torch.nn`, `inference_mode`. Left out where not installed.

The sequences of both corpora are of one length, which the peers are written for: they have no masks
and pack nothing. The zoo masks as always. All begin with the same weights.

Training is timed from ids or clips in memory to updated weights, an epoch whole. Prediction is
timed from strings or clips in memory to probabilities; the ids of letters are the zoo's for all.
The number of weights, batches and probabilities are compared before anything is timed. Each may use
two threads. A ratio above 1 means that the zoo is faster. Measure on an idle machine.
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
from benchmarks import keras_classifier, throughput
from tasks.dna import Dna
from tasks.video import Video
from zoo.training.callbacks import FiniteLoss

THREADS = int(os.environ["TF_NUM_INTRAOP_THREADS"])
TOGETHER = 64  # examples, as in `Classifier.probabilities`
TASKS = {"dna": Dna(), "video": Video()}


class Candidate(NamedTuple):
    """One way to do the work.

    Attributes:
        parameters: number of weights that are trained.
        batches: () -> the batches of the first epoch, each a dict of `inputs` and `labels`.
        train: () -> None, trains for an epoch.
        classify: list of strings or clips -> probabilities (examples, labels).
    """

    parameters: int
    batches: Callable
    train: Callable
    classify: Callable


def task_settings(task="dna"):
    """The defaults of a task, without augmentation."""
    settings = TASKS[task].options(**{"augment": 0.0} if task == "video" else {})
    settings.resolve()
    return settings


def sequences_of(examples):
    """The strings or clips of examples."""
    return examples.clips if hasattr(examples, "clips") else examples.sequences


def arrays_of(sequences):
    """Strings as ids (examples, timesteps), or clips (examples, timesteps, ...), of one length."""
    strings = isinstance(sequences[0], str)
    return np.stack([zoo.genomics.ids(one) for one in sequences] if strings else sequences)


def batches_of(task, predictor, examples, settings):
    """What all train on."""
    return TASKS[task].batches(predictor, examples, settings, shuffle=True)


def trained_on(batches):
    """The batches of the first epoch, as `Candidate.batches` has them; no step is masked."""
    for inputs, labels in batches.dataset(0).as_numpy_iterator():
        inputs = inputs["clip"] if isinstance(inputs, dict) else inputs
        yield {"inputs": inputs, "labels": labels}


def lstm_weights(cell):
    """The weights of an LSTM, its gates in the order of Keras and PyTorch."""
    gates = ("update", "forget", "candidate", "output")
    order = np.concatenate([np.r_[cell.columns(gate)] for gate in gates])
    return [weight.numpy()[..., order] for weight in cell.trainable_variables]


def weights_of(model):
    """The weights of the zoo's network, a list for each layer, for its peers.

    Of a layer kernel and bias; of the LSTM kernel, recurrent kernel and bias of each direction.
    """
    weights = []
    for layer in model.layers:
        if layer.name == "recurrence":
            cells = [one.cell for one in layer.directions()]
            weights.append([*itertools.chain(*map(lstm_weights, cells))])
        elif layer.name == "frame_features":
            weights += [
                part.get_weights() for part in (*layer.convolutions, layer.dense, layer.norm)
            ]
        elif layer.trainable_variables:
            weights.append(layer.get_weights())
    return weights


def zoo_candidate(task, predictor, examples, settings):
    """The task itself."""
    clipped = {"clip_norm": settings.clip_norm, "norm_order": int(settings.clip_order)}
    optimizer = zoo.training.ClippedAdam(settings.learning_rate, **clipped)
    model = TASKS[task].compile(predictor, optimizer, settings)
    batches = batches_of(task, predictor, examples, settings)
    train = throughput.training(model, batches, [FiniteLoss(run_folder=".")])
    return Candidate(
        model.count_params(), lambda: trained_on(batches), train, predictor.probabilities
    )


def keras_candidate(task, predictor, examples, settings):
    """Keras, on the batches that the zoo has made."""
    classes = len(predictor.label_names)
    network = getattr(keras_classifier, f"{task}_classifier")
    model = network(settings, arrays_of(sequences_of(examples)).shape[1:], classes)
    keras_classifier.set_zoo_weights(model, weights_of(predictor.model))
    smoothing = getattr(settings, "label_smoothing", 0.0)
    model.compile(
        keras.optimizers.Adam(settings.learning_rate, global_clipnorm=settings.clip_norm),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing),
        metrics=["accuracy"],
    )
    batches = batches_of(task, predictor, examples, settings)
    batches = keras_classifier.OneHotLabels(batches, classes)

    def classify(sequences):
        return keras_classifier.probabilities(model, arrays_of(sequences), TOGETHER)

    return Candidate(
        sum(weight.numpy().size for weight in model.trainable_variables),
        batches.as_numpy,
        throughput.training(model, batches),
        classify,
    )


def torch_candidate(task, predictor, examples, settings):
    """PyTorch, each batch of the same examples as the zoo's."""
    import torch

    from benchmarks import torch_classifier

    torch.set_num_threads(THREADS)
    torch.manual_seed(settings.seed)
    arrays = arrays_of(sequences_of(examples))
    network = getattr(torch_classifier, f"{task.title()}Classifier")
    network = network(settings, arrays.shape[1:], len(predictor.label_names))
    network.set_zoo_weights(weights_of(predictor.model))
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    smoothing = getattr(settings, "label_smoothing", 0.0)
    options = {"clip_norm": settings.clip_norm, "label_smoothing": smoothing}
    batches, epochs = batches_of(task, predictor, examples, settings), itertools.count()

    def load(epoch):
        return torch_classifier.loader(arrays, examples.labels, batches.indices(epoch))

    def train():
        torch_classifier.train(network, optimizer, load(next(epochs)), **options)

    def classify(sequences):
        return torch_classifier.probabilities(network, arrays_of(sequences), TOGETHER)

    return Candidate(
        network.parameter_count(),
        lambda: torch_classifier.as_numpy(load(0)),
        train,
        classify,
    )


CANDIDATES = {"zoo": zoo_candidate, "keras": keras_candidate, "torch": torch_candidate}


def build(task, predictor, examples, settings):
    """All candidates that can be built, by name.

    Args:
        task: "dna" or "video".
        predictor: of the zoo, not trained, whose weights all begin with.
        examples: to train on.
        settings: those that the predictor was built with.
    """
    candidates = throughput.installed(CANDIDATES)
    return {n: make(task, predictor, examples, settings) for n, make in candidates.items()}


def require_same_work(candidates, sequences):
    """Compares the candidates with the zoo's.

    Raises:
        AssertionError: one has another number of weights, trains on other batches, or gives other
            probabilities.
        ValueError: one has more or fewer batches.
    """
    ours = candidates["zoo"]
    expected = ours.classify(sequences)
    for name, candidate in candidates.items():
        assert candidate.parameters == ours.parameters, f"{name}: {candidate.parameters} weights"
        for batch, our_batch in zip(candidate.batches(), ours.batches(), strict=True):
            for key, array in our_batch.items():
                np.testing.assert_array_equal(batch[key], array, f"{name}: {key}")
        found, message = candidate.classify(sequences), f"{name}: probabilities"
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5, err_msg=message)


def measure(candidates, sequences, *, rounds):
    """Times an epoch of training and the prediction of the same sequences; a row for each."""
    train = {name: c.train for name, c in candidates.items()}
    predict = {n: (lambda c=c: c.classify(sequences)) for n, c in candidates.items()}
    timed = {"count": len(sequences), "rounds": rounds}
    return [
        throughput.measure("train", train, **timed),
        throughput.measure("predict", predict, **timed),
    ]


@click.command(help=__doc__.split("\n")[0])
@click.option("--task", default="dna", show_default=True, type=click.Choice(list(TASKS)))
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option(
    "--limit",
    default=2048,
    show_default=True,
    type=click.IntRange(1),
    help="Examples of an epoch, which are predicted, too.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def main(task, rounds, limit, as_json):
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        data = getattr(zoo.datasets, task).load(TASKS[task].dataset)
    except zoo.errors.UserError as error:
        raise click.UsageError(str(error)) from error
    settings = task_settings(task)
    keras.utils.set_random_seed(settings.seed)
    predictor = TASKS[task].build(data, settings)
    examples = throughput.some(data.train, limit)
    sequences = sequences_of(examples)
    candidates = build(task, predictor, examples, settings)
    require_same_work(candidates, sequences)
    described = {
        "task": task,
        "dataset": data.name,
        "threads": THREADS,
        "examples": len(examples),
        "parameters": {name: c.parameters for name, c in candidates.items()},
    }
    for name, value in described.items():
        click.echo(f"{name}: {value}", err=as_json)
    rows = measure(candidates, sequences, rounds=rounds)
    throughput.show(rows, CANDIDATES, err=as_json)
    if as_json:
        click.echo(json.dumps({"rows": rows, **described}))


if __name__ == "__main__":
    main()
