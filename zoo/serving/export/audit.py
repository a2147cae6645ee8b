"""Holds an exported model to what every server needs: `python -m zoo.serving.export.audit FOLDER`.

Runs in a process of its own, on TensorFlow alone: without Keras and without the zoo's layers.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef
from tensorflow.python.framework import op_def_registry  # there is no public list of the operations
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from zoo.serving.export import warmup
from zoo.serving.export.loaders import (
    SavedModel,
    SessionModel,
    Signature,
    read_meta_graph,
    read_signatures,
)

TOLERANCE = 1e-5  # absolute and relative, of every number against Keras
TRACE = 1e-4  # of a temperature: moves the border of a token more than rounding does
_PYTHON_OPS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}  # load anywhere, run in Python only
_FORCED_XLA = ("_XlaMustCompile", "_XlaCompile")

Model = SavedModel | SessionModel
Arrays = Mapping[str, np.ndarray]
Signatures = Mapping[str, Signature]


def audit(folder: str | Path) -> list[str]:
    """Everything that is wrong with an exported model.

    Every operation must be one of stock TensorFlow's that runs without Python and without a GPU;
    every signature batch-major, with outputs named apart from its inputs; every signature must
    have warm-up requests, at least two, of different sizes; and each of these must get the answer
    that is kept with it, which was Keras', from the loader of TensorFlow 2 and from the one of
    sessions, which is TensorFlow Serving's.
    """
    try:
        logs = list(warmup.read(folder))
    except tf.errors.OpError as error:
        return [f"warm-up requests cannot be read: {error.message}"]
    try:
        meta_graph = read_meta_graph(folder)
        signatures = read_signatures(meta_graph)
        findings = [*_graph(meta_graph), *_signatures(signatures), *_requests(signatures, logs)]
        if findings:
            return findings
        answers = (_answers(load(folder), logs) for load in (SessionModel, SavedModel))
        return next(filter(None, map(list, answers)), [])  # the second seldom adds to the first
    except (ValueError, OSError, tf.errors.OpError) as error:
        return [f"it does not load: {error}"]


def _graph(meta_graph: MetaGraphDef) -> Iterator[str]:
    """Operations and attributes that do not run on every server."""
    library = meta_graph.graph_def.library.function
    nodes = [*meta_graph.graph_def.node, *(node for f in library for node in f.node_def)]
    functions = {function.signature.name for function in library}
    for op in sorted({node.op for node in nodes} - functions):
        if op_def_registry.get(op) is None:
            yield f"operation {op}: not of stock TensorFlow"
        elif op in _PYTHON_OPS:
            yield f"operation {op}: it calls Python, which a server has not"
        elif op.startswith("Cudnn"):
            yield f"operation {op}: it needs a GPU"
    for owner in (*nodes, *library):
        for attribute in _FORCED_XLA:
            if owner.attr[attribute].b:
                name = getattr(owner, "name", None) or owner.signature.name
                yield f"{name}: demands XLA ({attribute}), which servers turn off"
    for device in sorted({node.device for node in nodes if "GPU" in node.device.upper()}):
        yield f"device {device}: a server may have none"


def _signatures(signatures: Signatures) -> Iterator[str]:
    """Signatures that a server could not batch, or name ambiguously."""
    if "serving_default" not in signatures:
        yield "there is no signature serving_default"
    for name, signature in signatures.items():
        for tensor in sorted(signature.inputs.keys() & signature.outputs.keys()):
            yield f"{name}: {tensor} is an input and an output"
        for tensor, spec in (*signature.inputs.items(), *signature.outputs.items()):
            if not spec.shape.rank or spec.shape[0] is not None:
                yield f"{name}: {tensor} is not batch-major, of shape {spec.shape}"


def _requests(signatures: Signatures, logs: Sequence[PredictionLog]) -> Iterator[str]:
    """Signatures that nobody asks, or in one size only."""
    sizes: dict[str, set] = {name: set() for name in signatures}
    for log in logs:
        request = log.predict_log.request
        shapes = [str(request.inputs[name].tensor_shape) for name in sorted(request.inputs)]
        sizes.setdefault(request.model_spec.signature_name, set()).add(tuple(shapes))
    if len(logs) > warmup.MOST:
        yield f"more than {warmup.MOST} warm-up requests"
    for name, found in sizes.items():
        if len(found) < 2:
            yield f"{name}: no warm-up requests of two sizes, so it is not known to take any size"


def _answers(model: Model, logs: Sequence[PredictionLog]) -> Iterator[str]:
    """Answers that differ from those of Keras."""
    for number, log in enumerate(logs, 1):
        request, kept = log.predict_log.request, log.predict_log.response.outputs
        signature = request.model_spec.signature_name
        where = f"{signature}: request {number}"
        inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
        expected = {name: tf.make_ndarray(proto) for name, proto in kept.items()}
        try:
            outputs = model.run(signature, inputs)
        except tf.errors.OpError as error:
            yield f"{where} fails: {error.message}"
            continue
        differences = list(_differences(outputs, expected))
        if differences and not _hangs_on_a_rounding(model, signature, inputs, expected):
            yield from (f"{where}: {difference}" for difference in differences)


def _differences(found: Arrays, expected: Arrays, tolerance: float = TOLERANCE) -> Iterator[str]:
    """How answers differ from the expected ones."""
    for name in sorted(found.keys() | expected.keys()):
        if name not in found or name not in expected:
            yield f"only one of server and Keras has {name}"
            continue
        here, there = found[name], expected[name]
        if (here.dtype, here.shape) != (there.dtype, there.shape):
            yield f"{name} is {here.dtype} {here.shape}, not {there.dtype} {there.shape}"
        elif here.dtype.kind not in "fc":
            if not np.array_equal(here, there):
                yield f"{name} differs from Keras"
        elif not np.allclose(here, there, tolerance, tolerance):
            yield f"{name} differs from Keras by up to {np.abs(here - there).max():.1e}"


def _hangs_on_a_rounding(model: Model, signature: str, inputs: Arrays, expected: Arrays) -> bool:
    """Whether what Keras drew is drawn here at a temperature a trace lower or higher.

    Then the draw falls on the border of two tokens, and either is right.
    """
    if "temperature" not in inputs:
        return False
    temperatures = (np.float32(inputs["temperature"] * factor) for factor in (1 - TRACE, 1 + TRACE))
    found = (model.run(signature, {**inputs, "temperature": t}) for t in temperatures)
    return any(not any(_differences(outputs, expected, 10 * TRACE)) for outputs in found)


if __name__ == "__main__":
    findings = audit(sys.argv[1])
    print("\n".join(findings))
    sys.exit(bool(findings))
