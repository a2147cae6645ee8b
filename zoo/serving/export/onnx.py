"""Exports a network as ONNX: one file for ONNX Runtime and whatever else reads the format."""

import logging
from functools import partial
from types import ModuleType
from typing import Any

from zoo.layers.operators import written_by
from zoo.serving.export import single_file
from zoo.serving.export.network import Arrays, FileNetwork, Run
from zoo.serving.export.onnx_operators import OnnxOperators

OPSET = 18  # the newest that tf2onnx writes


def convert(
    network: FileNetwork, onnx: ModuleType, onnxruntime: ModuleType, tf2onnx: ModuleType
) -> tuple[bytes, Run]:
    """The content of an ONNX file, and what runs it.

    Its inputs and outputs are those of the network, of any size.
    """
    function, operators = network.for_converter(), OnnxOperators()
    logging.disable(logging.CRITICAL)  # what goes wrong is raised as well
    try:
        with written_by(operators):
            model, _ = tf2onnx.convert.from_function(
                function,
                function.input_signature,
                opset=OPSET,
                custom_rewriter=[_keep_selections],
                custom_op_handlers=operators.handlers,
            )
    finally:
        logging.disable(logging.NOTSET)
    for value in (*model.graph.input, *model.graph.output):  # tf2onnx numbers what is free
        dimensions = value.type.tensor_type.shape.dim
        for dimension, name in zip(dimensions, network.dimensions[value.name], strict=False):
            if not dimension.HasField("dim_value"):
                dimension.dim_param = name
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]

    def run(inputs: Arrays) -> Arrays:
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))

    return content, run


def _keep_selections(graph: Any, operations: list) -> list:
    """Makes tf2onnx write a selection as one, not as c * x + (1 - c) * y.

    That is NaN where the other side is infinite: the maximum of a row that is all padding.
    """
    for operation in operations:
        if operation.type in ("Select", "SelectV2"):
            operation.set_attr("handles_nan", True)
    return operations


FORMAT = single_file.FileFormat(
    folder="onnx",
    file="model.onnx",
    engine="ONNX",
    packages=("onnx", "onnxruntime", "tf2onnx"),
    kinds=(*single_file.OF_LABELS, "entity_tagger", "language_model", "speech_recognizer"),
    convert=convert,
    batch=None,
    batches=(1, 3),
    rows="any number of rows",
    package="onnxruntime",
    imports="import onnxruntime",
    run="""session = onnxruntime.InferenceSession("model.onnx")
(probabilities,) = session.run(["probabilities"], {$inputs})""",
    inputs=lambda given: ", ".join(f'"{name}": {value}' for name, value in given.items()),
)

write = partial(single_file.write, FORMAT)
"""As `zoo.serving.export`, to `folder/name/onnx/`."""
