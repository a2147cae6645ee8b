"""Many-to-many, T_x ≠ T_y: a sequence of tokens in, another out, as in machine translation.

    P(y<1>, ..., y<T_y> | x) = Π_t P(y<t> | y<1>, ..., y<t-1>, x)

An encoder reads the source, a decoder is a language model of the target that starts from what the
encoder knows and, with attention, looks back at it at every step.
"""

import keras

from zoo.layers import AttentionDecoder, MaskedPooling, RecurrentStack
from zoo.networks.language_model import TiedEmbedding
from zoo.text.special_tokens import PADDING_ID

_VECTOR_SCALE = 0.3  # standard deviation; see `_initial_vectors`


def encoder_decoder(
    source_size,
    target_size,
    *,
    embedding_dim=256,
    cell="lstm",
    units=256,
    layers=1,
    bidirectional=True,
    residual=False,
    attention="additive",
    input_feeding=False,
    tie_embeddings=False,
    share_embeddings=False,
    dropout=0.0,
    cell_options=None,
    seed=None,
    name="encoder_decoder",
):
    """Builds an encoder-decoder.

        source ids -> embedding -> recurrence -> memory, (batch, source timesteps, m)
        memory -> its ends -> tanh, dense -> the first state of each layer of the decoder
        target ids -> embedding -> recurrence, attention to the memory -> logits

    The ends of the memory are its outputs at the last step that is not padding and, of a backward
    direction, at the first: those that have read the whole source. Without attention they are
    all that the decoder knows of it (Sutskever, Vinyals & Le 2014; Cho et al. 2014). Padding, id 0
    on the right, changes nothing: a pair of sentences gets the same logits alone and in a batch.

    Args:
        source_size, target_size: numbers of token ids, padding included.
        embedding_dim: size of the token vectors.
        cell, units, layers, residual, cell_options: see `RecurrentStack`; of encoder and decoder.
        bidirectional: whether the encoder reads in both directions, with `units` each.
        attention: "additive", "multiplicative" (see `Attention`), or None.
        input_feeding: whether the decoder reads what it attended to before, which makes training
            slower; see `AttentionDecoder`.
        tie_embeddings: whether the logits are products with the target vectors themselves, plus a
            bias (Press & Wolf 2017). Where `units` is not `embedding_dim`, a dense layer without
            activation first brings the output to that size.
        share_embeddings: whether source and target have one vocabulary and one table of vectors.
        dropout: fraction of values set to 0 in training: of the token vectors, between layers (not
            of a decoder with `input_feeding`), and before the logits.
        seed: seed of the initial weights and of dropout.
        name: name of the model.

    Returns:
        A `keras.Model` from a dict of int32 ids, `source_ids` (batch, source timesteps) and
        `target_ids` (batch, target timesteps), what the decoder reads (the target with `<EOS>` in
        front and without its last token), to logits (batch, target timesteps, target_size),
        float32 under any policy. `encode_model` and `decode_step_model` are its two halves, to
        translate with.

    Raises:
        ValueError: if vectors are to be shared by vocabularies of two sizes, there is input feeding
            without attention, or an argument of a layer is wrong.
    """
    if share_embeddings and source_size != target_size:
        raise ValueError(
            "`share_embeddings` needs one vocabulary for both. "
            f"Received: source_size={source_size}, target_size={target_size}"
        )
    if seed is not None:
        keras.utils.set_random_seed(seed)
    recurrence = {
        "cell": cell,
        "units": units,
        "layers": layers,
        "residual": residual,
        "dropout": dropout,
        "cell_options": cell_options,
    }
    encoder = RecurrentStack(bidirectional=bidirectional, **recurrence, name="encoder")
    decoder = AttentionDecoder(
        attention=attention, input_feeding=input_feeding, **recurrence, name="decoder"
    )
    around = _embeddings_and_head(source_size, target_size, embedding_dim, units, tie_embeddings)
    if share_embeddings:
        around["source_embedding"] = around["target_embedding"]

    source_ids = keras.Input((None,), dtype="int32", name="source_ids")
    source_mask = keras.ops.not_equal(source_ids, PADDING_ID)
    x = around["source_embedding"](source_ids)
    x = keras.layers.Dropout(dropout, name="source_dropout")(x)
    memory = encoder(x, mask=source_mask)  # (batch, source timesteps, units or 2 * units)
    sizes = decoder.recurrence.state_sizes
    bridge = keras.layers.Dense(sum(sizes), "tanh", name="bridge")
    states = _split(bridge(_ends(memory, source_mask, encoder)), sizes)

    target_ids = keras.Input((None,), dtype="int32", name="target_ids")
    x = around["target_embedding"](target_ids)
    x = keras.layers.Dropout(dropout, name="target_dropout")(x)
    x = decoder(
        x,
        states,
        None if attention is None else memory,
        memory_mask=None if attention is None else source_mask,
        mask=keras.ops.not_equal(target_ids, PADDING_ID),
    )  # (batch, target timesteps, units)
    x = keras.layers.Dropout(dropout, name="output_dropout")(x)
    inputs = {"source_ids": source_ids, "target_ids": target_ids}
    return keras.Model(inputs, _logits(x, around), name=name)


