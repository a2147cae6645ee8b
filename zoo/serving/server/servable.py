"""One loaded version of a model, and how requests are run on it."""

import itertools

import numpy as np

from zoo.serving import protobufs
from zoo.serving.c_api import SavedModel
from zoo.serving.export import warmup
from zoo.serving.server.status import Code, ServingError, from_tensorflow, invalid

DEFAULT_SIGNATURE = "serving_default"
_TYPE_NAMES = {"float32": "float", "float64": "double", "float16": "half", "object": "string"}


class Servable:
    """A loaded SavedModel.

    Args:
        name: of the model.
        version: its number.
        folder: of the SavedModel.

    Raises:
        ServingError: it cannot be loaded, or its warm-up requests fail.
    """

    def __init__(self, name, version, folder):
        self.name = name
        self.version = version
        with from_tensorflow():
            self._model = SavedModel(folder)
        try:
            self._warm_up(folder / warmup.NAME)
        except BaseException:
            self.close()
            raise

    @property
    def signature_defs(self):
        """The signatures as the SavedModel has them: a map of names to `SignatureDef` messages."""
        return self._model.meta_graph.signature_def

    def signature(self, name):
        """The `zoo.serving.c_api.Signature` of a name, or None."""
        return self._model.signatures.get(name or DEFAULT_SIGNATURE)

    def predict(self, signature_name, inputs, output_filter=()):
        """Runs a signature.

        Args:
            signature_name: "" stands for "serving_default".
            inputs: map of names to arrays or `TensorProto` messages.
            output_filter: the outputs to return; all if it is empty.

        Returns:
            Dict of arrays.

        Raises:
            ServingError: the request does not fit the signature, or TensorFlow fails.
        """
        name = signature_name or DEFAULT_SIGNATURE
        signature = self.signature(name)
        if signature is None:
            raise ServingError(
                Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.'
            )
        _require_outputs(signature.outputs, output_filter)
        # What the signature has no input for is not even read: the model refuses it by its name.
        arrays = {
            alias: _array(alias, value) if alias in signature.inputs else None
            for alias, value in inputs.items()
        }
        with from_tensorflow():
            outputs = self._model.run(name, arrays)
        return {alias: outputs[alias] for alias in output_filter or sorted(outputs)}

    def close(self):
        """Frees the model; no request may be running."""
        self._model.close()

    def _warm_up(self, path):
        """Replays the requests that come with the model, so that no client waits for the first."""
        if not path.exists():
            return
        try:
            for log in itertools.islice(warmup.read(path), warmup.MOST):
                request = log.predict_log.request
                self.predict(request.model_spec.signature_name, request.inputs)
        except ValueError as error:
            raise ServingError(Code.DATA_LOSS, f"{path}: {error}") from error


def type_name(dtype):
    """What TensorFlow calls a NumPy type."""
    return _TYPE_NAMES.get(str(dtype), str(dtype))


def _array(alias, value):
    if isinstance(value, np.ndarray):
        return value
    try:
        return protobufs.to_array(value)
    except ValueError as error:
        raise invalid(f"tensor parsing error: {alias}: {error}") from error


def _require_outputs(specs, output_filter):
    seen = set()
    for alias in output_filter:
        if alias not in specs:
            raise invalid(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in "
                f"the set {{{','.join(sorted(specs))}}}."
            )
        if alias in seen:
            raise invalid(f"duplicate output tensor alias: {alias}")
        seen.add(alias)
