"""Loads and runs a SavedModel by TensorFlow's C library, without TensorFlow's Python.

The library is the one inside the installed `tensorflow` package. It loads a model as TensorFlow
Serving does (`LoadSavedModel` with the tag `serve`, then `Session::Run`) and knows no class of the
zoo: what runs here is in the files.
"""

import ctypes
import functools
import os
import threading
import weakref
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from zoo.serving import c_library
from zoo.serving.c_library import SavedModelError
from zoo.serving.export import signatures
from zoo.serving.export.signatures import Signature, TensorSpec
from zoo.serving.protobufs import error_codes_pb2, meta_graph_pb2, op_def_pb2

__all__ = ["SavedModel", "SavedModelError", "Signature", "TensorSpec", "registered_ops"]

_TAG = b"serve"


class SavedModel:
    """A SavedModel in memory. Any number of threads may run it at once.

    Args:
        folder: the folder of `saved_model.pb`.

    Attributes:
        signatures: dict of name -> `Signature`.
        meta_graph: the `MetaGraphDef` with the tag `serve`.

    Raises:
        SavedModelError: the folder is missing, or what is in it cannot be loaded.
        UserError: TensorFlow's library is not installed.
    """

    def __init__(self, folder: str | os.PathLike):
        self._session, self._graph, self.meta_graph = _load(Path(folder))
        # A model that nobody closes is freed with its last reference, but not at exit, when
        # a thread may still be running it.
        self._delete = weakref.finalize(self, _delete, self._session, self._graph)
        self._delete.atexit = False
        self._idle = threading.Condition()
        self._running = 0
        self.signatures = signatures.of(self.meta_graph)

    def __enter__(self) -> "SavedModel":
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Frees the model once the calls that are running have returned."""
        with self._idle:
            self._idle.wait_for(lambda: not self._running)
            self._delete()

    def run(self, signature_name: str, inputs: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
            signature_name: a key of `signatures`.
            inputs: name -> array of the dtype and shape in the signature. Python's numbers become
                that dtype; strings are `bytes`, or `str`, which is encoded as UTF-8.

        Returns:
            dict of name -> numpy array; strings are object arrays of `bytes`.

        Raises:
            SavedModelError: the signature is unknown, the inputs are not those of the signature,
                the model is closed, or TensorFlow's own error. The codes and words for names and
                types are TensorFlow Serving's; a shape is checked before the model runs, where
                TensorFlow Serving leaves it to the operations.
        """
        if signature_name not in self.signatures:
            raise SavedModelError(
                error_codes_pb2.FAILED_PRECONDITION,
                f'Serving signature key "{signature_name}" not found.',
            )
        signature = self.signatures[signature_name]
        feeds = signatures.feeds(signature, inputs)
        fetches = sorted({spec.tensor for spec in signature.outputs.values()})
        with self._in_use():
            fetched = self._session_run(feeds, fetches)
        return {name: fetched[spec.tensor] for name, spec in signature.outputs.items()}

    @contextmanager
    def _in_use(self):
        with self._idle:
            if not self._delete.alive:
                raise SavedModelError(error_codes_pb2.UNAVAILABLE, "the model is closed")
            self._running += 1
        try:
            yield
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def _session_run(self, feeds, fetches):
        tf = c_library.library()
        sources = (c_library.Output * len(feeds))(*map(self._output, feeds))
        targets = (c_library.Output * len(fetches))(*map(self._output, fetches))
        tensors = (ctypes.c_void_p * len(feeds))()
        results = (ctypes.c_void_p * len(fetches))()
        try:
            for i, array in enumerate(feeds.values()):
                tensors[i] = c_library.new_tensor(array)
            with c_library.checked() as status:
                tf.TF_SessionRun(
                    *(self._session, None, sources, tensors, len(feeds)),
                    *(targets, results, len(fetches), None, 0, None, status),
                )
            return {
                name: c_library.read_tensor(result)
                for name, result in zip(fetches, results, strict=True)
            }
        finally:
            for tensor in (*tensors, *results):
                if tensor is not None:
                    tf.TF_DeleteTensor(tensor)

    def _output(self, tensor):
        name, _, index = tensor.partition(":")
        tf = c_library.library()
        operation = tf.TF_GraphOperationByName(self._graph, name.encode())
        if not operation or int(index or 0) >= tf.TF_OperationNumOutputs(operation):
            message = f"the graph of the model has no tensor {tensor}"
            raise SavedModelError(error_codes_pb2.INVALID_ARGUMENT, message)
        return c_library.Output(operation, int(index or 0))


@functools.cache
def registered_ops() -> dict[str, op_def_pb2.OpDef]:
    """The operations that TensorFlow's library knows, by name."""
    tf = c_library.library()
    buffer = tf.TF_GetAllOpList()
    try:
        ops = c_library.read_message(buffer, op_def_pb2.OpList())
    finally:
        tf.TF_DeleteBuffer(buffer)
    return {op.name: op for op in ops.op}


def _load(folder):
    """The session, the graph and the `MetaGraphDef` of a folder."""
    tf = c_library.library()
    options, graph, buffer = tf.TF_NewSessionOptions(), tf.TF_NewGraph(), tf.TF_NewBuffer()
    try:
        with c_library.checked() as status:
            session = tf.TF_LoadSessionFromSavedModel(
                *(options, None, os.fsencode(folder), (ctypes.c_char_p * 1)(_TAG), 1),
                *(graph, buffer, status),
            )
        return session, graph, c_library.read_message(buffer, meta_graph_pb2.MetaGraphDef())
    except SavedModelError:
        tf.TF_DeleteGraph(graph)
        raise
    finally:
        tf.TF_DeleteBuffer(buffer)
        tf.TF_DeleteSessionOptions(options)


def _delete(session, graph):
    tf = c_library.library()
    status = tf.TF_NewStatus()  # nobody could mend what it reports
    tf.TF_CloseSession(session, status)
    tf.TF_DeleteSession(session, status)
    tf.TF_DeleteGraph(graph)
    tf.TF_DeleteStatus(status)