def encode_model(model):
    """What is done once for a source.

    Args:
        model: what `encoder_decoder` built, also if loaded from a file. The weights are shared.

    Returns:
        A `keras.Model` from `source_ids` (batch, source timesteps) to a dict, the state of decoding
        before the first token: `mask` (batch, source timesteps), boolean; with attention `memory`
        (batch, source timesteps, m) and `keys` (batch, source timesteps, units); the states
        `state_0`, ... (batch, units) of the decoder; and with input feeding `fed` (batch, units).
    """
    # From an input of its own: what the model has computed bears names that a model that was loaded
    # has given out already.
    around = {layer.name: layer for layer in model.layers}
    encoder, decoder = around["encoder"], around["decoder"]
    source_ids = keras.Input((None,), dtype="int32", name="source_ids")
    mask = keras.ops.not_equal(source_ids, PADDING_ID)
    embedding = around.get("source_embedding", around["target_embedding"])
    memory = encoder(embedding(source_ids), mask=mask)
    outputs = {"mask": mask}
    if decoder.attention is not None:
        # A copy does not carry the mask of Keras, which the decoder would get beside this one.
        outputs["memory"] = keras.ops.copy(memory)
        outputs["keys"] = decoder.attention.keys(outputs["memory"])
    ends = around["bridge"](_ends(memory, mask, encoder))
    states = _split(ends, decoder.recurrence.state_sizes)
    for i, state in enumerate(states):
        outputs[f"state_{i}"] = keras.ops.cast(state, decoder.variable_dtype)
    if decoder.input_feeding:
        outputs["fed"] = keras.ops.zeros_like(outputs["state_0"])
    return keras.Model(source_ids, outputs, name=f"{model.name}_encode")


def decode_step_model(model):
    """The decoder for one step in time, without a loop: for beam search.

    `memory`, `keys` and `mask` do not change: hand them on as they are, so that they need not be
    copied for each step.

    Args:
        model: what `encoder_decoder` built, also if loaded from a file. The weights are shared.

    Returns:
        A `keras.Model` from a dict of `token_ids` (batch,) and what `encode_model` gives (without
        attention its states only) to a dict of `logits` (batch, target_size), the new states and
        `fed`, and with attention its `weights` (batch, source timesteps), float32. It takes every
        id for a token, 0 too.
    """
    around = {layer.name: layer for layer in model.layers}
    decoder = around["decoder"]
    token_ids = keras.Input((), dtype="int32", name="token_ids")
    sizes = {f"state_{i}": size for i, size in enumerate(decoder.recurrence.state_sizes)}
    states, source, fed = _vector_inputs(sizes, decoder), {}, {}
    if decoder.attention is not None:
        memory = around["encoder"].output
        source = {
            "keys": keras.Input((None, decoder.units), dtype=memory.dtype, name="keys"),
            "memory": keras.Input((None, memory.shape[-1]), dtype=memory.dtype, name="memory"),
            "mask": keras.Input((None,), dtype="bool", name="mask"),
        }
    if decoder.input_feeding:
        fed = _vector_inputs({"fed": decoder.units}, decoder)
    x = around["target_embedding"](token_ids)
    x, new_states, weights = decoder.step(x, list(states.values()), *source.values(), **fed)
    outputs = {"logits": _logits(x, around)}
    if weights is not None:
        outputs["weights"] = weights
    if decoder.input_feeding:
        new_states = [*new_states, x]
    for name, new in zip([*states, *fed], new_states, strict=True):
        outputs[name] = keras.ops.cast(new, decoder.variable_dtype)
    inputs = {"token_ids": token_ids, **source, **states, **fed}
    return keras.Model(inputs, outputs, name=f"{model.name}_decode_step")


def _embeddings_and_head(source_size, target_size, embedding_dim, units, tie_embeddings):
    """The layers before the recurrences and after the decoder that have weights, by name.

    The logits and what they are tied to compute in float32, whatever the policy: half precision
    has too few digits for the logarithm of a sum over the vocabulary.
    """
    source = keras.layers.Embedding(
        source_size,
        embedding_dim,
        embeddings_initializer=_initial_vectors(),
        name="source_embedding",
    )
    target = TiedEmbedding if tie_embeddings else keras.layers.Embedding
    target = target(
        target_size,
        embedding_dim,
        embeddings_initializer=_initial_vectors(),
        dtype="float32" if tie_embeddings else None,
        name="target_embedding",
    )
    layers = [source, target]
    if not tie_embeddings:
        layers.append(keras.layers.Dense(target_size, dtype="float32", name="logits"))
    elif units != embedding_dim:
        layers.append(keras.layers.Dense(embedding_dim, name="projection"))
    return {layer.name: layer for layer in layers}


def _initial_vectors():
    """Token vectors before training, larger than those that Keras draws, uniform within 0.05.

    From those a network learns first to write frequent tokens whatever it reads: on verses of the
    Bible, three epochs led to a perplexity of 105 in validation, and from these to 34.
    """
    return keras.initializers.RandomNormal(stddev=_VECTOR_SCALE)


def _ends(memory, mask, encoder):
    """The outputs of the encoder that have read the whole source, (batch, m), one a direction."""
    last = MaskedPooling("last", name="last_step")(memory, mask=mask)
    if not encoder.bidirectional:
        return last
    first = MaskedPooling("first", name="first_step")(memory, mask=mask)
    ends = [last[:, : encoder.units], first[:, encoder.units :]]
    return keras.ops.concatenate(ends, axis=-1)


def _split(states, sizes):
    """(batch, sum of sizes) -> list of (batch, size)."""
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [states[:, end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _logits(x, layers):
    """The logits of what the decoder gave, (..., units) -> (..., target_size)."""
    if "projection" in layers:
        x = layers["projection"](x)
    if "logits" in layers:
        return layers["logits"](x)
    return layers["target_embedding"](x, reverse=True)


def _vector_inputs(sizes, decoder):
    """Inputs (batch, size) by name, in the precision of the weights whatever the policy."""
    return {
        name: keras.Input((size,), dtype=decoder.variable_dtype, name=name)
        for name, size in sizes.items()
    }
