"""What the verbs of the command line do, in terms of a task."""

import contextlib
import itertools
import shutil

import keras
import tensorflow as tf
from rich.text import Text

from zoo import serving, training
from zoo.application import cards, runs
from zoo.errors import UserError
from zoo.predictors import catalogue, presets

BASELINE_NAME = "baseline.npz"


def train(task, settings, given, console):
    """Trains, tests and saves a model; shows a few predictions.

    Args:
        task: a `zoo.application.task.Task`.
        settings: `Settings` of all options of `train`.
        given: set of the names of options that were given rather than left at their default.
        console: rich console for what a person reads.

    Returns:
        dict: what `metrics.json` of the saved model holds, and the `model`, as `--model` takes it.

    Raises:
        UserError: for wrong input; nothing is overwritten.
        KeyboardInterrupt: on Control-C, with a message that says how to resume.
    """
    if settings.resume:
        runs.restore_settings(settings, given)
    require_one_corpus(settings)
    task.resolve(settings)
    folder = runs.output_folder(task, settings)
    data = task.load_data(settings)
    baseline = task.fit_baseline(
        data, settings
    )  # first, because it takes seconds and may refuse the data
    predictor, model, batches = _build(task, data, settings)
    _describe(console, data, predictor)
    monitor = settings.values.get("monitor", "loss")  # a task need not have another figure
    with runs.kept(task, folder):
        if not settings.resume:
            runs.begin(folder, settings)
        history = training.fit(
            model,
            batches,
            task.batches(predictor, data.validation, settings, shuffle=False).dataset(),
            epochs=settings.epochs,
            seed=settings.seed,
            run_folder=folder / runs.RUN_NAME,
            patience=settings.patience,
            monitor=f"val_{monitor}",
            mode="min" if monitor == "loss" or task.lower_is_better else "max",
            resume=settings.resume,
        )
        metrics = _measure(task, predictor, baseline, data) | {
            "epochs": len(history.epoch),
            "parameters": predictor.model.count_params(),
            "settings": runs.of_run(settings),
        }
        _save(task, predictor, baseline, data, metrics, folder)
    _report(task, metrics, console)
    for prediction in _predictions(task, load(task, folder), task.examples_for(metrics)):
        console.print(Text.from_ansi(task.show(prediction)))
    console.print(f"saved: {runs.shown(folder)}")
    return {"model": catalogue.reference(folder), **metrics}


def _build(task, data, settings):
    """An untrained predictor, its model as it is trained, and the batches to train it with."""
    with _strategy(task).scope(), _precision(settings.mixed_precision):
        keras.utils.set_random_seed(settings.seed)
        predictor = task.build(data, settings)
        batches = task.batches(predictor, data.train, settings, shuffle=True)
        optimizer = _optimizer(settings, settings.epochs * len(batches))
        model = task.compile(predictor, optimizer, settings)
    return predictor, model, batches


def _measure(task, predictor, baseline, data):
    """What is remembered of a trained model's results, those on the test split first."""
    of_baseline = task.evaluate_baseline(baseline, data.test)
    validation = task.evaluate(predictor, data.validation)
    return {
        "task": task.name,
        "metric": task.metric,
        **task.evaluate(predictor, data.test),
        **{f"baseline_{name}": value for name, value in of_baseline.items()},
        **task.remember(predictor),
        f"validation_{task.metric}": validation[task.metric],
        "dataset": data.name,
        "train_examples": len(data.train),
    }


def _save(task, predictor, baseline, data, metrics, folder):
    """Writes the model, its baseline, card and pictures, all of them or nothing."""
    curves = training.loop.CURVES_NAME
    with presets.replacing(folder) as new:
        presets.write(predictor, new, metrics)
        baseline.save(new / BASELINE_NAME)
        shutil.copy(folder / runs.RUN_NAME / curves, new)
        pictures = (*task.draw(metrics, predictor, new), curves)
        card = cards.card(task, folder, data, metrics, pictures)
        (new / cards.NAME).write_text(card, encoding="utf-8")


