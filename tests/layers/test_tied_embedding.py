"""`TiedEmbedding` by hand: one table for vectors and logits; `support.layer_case` has the rest."""

import numpy as np
from support.sequences import randomize

from zoo.layers import TiedEmbedding


def test_logits_are_products_with_the_vectors_and_a_bias():
    layer = TiedEmbedding(5, 3)
    layer.build()
    randomize(layer)
    table, bias = layer.get_weights()
    ids, x = np.array([[1, 4, 0]]), np.random.default_rng(0).normal(size=(2, 4, 3))
    np.testing.assert_allclose(layer(ids), table[ids], rtol=1e-6)
    np.testing.assert_allclose(
        layer(x.astype("float32"), reverse=True), x @ table.T + bias, rtol=1e-5, atol=1e-6
    )
