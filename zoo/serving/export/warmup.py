"""Requests that a server replays when it loads a model: TFRecord files of `PredictionLog`.

Here each request is kept with the answer that the Keras model gives, which servers ignore and
`zoo.serving.export.audit` compares.
"""

import struct
from pathlib import Path

import google_crc32c

from zoo.serving.protobufs import prediction_log_pb2, to_tensor_proto

NAME = Path("assets.extra/tf_serving_warmup_requests")
MOST = 1000  # records that TensorFlow Serving takes


def write(folder, model, endpoints):
    """Writes the examples of a model's endpoints, with the answers of Keras.

    Args:
        folder: of the SavedModel.
        model: its name.
        endpoints: list of `zoo.predictors.endpoints.Endpoint`.
    """
    path = Path(folder) / NAME
    path.parent.mkdir(exist_ok=True)
    logs = [
        _log(model, endpoint, example) for endpoint in endpoints for example in endpoint.examples
    ]
    path.write_bytes(b"".join(_framed(log.SerializeToString()) for log in logs))


def _log(model, endpoint, example):
    log = prediction_log_pb2.PredictionLog()
    request, response = log.predict_log.request, log.predict_log.response
    for spec in (request.model_spec, response.model_spec):
        spec.name = model
        spec.signature_name = endpoint.name
    for name, array in example.items():
        request.inputs[name].CopyFrom(to_tensor_proto(array))
    for name, array in endpoint.expected(example).items():
        response.outputs[name].CopyFrom(to_tensor_proto(array))
    return log


def read(path):
    """Reads a file of warm-up requests.

    Args:
        path: of the file.

    Yields:
        `PredictionLog` messages.

    Raises:
        ValueError: the file is damaged.
    """
    content = Path(path).read_bytes()
    position = 0
    while position < len(content):
        length, position = _checked(content, position, 8)
        data, position = _checked(content, position, struct.unpack("<Q", length)[0])
        try:
            yield prediction_log_pb2.PredictionLog.FromString(data)
        except Exception as error:  # protobuf's DecodeError, which differs between its versions
            raise ValueError(f"{path}: a record is not a PredictionLog") from error


def _framed(data):
    """A TFRecord: length, its checksum, data, its checksum."""
    length = struct.pack("<Q", len(data))
    return length + _checksum(length) + data + _checksum(data)


def _checked(content, start, size):
    """The next `size` bytes, if the checksum after them is right, and where they end with it."""
    end = start + size
    data, checksum = content[start:end], content[end : end + 4]
    if checksum != _checksum(data):
        raise ValueError(f"the file is damaged at byte {start}")
    return data, end + 4


def _checksum(data):
    """CRC-32C, masked as TFRecord files have it, little-endian."""
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
