"""What any server of a model has to answer on the wire: `tensorflow_model_server`, or a stand-in.

Each function takes the address of the server and an `Expected`. What is demanded is what TensorFlow
Serving documents, or what its source says.
"""

from . import rest, rpc
from .exchanges import Exchange, Expected

__all__ = ["REST_CHECKS", "RPC_CHECKS", "Exchange", "Expected"]

REST_CHECKS = [
    rest.predict_rows,
    rest.predict_columns,
    rest.predict_one_input_without_its_name,
    rest.predict_base64,
    rest.predict_version,
    rest.predict_errors,
    rest.malformed_requests,
    rest.status,
    rest.metadata,
]
RPC_CHECKS = [
    rpc.predict,
    rpc.predict_some_outputs,
    rpc.predict_errors,
    rpc.status_and_metadata,
    rpc.many_clients_at_once,
]
