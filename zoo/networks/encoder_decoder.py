"""Many-to-many, T_x ≠ T_y: a sequence of tokens or of frames in, another of tokens out.

    P(y<1>, ..., y<T_y> | x) = Π_t P(y<t> | y<1>, ..., y<t-1>, x)

An encoder reads the source, a decoder is a language model of the target that starts from what the
encoder knows and, with attention, looks back at it at every step.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from zoo.cells.typing import Tensor, Tensors
from zoo.layers import AttentionDecoder, MaskedPooling, RecurrentStack
from zoo.networks.frames import LAYER, Frames
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

_TARGET = "target_embedding"
ENCODED = ("keys", "memory", "mask")  # what a decoder attends to, as it takes them
# Standard deviation of the token vectors before training. From those that Keras draws, uniform
# within 0.05, a network learns first to write frequent tokens whatever it reads: on verses of the
# Bible, three epochs led to a perplexity of 105 in validation, and from these to 34.
_VECTOR_SCALE = 0.3


@seeded
def encoder_decoder(
    source: int | Frames,
    target_size: int,
    *,
    embedding_dim: int = 256,
    cell: str = "lstm",
    units: int = 256,
    layers: int = 1,
    bidirectional: bool = True,
    residual: bool = False,
    attention: str | None = "additive",
    input_feeding: bool = False,
    tie_embeddings: bool = False,
    share_embeddings: bool = False,
    dropout: float = 0.0,
    cell_options: dict[str, Any] | None = None,
    seed: int | None = None,
    name: str = "encoder_decoder",
) -> keras.Model:
    """Builds an encoder-decoder.

        source ids -> embedding -> recurrence -> memory, (batch, source timesteps, m)
        memory -> its ends -> tanh, dense -> the first state of each layer of the decoder
        target ids -> embedding -> recurrence, attention to the memory -> logits

    The ends of the memory are its outputs at the last step that is not padding and, of a backward
    direction, at the first: those that have read the whole source. Without attention they are
    all that the decoder knows of it (Sutskever, Vinyals & Le 2014; Cho et al. 2014). Padding, id 0
    on the right, changes nothing: a pair of sentences gets the same logits alone and in a batch.

    Args:
        source: what is read: the number of token ids, padding included, of a text to translate; or
            frames of features, as of speech.
        target_size: number of token ids, padding included.
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
        seed, name: seed of the initial weights and of dropout, and name of the model.

    Returns:
        A `keras.Model` from a dict of int32 ids, `source_ids` (batch, source timesteps), or the
        inputs of `Frames`, and `target_ids` (batch, target timesteps), what the decoder reads (the
        target with `<EOS>` in front and without its last token), to logits (batch, target
        timesteps, target_size), float32 under any policy. `encode_model` and `decode_step_model`
        are its two halves, to translate with.

    Raises:
        ValueError: if vectors are to be shared by vocabularies of two sizes, there is input feeding
            without attention, or an argument of a layer is wrong.
    """
    if share_embeddings and source != target_size:
        raise ValueError(
            "`share_embeddings` needs one vocabulary for both. "
            f"Received: source={source}, target_size={target_size}"
        )
    encoder = RecurrentStack(
        cell, units, layers, bidirectional, dropout, residual, cell_options, name="encoder"
    )
    decoder = AttentionDecoder(
        cell,
        units,
        layers,
        residual=residual,
        attention=attention,
        input_feeding=input_feeding,
        dropout=dropout,
        cell_options=cell_options,
        name="decoder",
    )
    source_vectors, target_vectors = (
        keras.initializers.RandomNormal(stddev=_VECTOR_SCALE) for _ in range(2)
    )
    around = vectors_and_logits(
        target_size, embedding_dim, units, tie_embeddings, _TARGET, target_vectors
    )
    if isinstance(source, Frames):
        around[LAYER] = source.layer()
    elif not share_embeddings:
        around["source_embedding"] = keras.layers.Embedding(
            source, embedding_dim, embeddings_initializer=source_vectors, name="source_embedding"
        )
    inputs = source.inputs() if isinstance(source, Frames) else _source_ids()
    x, source_mask = _steps(inputs, around)
    x = keras.layers.Dropout(dropout, name="source_dropout")(x)
    memory = encoder(x, mask=source_mask)  # (batch, source timesteps, units or 2 * units)
    sizes = decoder.recurrence.state_sizes
    bridge = keras.layers.Dense(sum(sizes), "tanh", name="bridge")
    states = _split(bridge(_ends(memory, source_mask, encoder)), sizes)

    target_ids = keras.Input((None,), dtype="int32", name="target_ids")
    x = around[_TARGET](target_ids)
    x = keras.layers.Dropout(dropout, name="target_dropout")(x)
    x = decoder(
        x,
        states,
        None if attention is None else memory,
        memory_mask=None if attention is None else source_mask,
        mask=keras.ops.not_equal(target_ids, PADDING_ID),
    )  # (batch, target timesteps, units)
    x = keras.layers.Dropout(dropout, name="output_dropout")(x)
    inputs = {**inputs, "target_ids": target_ids}
    return keras.Model(inputs, logits_of(x, around, _TARGET), name=name)


def _source_ids() -> dict[str, Tensor]:
    return {"source_ids": keras.Input((None,), dtype="int32", name="source_ids")}


def _steps(inputs: Mapping[str, Tensor], around: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """The steps of the encoder, (batch, source timesteps, m), and which of them count."""
    if LAYER in around:
        return Frames.steps_of(inputs, around[LAYER])
    ids = inputs["source_ids"]
    embedding = around.get("source_embedding", around[_TARGET])
    return embedding(ids), keras.ops.not_equal(ids, PADDING_ID)


def encode_model(model: keras.Model) -> keras.Model:
    """What is done once for a source.

    Args:
        model: what `encoder_decoder` built, also if loaded from a file. The weights are shared.

    Returns:
        A `keras.Model` from `source_ids` (batch, source timesteps), or from a dict of the inputs of
        `Frames`, to a dict, the state of decoding before the first token: `mask` (batch, source
        timesteps), boolean; with attention `memory` (batch, source timesteps, m) and `keys` (batch,
        source timesteps, units); the states `state_0`, ... (batch, units) of the decoder; and with
        input feeding `fed` (batch, units).
    """
    # From an input of its own: what the model has computed bears names that a model that was loaded
    # has given out already.
    around = layers_of(model)
    encoder, decoder = around["encoder"], around["decoder"]
    inputs = Frames.of(model).inputs() if LAYER in around else _source_ids()
    x, mask = _steps(inputs, around)
    memory = encoder(x, mask=mask)
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
    source = inputs if LAYER in around else inputs["source_ids"]
    return keras.Model(source, outputs, name=f"{model.name}_encode")


def decode_step_model(model: keras.Model) -> keras.Model:
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
    around = layers_of(model)
    decoder = around["decoder"]
    token_ids = keras.Input((), dtype="int32", name="token_ids")
    states: dict[str, Tensor] = state_inputs(decoder, decoder.recurrence.state_sizes)
    source: dict[str, Tensor] = {}
    fed: dict[str, Tensor] = {}
    if decoder.attention is not None:
        memory = around["encoder"].output
        source = {
            "keys": keras.Input((None, decoder.units), dtype=memory.dtype, name="keys"),
            "memory": keras.Input((None, memory.shape[-1]), dtype=memory.dtype, name="memory"),
            "mask": keras.Input((None,), dtype="bool", name="mask"),
        }
    if decoder.input_feeding:
        fed["fed"] = keras.Input((decoder.units,), dtype=decoder.variable_dtype, name="fed")
    inputs = {"token_ids": token_ids, **source, **states, **fed}
    logits, weights, new = _decode_step(model, token_ids, states | fed, source)
    outputs = {"logits": logits, **new}
    if weights is not None:
        outputs["weights"] = weights
    return keras.Model(inputs, outputs, name=f"{model.name}_decode_step")


def decode_step_function(model: keras.Model, encoded: Mapping[str, Tensor]) -> Callable:
    """What `decode_step_model` does, for one source, as a function for a loop over time.

    What no step changes is computed here: what the recurrence cuts of its weights, and the
    transpose of tied vectors. Call it where the loop is, in its graph, before it.

    Args:
        model: what `encoder_decoder` built, also if loaded from a file.
        encoded: what `encode_model` gave, of which the tokens may have n rows for each, side by
            side, as the beams of a search are.

    Returns:
        `step(token_ids, states) -> (logits, weights of attention or None, new states)`, the states
        being those of `encoded`.
    """
    around = layers_of(model)
    constants = {
        "cut": around["decoder"].recurrence.step_weights(),
        "kernel": tied_kernel(around, _TARGET),
    }
    source = {name: encoded[name] for name in ENCODED if name in encoded}
    return functools.partial(_decode_step, model, source=source, **constants)


def _decode_step(
    model: keras.Model,
    token_ids: Tensor,
    states: Mapping[str, Tensor],
    source: Mapping[str, Tensor],
    cut: Sequence[Tensors] | None = None,
    kernel: Tensor | None = None,
) -> tuple[Tensor, Tensor | None, dict[str, Tensor]]:
    """Logits (batch, target_size), weights of attention or None, new states and `fed`."""
    around = layers_of(model)
    decoder = around["decoder"]
    own = [state for name, state in states.items() if name != "fed"]
    attended = [source[name] for name in ENCODED] if decoder.attention is not None else []
    x, new, weights = decoder.step(
        around[_TARGET](token_ids), own, *attended, fed=states.get("fed"), weights=cut
    )
    if decoder.input_feeding:
        new = [*new, x]
    return logits_of(x, around, _TARGET, kernel), weights, as_given(states, new)


def _ends(memory: Tensor, mask: Tensor, encoder: RecurrentStack) -> Tensor:
    """The outputs of the encoder that have read the whole source, (batch, m), one a direction."""
    last = MaskedPooling("last", name="last_step")(memory, mask=mask)
    if not encoder.bidirectional:
        return last
    first = MaskedPooling("first", name="first_step")(memory, mask=mask)
    ends = [last[:, : encoder.units], first[:, encoder.units :]]
    return keras.ops.concatenate(ends, axis=-1)


def _split(states: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """(batch, sum of sizes) -> list of (batch, size)."""
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [states[:, end - size : end] for size, end in zip(sizes, ends, strict=True)]
