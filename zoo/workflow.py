"""What the verbs of the command line do, in terms of a task."""

import itertools
import json
import os
import shutil
from pathlib import Path

import keras
import tensorflow as tf

from zoo import cards, presets, training
from zoo.cells import CELLS
from zoo.errors import UserError

RUN_NAME, SETTINGS_NAME, BASELINE_NAME = "run", "settings.json", "baseline.npz"
_CHUNK = 1024  # inputs predicted at a time, so that a long pipe gives results as it goes
# What a resumed run may not take from the file of its settings.
_OF_THE_CALL = ("out", "resume", "overwrite")


def train(task, settings, given, console):
    """Trains, tests and saves a model; shows a few predictions.

    Args:
        task: a `zoo.task.Task`.
        settings: `Settings` of all options of `train`.
        given: names of the options that were given rather than left at their default.
        console: rich console for what a person reads.

    Returns:
        dict: what `metrics.json` of the saved model holds, with the `model` folder.

    Raises:
        UserError: for wrong input; nothing is overwritten.
        KeyboardInterrupt: on Control-C, with a message that says how to resume.
    """
    if settings.resume:
        _restore_settings(settings, given)
    _check(settings)
    folder = _output_folder(task, settings)
    if settings.mixed_precision:
        keras.config.set_dtype_policy("mixed_bfloat16")
    data = task.load_data(settings)
    with _strategy().scope():
        keras.utils.set_random_seed(settings.seed)
        predictor = task.build(data, settings)
        train_batches = task.batches(predictor, data.train, settings, shuffle=True)
        predictor.compile(_optimizer(settings, settings.epochs * len(train_batches)))
    _describe(console, data, predictor)
    if not settings.resume:
        _write_settings(folder / RUN_NAME, settings)
    try:
        history = training.fit(
            predictor.model,
            train_batches,
            task.batches(predictor, data.validation, settings, shuffle=False).dataset(),
            epochs=settings.epochs,
            seed=settings.seed,
            run_folder=folder / RUN_NAME,
            patience=settings.patience,
            resume=settings.resume,
        )
    except training.Interrupted as interrupt:
        raise KeyboardInterrupt(_how_to_resume(task, folder, interrupt)) from interrupt

    baseline = task.fit_baseline(data)
    measured = task.evaluate(predictor, data.test)
    of_baseline = task.evaluate_baseline(baseline, data.test)
    validation = task.evaluate(predictor, data.validation)
    metrics = {
        **measured,
        **{f"baseline_{name}": value for name, value in of_baseline.items()},
        f"validation_{task.metric}": validation[task.metric],
        "epochs": len(history.epoch),
        "parameters": predictor.model.count_params(),
        "dataset": data.name,
        "train_examples": len(data.train),
        "settings": {k: v for k, v in settings.values.items() if k not in _OF_THE_CALL},
    }
    presets.save(predictor, folder, metrics)
    baseline.save(folder / BASELINE_NAME)
    pictures = [*task.draw(measured, predictor, folder), training.loop.CURVES_NAME]
    shutil.copy(folder / RUN_NAME / training.loop.CURVES_NAME, folder)
    cards.write(task, folder, data, metrics, pictures)
    _report(task, metrics, console)
    for prediction in predict(task, folder, task.examples):
        console.print(task.show(prediction), markup=False)
    console.print(f"saved: {_shown(folder)}", markup=False)
    return {"model": str(folder), **metrics}


def evaluate(task, settings, console):
    """Measures a saved model on the test split of a dataset, or on a file.

    Returns:
        dict of the task's metrics, and those of the baseline as `baseline_…`.

    Raises:
        UserError: for wrong input.
    """
    _check(settings)
    folder = presets.find(settings.model)
    predictor = presets.load(folder)
    examples, name = task.load_test(predictor, settings, presets.read_metrics(folder))
    metrics = {**task.evaluate(predictor, examples), "dataset": name, "model": folder.name}
    if (folder / BASELINE_NAME).exists():
        baseline = task.load_baseline(folder / BASELINE_NAME)
        of_baseline = task.evaluate_baseline(baseline, examples)
        metrics |= {f"baseline_{key}": value for key, value in of_baseline.items()}
    _report(task, metrics, console)
    return metrics


