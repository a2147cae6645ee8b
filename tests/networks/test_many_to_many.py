"""The many-to-many network: what its tags hang on, and which may follow each other."""

import numpy as np
import pytest
from support.network_case import CASES, MASK, TAGS, array

from zoo.layers.crf import marginals, viterbi
from zoo.text.tags import may_follow


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
