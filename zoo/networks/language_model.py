"""Many-to-many, T_x = T_y, as a language model: after each token, logits of the next one.

    P(y<1>, ..., y<T>) = Π_t P(y<t> | y<1>, ..., y<t-1>)

At step t the network reads y<t-1> and gives the logits of y<t>; its states stand for all tokens
before. They are inputs and outputs of the network, so that it has no memory of its own: training
on a stream (`StreamModel`), generation and serving each carry them as they need.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import keras

from zoo.cells.typing import Tensor, Tensors
from zoo.layers import RecurrentStack
from zoo.networks.heads import (
    as_given,
    layers_of,
    logits_of,
    state_inputs,
    tied_kernel,
    vectors_and_logits,
)
from zoo.networks.seeds import seeded
from zoo.text.special_tokens import PADDING_ID

Step: TypeAlias = Callable[[Tensor, dict[str, Tensor]], tuple[Tensor, dict[str, Tensor]]]

_MOST_PRODUCTS = 1024  # tokens whose products with the first kernel are computed before a loop


@seeded
def language_model(
    vocabulary_size: int,
    *,
    embedding_dim: int | None = 256,
    cell: str = "lstm",
    units: int = 256,
    layers: int = 1,
    residual: bool = False,
    tie_weights: bool = False,
    embedding_dropout: float = 0.0,
    dropout: float = 0.0,
    variational: bool = False,
    cell_options: dict[str, Any] | None = None,
    seed: int | None = None,
    name: str = "language_model",
) -> keras.Model:
    """Builds a language model.

        ids -> embedding, or one-hot -> recurrence, in one direction -> logits

    Id 0 is padding: such a step changes no state, and what stands in its logits means nothing.

    Args:
        vocabulary_size: number of token ids, padding included.
        embedding_dim: size of the token vectors; None reads one-hot vectors, as suits characters
            (of 10,000 words they are 10,000 wide).
        cell, units, layers, residual, cell_options: see `RecurrentStack`.
        tie_weights: whether the logits are products with the token vectors themselves, plus a bias
            (Press & Wolf 2017; Inan et al. 2017). Where `units` is not `embedding_dim`, a dense
            layer without activation first brings the output to that size.
        embedding_dropout: fraction of the values of the token vectors set to 0 in training.
        dropout: fraction of values set to 0 between layers and before the logits, in training.
        variational: whether all dropout draws one mask for all steps of a sequence (Gal &
            Ghahramani 2016) instead of one for each step (Zaremba et al. 2014). Of one-hot vectors
            it then drops tokens wherever they stand in the sequence.
        seed, name: seed of the initial weights and of dropout, and name of the model.

    Returns:
        A `keras.Model` from a dict of `token_ids` (batch, timesteps), int32, and the states
        `state_0`, `state_1`, ... (batch, units), those of the first layer in the order of the cell,
        then of the second, to a dict of `logits` (batch, timesteps, vocabulary_size), float32,
        under any policy of mixed precision, and the final states under the same names.
        `initial_states` gives the first ones, `step_model` the network for one step.

    Raises:
        ValueError: if one-hot vectors are to be tied, or an argument of a layer is wrong.
    """
    if tie_weights and embedding_dim is None:
        raise ValueError("`tie_weights` needs an `embedding_dim`: one-hot vectors have no weights")
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.ops.not_equal(token_ids, PADDING_ID)
    recurrence = RecurrentStack(
        cell,
        units,
        layers,
        bidirectional=False,
        dropout=dropout,
        residual=residual,
        cell_options=cell_options,
        variational=variational,
        return_state=True,
        name="recurrence",
    )
    around = vectors_and_logits(vocabulary_size, embedding_dim, units, tie_weights)
    dropout_class = keras.layers.SpatialDropout1D if variational else keras.layers.Dropout

    states = state_inputs(recurrence, recurrence.state_sizes)
    x = _vectors(token_ids, around, recurrence, vocabulary_size)
    x = dropout_class(embedding_dropout, name="embedding_dropout")(x)
    x, final = recurrence(x, initial_state=list(states.values()), mask=mask)
    x = dropout_class(dropout, name="output_dropout")(x)  # (batch, timesteps, units)
    outputs = {"logits": logits_of(x, around), **as_given(states, final)}
    return keras.Model({"token_ids": token_ids, **states}, outputs, name=name)


def step_model(model: keras.Model) -> keras.Model:
    """The network for one step in time, without a loop: for generation.

    Args:
        model: what `language_model` built, also if loaded from a file. The weights are shared.

    Returns:
        A `keras.Model` from a dict of `token_ids` (batch,) and the states to a dict of `logits`
        (batch, vocabulary_size) and the new states. It takes every id for a token, 0 too.
    """
    recurrence = layers_of(model)["recurrence"]
    token_ids = keras.Input((), dtype="int32", name="token_ids")
    states = state_inputs(recurrence, recurrence.state_sizes)
    logits, new_states = _step(model, token_ids, states)
    outputs = {"logits": logits, **new_states}
    return keras.Model({"token_ids": token_ids, **states}, outputs, name=f"{model.name}_step")


def step_function(model: keras.Model) -> Step:
    """What `step_model` does, as a function for a loop: what no step changes is computed here.

    That is what the recurrence cuts of its weights, the transpose of tied vectors, and of up to
    1024 tokens the product of each token's vector with the kernel of the first layer, which a step
    then looks up. Call it where the loop is, in its graph, before it.

    Args:
        model: what `language_model` built, also if loaded from a file.

    Returns:
        `step(token_ids, states) -> (logits, states)`, as `zoo.generation` takes it.
    """
    around = layers_of(model)
    recurrence = around["recurrence"]
    size = model.output["logits"].shape[-1]
    constants = {"weights": recurrence.step_weights(), "kernel": tied_kernel(around)}
    if size <= _MOST_PRODUCTS:
        vectors = _vectors(keras.ops.arange(size, dtype="int32"), around, recurrence, size)
        (products,) = recurrence.project(vectors)
        constants["products"] = keras.ops.cast(products, recurrence.compute_dtype)
    return functools.partial(_step, model, **constants)


def _step(
    model: keras.Model,
    token_ids: Tensor,
    states: Mapping[str, Tensor],
    weights: Sequence[Tensors] | None = None,
    kernel: Tensor | None = None,
    products: Tensor | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The logits after a token, (batch, vocabulary_size), and the new states."""
    around = layers_of(model)
    recurrence = around["recurrence"]
    x = _vectors(token_ids, around, recurrence, model.output["logits"].shape[-1])
    projected = None if products is None else keras.ops.take(products, token_ids, axis=0)
    x, new_states = recurrence.step(x, list(states.values()), weights, projected)
    return logits_of(x, around, kernel=kernel), as_given(states, new_states)


def initial_states(model: keras.Model, batch_size: int | Tensor) -> dict[str, Tensor]:
    """The states before the first token.

    Args:
        model: what `language_model` or `step_model` built.
        batch_size: integer, or a scalar tensor.

    Returns:
        A dict of zeros, `state_0`, `state_1`, ..., each (batch_size, units).
    """
    return {
        name: keras.ops.zeros((batch_size, tensor.shape[-1]), dtype=tensor.dtype)
        for name, tensor in model.input.items()
        if name != "token_ids"
    }


def _vectors(
    token_ids: Tensor,
    layers: Mapping[str, keras.layers.Layer],
    recurrence: RecurrentStack,
    vocabulary_size: int,
) -> Tensor:
    """The vectors that the recurrence reads, of ids of any shape."""
    if "embedding" in layers:
        return layers["embedding"](token_ids)
    return keras.ops.one_hot(token_ids, vocabulary_size, dtype=recurrence.compute_dtype)
