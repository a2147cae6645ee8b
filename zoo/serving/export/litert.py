"""Exports a network as LiteRT (formerly TensorFlow Lite): one file for phones and small devices."""

from functools import partial
from types import ModuleType

import tensorflow as tf

from zoo.layers.operators import written_by
from zoo.predictors.silence import silence_stderr
from zoo.serving.export import single_file
from zoo.serving.export.litert_operators import litert_operator
from zoo.serving.export.network import FileNetwork, Run


def convert(network: FileNetwork, interpreter: ModuleType) -> tuple[bytes, Run]:
    """The content of a LiteRT file, and what runs it.

    Its inputs and outputs are those of the network, one row of any length, by LiteRT's built-in
    operations only.
    """
    with written_by(litert_operator):
        function = network.for_converter().get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], network)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    content = converter.convert()
    with silence_stderr():
        runner = interpreter.Interpreter(model_content=content).get_signature_runner()
        runner(**next(network.examples((1,))))  # it makes its delegate now
    return content, lambda inputs: runner(**inputs)


FORMAT = single_file.FileFormat(
    folder="litert",
    file="model.tflite",
    engine="LiteRT's built-in operations",
    packages=("ai_edge_litert.interpreter",),
    kinds=single_file.OF_LABELS,
    convert=convert,
    batch=1,  # the converter lowers a list of states only if the shape of one is known
    batches=(1,),
    rows="one row",
    package="ai-edge-litert",
    imports="from ai_edge_litert.interpreter import Interpreter",
    run="""network = Interpreter("model.tflite").get_signature_runner()
probabilities = network($inputs)["probabilities"]""",
    inputs=lambda given: ", ".join(f"{name}={value}" for name, value in given.items()),
)

write = partial(single_file.write, FORMAT)
"""As `zoo.serving.export`, to `folder/name/litert/`."""
