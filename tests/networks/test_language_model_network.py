"""The language model: its layers by hand, its states, its dropout."""

import numpy as np
import pytest
from support.network_case import CASES, UNITS, WORDS, array

from zoo.networks import initial_states


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
