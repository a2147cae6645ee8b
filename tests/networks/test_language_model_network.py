"""The language model: its layers by hand, its states, one step, files, precision, backends."""

import importlib.util
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from support import language_models
from support.language_models import UNITS, VOCABULARY, array, logits_and_states, numbers, stream
from support.processes import run_script
from support.sequences import randomize

from zoo.cells import CELLS
from zoo.networks import initial_states, language_model, step_model

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
    np.testing.assert_array_equal(others[:, :5], logits[:, :5])
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


@pytest.mark.parametrize(
    ("variant", "cell"),
    [*((variant, "lstm") for variant in VARIANTS), *(("embedding", cell) for cell in CELLS)],
)
def test_steps_are_the_sequence(variant, cell):
    model = network(variant, cell=cell, layers=2, residual=True, dropout=0.5, variational=True)
    step, states = step_model(model), random_states(model)
    logits, final = logits_and_states(model, IDS[:, :3], states)
    for t in range(3):
        at_t, states = logits_and_states(step, IDS[:, t], states)
        np.testing.assert_allclose(at_t, logits[:, t], atol=1e-5)
    assert states.keys() == final.keys()
    for name, state in states.items():
        np.testing.assert_allclose(state, final[name], atol=1e-5)


def test_step_model_shares_the_weights_and_has_no_loop():
    model = network()
    step = step_model(model)
    assert {id(w) for w in step.trainable_weights} == {id(w) for w in model.trainable_weights}
    assert initial_states(step, 2).keys() == initial_states(model, 2).keys()
    assert step.output["logits"].shape == (None, VOCABULARY)
    assert not any(isinstance(layer, keras.layers.RNN) for layer in step._flatten_layers())


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


def test_seed_fixes_the_weights():
    one, same, other = (network(random=False, seed=s).get_weights() for s in (3, 3, 4))
    assert all(np.array_equal(*pair) for pair in zip(one, same, strict=True))
    assert not all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


@pytest.mark.parametrize("variant", ["one-hot", "tied, projected"])
def test_mixed_precision_and_a_file_of_it(variant, tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = network(variant, layers=2)
        step = step_model(model)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.get_layer("recurrence").compute_dtype == "bfloat16"
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    logits, states = logits_and_states(model, IDS)
    at_first, _ = logits_and_states(step, IDS[:, 0])
    assert {value.dtype.name for value in (logits, at_first, *states.values())} == {"float32"}
    np.testing.assert_allclose(at_first, logits[:, 0], atol=0.05)
    single = network(variant, layers=2)
    np.testing.assert_allclose(logits, logits_and_states(single, IDS)[0], atol=0.3)

    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(logits_and_states(again, IDS)[0], logits)


@EACH_VARIANT
def test_no_warnings(variant):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = network(variant)
        logits_and_states(model, IDS)
        logits_and_states(step_model(model), IDS[:, 0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"embedding_dim": None, "tie_weights": True}, "one-hot"),
        ({"cell": "elman"}, "one of rnn"),
        ({"layers": 0}, "at least 1"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        network(**wrong)


@pytest.mark.parametrize(
    ("backend", "variant"),
    [("tensorflow", "tied, projected"), ("jax", "tied, projected"), ("torch", "one-hot")],
)
def test_a_file_in_a_new_process(backend, variant, tmp_path):
    """Loaded by `zoo.networks` alone, it gives, generates and trains the same on any backend."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    model = network(variant, cell="lstm", layers=2, residual=True)
    model.save(tmp_path / "model.keras")
    script = Path(language_models.__file__)
    run_script(script, tmp_path, KERAS_BACKEND=backend, JAX_DISABLE_MOST_OPTIMIZATIONS="1")
    expected = numbers(model)
    with np.load(tmp_path / f"{backend}.npz") as found:
        assert set(found) == set(expected)
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, atol=1e-4, rtol=1e-4, err_msg=name)
