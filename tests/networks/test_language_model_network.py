"""The language model: its layers by hand, its states, its dropout; training on a stream in pieces.

In training on a stream the states go over from batch to batch, and nowhere else.
"""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.network_case import CASES, UNITS, WORDS, array, language_model
from support.processors import made_in
from support.reference import crossentropies

from zoo.cells import CELLS
from zoo.datasets.batches.streams import StreamBatches
from zoo.errors import UserError
from zoo.networks import StreamModel, initial_states, step_model
from zoo.networks.language_model import step_function
from zoo.training import ClippedAdam, Perplexity, SequenceCrossentropy, fit


def weights(model, layer):
    return {weight.name: np.array(weight) for weight in model.get_layer(layer).weights}


def test_a_state_for_each_of_each_layer():
    for cell, layers, number in (("lstm", 1, 2), ("gru", 2, 2), ("peephole_lstm", 3, 6)):
        model = CASES["language_model"].make(False, cell=cell, layers=layers)
        names = {f"state_{i}" for i in range(number)}
        assert {*model.input} - {"token_ids"} == {*model.output} - {"logits"} == names
        zeros = initial_states(model, 7)
        assert set(zeros) == names
        assert all((array(state) == np.zeros((7, UNITS))).all() for state in zeros.values())


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("language_model")])
def test_a_step_whose_constants_are_computed_before_is_the_step(name):
    case = CASES[name]
    model = case.make()
    token_ids = keras.ops.convert_to_tensor(case.inputs["token_ids"][:, 0])
    states = {n: keras.ops.convert_to_tensor(case.inputs[n]) for n in initial_states(model, 1)}
    expected = dict(step_model(model)({"token_ids": token_ids, **states}))
    logits, new = step_function(model)(token_ids, states)
    assert new.keys() == states.keys()
    for key, value in {"logits": logits, **new}.items():
        np.testing.assert_allclose(array(value), array(expected[key]), atol=1e-6)


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("language_model")])
def test_layers_by_hand(name):
    """Vectors of the ids, the recurrence, and products with the kernel of the logits."""
    case = CASES[name]
    model, ids = case.make(), case.inputs["token_ids"]
    if name.endswith("one-hot"):
        vectors = np.eye(WORDS, dtype="float32")[ids]
    else:
        vectors = weights(model, "embedding")["embeddings"][ids]
    states = [case.inputs[f"state_{i}"] for i in range(len(case.inputs) - 1)]
    x, final = model.get_layer("recurrence")(vectors, initial_state=states, mask=ids > 0)
    x = np.array(x)
    if name.endswith("projected"):
        of = weights(model, "projection")
        x = x @ of["kernel"] + of["bias"]
    if name.endswith(("tied", "projected")):
        of = weights(model, "embedding")
        expected = x @ of["embeddings"].T + of["bias"]
        assert "logits" not in {layer.name for layer in model.layers}
    else:
        of = weights(model, "logits")
        expected = x @ of["kernel"] + of["bias"]
    outputs = case.outputs(model)
    np.testing.assert_allclose(outputs["logits"], expected, atol=1e-5)
    for i, state in enumerate(final):
        np.testing.assert_allclose(outputs[f"state_{i}"], state, atol=1e-6)


@pytest.mark.parametrize("variational", [False, True])
@pytest.mark.parametrize("dropped", ["embedding_dropout", "dropout"])
def test_variational_dropout_has_one_mask_for_all_steps(dropped, variational):
    case = CASES["language_model, one-hot"]
    model = case.make(**{dropped: 0.5}, variational=variational)
    layer = model.get_layer("output_dropout" if dropped == "dropout" else dropped)
    kept = array(layer(np.ones((4, 20, 8), "float32"), training=True)) > 0
    assert (kept == kept[:, :1]).all() == variational
    plain = case.outputs(case.make(), training=True)["logits"]
    draws = [case.outputs(model, training=True)["logits"] for _ in range(2)]
    assert not np.allclose(*draws)
    assert not np.allclose(draws[0], plain)
    np.testing.assert_allclose(case.outputs(model)["logits"], plain, atol=1e-6)


