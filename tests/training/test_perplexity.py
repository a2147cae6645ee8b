"""`Perplexity` against NumPy, over batches of unequal numbers of steps."""

import keras
import numpy as np
from support.reference import crossentropies

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
    total = sum((crossentropies(targets, logits) * w).sum() for targets, logits, w in batches)
    return np.exp(total / sum(weights.sum() for *_, weights in batches))


def measured(*batches):
    metric = Perplexity()
    for batch in batches:
        metric.update_state(*batch)
    return float(metric.result())


def test_is_that_of_all_steps_of_all_batches():
    batches = [sample(seed, batch) for seed, batch in enumerate((4, 1, 7))]
    np.testing.assert_allclose(measured(*batches), by_numpy(*batches), rtol=1e-5)
    targets, logits, weights = batches[0]
    half = keras.ops.cast(logits, "bfloat16")  # widened first
    expected = by_numpy((targets, keras.ops.cast(half, "float32"), weights))
    np.testing.assert_allclose(measured((targets, half, weights)), expected, rtol=1e-5)


def test_weights_weigh_the_steps_and_leave_out_what_is_no_class():
    targets, logits, weights = sample(3)
    of_rows = np.array([1, 0, 3, 0.5], "float32")
    everywhere = np.broadcast_to(of_rows[:, None], targets.shape)
    of_steps = weights * np.linspace(0.5, 2, 5, dtype="float32")
    for given, counted in (
        ((), np.ones_like(weights)),
        ((of_rows,), everywhere),
        ((of_steps,), of_steps),
    ):
        expected = by_numpy((targets, logits, counted))
        for padding in (-1, CLASSES, 10**6):
            padded = np.where(counted > 0, targets, padding)
            np.testing.assert_allclose(measured((padded, logits, *given)), expected, rtol=1e-5)


def test_mask_of_the_predictions_counts_too():
    targets, logits, weights = sample(4)
    mask = np.arange(5) < np.array([[5], [2], [3], [1]])
    predictions = keras.ops.convert_to_tensor(logits)
    keras.src.backend.set_keras_mask(predictions, keras.ops.convert_to_tensor(mask))
    expected = by_numpy((targets, logits, weights * mask))
    np.testing.assert_allclose(measured((targets, predictions, weights)), expected, rtol=1e-5)


def test_impossible_targets_and_no_steps():
    targets, logits, weights = sample(7)
    far = np.where(np.eye(CLASSES)[targets], -2e4, 0).astype("float32")
    assert measured((targets, far, weights)) == np.inf
    assert measured((targets, logits, 0 * weights)) == measured() == 1


def test_in_evaluate_it_is_exp_of_the_loss_of_one_batch_but_not_of_the_batches_mean():
    targets, logits, weights = sample(9, batch=12)
    weights[:4, 1:] = 0
    inputs = keras.Input((None, CLASSES))
    model = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
    model.compile(loss=SequenceCrossentropy("mean_per_step"), weighted_metrics=[Perplexity()])
    expected = by_numpy((targets, logits, weights))
    options = {"sample_weight": weights, "verbose": 0, "return_dict": True}
    for batch_size, same in ((12, True), (4, False)):  # the metric is reset between the two
        figures = model.evaluate(logits, targets, batch_size, **options)
        np.testing.assert_allclose(figures["perplexity"], expected, rtol=1e-5)
        assert np.isclose(np.exp(figures["loss"]), expected, rtol=1e-5) == same
