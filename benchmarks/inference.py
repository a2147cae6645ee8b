"""A saved model's answers by Keras, SavedModel, ONNX Runtime and LiteRT: one run, ratios to Keras.

    python -m benchmarks.inference [--model PRESET]... [--json] [--rounds N] [--length N]

A request is a batch of token ids, 1 or 32 texts of real lengths, in memory; what is timed is from
there to probabilities in memory:

- keras: `model.predict_on_batch`, as one calls it.
- keras_function: the model in one `tf.function` that is traced once for all lengths.
- saved_model: the exported `token_ids` signature, loaded by TensorFlow alone.
- onnx: ONNX Runtime.
- litert: LiteRT's interpreter, at batch 1, which is all that its file takes.

Each may use two threads. The formats are left out where their packages are not installed. A ratio
above 1 means that the format is slower than Keras.
"""

import functools
import importlib.util
import json
import logging
import os
import statistics
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_NUM_INTRAOP_THREADS"] = "2"
os.environ["TF_NUM_INTEROP_THREADS"] = "2"

import click
import numpy as np
import scipy.special
import tensorflow as tf

import zoo
from benchmarks.sentiment import choose
from benchmarks.timing import ratio, time_in_turn
from zoo.predictors.catalogue import find_model, read_metrics
from zoo.text.special_tokens import PADDING_ID

MODELS = ("sentiment_bilstm_imdb", "sentiment_bilstm_movie_snippets")
LENGTHS = {"imdb_reviews": 230}  # words of a mean review; other models get snippets as they are
BATCH_SIZES = (1, 32)
REQUESTS = {1: 8, 32: 1}  # of each batch size, one after another; together they are timed
TOLERANCE = 1e-4  # of a probability: all must do the same work
THREADS = int(os.environ["TF_NUM_INTRAOP_THREADS"])
COLUMN = 16  # width of a column of the table


def keras_candidate(predictor, folder):
    """Keras' own way."""

    return lambda token_ids: _softmax(predictor.model.predict_on_batch(token_ids))


def keras_function_candidate(predictor, folder):
    """Keras in one graph."""
    signature = [tf.TensorSpec((None, None), tf.int32)]
    function = tf.function(lambda ids: predictor.model(ids, training=False), signature)
    return lambda token_ids: _softmax(function(token_ids).numpy())


def saved_model_candidate(predictor, folder):
    """The SavedModel, loaded by TensorFlow alone."""
    from zoo.serving.export.loaders import SavedModel

    model = SavedModel(zoo.serving.export(predictor, "model", folder))
    names = model.signatures["token_ids"].inputs

    def probabilities_of(token_ids):
        length = np.sum(token_ids != PADDING_ID, axis=1, dtype="int32")
        request = {"token_ids": token_ids, "length": length}
        answer = model.run("token_ids", {name: request[name] for name in names})
        return answer["probabilities"]

    return probabilities_of


def onnx_candidate(predictor, folder):
    """The ONNX file in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    path = zoo.serving.export(predictor, "model", folder, "onnx") / "model.onnx"
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda token_ids: session.run(["probabilities"], {"token_ids": token_ids})[0]


def litert_candidate(predictor, folder):
    """The LiteRT file in its interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    path = zoo.serving.export(predictor, "model", folder, "litert") / "model.tflite"
    network = Interpreter(str(path), num_threads=THREADS).get_signature_runner()
    return lambda token_ids: network(token_ids=token_ids)["probabilities"]


CANDIDATES = {
    "keras": keras_candidate,
    "keras_function": keras_function_candidate,
    "saved_model": saved_model_candidate,
    "onnx": onnx_candidate,
    "litert": litert_candidate,
}
PACKAGES = {"onnx": ("tf2onnx", "onnx", "onnxruntime"), "litert": ("ai_edge_litert",)}
BATCH_ONE_ONLY = {"litert"}


def installed(name):
    """Whether the packages of a candidate are there."""
    return all(importlib.util.find_spec(package) for package in PACKAGES.get(name, ()))


def requests(tokenizer, texts, batch_size):
    """The token ids of the requests: a list of int32 (batch, timesteps), each padded by itself."""
    count = REQUESTS[batch_size]
    chosen = [texts[i % len(texts)] for i in range(count * batch_size)]
    return [
        tokenizer(chosen[start : start + batch_size]).numpy()
        for start in range(0, len(chosen), batch_size)
    ]