ROWS, STEPS = 3, 12


def network(**options):
    return language_model().make(**options)


def stream(rows=ROWS, seed=0):
    """Ids and the ids after them, (rows, steps) each; no padding."""
    ids = np.random.default_rng(seed).integers(1, WORDS, size=rows * STEPS + 1, dtype="int32")
    return ids[:-1].reshape(rows, STEPS), ids[1:].reshape(rows, STEPS)


def batches(timesteps, rows=ROWS, seed=0):
    """Those of `stream`; the last are filled up with padding, whose weights are 0."""
    ids, targets = stream(rows, seed)
    return StreamBatches(targets.ravel(), rows, timesteps, start_id=ids[0, 0])


def pieces(timesteps, **options):
    """Inputs, targets and weights of each."""
    return list(batches(timesteps, **options).dataset().as_numpy_iterator())


def compiled(network, optimizer="sgd"):
    model = StreamModel(network, ROWS)
    loss = SequenceCrossentropy(reduction="mean_per_step")
    model.compile(optimizer, loss, weighted_metrics=[Perplexity()])
    return model


def logits_and_states(model, ids):
    """Of a whole stream, from zero states."""
    outputs = model({"token_ids": tf.constant(ids), **initial_states(model, len(ids))})
    outputs = {name: array(value) for name, value in outputs.items()}
    return outputs.pop("logits"), outputs


@pytest.mark.parametrize("cell", CELLS)
def test_pieces_have_the_loss_of_the_whole(cell):
    whole = network(cell=cell, layers=2)
    model = StreamModel(whole, ROWS)
    ids, targets = stream()
    logits, states = logits_and_states(whole, ids)
    total = sum((crossentropies(y, model(x)) * weights).sum() for x, y, weights in pieces(5))
    np.testing.assert_allclose(total, crossentropies(targets, logits).sum(), rtol=1e-5)
    for name, state in states.items():
        np.testing.assert_allclose(model.states[name], state, atol=1e-5)


def test_only_fresh_rows_start_from_zero():
    model = StreamModel(network(), ROWS)
    (first, *_), (second, *_), _ = pieces(5)
    model(first)
    second["fresh"] = np.array([False, True, False])
    logits, (ids, _) = np.array(model(second)), stream()
    whole, _ = logits_and_states(model.network, ids)
    alone, _ = logits_and_states(model.network, ids[:, 5:10])
    np.testing.assert_allclose(logits[[0, 2]], whole[[0, 2], 5:10], atol=1e-5)
    np.testing.assert_allclose(logits[1], alone[1], atol=1e-5)
    assert np.abs(alone - whole[:, 5:10])[1].max() > 1e-3


def test_nothing_leaks_between_training_and_validation():
    """Validated or not, an epoch trains the same; validation is that of the network alone."""
    results = {}
    for validated in (False, True):
        model = compiled(network(), keras.optimizers.SGD(0.3))
        data = {"validation_data": batches(4, seed=2).dataset()} if validated else {}
        data |= {"x": batches(4).dataset(), "shuffle": False, "verbose": 0}
        history = [model.fit(**data) for _ in range(2)][1]
        results[validated] = model.network.get_weights()
    for one, same in zip(*results.values(), strict=True):
        np.testing.assert_allclose(one, same, rtol=1e-5, atol=1e-6)
    ids, targets = stream(seed=2)
    logits, _ = logits_and_states(model.network, ids)
    perplexity = np.exp(crossentropies(targets, logits).mean())
    np.testing.assert_allclose(history.history["val_perplexity"], [perplexity], rtol=1e-5)
    found = model.evaluate(batches(5, seed=2).dataset(), verbose=0, return_dict=True)
    np.testing.assert_allclose(found["perplexity"], perplexity, rtol=1e-5)


