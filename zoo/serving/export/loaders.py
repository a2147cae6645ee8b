"""Exported models, loaded by TensorFlow alone: nothing of Keras and of the zoo's networks."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from numpy.typing import ArrayLike
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, TensorInfo

_TAG = "serve"  # of the graph that servers load
_INIT_OP = "__saved_model_init_op"  # among the signatures, but the loader's, not a caller's

Specs = dict[str, tf.TensorSpec]


class Signature(NamedTuple):
    """The inputs and outputs of a signature, by name; the specs' own names are the graph's."""

    inputs: Specs
    outputs: Specs


def read_meta_graph(folder: str | Path) -> MetaGraphDef:
    """The graph of a SavedModel as servers load it, with its signatures; else a ValueError."""
    path = Path(folder) / "saved_model.pb"
    try:
        graphs = saved_model_pb2.SavedModel.FromString(path.read_bytes()).meta_graphs
        return next(graph for graph in graphs if _TAG in graph.meta_info_def.tags)
    except (OSError, DecodeError, StopIteration) as error:
        raise ValueError(f"{path} is not a saved model to serve: {error}") from error


def read_signatures(meta_graph: MetaGraphDef) -> dict[str, Signature]:
    """The signatures that a caller may run, by name."""
    return {
        name: Signature(_specs(definition.inputs), _specs(definition.outputs))
        for name, definition in sorted(meta_graph.signature_def.items())
        if name != _INIT_OP
    }


def _specs(tensor_infos: Mapping[str, TensorInfo]) -> Specs:
    return {
        name: tf.TensorSpec(tf.TensorShape(info.tensor_shape), info.dtype, info.name)
        for name, info in sorted(tensor_infos.items())
    }


class SavedModel:
    """A model that `tf.saved_model.load` reads. Any number of threads may run it at once.

    Its `meta_graph` is a `MetaGraphDef`, and `signatures` has each `Signature` by its name. What
    cannot be read is a ValueError, an OSError or a tf.errors.OpError.
    """

    def __init__(self, folder: str | Path):
        self.meta_graph = read_meta_graph(folder)
        self.signatures = read_signatures(self.meta_graph)
        self._model = tf.saved_model.load(str(folder))  # holds the variables

    def run(self, signature: str, inputs: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
        """The outputs of a signature by name; strings are object arrays of `bytes`.

        A KeyError says that there is no such signature or input, a tf.errors.OpError that the graph
        refuses the inputs.
        """
        specs = self.signatures[signature].inputs
        tensors = {name: tf.constant(inputs[name], spec.dtype) for name, spec in specs.items()}
        outputs = self._model.signatures[signature](**tensors)
        return {name: np.asarray(tensor.numpy()) for name, tensor in outputs.items()}


class SessionModel:
    """A model in a session, as TensorFlow Serving loads and runs it."""

    def __init__(self, folder: str | Path):
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            meta_graph = tf.compat.v1.saved_model.load(self._session, [_TAG], str(folder))
        self._signatures = read_signatures(meta_graph)

    def run(self, signature: str, inputs: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
        """As `SavedModel.run`."""
        specs = self._signatures[signature]
        feeds = {spec.name: inputs[name] for name, spec in specs.inputs.items()}
        fetches = {name: spec.name for name, spec in specs.outputs.items()}
        found: dict[str, np.ndarray] = self._session.run(fetches, feeds)
        return found
