"""Holds an exported model to what every server needs: `python -m zoo.serving.export.audit FOLDER`.

Runs where the model will run: on the C library that servers are built on, without Keras, without
TensorFlow's Python, and without the zoo's layers.
"""

import sys
from pathlib import Path

import numpy as np

from zoo.serving.c_api import SavedModel, SavedModelError, registered_ops
from zoo.serving.export import warmup
from zoo.serving.protobufs import to_array

TOLERANCE = 1e-5  # absolute and relative, of every number against Keras
_DEFAULT = "serving_default"
_PYTHON_OPS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}  # load anywhere, run in Python only
_FORCED_XLA = ("_XlaMustCompile", "_XlaCompile")


def audit(folder):
    """Everything that is wrong with an exported model.

    Every operation must be one of stock TensorFlow's that runs without Python and without a GPU;
    every signature batch-major, with outputs named apart from its inputs; every signature must
    have warm-up requests, at least two, of different sizes; and each of these must get the answer
    that is kept with it, which was Keras'.

    Args:
        folder: of the SavedModel.

    Returns:
        List of findings, strings; empty if there is nothing wrong.
    """
    try:
        logs = list(warmup.read(Path(folder) / warmup.NAME))
    except (OSError, ValueError) as error:
        return [f"warm-up requests cannot be read: {error}"]
    try:
        with SavedModel(folder) as model:
            findings = [*_graph(model.meta_graph), *_signatures(model.signatures)]
            return findings or list(_answers(model, logs))
    except SavedModelError as error:
        return [f"it does not load: {error}"]


def _graph(meta_graph):
    """Operations and attributes that do not run on every server."""
    library = meta_graph.graph_def.library.function
    nodes = [*meta_graph.graph_def.node, *(node for f in library for node in f.node_def)]
    stock = registered_ops().keys() | {function.signature.name for function in library}
    for op in sorted({node.op for node in nodes}):
        if op not in stock:
            yield f"operation {op}: not of stock TensorFlow"
        elif op in _PYTHON_OPS:
            yield f"operation {op}: it calls Python, which a server has not"
        elif op.startswith("Cudnn"):
            yield f"operation {op}: it needs a GPU"
    for owner in (*nodes, *library):
        for attribute in _FORCED_XLA:
            if attribute in owner.attr and owner.attr[attribute].b:
                name = getattr(owner, "name", None) or owner.signature.name
                yield f"{name}: demands XLA ({attribute}), which servers turn off"
    for device in sorted({node.device for node in nodes if "GPU" in node.device.upper()}):
        yield f"device {device}: a server may have none"


def _signatures(signatures):
    """Signatures that a server could not batch, or name ambiguously."""
    if _DEFAULT not in signatures:
        yield f"there is no signature {_DEFAULT}"
    for name, signature in signatures.items():
        both = signature.inputs.keys() & signature.outputs.keys()
        for tensor in sorted(both):
            yield f"{name}: {tensor} is an input and an output"
        for tensor, spec in (*signature.inputs.items(), *signature.outputs.items()):
            if spec.shape is None or len(spec.shape) == 0 or spec.shape[0] is not None:
                yield f"{name}: {tensor} is not batch-major, of shape {spec.shape}"


def _answers(model, logs):
    """Answers that differ from those of Keras, and signatures that nobody has asked."""
    sizes = {name: set() for name in model.signatures}
    for number, log in enumerate(logs, 1):
        request, expected = log.predict_log.request, log.predict_log.response.outputs
        name = request.model_spec.signature_name
        inputs = {key: to_array(tensor) for key, tensor in request.inputs.items()}
        sizes.setdefault(name, set()).add(tuple(array.shape for array in inputs.values()))
        try:
            outputs = model.run(name, inputs)
        except SavedModelError as error:
            yield f"{name}: request {number} fails: {error}"
            continue
        for key in outputs.keys() | expected.keys():
            if key not in outputs or key not in expected:
                yield f"{name}: request {number}: only one of server and Keras has {key}"
            elif difference := _difference(outputs[key], to_array(expected[key])):
                yield f"{name}: request {number}: {key} {difference}"
    if len(logs) > warmup.MOST:
        yield f"more than {warmup.MOST} warm-up requests"
    for name, shapes in sizes.items():
        if len(shapes) < 2:
            yield f"{name}: no warm-up requests of two sizes, so it is not known to take any size"


def _difference(found, expected):
    """How an answer differs from the expected one; None if it does not."""
    if found.dtype != expected.dtype or found.shape != expected.shape:
        return f"is {found.dtype} {found.shape}, not {expected.dtype} {expected.shape}"
    if found.dtype.kind in "fc":
        if not np.allclose(found, expected, TOLERANCE, TOLERANCE):
            return f"differs from Keras by up to {np.abs(found - expected).max():.1e}"
    elif not np.array_equal(found, expected):
        return "differs from Keras"
    return None


if __name__ == "__main__":
    found = audit(sys.argv[1])
    print("\n".join(found))
    sys.exit(bool(found))
