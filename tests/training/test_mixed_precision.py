"""Losses, clipping and checkpoints under the mixed precision policies."""

import keras
import numpy as np
import pytest
from support import tiny_training as tiny

from zoo.training import ClippedAdam, SequenceCrossentropy, checkpoints, fit


@pytest.fixture(params=["mixed_float16", "mixed_bfloat16"])
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


def test_it_trains_and_keeps_its_whole_state(policy, tmp_path):
    model = tiny.network(optimizer=ClippedAdam(0.05, clip_norm=0.5))
    data = tiny.Batches(), tiny.validation()
    loss = fit(model, *data, epochs=3, seed=0, run_folder=tmp_path).history["loss"]
    assert loss[2] < loss[1] < loss[0]
    assert model(tiny.corpus()[0]).dtype == policy.removeprefix("mixed_")
    assert {w.dtype for w in model.weights} == {"float32"}

    state = checkpoints.load(tmp_path)
    names = [v.name for v in model.optimizer.variables]
    assert ("dynamic_scale" in names) == (policy == "mixed_float16")
    for variable, value in zip(model.optimizer.variables, state.optimizer_variables, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_the_gradient_is_clipped_after_it_is_unscaled():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = tiny.network(dropout=0, optimizer=ClippedAdam(0.01, clip_norm=0.1))
    finally:
        keras.config.set_dtype_policy("float32")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    tokens, targets, mask = tiny.corpus()
    model.fit(tokens, targets, sample_weight=mask, batch_size=len(tokens), verbose=0)
    inner = model.optimizer.inner_optimizer
    moments = [v for v in inner.variables if v.name.endswith("momentum")]
    assert len(moments) == 3
    gradient = np.concatenate([np.ravel(m) for m in moments]) / (1 - inner.beta_1)
    np.testing.assert_allclose(np.linalg.norm(gradient), 0.1, rtol=1e-3)


def test_the_loss_is_computed_in_single_precision(policy):
    inputs = keras.Input((None,), dtype="int32")
    model = keras.Model(inputs, keras.layers.Embedding(2, 2)(inputs))
    model.compile(loss=SequenceCrossentropy())
    model.set_weights([np.full((2, 2), 8.0)])
    tokens = np.zeros((1, 5000), "int32")  # 5000 log 2 is no number of either half precision
    np.testing.assert_allclose(
        model.evaluate(tokens, tokens, verbose=0), 5000 * np.log(2), rtol=1e-5
    )