def measure(predictor, texts, *, rounds):
    """Times every candidate at every batch size.

    Args:
        predictor: what `zoo.load` gave.
        texts: list of strings, as many as a request has or more.
        rounds: how often each set of requests is timed.

    Returns:
        A row of milliseconds a request and ratios for each batch size.

    Raises:
        AssertionError: a candidate answers otherwise than Keras.
    """
    with tempfile.TemporaryDirectory() as folder:
        candidates = {
            name: build(predictor, folder) for name, build in CANDIDATES.items() if installed(name)
        }
    rows = []
    for batch_size in BATCH_SIZES:
        batches = requests(predictor.tokenizer, texts, batch_size)
        runs = {
            name: functools.partial(_answers, answer, batches)
            for name, answer in candidates.items()
            if batch_size == 1 or name not in BATCH_ONE_ONLY
        }
        require_same_answers(runs)
        seconds = time_in_turn(runs, rounds=rounds)
        keras = seconds["keras"]
        milliseconds = {n: statistics.median(s) * 1e3 / len(batches) for n, s in seconds.items()}
        rows.append(
            {
                "batch_size": batch_size,
                "mean_timesteps": statistics.mean(ids.shape[1] for ids in batches),
                **{f"{name}_ms": value for name, value in milliseconds.items()},
                **{f"{n}/keras": ratio(s, keras) for n, s in seconds.items() if n != "keras"},
            }
        )
    return rows


def _answers(answer, batches):
    return [answer(token_ids) for token_ids in batches]


def require_same_answers(runs):
    """Compares what all candidates answer to the same requests."""
    answers = {name: np.concatenate(run()) for name, run in runs.items()}
    for name, answer in answers.items():
        np.testing.assert_allclose(answer, answers["keras"], atol=TOLERANCE, err_msg=name)


def _softmax(logits):
    if logits.shape[-1] == 1:  # the logit of the second label; that of the first is 0
        logits = np.concatenate([np.zeros_like(logits), logits], axis=-1)
    return scipy.special.softmax(logits, axis=-1)


def show(rows, err):
    """Prints milliseconds a request, and below them how many times as long as Keras it takes."""
    names = [name for name in CANDIDATES if f"{name}_ms" in rows[0]]
    click.echo(f"{'':32}" + "".join(f"{name:>{COLUMN}}" for name in names), err=err)
    for title, key in (("ms a request", "{}_ms"), ("ratio to keras", "{}/keras")):
        for row in rows:
            head = f"{title}, {row['batch_size']} x {row['mean_timesteps']:.0f} ids"
            cells = (row.get(key.format(name)) for name in names)
            cells = (f"{'-' if c is None else f'{c:.2f}':>{COLUMN}}" for c in cells)
            click.echo(f"{head:32}" + "".join(cells), err=err)
    missing = [name for name in CANDIDATES if name not in names]
    if missing:
        click.echo(f"left out, packages are not installed: {', '.join(missing)}", err=err)


def texts_for(model, length):
    """Test texts of the length that a model sees: as many as the largest request takes."""
    if length is None:
        length = LENGTHS.get(read_metrics(find_model(model)).get("dataset"))
    test = zoo.datasets.text_classification.load().test
    return choose(test, max(BATCH_SIZES), length).texts


@click.command(help=__doc__.split("\n")[0])
@click.option("--model", "models", multiple=True, default=MODELS, help="Saved model; repeatable.")
@click.option("--rounds", default=20, show_default=True, type=click.IntRange(1))
@click.option("--length", type=click.IntRange(1), help="Join snippets to N words on average.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def main(models, rounds, length, as_json):
    # Keras warns that it traces `predict_on_batch` again for new shapes, before the timing starts.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    results = {}
    for model in models:
        try:
            predictor, texts = zoo.load(model), texts_for(model, length)
        except zoo.errors.UserError as error:
            raise click.UsageError(str(error)) from error
        rows = results[model] = measure(predictor, texts, rounds=rounds)
        click.echo(model, err=as_json)
        show(rows, err=as_json)
    if as_json:
        click.echo(json.dumps({"models": results, "threads": THREADS}))


if __name__ == "__main__":
    main()
