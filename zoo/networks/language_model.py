"""Many-to-many, T_x = T_y, as a language model: after each token, logits of the next one.

    P(y<1>, ..., y<T>) = Π_t P(y<t> | y<1>, ..., y<t-1>)

At step t the network reads y<t-1> and gives the logits of y<t>; its states stand for all tokens
before. They are inputs and outputs of the network, so that it has no memory of its own: training
on a stream (`StreamModel`), generation and serving each carry them as they need.
"""

import keras

from zoo.layers import RecurrentStack, TiedEmbedding
from zoo.text.special_tokens import PADDING_ID


def language_model(
    vocabulary_size,
    *,
    embedding_dim=256,
    cell="lstm",
    units=256,
    layers=1,
    residual=False,
    tie_weights=False,
    embedding_dropout=0.0,
    dropout=0.0,
    variational=False,
    cell_options=None,
    seed=None,
    name="language_model",
):
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
        seed: seed of the initial weights and of dropout.
        name: name of the model.

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
    if seed is not None:
        keras.utils.set_random_seed(seed)
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.ops.not_equal(token_ids, PADDING_ID)
    recurrence = RecurrentStack(
        cell,
        units,
        layers=layers,
        bidirectional=False,
        dropout=dropout,
        residual=residual,
        cell_options=cell_options,
        variational=variational,
        return_state=True,
        name="recurrence",
    )
    around = _embedding_and_head(vocabulary_size, embedding_dim, units, tie_weights)
    dropout_class = keras.layers.SpatialDropout1D if variational else keras.layers.Dropout

    states = _state_inputs(recurrence)
    x = _vectors(token_ids, around, recurrence, vocabulary_size)
    x = dropout_class(embedding_dropout, name="embedding_dropout")(x)
    x, final = recurrence(x, initial_state=list(states.values()), mask=mask)
    x = dropout_class(dropout, name="output_dropout")(x)  # (batch, timesteps, units)
    outputs = {"logits": _logits(x, around), **_as_given(states, final)}
    return keras.Model({"token_ids": token_ids, **states}, outputs, name=name)


def step_model(model):
    """The network for one step in time, without a loop: for generation.

    Args:
        model: what `language_model` built, also if loaded from a file. The weights are shared.

    Returns:
        A `keras.Model` from a dict of `token_ids` (batch,) and the states to a dict of `logits`
        (batch, vocabulary_size) and the new states. It takes every id for a token, 0 too.
    """
    around = {layer.name: layer for layer in model.layers}
    recurrence = around["recurrence"]
    token_ids = keras.Input((), dtype="int32", name="token_ids")
    states = _state_inputs(recurrence)
    x = _vectors(token_ids, around, recurrence, model.output["logits"].shape[-1])
    x, new_states = recurrence.step(x, list(states.values()))
    outputs = {"logits": _logits(x, around), **_as_given(states, new_states)}
    return keras.Model({"token_ids": token_ids, **states}, outputs, name=f"{model.name}_step")


def initial_states(model, batch_size):
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


def _embedding_and_head(vocabulary_size, embedding_dim, units, tie_weights):
    """The layers before and after the recurrence that have weights, by name.

    The logits and what they are tied to compute in float32, whatever the policy: half precision
    has too few digits for the logarithm of a sum over the vocabulary.
    """
    if not tie_weights:
        layers = [keras.layers.Dense(vocabulary_size, dtype="float32", name="logits")]
        if embedding_dim is not None:
            layers.append(keras.layers.Embedding(vocabulary_size, embedding_dim, name="embedding"))
    else:
        layers = [TiedEmbedding(vocabulary_size, embedding_dim, dtype="float32", name="embedding")]
        if units != embedding_dim:
            layers.append(keras.layers.Dense(embedding_dim, name="projection"))
    return {layer.name: layer for layer in layers}


def _vectors(token_ids, layers, recurrence, vocabulary_size):
    """The vectors that the recurrence reads, of ids of any shape."""
    if "embedding" in layers:
        return layers["embedding"](token_ids)
    return keras.ops.one_hot(token_ids, vocabulary_size, dtype=recurrence.compute_dtype)


def _logits(x, layers):
    """The logits of what the recurrence gave, (..., units) -> (..., vocabulary_size)."""
    if "projection" in layers:
        x = layers["projection"](x)
    if "logits" in layers:
        return layers["logits"](x)
    return layers["embedding"](x, reverse=True)


def _state_inputs(recurrence):
    """Inputs for the states, by name.

    They have the precision of the weights, which holds every value that the recurrence computes,
    so that who carries the states need not know of mixed precision.
    """
    return {
        f"state_{i}": keras.Input((size,), dtype=recurrence.variable_dtype, name=f"state_{i}")
        for i, size in enumerate(recurrence.state_sizes)
    }


def _as_given(states, new_states):
    """New states under the names and in the precision of the old ones."""
    return {
        name: keras.ops.cast(new, old.dtype)
        for (name, old), new in zip(states.items(), new_states, strict=True)
    }
