"""Many-to-one: its logits and pooling. Many-to-many: what its tags hang on, which may follow."""

import keras
import numpy as np
import pytest
from support.network_case import CASES, MASK, TAGS, array, many_to_one

from zoo.layers import RecurrentStack
from zoo.layers.crf import marginals, viterbi
from zoo.text.tags import may_follow


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


@pytest.mark.parametrize("name", ["many_to_many", "many_to_many, softmax"])
def test_every_input_counts_where_it_stands_and_elsewhere(name):
    case = CASES[name]
    model = case.make()
    output = array(model(case.inputs))
    assert output.shape == (*MASK.shape, *[len(TAGS)] * (1 if "softmax" in name else 2))
    for name, ids in case.inputs.items():
        others = {**case.inputs, name: np.where(ids > 0, ids % 4 + 1, 0)}
        assert (others[name] != ids).any()
        changed = np.abs(array(model(others)) - output).max(axis=tuple(range(2, output.ndim)))
        assert (changed[MASK] > 1e-6).all()


def test_only_legal_sequences():
    case = CASES["many_to_many"]
    inputs = {name: np.random.default_rng(3).permutation(ids) for name, ids in case.inputs.items()}
    inputs["words"] = case.inputs["words"]
    for options, legal in (({"allowed": None}, False), ({}, True)):
        model = case.make(**options, dropout=0)
        logits = model.get_layer("logits")
        logits.set_weights([30 * weight for weight in logits.get_weights()])
        names = [
            ["O", *(TAGS[tag] for tag in row[mask])]
            for row, mask in zip(array(viterbi(model(inputs), MASK)[0]), MASK, strict=True)
        ]
        assert all(all(map(may_follow, row, row[1:])) for row in names) == legal
    probabilities = array(marginals(model(inputs), MASK))
    np.testing.assert_allclose(probabilities.sum(axis=-1), MASK, atol=1e-4)
    assert not probabilities[:, 0, [tag.startswith("I-") for tag in TAGS]].any()
