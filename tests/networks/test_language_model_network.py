"""The language model: its layers by hand, its states, what its logits depend on."""

import keras
import numpy as np
import pytest
from support.language_models import UNITS, VOCABULARY, array, logits_and_states, stream
from support.sequences import randomize

from zoo.networks import initial_states, language_model

VARIANTS = {
    "embedding": {"embedding_dim": 4},
    "one-hot": {"embedding_dim": None},
    "tied": {"embedding_dim": UNITS, "tie_weights": True},
    "tied, projected": {"embedding_dim": 3, "tie_weights": True},
}
EACH_VARIANT = pytest.mark.parametrize("variant", VARIANTS)
IDS, _ = stream()


def network(variant="embedding", random=True, **options):
    model = language_model(VOCABULARY, **{"units": UNITS, "seed": 1} | VARIANTS[variant] | options)
    if random:
        randomize(model)
    return model


def weights(model, layer):
    return {weight.name: np.array(weight) for weight in model.get_layer(layer).weights}


def random_states(model):
    generator = np.random.default_rng(4)
    zeros = initial_states(model, len(IDS))
    return {
        name: generator.normal(size=state.shape).astype("float32") for name, state in zeros.items()
    }


@pytest.mark.parametrize(
    ("cell", "layers", "states"), [("lstm", 1, 2), ("gru", 2, 2), ("peephole_lstm", 3, 6)]
)
def test_inputs_and_outputs(cell, layers, states):
    model = network(cell=cell, layers=layers)
    names = [f"state_{i}" for i in range(states)]
    assert sorted(model.input) == sorted([*names, "token_ids"])
    assert sorted(model.output) == sorted([*names, "logits"])
    assert model.output["logits"].shape == (None, None, VOCABULARY)
    zeros = initial_states(model, 7)
    assert list(zeros) == names
    for name, state in zeros.items():
        np.testing.assert_array_equal(state, np.zeros((7, UNITS), "float32"))
        assert model.output[name].shape == (None, UNITS)
    logits, final = logits_and_states(model, IDS)
    assert logits.shape == (*IDS.shape, VOCABULARY)
    assert all(state.any() for state in final.values())


@EACH_VARIANT
def test_layers_by_hand(variant):
    """Vectors of the ids, the recurrence, and products with the kernel of the logits."""
    model = network(variant, cell="gru", layers=2, residual=True)
    initial = random_states(model)
    if variant == "one-hot":
        vectors = np.eye(VOCABULARY, dtype="float32")[IDS]
    else:
        vectors = weights(model, "embedding")["embeddings"][IDS]
    recurrence = model.get_layer("recurrence")
    x, final = recurrence(vectors, initial_state=list(initial.values()))
    x = np.array(x)
    if variant == "tied, projected":
        of = weights(model, "projection")
        x = x @ of["kernel"] + of["bias"]
    if variant.startswith("tied"):
        of = weights(model, "embedding")
        expected = x @ of["embeddings"].T + of["bias"]
        assert "logits" not in {layer.name for layer in model.layers}
    else:
        of = weights(model, "logits")
        expected = x @ of["kernel"] + of["bias"]
    logits, states = logits_and_states(model, IDS, initial)
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    for state, other in zip(states.values(), final, strict=True):
        np.testing.assert_allclose(state, other, atol=1e-6)


def test_number_of_parameters():
    def lstm(inputs):
        return 4 * (inputs + UNITS + 1) * UNITS

    logits = (UNITS + 1) * VOCABULARY
    expected = {
        "embedding": VOCABULARY * 4 + lstm(4) + logits,
        "one-hot": lstm(VOCABULARY) + logits,  # no table
        "tied": VOCABULARY * UNITS + lstm(UNITS) + VOCABULARY,
        "tied, projected": VOCABULARY * 3 + lstm(3) + (UNITS + 1) * 3 + VOCABULARY,
    }
    assert {variant: network(variant).count_params() for variant in VARIANTS} == expected


@EACH_VARIANT
def test_no_token_after_a_step_matters_and_every_one_before_does(variant):
    model = network(variant)
    logits, _ = logits_and_states(model, IDS)
    changed = IDS.copy()
    changed[:, 5] = changed[:, 5] % (VOCABULARY - 1) + 1
    others, _ = logits_and_states(model, changed)
    np.testing.assert_allclose(others[:, :5], logits[:, :5], atol=1e-6)
    assert (np.abs(others - logits)[:, 5:].max(axis=-1) > 1e-7).all()


def test_padding_changes_no_state():
    model = network(layers=2)
    padded = IDS.copy()
    padded[0, 4:] = 0
    padded[1] = 0
    initial = random_states(model)
    logits, states = logits_and_states(model, padded, initial)
    short = {name: state[:1] for name, state in initial.items()}
    expected, final = logits_and_states(model, IDS[:1, :4], short)
    np.testing.assert_allclose(logits[:1, :4], expected, atol=1e-6)
    for name, state in states.items():
        np.testing.assert_allclose(state[:1], final[name], atol=1e-6)
        np.testing.assert_array_equal(state[1], initial[name][1])
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("variational", [False, True])
@pytest.mark.parametrize("dropped", ["embedding_dropout", "dropout"])
def test_dropout(dropped, variational):
    model = network("one-hot", **{dropped: 0.5}, variational=variational)
    name = dropped.replace("dropout", "output_dropout") if dropped == "dropout" else dropped
    layer = model.get_layer(name)
    kept = array(layer(np.ones((4, 20, 8), "float32"), training=True)) > 0
    assert (kept == kept[:, :1]).all() == variational
    inputs = {"token_ids": keras.ops.convert_to_tensor(IDS), **initial_states(model, len(IDS))}
    undropped = array(network("one-hot")(inputs, training=True)["logits"])
    draws = [array(model(inputs, training=True)["logits"]) for _ in range(2)]
    assert not np.allclose(*draws)
    assert not np.allclose(draws[0], undropped)
    np.testing.assert_allclose(model(inputs)["logits"], undropped, atol=1e-6)


def test_one_hot_vectors_cannot_be_tied():
    with pytest.raises(ValueError, match="one-hot"):
        network(embedding_dim=None, tie_weights=True)
