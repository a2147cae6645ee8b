"""Generation in graphs with a batch of any size, and in a SavedModel."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from support.step_models import END, MEMORY, UNITS, VOCABULARY, Recurrent

from zoo.generation import beam_search, generate, uniforms

MODEL = Recurrent(end_bias=1.0)
STATE = {
    "lstm": [tf.TensorSpec((None, UNITS))],
    "memory": tf.TensorSpec((None, MEMORY, UNITS)),
    "read": tf.TensorSpec((None,), tf.int32),
}


class Exported(tf.Module):
    @tf.function(
        input_signature=[
            tf.TensorSpec((None,), tf.int32),
            STATE,
            tf.TensorSpec((None,), tf.int64),
            tf.TensorSpec((), tf.int32),
            tf.TensorSpec((None,), tf.int32),
        ]
    )
    def sample(self, token_ids, state, seeds, steps, top_k):
        u = uniforms(seeds, 0, steps)
        return generate(
            MODEL.step, token_ids, state, uniforms=u, top_k=top_k, top_p=0.9, end_id=END
        )

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32), STATE])
    def search(self, token_ids, state):
        return beam_search(
            MODEL.step, token_ids, state, beams=3, length=9, end_id=END, length_penalty=1.0
        )


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    path = tmp_path_factory.mktemp("exported")
    module = Exported()
    tf.saved_model.save(module, path)
    for function in (module.sample, module.search):
        assert function.experimental_get_tracing_count() == 1
    return tf.saved_model.load(path)


@functools.cache
def eager(batch):
    token_ids = np.arange(batch, dtype="int32") % VOCABULARY
    state = MODEL.state(batch)
    seeds, top_k = np.arange(batch), np.arange(batch, dtype="int32") % 4
    u = uniforms(seeds, 0, 12)
    sample = generate(MODEL.step, token_ids, state, uniforms=u, top_k=top_k, top_p=0.9, end_id=END)
    search = Exported.search.python_function(None, token_ids, state)
    inputs = [token_ids, state, seeds, 12, top_k]
    return tf.nest.map_structure(tf.constant, inputs), sample, search


@pytest.mark.parametrize("batch", [1, 5])
def test_the_same_numbers(loaded, batch):
    inputs, sample, search = eager(batch)
    for name, expected in sample._asdict().items():
        result = loaded.sample(*inputs)
        result = result[name] if isinstance(result, dict) else getattr(result, name)
        tf.nest.map_structure(
            lambda one, other: np.testing.assert_allclose(one, other, atol=1e-5), result, expected
        )
    result = loaded.search(*inputs[:2])
    for one, other in zip(tf.nest.flatten(result), tf.nest.flatten(search), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_no_rows(loaded):
    inputs, *_ = eager(1)
    nothing = tf.nest.map_structure(lambda x: x[:0] if len(x.shape) else x, inputs)
    assert loaded.sample(*nothing).tokens.shape == (0, 12)
    assert loaded.search(*nothing[:2]).tokens.shape == (0, 3, 9)


def functions(function):
    graph = function.get_concrete_function().graph
    return {"": graph.as_graph_def().node} | {
        f.signature.name: f.node_def for f in graph.as_graph_def().library.function
    }


@pytest.mark.parametrize("name", ["sample", "search"])
def test_stock_operations_and_one_loop_in_the_graph(name):
    nodes = [node.op for body in functions(getattr(Exported(), name)).values() for node in body]
    assert not [op for op in nodes if "PyFunc" in op]
    assert len([op for op in nodes if op in ("While", "StatelessWhile")]) <= 2
    # Nothing that grows or is copied as a whole at each step.
    assert not [op for op in nodes if op.startswith(("TensorScatter", "TensorListConcat"))]
