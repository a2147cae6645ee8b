"""What any server of a model has to answer on the wire: `tensorflow_model_server`, or a stand-in.

Each function of `CHECKS` takes `(host, grpc_port, rest_port, expected)`, the last an `Expected`.
What is demanded is what TensorFlow Serving documents, or what its source says.
"""

from . import rest, rpc
from .exchanges import Exchange, Expected

__all__ = ["CHECKS", "Exchange", "Expected"]

CHECKS = [
    rest.predict_rows,
    rest.predict_columns,
    rest.predict_one_input_without_its_name,
    rest.predict_base64,
    rest.predict_version,
    rest.predict_errors,
    rest.malformed_requests,
    rest.status,
    rest.metadata,
    rpc.predict,
    rpc.predict_the_default_signature,
    rpc.predict_version,
    rpc.predict_some_outputs,
    rpc.predict_errors,
    rpc.status,
    rpc.metadata,
    rpc.many_clients_at_once,
]
