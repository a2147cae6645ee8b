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


@pytest.mark.parametrize("layer_class", [Recurrence, keras.layers.RNN])
@pytest.mark.parametrize("check", IN_LAYERS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("variant", VARIANTS)
def test_cell_in_a_layer(variant, check, layer_class):
    check(variant, layer_class)
