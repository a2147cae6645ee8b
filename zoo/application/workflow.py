"""What the verbs of the command line do, in terms of a task."""

import contextlib
import itertools
import logging
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sized
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console
from rich.text import Text

from zoo import evaluation, serving, training
from zoo.application import cards, runs, transfer
from zoo.application.options import declared
from zoo.application.task import Baseline, Task
from zoo.errors import UserError, told_of
from zoo.predictors import catalogue, presets
from zoo.predictors.folders import atomic_replace
from zoo.text.normalization import printable
from zoo.training import hosts

_LOG = logging.getLogger(__name__)
BASELINE_NAME = "baseline.npz"
_RELIABILITY = "reliability.png"
_BEHIND = "the network does not beat the simple baseline"


def train(task: Task, options: Any, given: Collection[str], console: Console) -> dict[str, Any]:
    """Trains, tests and saves a model; shows a few predictions.

    Args:
        task: whose network it is.
        options: a `task.options`.
        given: names of the options that were given rather than left at their default.
        console: rich console for what a person reads.

    Returns:
        dict: what `metrics.json` of the saved model holds, and the `model`, as `--model` takes it.

    Raises:
        UserError: for wrong input; nothing is overwritten.
        KeyboardInterrupt: on Control-C, with a message that says how to resume.
    """
    with hosts.joined(options.hosts, options.host_index), contextlib.ExitStack() as stack:
        if options.resume:
            options = hosts.from_first(lambda: runs.restored(options, given))
        options.require_one_corpus()
        options.resolve()
        task.follow(options, () if options.resume else given)
        scope = hosts.data_parallel(options.batch_size)
        output_folder = runs.output_folder(task, options)
        folder = hosts.from_first(lambda: stack.enter_context(output_folder))
        return _train(task, options, folder, scope, console)


def _train(
    task: Task, options: Any, folder: Path, scope: AbstractContextManager, console: Console
) -> dict[str, Any]:
    _LOG.info("reading the data")
    data = task.load_data(options)
    suited = options.suit(data)
    _LOG.info("measuring the simple baseline, building the network")
    # First, because it takes seconds and may refuse the data.
    baseline = hosts.on_first(lambda: task.fit_baseline(data, options))
    with runs.resume_guard(task, folder):
        with scope:
            predictor, history = _fit(task, data, options, suited, folder, console)
        if not hosts.is_first():
            console.print("trained; the first host tests and saves the model")
            return {"epochs": len(history.epoch)}
        if not isinstance(scope, contextlib.nullcontext):
            predictor = _on_one_device(task, data, options, predictor)
        _LOG.info("calibrating the model, measuring it on the test data")
        predictor.calibrate(data.train, data.validation)
        metrics = _measure(task, predictor, baseline, data) | {
            "epochs": len(history.epoch),
            "parameters": predictor.model.count_params(),
            "settings": transfer.recorded(options),
        }
        with atomic_replace(folder) as new:
            presets.write(predictor, new, metrics)
            baseline.save(new / BASELINE_NAME)
        pictures = _pictures(task, metrics, predictor, folder)
        card = cards.card(task, folder, data, metrics, options, pictures)
        (folder / cards.NAME).write_text(card, encoding="utf-8")
    _report(task, metrics, console)
    for prediction in _predictions(task, load(task, folder), task.examples_for(metrics)):
        console.print(Text.from_ansi(task.show(printable(prediction))))
    console.print(printable(f"saved: {runs.relative_path(folder)}"))
    return {"model": catalogue.reference(folder), **metrics}


def _fit(
    task: Task,
    data: Any,
    options: Any,
    suited: Mapping[str, Any],
    folder: Path,
    console: Console,
) -> tuple[Any, keras.callbacks.History]:
    """A trained predictor, and how the training went; `suited` are options chosen for the data."""
    predictor, model, batches = _build(task, data, options)
    splits = ("train", "validation", "test")
    sizes = {name: len(getattr(data, name)) for name in splits}
    parameters = predictor.model.count_params()
    hosts.require_agreement(
        {
            **options.recorded(),
            "the sizes of the data": sizes,
            "the size of the network": parameters,
        }
    )
    if hosts.is_first():
        told = ", ".join(f"{name} {getattr(data, name).amount}" for name in splits)
        console.print(printable(f"{data.name}: {told}"))
        console.print(f"{predictor.model.name}: {parameters:,} parameters")
        if suited:
            fields = (field for field in declared(type(options)) if field.name in suited)
            words = itertools.chain.from_iterable(f.words(suited[f.name]) for f in fields)
            console.print(f"chosen for these data: {' '.join(words)}")
    lower = options.monitor == "loss" or task.metric.lower_is_better
    if not options.resume:
        hosts.on_first(lambda: runs.begin(folder, options))
    history = training.fit(
        model,
        batches,
        task.batches(predictor, data.validation, options, shuffle=False).dataset(),
        epochs=options.epochs,
        seed=options.seed,
        run_folder=folder / runs.RUN_NAME,
        patience=options.patience,
        monitor=f"val_{options.monitor}",
        mode="min" if lower else "max",
        resume=options.resume,
    )
    return predictor, history


