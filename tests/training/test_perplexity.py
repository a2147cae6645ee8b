"""`Perplexity` against NumPy, over batches of unequal numbers of steps."""

import keras
import numpy as np
import pytest

from zoo.training import Perplexity, SequenceCrossentropy

CLASSES = 6


def sample(seed, batch=4, timesteps=5):
    """Targets, logits and weights, a third of them 0."""
    generator = np.random.default_rng(seed)
    targets = generator.integers(CLASSES, size=(batch, timesteps)).astype("int32")
    logits = generator.normal(scale=2, size=(batch, timesteps, CLASSES)).astype("float32")
    weights = (generator.uniform(size=(batch, timesteps)) > 1 / 3).astype("float32")
    return targets, logits, weights


def by_numpy(*batches):
    losses, counted = [], []
    for targets, logits, weights in batches:
        logits = logits.astype("float64")
        log_sums = np.log(np.exp(logits).sum(axis=-1))
        right = np.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
        losses.append(((log_sums - right) * weights).sum())
        counted.append(weights.sum())
    return np.exp(sum(losses) / sum(counted))


def measured(*batches):
    metric = Perplexity()
    for batch in batches:
        metric.update_state(*batch)
    return float(metric.result())


def test_is_that_of_all_steps_of_all_batches():
    batches = [sample(seed, batch) for seed, batch in enumerate((4, 1, 7))]
    np.testing.assert_allclose(measured(*batches), by_numpy(*batches), rtol=1e-5)


def test_weights_weigh_the_steps():
    targets, logits, weights = sample(3)
    weights *= np.linspace(0.5, 2, 5, dtype="float32")
    np.testing.assert_allclose(
        measured((targets, logits, weights)), by_numpy((targets, logits, weights)), rtol=1e-5
    )
    of_rows = np.array([1, 0, 3, 0.5], "float32")
    everywhere = np.broadcast_to(of_rows[:, None], targets.shape)
    np.testing.assert_allclose(
        measured((targets, logits, of_rows)), by_numpy((targets, logits, everywhere)), rtol=1e-5
    )
    ones = np.ones_like(weights)
    np.testing.assert_allclose(
        measured((targets, logits)), by_numpy((targets, logits, ones)), rtol=1e-5
    )


def test_mask_of_the_predictions_counts_too():
    targets, logits, weights = sample(4)
    mask = np.arange(5) < np.array([[5], [2], [3], [1]])
    predictions = keras.ops.convert_to_tensor(logits)
    keras.src.backend.set_keras_mask(predictions, keras.ops.convert_to_tensor(mask))
    np.testing.assert_allclose(
        measured((targets, predictions, weights)),
        by_numpy((targets, logits, weights * mask)),
        rtol=1e-5,
    )


@pytest.mark.parametrize("padding", [-1, CLASSES, 10**6])
def test_what_pads_the_targets_need_be_no_class(padding):
    targets, logits, weights = sample(5)
    padded = np.where(weights > 0, targets, padding)
    np.testing.assert_allclose(
        measured((padded, logits, weights)), by_numpy((targets, logits, weights)), rtol=1e-5
    )


def test_impossible_targets_and_no_steps():
    targets, logits, weights = sample(7)
    far = np.where(np.eye(CLASSES)[targets], -2e4, 0).astype("float32")
    assert measured((targets, far, weights)) == np.inf
    assert measured((targets, logits, 0 * weights)) == 1
    assert measured() == 1


def test_half_precision_is_widened_first():
    targets, logits, weights = sample(8)
    half = keras.ops.cast(logits, "bfloat16")
    rounded = np.array(keras.ops.cast(half, "float32"))
    np.testing.assert_allclose(
        measured((targets, half, weights)), by_numpy((targets, rounded, weights)), rtol=1e-5
    )


def test_in_evaluate_it_is_exp_of_the_loss_of_one_batch_but_not_of_the_batches_mean():
    targets, logits, weights = sample(9, batch=12)
    weights[:4, 1:] = 0
    inputs = keras.Input((None, CLASSES))
    model = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
    model.compile(loss=SequenceCrossentropy("mean_per_step"), weighted_metrics=[Perplexity()])
    expected = by_numpy((targets, logits, weights))
    for batch_size, same in ((12, True), (4, False)):
        figures = model.evaluate(
            logits,
            targets,
            sample_weight=weights,
            batch_size=batch_size,
            verbose=0,
            return_dict=True,
        )
        np.testing.assert_allclose(figures["perplexity"], expected, rtol=1e-5)
        assert np.isclose(np.exp(figures["loss"]), expected, rtol=1e-5) == same


def test_reset_and_configuration():
    metric = Perplexity(name="surprise")
    metric.update_state(*sample(1))
    metric.reset_state()
    metric.update_state(*sample(2))
    np.testing.assert_allclose(metric.result(), by_numpy(sample(2)), rtol=1e-5)
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(again) is Perplexity
    assert again.get_config() == metric.get_config()
    assert again.name == "surprise"
    assert Perplexity().name == "perplexity"