def test_the_gradient_ends_where_the_piece_begins():
    """It is that of the network with the state as a constant, and not that of the whole."""
    whole = network(layers=2)
    model = StreamModel(whole, ROWS)
    loss = SequenceCrossentropy(reduction="mean_per_step")
    ids, targets = stream()
    of_batches = pieces(6)
    zeros = {name: tf.zeros_like(state) for name, state in model.states.items()}
    middle = logits_and_states(whole, ids[:, :6])[1]

    def gradients(logits):
        with tf.GradientTape() as tape:
            value = sum(loss(y, model_of(inputs), 1.0) for inputs, y, model_of in logits)
        found = tape.gradient(value, whole.trainable_variables)
        return [np.array(tf.convert_to_tensor(gradient)) for gradient in found]

    def from_states(states):
        tensors = tf.nest.map_structure
        return lambda ids: whole(tensors(tf.constant, {**ids, **states}), training=True)["logits"]

    def of_stream(inputs):
        return model(inputs, training=True)

    of_ids = [({"token_ids": inputs["token_ids"]}, y) for inputs, y, _ in of_batches]
    found = gradients([(inputs, y, of_stream) for inputs, y, _ in of_batches])
    starts = (zeros, middle)
    expected = gradients([(*p, from_states(s)) for p, s in zip(of_ids, starts, strict=True)])
    untruncated = gradients([({"token_ids": ids}, targets, from_states(zeros))])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert max(np.abs(a - 2 * b).max() for a, b in zip(found, untruncated, strict=True)) > 1e-4


def test_a_resumed_training_ends_as_an_unbroken_one(tmp_path):
    def train(folder, epochs, resume=False):
        model = compiled(network(dropout=0.3, seed=1), ClippedAdam(0.05))
        where = {"run_folder": tmp_path / folder, "monitor": "val_perplexity", "mode": "min"}
        data = batches(5), batches(4, seed=2).dataset()
        history = fit(model, *data, epochs=epochs, seed=3, resume=resume, **where)
        return model.get_weights(), history.history

    unbroken, history = train("unbroken", 2)
    train("broken", 1)
    resumed, of_resumed = train("broken", 2, resume=True)
    for one, other in zip(unbroken, resumed, strict=True):  # the same program: to the last bit
        np.testing.assert_array_equal(one, other)
    assert of_resumed == history
    assert history["loss"][1] < history["loss"][0]


def test_states_keep_their_digits_in_mixed_precision():
    with made_in("mixed_bfloat16"):
        model = StreamModel(network(layers=2), ROWS)
    logits, states = logits_and_states(model.network, stream()[0])
    found = [np.array(model(inputs)) for inputs, *_ in pieces(4)]
    np.testing.assert_allclose(np.concatenate(found, axis=1), logits, atol=0.05)
    for name, state in states.items():
        assert model.states[name].dtype == "float32"
        # A state that was rounded to bfloat16 between the pieces would be off by more.
        np.testing.assert_allclose(model.states[name], state, atol=1e-3)


def test_the_network_is_shared_and_the_states_are_no_weights_of_it():
    whole = network(cell="gru")
    model = StreamModel(whole, ROWS)
    assert [id(w) for w in model.trainable_weights] == [id(w) for w in whole.trainable_weights]
    assert [state.shape for state in model.states.values()] == [(ROWS, UNITS)]
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(model))
    assert type(again) is StreamModel
    assert again.get_config() == model.get_config()


def test_another_batch_and_several_replicas_are_refused(monkeypatch):
    model = StreamModel(network(), ROWS)
    inputs, *_ = pieces(4, rows=ROWS + 1)[0]
    with pytest.raises(ValueError, match=r"states are those of 3 rows.*\(4, 4\)"):
        model(inputs)
    two = SimpleNamespace(num_replicas_in_sync=2)
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: two)
    with pytest.raises(UserError, match="one GPU, not on 2"):
        StreamModel(model.network, ROWS)
