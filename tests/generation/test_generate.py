"""Generation against a loop in plain Python; in graphs of any size it is eager generation."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.step_models import END, MEMORY, UNITS, VOCABULARY, Recurrent, kept, take

from zoo.generation import beam_search, generate, uniforms

BATCH, STEPS = 8, 15
MODEL = Recurrent()
START = np.arange(BATCH, dtype="int32") % VOCABULARY
SEEDS = np.arange(100, 100 + BATCH)
SETTINGS = [
    {},
    {"temperature": 1.5},
    {"top_k": 2},
    {"top_p": 0.8},
    {"temperature": 2.0, "top_k": 4, "top_p": 0.9, "forbidden": (0, 1)},
]


def run(first_step=0, steps=STEPS, rows=tuple(range(BATCH)), greedy=False, **arguments):
    """`generate` from the first tokens and states of rows, unless `arguments` say otherwise."""
    if greedy:
        arguments["steps"] = steps
    else:
        arguments["uniforms"] = uniforms(take(SEEDS, rows), first_step, steps)
    token_ids = arguments.pop("token_ids", take(START, rows))
    state = arguments.pop("state", take(MODEL.state(BATCH), rows))
    return generate(MODEL.step, token_ids, state, **({"end_id": END} | arguments))


def reference(row, u, limit=STEPS, end_id=END, **settings):
    """Tokens and log-probabilities of a row, and the state, one number at a time.

    `u` is None for greedy choice.
    """
    token, state, tokens, log_probabilities = START[row], MODEL.row(row), [], []
    while len(tokens) < limit and token != (end_id if tokens else None):
        log_p, state = MODEL.numpy_step(token, state)
        p = kept(log_p, **settings)
        if u is None:
            token, margin = p.argmax(), np.diff(np.sort(p)[-2:])
        else:
            token = np.searchsorted(p.cumsum(), u[len(tokens)], "right")
            margin = np.abs(p.cumsum() - u[len(tokens)]).min()
        assert margin > 1e-5, "or rounding would choose"
        tokens.append(token)
        log_probabilities.append(log_p[token])
    return tokens, log_probabilities, state


def assert_rows(result, references):
    for row, (tokens, log_probabilities, state) in enumerate(references):
        length = len(tokens)
        assert result.lengths[row] == length
        np.testing.assert_array_equal(result.tokens[row, :length], tokens)
        np.testing.assert_allclose(
            result.log_probabilities[row, :length], log_probabilities, atol=1e-4
        )
        assert not np.any(result.tokens[row, length:])
        assert not np.any(result.log_probabilities[row, length:])
        assert result.token_ids[row] == (tokens[-1] if tokens else START[row])
        np.testing.assert_allclose(result.state["lstm"][0][row], state[0], atol=1e-4)
        assert result.state["read"][row] == state[2]


@pytest.mark.parametrize(
    ("settings", "end_id"), [*((settings, END) for settings in SETTINGS), ({}, None)], ids=str
)
def test_drawn(settings, end_id):
    result = run(end_id=end_id, **settings)
    u = uniforms(SEEDS, 0, STEPS).numpy()
    references = [reference(row, u[row], end_id=end_id, **settings) for row in range(BATCH)]
    assert_rows(result, references)
    lengths = {len(tokens) for tokens, *_ in references}
    assert len(lengths) > 2 if end_id else lengths == {STEPS}  # or there is nothing to see
    finished = [end_id is not None and tokens[-1] == end_id for tokens, *_ in references]
    np.testing.assert_array_equal(result.finished, finished)


@pytest.mark.parametrize("forbidden", [(), (0, 1, END)])
def test_greedy(forbidden):
    result = run(greedy=True, forbidden=forbidden)
    references = [reference(row, None, forbidden=forbidden) for row in range(BATCH)]
    assert_rows(result, references)


@pytest.mark.parametrize("cut", [1, 6])
def test_in_two_pieces_or_at_once(cut):
    whole = run()
    one = run(steps=cut)
    going_on = {"token_ids": one.token_ids, "state": one.state, "finished": one.finished}
    other = run(first_step=cut, steps=STEPS - cut, **going_on)
    for name in ("tokens", "log_probabilities"):
        pieces = [getattr(one, name), getattr(other, name)]
        pieces = np.concatenate(pieces, axis=1)
        np.testing.assert_allclose(pieces, getattr(whole, name), atol=1e-5)
    np.testing.assert_array_equal(one.lengths + other.lengths, whole.lengths)
    np.testing.assert_array_equal(other.finished, whole.finished)
    for one, same in zip(*map(keras.tree.flatten, (other.state, whole.state)), strict=True):
        np.testing.assert_allclose(one, same, atol=1e-5)


@pytest.mark.parametrize("inactive", [{"finished": np.ones(BATCH, bool)}, {"limits": [0] * BATCH}])
def test_nothing_to_do(inactive):
    result = run(**inactive)
    assert not np.any(result.tokens)
    assert not np.any(result.log_probabilities)
    np.testing.assert_array_equal(result.token_ids, START)
    keras.tree.map_structure(np.testing.assert_array_equal, result.state, MODEL.state(BATCH))


def test_the_loop_ends_with_the_last_row():
    calls = tf.Variable(0)

    def step(token_ids, state):
        calls.assign_add(1)
        return MODEL.step(token_ids, state)

    u = uniforms(SEEDS, 0, 200)
    graph = tf.function(
        lambda: generate(step, START, MODEL.state(BATCH), uniforms=u, end_id=END), autograph=False
    )
    lengths = graph().lengths.numpy()
    assert calls.numpy() == lengths.max() < 200


def test_settings_and_limits_of_each_row_are_tensors_of_a_graph():
    dtypes = ("float32", "int32", "float32", "int32")
    signature = [tf.TensorSpec((None,), dtype) for dtype in dtypes]

    @tf.function(input_signature=signature, autograph=False)
    def graph(temperature, top_k, top_p, limits):
        settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        return run(limits=limits, forbidden=(0, 1), **settings)

    temperature = [1, 0.5, 2, 1, 1, 3, 1, 1]
    top_k = [0, 2, 0, 1, 5, 3, 0, 0]
    top_p = [1, 0.5, 0.9, 1, 0.7, 0.8, 0.3, 1]
    limits = [0, 15, 3, 30, 15, 1, 5, 15]
    result = graph(temperature, top_k, top_p, limits)
    u = uniforms(SEEDS, 0, STEPS).numpy()
    settings = [
        {"temperature": t, "top_k": k, "top_p": p, "limit": min(STEPS, n), "forbidden": (0, 1)}
        for t, k, p, n in zip(temperature, top_k, top_p, limits, strict=True)
    ]
    references = [reference(row, u[row], **settings[row]) for row in range(BATCH)]
    assert_rows(result, references)
    ended = [tokens[-1:] == [END] for tokens, *_ in references]
    np.testing.assert_array_equal(result.finished, ended)
    assert 0 < sum(ended) < BATCH


STATE = {
    "lstm": [tf.TensorSpec((None, UNITS))],
    "memory": tf.TensorSpec((None, MEMORY, UNITS)),
    "read": tf.TensorSpec((None,), tf.int32),
}
INTEGERS = tf.TensorSpec((None,), tf.int32)


@tf.function(
    input_signature=[INTEGERS, STATE, INTEGERS, tf.TensorSpec((), tf.int32)], autograph=False
)
def samples_and_beams(token_ids, state, top_k, steps):
    start, options = (MODEL.step, token_ids, state), {"end_id": END}
    u = uniforms(top_k, 0, steps)
    samples = generate(*start, uniforms=u, top_k=top_k, top_p=0.9, **options)
    return samples, beam_search(*start, beams=3, length=9, length_penalty=1.0, **options)


def test_a_graph_serves_every_size_of_batch_and_number_of_steps():
    for batch in (1, 5):
        top_k = np.arange(batch, dtype="int32") % 4
        inputs = START[:batch], MODEL.state(batch), top_k, np.int32(10 + batch)
        inputs = tf.nest.map_structure(tf.constant, inputs)
        found, expected = samples_and_beams(*inputs), samples_and_beams.python_function(*inputs)
        for one, other in zip(*map(tf.nest.flatten, (found, expected)), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    samples, beams = samples_and_beams(START[:0], MODEL.state(0), top_k[:0], 12)
    assert samples.tokens.shape == (0, 12)
    assert beams.tokens.shape == (0, 3, 9)
    assert samples_and_beams.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "uniforms"),
        ({"uniforms": np.zeros((1, 3), "float32"), "steps": 3}, "uniforms"),
        ({"steps": 3, "temperature": 0.5}, "temperature"),
        ({"steps": 3, "top_k": 5}, "top_k"),
        ({"steps": 3, "top_p": 0.5}, "top_p"),
        ({"steps": 0}, "one step"),
        ({"uniforms": np.zeros((1, 0), "float32")}, "one step"),
        ({"steps": 3, "forbidden": (VOCABULARY,)}, "forbidden"),
    ],
    ids=str,
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        generate(MODEL.step, START[:1], MODEL.state(1), **arguments)


def test_a_step_that_changes_the_nest_is_refused():
    def step(token_ids, state):
        logits, state = MODEL.step(token_ids, state)
        return logits, [state]

    with pytest.raises(ValueError, match="paths"):
        generate(step, START, MODEL.state(BATCH), steps=3)
