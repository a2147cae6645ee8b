"""The many-to-one network: its logits and its pooling."""

import keras
import numpy as np
import pytest
from support.network_case import CASES, many_to_one

from zoo.layers import RecurrentStack


@pytest.mark.parametrize(("classes", "outputs"), [(2, 1), (3, 3), (7, 7)])
def test_a_logit_for_two_classes_or_one_for_each(classes, outputs):
    assert many_to_one(classes).make(False).output_shape == (None, outputs)


def test_the_last_state_of_each_direction_is_that_of_keras():
    case = CASES["many_to_one"]
    network, ids = case.make(pooling="last"), case.inputs
    (stack,) = (layer for layer in network.layers if isinstance(layer, RecurrentStack))
    (both,) = stack.recurrences
    vectors, mask = network.get_layer("embedding")(ids), keras.ops.convert_to_tensor(ids != 0)
    states = [
        keras.layers.RNN(both.forward_layer.cell)(vectors, mask=mask),
        keras.layers.RNN(both.backward_layer.cell, go_backwards=True)(vectors, mask=mask),
    ]
    pooled = keras.Model(network.input, network.get_layer("output_dropout").input)(ids)
    np.testing.assert_allclose(pooled, keras.ops.concatenate(states, axis=-1), atol=1e-6)
