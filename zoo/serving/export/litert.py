"""Exports a network as LiteRT (formerly TensorFlow Lite): one file for phones and small devices."""

from functools import partial

import numpy as np
import tensorflow as tf

from zoo.predictors.text_classifier import TextClassifier
from zoo.serving.export import single_file
from zoo.serving.export.formats import ExportError
from zoo.serving.export.network import INPUT, OUTPUT, Network
from zoo.serving.export.silence import silence_stderr
from zoo.serving.export.single_file import FileFormat, load_packages

FORMAT = FileFormat(
    folder="litert",
    file="model.tflite",
    rows="one row",
    package="ai-edge-litert",
    imports="from ai_edge_litert.interpreter import Interpreter",
    run="""network = Interpreter("model.tflite").get_signature_runner()
probabilities = network(token_ids=ids)["probabilities"]""",
)
_BATCH = 1  # the converter lowers a list of states only if the shape of one is known


def convert(predictor: TextClassifier) -> tuple[bytes, float]:
    """The content of a LiteRT file, and its largest difference of a probability to Keras.

    The network takes `token_ids`, int32 (1, timesteps) of any length with 0 as padding on the
    right, and returns `probabilities`, float32 (1, labels). It consists of LiteRT's built-in
    operations only; the plain interpreter has run it.

    Raises:
        UserError: a package is missing.
        ExportError: the built-in operations cannot express the network, or answer otherwise than
            Keras.
    """
    (interpreter,) = load_packages("ai_edge_litert.interpreter")
    network = Network(predictor, batch=_BATCH)
    try:
        function = network.function.get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], network)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        content = converter.convert()
        with silence_stderr():
            runner = interpreter.Interpreter(model_content=content).get_signature_runner()
            runner(**{INPUT: np.zeros((_BATCH, 1), "int32")})  # it makes its delegate now
    except Exception as error:  # the converter raises whatever its passes do
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ExportError(
            f"not exported: LiteRT's built-in operations cannot express this network ({reason})"
        ) from error

    def run(token_ids: np.ndarray) -> np.ndarray:
        return runner(**{INPUT: token_ids})[OUTPUT]

    return content, network.largest_difference(run, (_BATCH,))


write = partial(single_file.write, FORMAT, convert)
"""As `zoo.serving.export`, to `folder/name/litert/`."""