def _build(task: Task, data: Any, options: Any) -> tuple[Any, keras.Model, Any]:
    """An untrained predictor, its model as it is trained, and the batches to train it with."""
    with _strategy(task).scope(), _precision(options.mixed_precision):
        keras.utils.set_random_seed(options.seed)
        predictor = task.build(data, options)
        batches = task.batches(predictor, data.train, options, shuffle=True)
        rates = task.rates(predictor, options, len(batches))
        optimizer = _optimizer(options, options.epochs * len(batches), rates)
        model = task.compile(predictor, optimizer, options)
    return predictor, model, batches


def _on_one_device(task: Task, data: Any, options: Any, predictor: Any) -> Any:
    """The predictor with weights that are no more those of all devices of all hosts."""
    with _precision(options.mixed_precision):
        alone = task.build(data, options)
    alone.model.set_weights(predictor.model.get_weights())
    return alone


def _pictures(task: Task, metrics: dict[str, Any], predictor: Any, folder: Path) -> list[str]:
    """Draws a saved model's pictures, which never cost the model; returns their file names."""
    curves = training.loop.CURVES_NAME
    shutil.copy(folder / runs.RUN_NAME / curves, folder)
    try:
        pictures = [*task.pictures(metrics, predictor, folder), curves]
        if rows := metrics.get("reliability"):
            evaluation.figures.reliability(rows, folder / _RELIABILITY)
            pictures.append(_RELIABILITY)
        return pictures
    except Exception as error:  # of a drawing library, or want of memory
        reason = str(error) or type(error).__name__
        _LOG.warning("a picture could not be drawn: %s", reason)
        return [curves]


def _measure(task: Task, predictor: Any, baseline: Baseline, data: Any) -> dict[str, Any]:
    """What is remembered of a trained model's results, those on the test split first."""
    of_baseline = baseline.evaluate(data.test)
    validation = task.evaluate(predictor, data.validation)
    return {
        "task": task.name,
        "metric": task.metric.name,
        **task.evaluate(predictor, data.test),
        **{f"baseline_{name}": value for name, value in of_baseline.items()},
        **task.training_metadata(predictor),
        f"validation_{task.metric.name}": validation[task.metric.name],
        "dataset": data.name,
        "train_examples": len(data.train),
    }


def evaluate(task: Task, options: Any, console: Console) -> dict[str, Any]:
    """Measures a saved model on the test split of a dataset, or on a file.

    Returns a dict of the task's metrics, and those of the baseline as `baseline_…`; a UserError
    tells of wrong input.
    """
    options.require_one_corpus()
    folder = catalogue.find_model(options.model or task.preset)
    predictor = load(task, folder)
    _LOG.info("reading the data, measuring the model")
    known = catalogue.read_metrics(folder)
    try:
        examples, name = task.load_test(predictor, options, known)
    except UserError as error:
        own = known.get("settings", {}).get("data")
        if options.data or options.dataset or not own:
            raise
        raise UserError(
            f"{catalogue.reference(folder)} was trained on a file of your own, {own}: give --data, "
            "what to measure it on"
        ) from error
    about = {"model": catalogue.reference(folder), "dataset": name}
    metrics = about | task.evaluate(predictor, examples)
    if (folder / BASELINE_NAME).exists():
        baseline = task.load_baseline(folder / BASELINE_NAME, predictor)
        of_baseline = baseline.evaluate(examples)
        metrics |= {f"baseline_{key}": value for key, value in of_baseline.items()}
    _report(task, metrics, console)
    return metrics


