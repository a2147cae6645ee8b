"""Requests that a server replays when it loads a model: TFRecord files of `PredictionLog`.

Here each request is kept with the answer that the Keras model gives, which servers ignore and
`zoo.serving.export.audit` compares.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

if TYPE_CHECKING:  # the audit reads these files without the zoo's networks
    from zoo.predictors.endpoints import Arrays, Endpoint

NAME = Path("assets.extra/tf_serving_warmup_requests")
MOST = 1000  # records that TensorFlow Serving takes


def write(folder: Path, model: str, endpoints: "Sequence[Endpoint]") -> None:
    """Writes the examples of a model's endpoints into its SavedModel, with the answers of Keras."""
    path = folder / NAME
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for endpoint in endpoints:
            for example in endpoint.examples:
                writer.write(_log(model, endpoint, example).SerializeToString())


def read(folder: str | Path) -> Iterator[PredictionLog]:
    """The warm-up requests of a SavedModel; a tf.errors.OpError if their file is damaged."""
    for record in tf.data.TFRecordDataset(str(Path(folder) / NAME)).as_numpy_iterator():
        yield PredictionLog.FromString(record)


def to_tensor_proto(array: np.ndarray) -> TensorProto:
    """The message of an array; arrays of objects hold strings, none of them too."""
    dtype = tf.string if array.dtype == object else None
    return tf.make_tensor_proto(array, dtype, array.shape)


def _log(model: str, endpoint: "Endpoint", example: "Arrays") -> PredictionLog:
    log = PredictionLog()
    request, response = log.predict_log.request, log.predict_log.response
    request.model_spec.name = model
    request.model_spec.signature_name = endpoint.name
    for name, array in example.items():
        request.inputs[name].CopyFrom(to_tensor_proto(array))
    for name, array in endpoint.expected(example).items():
        response.outputs[name].CopyFrom(to_tensor_proto(array))
    return log
