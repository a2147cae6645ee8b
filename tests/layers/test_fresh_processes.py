"""What one process on TensorFlow cannot show: the other backends, and what an import registers."""

import importlib.util
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from support import other_backends
from support.processes import run_script
from support.sequences import INPUT_DIM, MASK, UNITS, VARIANTS, build_cell, randomize, sample

from zoo.layers import Recurrence

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def on_tensorflow():
    return other_backends.numbers()


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_same_numbers_on_every_backend(backend, on_tensorflow, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    # JAX: compiling quickly matters more here than running quickly.
    environment = {"KERAS_BACKEND": backend, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    run_script(SUPPORT / "other_backends.py", tmp_path, **environment)
    with np.load(tmp_path / "numbers.npz") as numbers:
        assert set(numbers) == set(on_tensorflow)
        for name, expected in on_tensorflow.items():
            np.testing.assert_allclose(numbers[name], expected, atol=1e-5, rtol=1e-5, err_msg=name)


def saved_network():
    """Every variant in `RNN` or in `Recurrence`, with masks and options, and a stack of cells."""
    inputs = keras.Input((None, INPUT_DIM))
    masked = keras.layers.Masking(mask_value=9.0)(inputs)
    outputs = []
    for variant in VARIANTS:
        options = {"kernel_regularizer": "l2", "dropout": 0.3, "use_bias": variant != "gru"}
        layer_class = keras.layers.RNN if "lstm" in variant else Recurrence
        outputs.append(layer_class(build_cell(variant, **options))(masked))
    stacked = keras.layers.StackedRNNCells([build_cell("lstm"), build_cell("gru", input_dim=UNITS)])
    outputs.append(Recurrence(stacked, go_backwards=True)(masked))
    return keras.Model(inputs, outputs)


def test_the_layers_bring_all_that_archives_name(tmp_path):
    """A fresh process that imports them loads any cell, and with the networks what is shipped."""
    model = saved_network()
    randomize(model)
    x = np.where(MASK[..., None], sample(build_cell("rnn"))[0], 9.0).astype("float32")
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "inputs.npy", x)

    run_script(SUPPORT / "load_saved.py", tmp_path)

    with np.load(tmp_path / "outputs.npz") as outputs:
        for one, other in zip(outputs.values(), model(x), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
    names = json.loads((tmp_path / "names.json").read_text())
    assert names["unknown"] == []
    assert names["number"] > 5
