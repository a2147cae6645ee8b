"""Training on a stream in pieces: the states go over from batch to batch, and nowhere else."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.language_models import UNITS, VOCABULARY, logits_and_states, pieces, stream
from support.processes import run_script
from support.processors import skip_without
from support.sequences import randomize

from zoo.cells import CELLS
from zoo.errors import UserError
from zoo.networks import StreamModel, language_model
from zoo.training import ClippedAdam, Perplexity, SequenceCrossentropy, fit

ROWS = 3


def network(**options):
    options = {"embedding_dim": 4, "units": UNITS, "seed": 1} | options
    model = language_model(VOCABULARY, **options)
    randomize(model)
    return model


def compiled(network, optimizer="sgd", batch_size=ROWS, **options):
    model = StreamModel(network, batch_size)
    loss = SequenceCrossentropy(reduction="mean_per_step")
    model.compile(optimizer, loss, weighted_metrics=[Perplexity()], **options)
    return model


def dataset(timesteps, **options):
    batches = list(pieces(*stream(ROWS, **options), timesteps))
    spec = tf.nest.map_structure(lambda a: tf.TensorSpec(a.shape, a.dtype), batches[0])
    return tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=spec).apply(
        tf.data.experimental.assert_cardinality(len(batches))
    )


class Batches:
    """The protocol of `zoo.training.fit`."""

    def __init__(self, timesteps, **options):
        self._dataset = dataset(timesteps, **options)

    def __len__(self):
        return len(self._dataset)

    def dataset(self, epoch=0):
        return self._dataset


def crossentropy(logits, targets, weights):
    """Sums of the losses and of the weights."""
    log_sums = np.log(np.exp(np.float64(logits)).sum(axis=-1))
    right = np.take_along_axis(np.float64(logits), targets[..., None], axis=-1)[..., 0]
    return ((log_sums - right) * weights).sum(), weights.sum()


@pytest.mark.parametrize("cell", CELLS)
def test_pieces_have_the_loss_of_the_whole(cell):
    """The last piece is filled up with padding; its weights are 0."""
    whole = network(cell=cell, layers=2)
    model = StreamModel(whole, ROWS)
    ids, targets = stream(ROWS)
    logits, states = logits_and_states(whole, ids)
    expected = crossentropy(logits, targets, np.ones(targets.shape))
    sums = [
        crossentropy(model(inputs), y, weights) for inputs, y, weights in pieces(ids, targets, 5)
    ]
    np.testing.assert_allclose(np.sum(sums, axis=0), expected, rtol=1e-5)
    for name, state in states.items():
        np.testing.assert_allclose(model.states[name], state, atol=1e-5)


def test_evaluate_in_pieces_is_evaluate_of_the_whole_and_the_same_each_time():
    model = compiled(network(layers=2))
    ids, targets = stream(ROWS)
    logits, _ = logits_and_states(model.network, ids)
    total, count = crossentropy(logits, targets, np.ones(targets.shape))
    for timesteps in (5, 12, 5):
        figures = model.evaluate(dataset(timesteps), verbose=0, return_dict=True)
        np.testing.assert_allclose(figures["perplexity"], np.exp(total / count), rtol=1e-5)


def test_only_fresh_rows_start_from_zero():
    model = StreamModel(network(), ROWS)
    ids, targets = stream(ROWS)
    (first, *_), (second, *_), _ = pieces(ids, targets, 5)
    model(first)
    second["fresh"][1] = True
    logits = np.array(model(second))
    whole, _ = logits_and_states(model.network, ids)
    alone, _ = logits_and_states(model.network, ids[:, 5:10])
    np.testing.assert_allclose(logits[[0, 2]], whole[[0, 2], 5:10], atol=1e-5)
    np.testing.assert_allclose(logits[1], alone[1], atol=1e-5)
    assert np.abs(alone - whole[:, 5:10])[1].max() > 1e-3


def test_nothing_leaks_between_training_and_validation():
    """Validated or not, an epoch trains the same; validation is that of the network alone."""
    results = {}
    other = dataset(4, seed=2)
    for validated in (False, True):
        model = compiled(network(), keras.optimizers.SGD(0.3))
        for _ in range(2):
            history = model.fit(
                dataset(4),
                validation_data=other if validated else None,
                shuffle=False,
                verbose=0,
            ).history
        results[validated] = model.network.get_weights()
    for one, same in zip(*results.values(), strict=True):
        np.testing.assert_allclose(one, same, rtol=1e-5, atol=1e-6)
    ids, targets = stream(ROWS, seed=2)
    logits, _ = logits_and_states(model.network, ids)
    total, count = crossentropy(logits, targets, np.ones(targets.shape))
    np.testing.assert_allclose(history["val_perplexity"], [np.exp(total / count)], rtol=1e-5)


def test_the_gradient_ends_where_the_piece_begins():
    """It is that of the network with the state as a constant, and not that of the whole."""
    whole = network(layers=2)
    model = StreamModel(whole, ROWS)
    loss = SequenceCrossentropy(reduction="mean_per_step")
    ids, targets = stream(ROWS, steps=8)
    first, second = pieces(ids, targets, 4)

    def gradients(losses):
        with tf.GradientTape() as tape:
            value = losses()
        gradients = tape.gradient(value, whole.trainable_variables)
        return [np.array(tf.convert_to_tensor(gradient)) for gradient in gradients]

    def of_stream():
        return sum(loss(y, model(inputs, training=True), w) for inputs, y, w in (first, second))

    _, state = logits_and_states(whole, ids[:, :4])
    zeros = {name: np.zeros_like(value) for name, value in state.items()}

    def of_constants():
        outputs = [
            whole({"token_ids": inputs["token_ids"], **states}, training=True)["logits"]
            for (inputs, *_), states in ((first, zeros), (second, state))
        ]
        return sum(loss(y, o, w) for o, (_, y, w) in zip(outputs, (first, second), strict=True))

    def of_whole():
        inputs = {"token_ids": ids, **zeros}
        return 2 * loss(targets, whole(inputs, training=True)["logits"])

    found, expected, untruncated = map(gradients, (of_stream, of_constants, of_whole))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert max(np.abs(a - b).max() for a, b in zip(found, untruncated, strict=True)) > 1e-4


def test_a_resumed_training_ends_as_an_unbroken_one(tmp_path):
    validation = dataset(4, seed=2)

    def train(folder, epochs, resume=False):
        model = compiled(network(dropout=0.3), ClippedAdam(0.05))
        history = fit(
            model,
            Batches(5),
            validation,
            epochs=epochs,
            seed=3,
            run_folder=tmp_path / folder,
            monitor="val_perplexity",
            mode="min",
            resume=resume,
        )
        return model.get_weights(), history.history

    unbroken, history = train("unbroken", 2)
    train("broken", 1)
    resumed, of_resumed = train("broken", 2, resume=True)
    for one, other in zip(unbroken, resumed, strict=True):  # the same program: to the last bit
        np.testing.assert_array_equal(one, other)
    assert of_resumed == history
    assert history["loss"][1] < history["loss"][0]


def test_a_run_is_not_resumed_with_another_network(tmp_path):
    def train(cell, **options):
        model = compiled(network(cell=cell))
        fit(model, Batches(6), epochs=1, seed=3, run_folder=tmp_path, monitor="loss", **options)

    train("gru")
    with pytest.raises(UserError, match="gru"):
        train("simplified_gru", resume=True)


def test_compiled_by_xla():
    plain, by_xla = (compiled(network(), "sgd", jit_compile=jit) for jit in (False, True))
    assert by_xla.jit_compile
    histories = [
        model.fit(dataset(4), shuffle=False, verbose=0).history for model in (plain, by_xla)
    ]
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-4)


def test_states_keep_their_digits_in_mixed_precision():
    skip_without("bfloat16")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = compiled(network(layers=2), keras.optimizers.SGD(0.1))
    finally:
        keras.config.set_dtype_policy(before)
    ids, targets = stream(ROWS)
    logits, states = logits_and_states(model.network, ids)
    found = [np.array(model(inputs)) for inputs, *_ in pieces(ids, targets, 4)]
    np.testing.assert_allclose(np.concatenate(found, axis=1), logits, atol=0.05)
    for name, state in states.items():
        assert model.states[name].dtype == "float32"
        # A state that was rounded to bfloat16 between the pieces would be off by more.
        np.testing.assert_allclose(model.states[name], state, atol=1e-3)
    losses = [model.fit(dataset(4), shuffle=False, verbose=0).history["loss"][0] for _ in range(2)]
    assert losses[1] < losses[0]


def test_the_network_is_shared_and_the_states_are_no_weights_of_it():
    whole = network(cell="gru")
    model = StreamModel(whole, ROWS)
    assert model.network is whole
    assert [id(w) for w in model.trainable_weights] == [id(w) for w in whole.trainable_weights]
    assert [state.shape for state in model.states.values()] == [(ROWS, UNITS)]
    assert len(model.weights) == len(whole.weights) + 1
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(model))
    assert type(again) is StreamModel
    assert again.get_config() == model.get_config()


def test_a_batch_of_another_size_is_refused():
    model = StreamModel(network(), ROWS)
    inputs, *_ = next(pieces(*stream(ROWS + 1), 4))
    with pytest.raises(ValueError, match=r"states are those of 3 rows.*\(4, 4\)"):
        model(inputs)


def test_several_replicas_are_refused(tmp_path):
    """In a process of its own: one of these has one CPU."""
    script = tmp_path / "script.py"
    script.write_text(
        "import tensorflow as tf\n"
        "tf.config.set_logical_device_configuration(tf.config.list_physical_devices('CPU')[0],\n"
        "    [tf.config.LogicalDeviceConfiguration()] * 2)\n"
        "from zoo.errors import UserError\n"
        "from zoo.networks import StreamModel, language_model\n"
        "for devices in (['CPU:0'], ['CPU:0', 'CPU:1']):\n"
        "    with tf.distribute.MirroredStrategy(devices).scope():\n"
        "        try:\n"
        "            StreamModel(language_model(5, units=2, embedding_dim=2), 4)\n"
        "            refused = False\n"
        "        except UserError as error:\n"
        "            refused = 'one GPU' in str(error)\n"
        "    assert refused == (len(devices) == 2), devices\n"
    )
    run_script(script)