def predict(
    task: Task, options: Any, inputs: Iterable[str]
) -> tuple[Iterable[dict[str, Any]], int | None]:
    """Predicts raw inputs with a saved model (see `load`), a chunk at a time.

    Args:
        task: whose predictions they are.
        options: for `task.predict`, and which model.
        inputs: the words of a command line, or lines, which `task.expand` may make more of.

    Returns:
        A dict for each input, as they come: `input`, and what the predictor says of it; and how
        many there will be, None where nobody knows.
    """
    predictor = load(task, options.model)
    expanded = task.expand(inputs)
    total = len(expanded) if isinstance(expanded, Sized) else None
    return task.finish(_predictions(task, predictor, expanded, options), options), total


def _predictions(
    task: Task, predictor: Any, inputs: Iterable[Any], options: Any = None
) -> Iterator[dict[str, Any]]:
    inputs = iter(inputs)
    while chunk := list(itertools.islice(inputs, task.predicted_together)):
        yield from predicted(task, predictor, chunk, options)


def predicted(task: Task, predictor: Any, inputs: list[Any], options: Any) -> list[dict[str, Any]]:
    """A prediction for each input, with the `input`."""
    found = task.predict(predictor, inputs, options)
    return [{"input": one, **prediction} for one, prediction in zip(inputs, found, strict=True)]


def export(task: Task, options: Any, console: Console) -> dict[str, Any]:
    """Writes a saved model for use outside the zoo, checked there.

    Returns a dict of the `model`, the `format`, and the `folder` that was written; a UserError
    tells of wrong input, or that the format cannot hold the model.
    """
    model, kind = catalogue.find_model(options.model or task.preset), options.file_format
    name = options.name or model.resolve().name
    folder = serving.export(load(task, model), name, options.out, kind, options.overwrite)
    console.print(printable(f"exported and checked: {folder}"))
    return {"model": catalogue.reference(model), "format": kind, "folder": str(folder)}


def load(task: Task, model: str | Path | None = None, option: str | None = None) -> Any:
    """A saved model, the one that ships unless another is named.

    A UserError says that the model is unknown or damaged, or of another task, and what `option`
    named it, if it was not that of all verbs.
    """
    model = model or task.preset
    _LOG.info("loading the model %s", model)
    with told_of(option):
        predictor = presets.load(model)
        if predictor.kind != task.predictor:
            found, needed = (kind.replace("_", " ") for kind in (predictor.kind, task.predictor))
            raise UserError(
                f"{model} is of another kind ({found}) than {task.name} needs ({needed}): give "
                "another model (`python -m zoo` lists them)"
            )
    return predictor


def _optimizer(
    options: Any, steps: int, rates: training.optimizer.Rates | None = None
) -> keras.optimizers.Optimizer:
    """Adam with clipped gradients; `steps` is the length of the whole training."""
    rate, order = options.learning_rate, int(options.clip_order)
    decay = keras.optimizers.schedules.CosineDecay
    rising = min(round(options.warm_up * steps), steps - 1)
    if rising:
        end = float(options.schedule == "constant")  # what remains of it
        rate = decay(0.0, steps - rising, end, warmup_target=rate, warmup_steps=rising)
    elif options.schedule == "cosine":
        rate = decay(rate, steps)
    average = options.weight_average
    averaging = {"use_ema": True, "ema_momentum": average} if average else {}
    return training.ClippedAdam(
        rate, clip_norm=options.clip_norm, norm_order=order, rates=rates, **averaging
    )


def _strategy(task: Task) -> tf.distribute.Strategy:
    """On TensorFlow all GPUs of this host; or the one device that the task can use or there is."""
    on_tensorflow = keras.backend.backend() == "tensorflow"
    if on_tensorflow and task.replicas and len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


@contextlib.contextmanager
def _precision(mixed: bool) -> Iterator[None]:
    """Context in which layers are made; each keeps the precision that it was made in."""
    policy = keras.config.dtype_policy()
    if mixed:
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def _report(task: Task, metrics: dict[str, Any], console: Console) -> None:
    metric = task.metric.name
    console.print(f"test examples      {metrics['examples']:,}")
    console.print(f"test {metric:13} {metrics[metric]:.4f}")
    if f"baseline_{metric}" in metrics:
        console.print(f"baseline {metric:9} {metrics[f'baseline_{metric}']:.4f}")
        if task.metric.behind(metrics):
            console.print(f"{_BEHIND}: give it more data, more --epochs or another --learning-rate")
    if details := task.details(metrics):
        console.print(printable(details))
