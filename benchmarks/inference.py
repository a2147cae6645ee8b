"""A saved model's answers by Keras, SavedModel, ONNX Runtime, LiteRT and PyTorch, in one run.

    python -m benchmarks.inference [--model PRESET]... [--json] [--rounds N] [--length N]

A request is a batch of ids, of 1 or 32 texts of real lengths, in memory; what is timed is from
there to the answer in memory: probabilities of a classifier; tags of a tagger and, but for PyTorch,
which has that much less to do, their probabilities.

- keras: `model.predict_on_batch`, as one calls it, and what it takes from there to the answer.
- keras_function: both in one `tf.function` that is traced once for all lengths.
- saved_model: the exported `token_ids` signature, loaded by TensorFlow alone. That of a tagger
  takes strings, and is left out.
- onnx: ONNX Runtime.
- litert: LiteRT's interpreter, at batch 1, which is all that its file takes; classifiers only.
- torch: an equal network of `torch.nn.LSTM` with the weights of the zoo's, packed where there is
  padding, under `inference_mode`; a CRF is decoded step by step.

Each may use two threads. What is not installed is left out. A ratio above 1 means slower than
Keras.
"""

import functools
import importlib.util
import json
import logging
import os
import statistics
import tempfile
from types import SimpleNamespace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_NUM_INTRAOP_THREADS"] = "2"
os.environ["TF_NUM_INTEROP_THREADS"] = "2"

import click
import numpy as np
import tensorflow as tf

import zoo
from benchmarks import tagging, throughput
from benchmarks.classification import weights_of
from benchmarks.sentiment import choose
from benchmarks.timing import ratio, time_in_turn
from zoo.layers.crf import marginals, viterbi
from zoo.networks.many_to_one import probabilities_of
from zoo.predictors.catalogue import find_model, read_metrics
from zoo.text.special_tokens import PADDING_ID
from zoo.text.token_features import ragged_tokens

MODELS = (
    "sentiment_bilstm_imdb",
    "sentiment_bilstm_movie_snippets",
    "ner_bilstm_conll2003",
)
LENGTHS = {"imdb_reviews": 230}  # words of a mean review; other models get texts as they are
BATCH_SIZES = (1, 32)
REQUESTS = {1: 8, 32: 1}  # of each batch size, one after another; together they are timed
TOLERANCE = 1e-4  # of a probability: all must do the same work
THREADS = int(os.environ["TF_NUM_INTRAOP_THREADS"])
COLUMN = 16  # width of a column of the table


def tags(predictor):
    """Whether it is a tagger."""
    return predictor.kind == "entity_tagger"


def answer_of(predictor, output, ids):
    """The answer that the output of a network means: probabilities, or tags and marginals."""
    if not tags(predictor):
        return probabilities_of(output / predictor.calibration.temperature)
    mask = ids["words"] != PADDING_ID
    return viterbi(output, mask)[0], marginals(output, mask)


def specs_of(predictor):
    """The inputs of a network by name."""
    inputs = predictor.model.inputs
    return {i.name: tf.TensorSpec(i.shape, i.dtype) for i in inputs}


def fed(predictor, ids):
    """What a network is called with."""
    return ids if tags(predictor) else ids["ids"]


def first(answer):
    """The tags, or the probabilities, as an array."""
    return np.asarray(answer[0] if isinstance(answer, (tuple, list)) else answer)


def keras_candidate(predictor, folder):
    """Keras' own way."""
    specs = specs_of(predictor)
    output = tf.TensorSpec(predictor.model.output_shape, tf.float32)
    decode = functools.partial(answer_of, predictor)
    decode = tf.function(decode, input_signature=[output, specs], autograph=False)
    predict = predictor.model.predict_on_batch
    return lambda ids: first(decode(predict(fed(predictor, ids)), ids))


def keras_function_candidate(predictor, folder):
    """Keras in one graph."""

    def answer(ids):
        return answer_of(predictor, predictor.model(fed(predictor, ids), training=False), ids)

    function = tf.function(answer, input_signature=[specs_of(predictor)], autograph=False)
    return lambda ids: first(function(ids))


def saved_model_candidate(predictor, folder):
    """The SavedModel, loaded by TensorFlow alone."""
    from zoo.serving.export.loaders import SavedModel

    model = SavedModel(zoo.serving.export(predictor, "model", folder))
    names = model.signatures["token_ids"].inputs

    def answer(ids):
        token_ids = ids["ids"]
        length = np.sum(token_ids != PADDING_ID, axis=1, dtype="int32")
        request = {"token_ids": token_ids, "length": length}
        found = model.run("token_ids", {name: request[name] for name in names})
        return found["probabilities"]

    return answer


def onnx_candidate(predictor, folder):
    """The ONNX file in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    path = zoo.serving.export(predictor, "model", folder, "onnx") / "model.onnx"
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    if tags(predictor):
        return lambda ids: first(session.run(["tags", "probabilities"], ids))
    return lambda ids: first(session.run(["probabilities"], {"token_ids": ids["ids"]}))


def litert_candidate(predictor, folder):
    """The LiteRT file in its interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    path = zoo.serving.export(predictor, "model", folder, "litert") / "model.tflite"
    network = Interpreter(str(path), num_threads=THREADS).get_signature_runner()
    return lambda ids: network(token_ids=ids["ids"])["probabilities"]


