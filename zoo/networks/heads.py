"""Token vectors and logits, tied or not, and the states of a recurrence by name."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from zoo.cells.typing import Tensor
from zoo.layers import TiedEmbedding


def vectors_and_logits(
    vocabulary_size: int,
    embedding_dim: int | None,
    units: int,
    tied: bool,
    name: str = "embedding",
    initial_vectors: str | keras.initializers.Initializer = "uniform",
) -> dict[str, keras.layers.Layer]:
    """The layers before and after a recurrence that have weights, by name.

    The logits and what they are tied to compute in float32, whatever the policy: half precision
    has too few digits for the logarithm of a sum over the vocabulary. Where tied logits are
    products with vectors of another size than `units`, a dense layer without activation comes
    first. Without an `embedding_dim` there are no vectors; `name` is that of their layer.
    """
    layers: list[keras.layers.Layer] = []
    options = {"embeddings_initializer": initial_vectors, "name": name}
    if tied:
        layers.append(TiedEmbedding(vocabulary_size, embedding_dim, dtype="float32", **options))
        if units != embedding_dim:
            layers.append(keras.layers.Dense(embedding_dim, name="projection"))
    else:
        layers.append(keras.layers.Dense(vocabulary_size, dtype="float32", name="logits"))
        if embedding_dim is not None:
            layers.append(keras.layers.Embedding(vocabulary_size, embedding_dim, **options))
    return {layer.name: layer for layer in layers}


def logits_of(
    x: Tensor,
    layers: Mapping[str, keras.layers.Layer],
    name: str = "embedding",
    kernel: Tensor | None = None,
) -> Tensor:
    """The logits of what a recurrence gave, (..., units) -> (..., vocabulary_size).

    `kernel` is what `tied_kernel` returned, if it was called once for many steps.
    """
    if "projection" in layers:
        x = layers["projection"](x)
    if "logits" in layers:
        return layers["logits"](x)
    if kernel is not None:
        return layers[name].logits(x, kernel)
    return layers[name](x, reverse=True)


def tied_kernel(layers: Mapping[str, keras.layers.Layer], name: str = "embedding") -> Tensor | None:
    """The kernel of tied logits; None where logits have one of their own."""
    return None if "logits" in layers else layers[name].kernel()


def state_inputs(recurrence: Any, sizes: Sequence[int]) -> dict[str, Tensor]:
    """Inputs (batch, size) for the states, by name.

    They have the precision of the weights, which holds every value that the recurrence computes,
    so that who carries the states need not know of mixed precision.
    """
    return {
        f"state_{i}": keras.Input((size,), dtype=recurrence.variable_dtype, name=f"state_{i}")
        for i, size in enumerate(sizes)
    }


def as_given(states: Mapping[str, Tensor], new_states: Sequence[Tensor]) -> dict[str, Tensor]:
    """New states under the names and in the precision of the old ones."""
    return {
        name: keras.ops.cast(new, old.dtype)
        for (name, old), new in zip(states.items(), new_states, strict=True)
    }


def layers_of(model: keras.Model) -> dict[str, Any]:
    """The layers of a model by name."""
    return {layer.name: layer for layer in model.layers}
