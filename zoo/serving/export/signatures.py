"""What a SavedModel's signatures take and give."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, TensorInfo
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

GRAPH_NAME = "saved_model.pb"
TAG = "serve"  # of the graph that servers load
_INIT_OP = "__saved_model_init_op"  # among the signatures, but the loader's, not a caller's

Specs = dict[str, tf.TensorSpec]


class Signature(NamedTuple):
    """The inputs and outputs of a signature, by name; the specs' own names are the graph's."""

    inputs: Specs
    outputs: Specs


def read_meta_graph(folder: str | Path) -> MetaGraphDef:
    """The graph of a SavedModel as servers load it, with its signatures.

    Raises:
        ValueError: the file is missing or damaged, or has no such graph.
    """
    path = Path(folder) / GRAPH_NAME
    try:
        graphs = SavedModel.FromString(path.read_bytes()).meta_graphs
        return next(graph for graph in graphs if TAG in graph.meta_info_def.tags)
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