def torch_candidate(predictor, folder):
    """PyTorch, with the same weights."""
    import torch

    from benchmarks import torch_classifier, torch_tagger

    torch.set_num_threads(THREADS)
    model = predictor.model
    layers = [model.get_layer(name) for name in ("embedding", "recurrence", "logits")]
    embedding, recurrence, logits = layers
    sizes = SimpleNamespace(units=recurrence.units, dropout=0.0, embedding_dim=embedding.output_dim)
    if tags(predictor):
        sizes.word_dropout, sizes.character_units = 0.0, model.get_layer("character_features").units
        network = torch_tagger.Tagger(tagging.sizes_of(predictor, sizes), "crf").eval()
        network.set_zoo_weights(model)
        answer = network.decode
    else:
        network = torch_classifier.TextClassifier(
            sizes, embedding.input_dim, sizes.embedding_dim, logits.units
        ).eval()
        network.set_zoo_weights(weights_of(model))
        temperature = predictor.calibration.temperature

        def answer(ids):
            found = network(ids["ids"]) / temperature
            if found.shape[1] == 1:  # the logit of the second label; that of the first is 0
                found = torch.cat([torch.zeros_like(found), found], dim=1)
            return found.softmax(dim=1)

    @torch.inference_mode()
    def run(ids):
        return answer({name: torch.from_numpy(array) for name, array in ids.items()}).numpy()

    return run


CANDIDATES = {
    "keras": keras_candidate,
    "keras_function": keras_function_candidate,
    "saved_model": saved_model_candidate,
    "onnx": onnx_candidate,
    "litert": litert_candidate,
    "torch": torch_candidate,
}
PACKAGES = {
    "onnx": ("tf2onnx", "onnx", "onnxruntime"),
    "litert": ("ai_edge_litert",),
    "torch": ("torch",),
}
BATCH_ONE_ONLY = {"litert"}
NO_TAGGERS = {"saved_model", "litert"}


def installed(name):
    """Whether the packages of a candidate are there."""
    return all(importlib.util.find_spec(package) for package in PACKAGES.get(name, ()))


def requests(predictor, texts, batch_size):
    """The ids of the requests: a list of dicts of int32 (batch, timesteps, ...), each padded."""
    count = REQUESTS[batch_size]
    chosen = [texts[i % len(texts)] for i in range(count * batch_size)]
    return [
        ids_of(predictor, chosen[start : start + batch_size])
        for start in range(0, len(chosen), batch_size)
    ]


def ids_of(predictor, texts):
    """The ids of texts, or of sentences of tokens, by the names of the network's inputs."""
    if not tags(predictor):
        return {"ids": predictor.tokenizer(texts).numpy()}
    ids = predictor.encoder(ragged_tokens(texts))
    return {name: ids[name].numpy() for name in specs_of(predictor)}


def measure(predictor, texts, *, rounds):
    """Times every candidate at every batch size.

    Args:
        predictor: what `zoo.load` gave.
        texts: list of strings, or of lists of tokens, as many as a request has or more.
        rounds: how often each set of requests is timed.

    Returns:
        A row of milliseconds a request and ratios for each batch size.

    Raises:
        AssertionError: a candidate answers otherwise than Keras.
    """
    with tempfile.TemporaryDirectory() as folder:
        candidates = {
            name: build(predictor, folder)
            for name, build in CANDIDATES.items()
            if installed(name) and not (tags(predictor) and name in NO_TAGGERS)
        }
    rows = []
    for batch_size in BATCH_SIZES:
        batches = requests(predictor, texts, batch_size)
        runs = {
            name: functools.partial(_answers, answer, batches)
            for name, answer in candidates.items()
            if batch_size == 1 or name not in BATCH_ONE_ONLY
        }
        require_same_answers(runs, [ids.get("words") for ids in batches])
        seconds = time_in_turn(runs, rounds=rounds)
        keras = seconds["keras"]
        milliseconds = {n: statistics.median(s) * 1e3 / len(batches) for n, s in seconds.items()}
        rows.append(
            {
                "batch_size": batch_size,
                "mean_timesteps": statistics.mean(_steps(ids) for ids in batches),
                **{f"{name}_ms": value for name, value in milliseconds.items()},
                **{f"{n}/keras": ratio(s, keras) for n, s in seconds.items() if n != "keras"},
            }
        )
    return rows


def _steps(ids):
    return next(iter(ids.values())).shape[1]


def _answers(answer, batches):
    return [answer(ids) for ids in batches]


def require_same_answers(runs, words):
    """Compares what all candidates answer to the same requests; tags where there are words."""
    answers = {name: run() for name, run in runs.items()}
    for name, answer in answers.items():
        for found, expected, ids in zip(answer, answers["keras"], words, strict=True):
            counted = slice(None) if ids is None else ids != PADDING_ID
            np.testing.assert_allclose(
                found[counted], expected[counted], atol=TOLERANCE, err_msg=name
            )


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
    missing = [name for name in CANDIDATES if not installed(name)]
    if missing:
        click.echo(f"left out, packages are not installed: {', '.join(missing)}", err=err)


def texts_for(model, length):
    """Test texts of the length that a model sees: as many as the largest request takes."""
    metrics = read_metrics(find_model(model))
    if metrics.get("task") == "ner":
        test = zoo.datasets.sequence_tagging.load().test
        return throughput.some(test, max(BATCH_SIZES)).tokens
    if length is None:
        length = LENGTHS.get(metrics.get("dataset"))
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