def evaluate(task, settings, console):
    """Measures a saved model on the test split of a dataset, or on a file.

    Returns:
        dict of the task's metrics, and those of the baseline as `baseline_…`.

    Raises:
        UserError: for wrong input.
    """
    require_one_corpus(settings)
    folder = catalogue.find_model(settings.model)
    predictor = load(task, folder)
    examples, name = task.load_test(predictor, settings, catalogue.read_metrics(folder))
    metrics = {
        "model": catalogue.reference(folder),
        "dataset": name,
        **task.evaluate(predictor, examples),
    }
    if (folder / BASELINE_NAME).exists():
        baseline = task.load_baseline(folder / BASELINE_NAME, predictor)
        of_baseline = task.evaluate_baseline(baseline, examples)
        metrics |= {f"baseline_{key}": value for key, value in of_baseline.items()}
    _report(task, metrics, console)
    return metrics


def predict(task, settings, inputs):
    """Predicts inputs with a saved model, a chunk at a time.

    Args:
        task: a `zoo.application.task.Task`.
        settings: `Settings` of all options of `predict`; `model` above all.
        inputs: iterable of raw inputs.

    Returns:
        Iterator of one dict per input: `input`, and what the predictor says of it.

    Raises:
        UserError: the model is unknown or damaged.
    """
    predictions = _predictions(task, load(task, settings.model), inputs, settings)
    return task.recorded(predictions, settings)


def _predictions(task, predictor, inputs, settings=None):
    inputs = iter(inputs)
    while chunk := list(itertools.islice(inputs, task.predicted_together)):
        found = task.predict(predictor, chunk, settings)
        for text, prediction in zip(chunk, found, strict=True):
            yield {"input": text, **prediction}


def export(task, settings, console):
    """Writes a saved model for use outside the zoo, checked there.

    Returns:
        dict: the `model`, the `format`, and the `folder` that was written.

    Raises:
        UserError: for wrong input, or if the format cannot hold the model.
    """
    predictor = load(task, settings.model)
    name = settings.name or catalogue.find_model(settings.model).resolve().name
    folder = serving.export_model(
        predictor, name, settings.out, settings.file_format, settings.overwrite
    )
    console.print(f"exported and checked: {folder}")
    return {
        "model": catalogue.reference(catalogue.find_model(settings.model)),
        "format": settings.file_format,
        "folder": str(folder),
    }


def load(task, model):
    """A saved model, if it is one for the task.

    Raises:
        UserError: the model is unknown or damaged, or of another task.
    """
    predictor = presets.load(model)
    if predictor.kind != task.predictor:
        raise UserError(
            f"{model} is of the kind {predictor.kind}, {task.name} needs one of {task.predictor}: "
            "give another model (`python -m zoo` lists them)"
        )
    return predictor


def require_one_corpus(settings):
    """Refuses combinations of options that the command line's own types cannot."""
    values = settings.values
    if values["dataset"] and values["data"]:
        raise UserError("give --dataset or --data, not both")
    if not values["data"] and (values.get("validation") or values.get("test")):
        raise UserError("--validation and --test go with --data")


def _optimizer(settings, steps):
    """Adam with clipped gradients; `steps` is the length of the whole training."""
    rate = settings.learning_rate
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    return training.ClippedAdam(
        rate, clip_norm=settings.clip_norm, norm_order=int(settings.clip_order)
    )


def _strategy(task):
    """All GPUs of this host, or the one device there is or that the task can use."""
    if task.replicas and len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


@contextlib.contextmanager
def _precision(mixed):
    """Context in which layers are made; each keeps the precision that it was made in."""
    policy = keras.config.dtype_policy()
    if mixed:
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def _describe(console, data, predictor):
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    sizes = ", ".join(f"{name} {len(split):,}" for name, split in splits.items())
    model = predictor.model
    console.print(f"{data.name}: {sizes}")
    console.print(f"{model.name}: {model.count_params():,} parameters")


def _report(task, metrics, console):
    console.print(f"test examples      {metrics['examples']:,}")
    console.print(f"test {task.metric:13} {metrics[task.metric]:.4f}")
    if f"baseline_{task.metric}" in metrics:
        console.print(f"baseline {task.metric:9} {metrics[f'baseline_{task.metric}']:.4f}")
    if details := task.details(metrics):
        console.print(details)
