"""What holds for every cell; `support.cell_case` says what."""

import keras
import pytest
from support.cell_case import CHECKS, IN_LAYERS
from support.sequences import VARIANTS

from zoo.layers import Recurrence


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("variant", VARIANTS)
def test_cell(variant, check):
    check(variant)


# By default half of the pairs: each check with each layer, each cell in each check.
@pytest.mark.parametrize(
    ("variant", "check", "layer_class"),
    [
        pytest.param(
            variant,
            check,
            layer_class,
            id=f"{variant}-{check.__name__}-{layer_class.__name__}",
            marks=[pytest.mark.long] if (i + j + k) % 2 else [],
        )
        for i, variant in enumerate(VARIANTS)
        for j, check in enumerate(IN_LAYERS)
        for k, layer_class in enumerate((Recurrence, keras.layers.RNN))
    ],
)
def test_cell_in_a_layer(variant, check, layer_class):
    check(variant, layer_class)
