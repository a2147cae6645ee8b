"""Exports a network as ONNX: one file for ONNX Runtime and whatever else reads the format."""

import logging
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from zoo.predictors.text_classifier import TextClassifier
from zoo.serving.export import single_file
from zoo.serving.export.formats import ExportError
from zoo.serving.export.network import INPUT, OUTPUT, Network
from zoo.serving.export.single_file import FileFormat, load_packages

FORMAT = FileFormat(
    folder="onnx",
    file="model.onnx",
    rows="any number of rows",
    package="onnxruntime",
    imports="import onnxruntime",
    run="""session = onnxruntime.InferenceSession("model.onnx")
(probabilities,) = session.run(["probabilities"], {"token_ids": ids})""",
)
OPSET = 18  # the newest that tf2onnx writes
_BATCHES = (1, 3)  # that are compared with Keras


def convert(predictor: TextClassifier) -> tuple[bytes, float]:
    """The content of an ONNX file, and its largest difference of a probability to Keras.

    The network takes `token_ids`, int32 (batch, timesteps) of any size with 0 as padding on the
    right, and returns `probabilities`, float32 (batch, labels). ONNX Runtime has run it.

    Raises:
        UserError: a package is missing.
        ExportError: ONNX cannot express the network, or answers otherwise than Keras.
    """
    onnx, onnxruntime, tf2onnx = load_packages("onnx", "onnxruntime", "tf2onnx")
    network = Network(predictor)
    try:
        model = _converted(tf2onnx, network.function)
        _name_dimensions(model.graph)
        onnx.checker.check_model(model, full_check=True)
        content = model.SerializeToString()
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:  # the converter raises whatever its handlers do
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ExportError(f"not exported: ONNX cannot express this network ({reason})") from error

    def run(token_ids: np.ndarray) -> np.ndarray:
        (probabilities,) = session.run([OUTPUT], {INPUT: token_ids})
        return probabilities

    return content, network.largest_difference(run, _BATCHES)


def _converted(tf2onnx: ModuleType, function: Any) -> Any:
    logging.disable(logging.CRITICAL)  # what goes wrong is raised as well
    try:
        model, _ = tf2onnx.convert.from_function(
            function, function.input_signature, opset=OPSET, custom_rewriter=[_keep_selections]
        )
    finally:
        logging.disable(logging.NOTSET)
    return model


def _keep_selections(graph: Any, operations: list) -> list:
    """Makes tf2onnx write a selection as one, not as c * x + (1 - c) * y.

    That is NaN where the other side is infinite: the maximum of a row that is all padding.
    """
    for operation in operations:
        if operation.type in ("Select", "SelectV2"):
            operation.set_attr("handles_nan", True)
    return operations


def _name_dimensions(graph: Any) -> None:
    """Names what is free: tf2onnx numbers the dimensions that it does not know."""
    for value in (*graph.input, *graph.output):
        dimensions = value.type.tensor_type.shape.dim
        for dimension, name in zip(dimensions, ("batch", "timesteps"), strict=True):
            if not dimension.HasField("dim_value"):
                dimension.dim_param = name


write = partial(single_file.write, FORMAT, convert)
"""As `zoo.serving.export`, to `folder/name/onnx/`."""