def predict(task, model, inputs):
    """Predicts inputs with a saved model, a chunk at a time.

    Args:
        task: a `zoo.task.Task`.
        model: name or folder of a saved model.
        inputs: iterable of raw inputs.

    Yields:
        One dict per input: `input`, and what the predictor says of it.

    Raises:
        UserError: the model is unknown or damaged.
    """
    predictor = presets.load(model)
    inputs = iter(inputs)
    while chunk := list(itertools.islice(inputs, _CHUNK)):
        for text, prediction in zip(chunk, predictor.predict(chunk), strict=True):
            yield {"input": text, **prediction}


def _check(settings):
    """Refuses what the command line's own types cannot: combinations, and names that need us."""
    values = settings.values
    if values["dataset"] and values["data"]:
        raise UserError("give --dataset or --data, not both")
    if not values["data"] and (values.get("validation") or values.get("test")):
        raise UserError("--validation and --test go with --data")
    if values.get("cell", "lstm") not in CELLS:
        raise UserError(f"unknown cell '{settings.cell}': one of {', '.join(CELLS)}")


def _output_folder(task, settings):
    """The folder of the run: `--out`, or one in `saved_models/` that is not there yet."""
    if settings.resume and not settings.out:
        raise UserError("--resume needs --out, the folder of the run")
    if settings.out:
        folder = Path(settings.out)
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder} is a file: give a folder as --out")
        if presets.holds_model(folder) and not (settings.overwrite or settings.resume):
            raise UserError(f"{folder} already holds a model: give another --out or --overwrite")
        if settings.overwrite:
            shutil.rmtree(folder / RUN_NAME, ignore_errors=True)
        return folder
    direction = "bi" if settings.bidirectional else ""
    dataset = Path(settings.data).name.split(".")[0] if settings.data else settings.dataset
    stem = f"{task.name}_{direction}{settings.cell}_{dataset or task.dataset}".replace("/", "_")
    numbered = (presets.FOLDER / f"{stem}_{i}" for i in itertools.count(1))
    return next(folder for folder in numbered if not folder.exists())


def _write_settings(run_folder, settings):
    run_folder.mkdir(parents=True, exist_ok=True)
    kept = {name: v for name, v in settings.values.items() if name not in _OF_THE_CALL}
    (run_folder / SETTINGS_NAME).write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def _restore_settings(settings, given):
    """Takes the options of the run to be resumed, except those that were given again."""
    if not settings.out:
        raise UserError("--resume needs --out, the folder of the run")
    path = Path(settings.out) / RUN_NAME / SETTINGS_NAME
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{settings.out} holds no run to resume: train without --resume") from error
    except ValueError as error:
        raise UserError(f"{path}: damaged, the run cannot be resumed: train again") from error
    settings.values.update({name: v for name, v in stored.items() if name not in given})


def _how_to_resume(task, folder, interrupt):
    if not interrupt.finished_epochs:
        return "interrupted before the first epoch was finished: nothing to resume"
    return (
        f"interrupted: {interrupt.finished_epochs} finished epoch(s) are kept. Resume with\n"
        f"  python -m tasks.{task.name} train --resume --out {_shown(folder)}"
    )


def _optimizer(settings, steps):
    """Adam with clipped gradients; `steps` is the length of the whole training."""
    rate = settings.learning_rate
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    return training.ClippedAdam(
        rate, clip_norm=settings.clip_norm, norm_order=int(settings.clip_order)
    )


def _strategy():
    """All GPUs of this host, or the one device there is."""
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def _describe(console, data, predictor):
    sizes = ", ".join(
        f"{name} {len(split):,}"
        for name, split in (
            ("train", data.train),
            ("validation", data.validation),
            ("test", data.test),
        )
    )
    console.print(f"{data.name}: {sizes}", markup=False)
    console.print(
        f"{predictor.model.name}: {predictor.model.count_params():,} parameters", markup=False
    )


def _report(task, metrics, console):
    console.print(f"test examples      {metrics['examples']:,}")
    console.print(f"test {task.metric:13} {metrics[task.metric]:.4f}")
    if f"baseline_{task.metric}" in metrics:
        console.print(f"baseline {task.metric:9} {metrics[f'baseline_{task.metric}']:.4f}")


def _shown(folder):
    """A path as short as it can be said from here."""
    relative = os.path.relpath(folder)
    return relative if len(relative) < len(str(folder)) else str(folder)
