"""Exported models loaded by TensorFlow alone: nothing of Keras and of the zoo's networks."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from zoo.serving.export.signatures import TAG, read_meta_graph, read_signatures


class SavedModel:
    """A model that `tf.saved_model.load` reads. Any number of threads may run it at once.

    Args:
        folder: of the SavedModel.

    Attributes:
        meta_graph: `MetaGraphDef`.
        signatures: dict of name -> `Signature`.

    Raises:
        ValueError, OSError, tf.errors.OpError: it cannot be read.
    """

    def __init__(self, folder: str | Path):
        self.meta_graph = read_meta_graph(folder)
        self.signatures = read_signatures(self.meta_graph)
        self._model = tf.saved_model.load(str(folder))  # holds the variables

    def run(self, signature: str, inputs: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
        """The outputs of a signature by name; strings are object arrays of `bytes`.

        Raises:
            KeyError: there is no such signature or input.
            tf.errors.OpError: the graph refuses the inputs.
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
            meta_graph = tf.compat.v1.saved_model.load(self._session, [TAG], str(folder))
        self._signatures = read_signatures(meta_graph)

    def run(self, signature: str, inputs: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
        """As `SavedModel.run`."""
        specs = self._signatures[signature]
        feeds = {spec.name: inputs[name] for name, spec in specs.inputs.items()}
        fetches = {name: spec.name for name, spec in specs.outputs.items()}
        found: dict[str, np.ndarray] = self._session.run(fetches, feeds)
        return found
