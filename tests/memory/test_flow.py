"""What reaches an early state, against NumPy: products of Jacobians, and finite differences."""

import functools

import keras
import numpy as np
import pytest
from support.reference import Equations, central_differences
from support.sequences import TIMESTEPS, UNITS, VARIANTS, build_cell, sample

from zoo.layers import Recurrence
from zoo.memory import flow, problems, readers

DIRECTION = np.linspace(1, 2, UNITS)


def loss(output):
    """Of two examples, each with a gradient of its own."""
    weights = np.stack([DIRECTION, -3 * DIRECTION]).astype("float32")
    return keras.ops.sum(output * keras.ops.convert_to_tensor(weights))


def measured(cell):
    x, _ = sample(cell, batch=2, dtype="float32")
    return x, flow.gradient_flow(cell, x, loss)


def test_of_an_rnn_unit_it_is_the_product_of_jacobians():
    cell = build_cell("rnn")
    x, found = measured(cell)
    W, U, b = (np.array(w, "float64") for w in (cell.kernel, cell.recurrent_kernel, cell.bias))
    a, jacobians = np.zeros((2, UNITS)), []
    for t in range(TIMESTEPS):
        a = np.tanh(x[:, t] @ W + a @ U + b)
        jacobians.insert(0, [np.diag(1 - row**2) @ U.T for row in a])  # the last step first
    gradients = np.stack([DIRECTION, -3 * DIRECTION])
    product, norms = np.eye(UNITS), 1.0
    for distance in range(TIMESTEPS + 1):
        size = np.linalg.norm(gradients, axis=1).mean()
        assert found.gradient[distance] == pytest.approx(size, rel=1e-4)
        assert found.product[distance] == pytest.approx(np.linalg.norm(product, 2), rel=1e-4)
        assert found.norms[distance] == pytest.approx(norms, rel=1e-4)
        if distance < TIMESTEPS:
            one = jacobians[distance]
            gradients = np.stack([g @ J for g, J in zip(gradients, one, strict=True)])
            product, norms = product @ one[0], norms * np.linalg.norm(one[0], 2)
    assert found.bound == pytest.approx(np.linalg.svd(U)[1][0], rel=1e-5)
    powers = found.bound ** np.arange(TIMESTEPS + 1)
    assert np.all(found.product <= found.norms * (1 + 1e-6))
    assert np.all(found.norms <= powers * (1 + 1e-6))


@pytest.mark.parametrize("variant", VARIANTS)
def test_of_every_cell_it_is_that_of_finite_differences(variant):
    cell = build_cell(variant)
    x, found = measured(cell)
    weights = {w.name: np.array(w, "float64") for w in cell.trainable_variables}
    run = Equations(cell, weights).over_time
    for distance in (1, TIMESTEPS):
        start = TIMESTEPS - distance
        states = [np.zeros((2, UNITS))] * (2 if "lstm" in variant else 1)
        if start:
            _, *states = run(x[:, :start])
        states = [state.copy() for state in states]

        def late(states=states, start=start):
            _, last, *_ = run(x[:, start:], states)
            return last[0] @ DIRECTION - 3 * last[1] @ DIRECTION

        gradients = np.concatenate([central_differences(late, s) for s in states], axis=1)
        expected = np.linalg.norm(gradients, axis=1).mean()
        assert found.gradient[distance] == pytest.approx(expected, rel=1e-3)
    assert (found.bound is None) == (variant != "rnn")


def test_of_a_network_it_is_that_of_the_loss_that_it_learns():
    """By the initial state of its recurrence, which brings its own gradient."""
    tf = pytest.importorskip("tensorflow")
    problem = problems.recall(6, letters=3)
    model = readers.build(problem, "lstm", 4, seed=1)
    found = flow.flow_of(model, problem, examples=2, seed=5)
    x, y = problem.sample(np.random.default_rng([5, 2]), 2)
    states = [tf.zeros((2, 4)), tf.zeros((2, 4))]
    with tf.GradientTape() as tape:
        tape.watch(states)
        last = Recurrence(model.get_layer("recurrence").cell)(x, initial_state=states)
        value = problem.loss(y, model.get_layer("answers")(last[:, None]))
    gradient = np.concatenate(tape.gradient(value, states), axis=1)
    expected = np.linalg.norm(gradient, axis=1).mean()
    assert found.gradient[6] == pytest.approx(expected, rel=1e-4)


def test_where_little_is_left_and_where_nothing_arrives():
    of = functools.partial(flow.Flow, product=np.ones(4), norms=np.ones(4), bound=None)
    some = of(np.array([4.0, 0.2, 0.03, 8.0]))
    np.testing.assert_allclose(some.relative, [1, 0.05, 0.0075, 2])
    assert (some.reach(), some.reach(0.1), some.reach(0.001)) == (2, 1, None)
    nothing = of(np.zeros(4))
    assert nothing.reach() == 0
    assert not nothing.relative.any()
