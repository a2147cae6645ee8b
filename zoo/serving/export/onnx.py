"""Exports a network as ONNX: one file for ONNX Runtime and whatever else reads the format."""

import contextlib
import logging

from zoo.serving import ExportError
from zoo.serving.export import single_file
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


def write(predictor, name, folder, overwrite=False):
    """Writes `folder/name/onnx/`: `model.onnx`, vocabulary, labels and a README with an example.

    The network takes `token_ids`, int32 (batch, timesteps) of any size with 0 as padding on the
    right, and returns `probabilities`, float32 (batch, labels). ONNX Runtime has run it and agreed
    with Keras before the folder appears.

    Args:
        predictor: one of `zoo.predictors`.
        name: of the model.
        folder: of all exported models; made if it is missing.
        overwrite: whether to replace an earlier export.

    Returns:
        The folder that was written, a `pathlib.Path`.

    Raises:
        UserError: a package is missing, or something is in the way.
        ExportError: ONNX cannot express the network, or answers otherwise than Keras; nothing is
            left of it.
    """
    return single_file.write(FORMAT, convert, predictor, name, folder, overwrite)


def convert(predictor):
    """The content of an ONNX file, and its largest difference of a probability to Keras.

    Raises:
        UserError, ExportError: as `write`.
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

    def run(token_ids):
        (probabilities,) = session.run([OUTPUT], {INPUT: token_ids})
        return probabilities

    return content, network.largest_difference(run, _BATCHES)


def _converted(tf2onnx, function):
    with _quiet("tf2onnx", "tensorflow"):  # what goes wrong is raised as well
        model, _ = tf2onnx.convert.from_function(
            function, function.input_signature, opset=OPSET, custom_rewriter=[_keep_selections]
        )
    return model


@contextlib.contextmanager
def _quiet(*names):
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _keep_selections(graph, operations):
    """Makes tf2onnx write a selection as one, not as c * x + (1 - c) * y.

    That is NaN where the other side is infinite: the maximum of a row that is all padding.
    """
    for operation in operations:
        if operation.type in ("Select", "SelectV2"):
            operation.set_attr("handles_nan", True)
    return operations


def _name_dimensions(graph):
    """Names what is free: tf2onnx numbers the dimensions that it does not know."""
    for value in (*graph.input, *graph.output):
        dimensions = value.type.tensor_type.shape.dim
        for dimension, name in zip(dimensions, ("batch", "timesteps"), strict=True):
            if not dimension.HasField("dim_value"):
                dimension.dim_param = name
