"""One-to-many: chords over time, each voice given the voices above it and all that came before."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import keras

from zoo.cells.typing import Tensor
from zoo.layers import RecurrentStack
from zoo.music.chords import symbols_of
from zoo.networks.chord_rules import ChordRules
from zoo.networks.heads import as_given, layers_of, state_inputs
from zoo.networks.seeds import seeded
from zoo.networks.voice_leading import Intervals, VoiceLeading
from zoo.text.special_tokens import PADDING_ID

_Parts: TypeAlias = dict[str, Any]


@seeded
def chord_model(
    voices: int,
    *,
    ranked: bool = False,
    positions: int = 0,
    keys: int = 0,
    embedding_dim: int = 32,
    interval_dim: int = 16,
    cell: str = "lstm",
    units: int = 256,
    layers: int = 1,
    residual: bool = False,
    voice_units: int = 128,
    dropout: float = 0.0,
    cell_options: dict[str, Any] | None = None,
    seed: int | None = None,
    name: str = "chord_model",
) -> keras.Model:
    """Builds a model of the probability of chords over time.

    The chord y<t> has the symbols y_1<t>, ..., y_V<t>, those of the highest voice first, and

        P(y<t> | y<1>, ..., y<t-1>) = Π_v P(y_v<t> | y_1<t>, ..., y_{v-1}<t>, y<t-1>, a<t>)
        a<t> = recurrence(a<t-1>, y<t-1>, position in the bar, key)

    so that the voices of a chord depend on each other, as those of an independent softmax or
    sigmoid for each would not, and the probabilities of all chords sum to 1. A factor is a softmax
    after one hidden layer over a<t>, the symbols of the voices above and the chord before, and the
    intervals between them, by which it sees how they move. `VoiceLeading` adds to its logits what
    intervals alone tell, and `ChordRules` leaves out what the voice may not have.

    Args:
        voices: number of voices.
        ranked: whether voices are ranks; see `zoo.music.chords.ChordEncoder`.
        positions: number of positions in a bar; 0 for music without a metre.
        keys: number of keys, such as G major; 0 leaves them out.
        embedding_dim: size of the vector of a symbol.
        interval_dim: size of the vector of an interval; 0 for a network without intervals, as
            models saved before there were any have it.
        cell, units, layers, residual, cell_options: see `RecurrentStack`.
        voice_units: units of a voice's hidden layer.
        dropout: fraction of values set to 0 in training: of the vectors that the recurrence reads,
            between its layers, of its output, and of the hidden layers of the voices.
        seed, name: seed of the initial weights and of dropout, and name of the model.

    Returns:
        A `keras.Model` of a dict of int32 ids to the logits (batch, timesteps, voices, symbols),
        float32, of each symbol of `chords`. The ids: `chords` (batch, timesteps, voices), padded
        with 0 on the right; `positions` (batch, timesteps), from 1; `keys` (batch, timesteps), the
        key of the piece at each step, from 1. 0 is an unknown position or key; an input that is
        left out is not there. `step_models` gives the network for one step.
    """
    symbols = symbols_of(ranked)
    chords = keras.Input((None, voices), dtype="int32", name="chords")
    inputs = {"chords": chords}
    parts: _Parts = {
        "embedding": keras.layers.Embedding(symbols, embedding_dim, name="embedding"),
        "rules": ChordRules(ranked, name="rules"),
        "recurrence": RecurrentStack(
            cell,
            units,
            layers,
            bidirectional=False,
            dropout=dropout,
            residual=residual,
            cell_options=cell_options,
            return_state=True,
            name="recurrence",
        ),
    }
    for extra, size in (("positions", positions), ("keys", keys)):
        if size:
            inputs[extra] = keras.Input((None,), dtype="int32", name=extra)
            parts[extra] = keras.layers.Embedding(size + 1, embedding_dim, name=f"{extra}_vectors")
    if interval_dim:
        parts["intervals"] = Intervals(interval_dim, name="intervals")
    for v in range(voices):
        if interval_dim:
            parts[f"leading_{v}"] = VoiceLeading(ranked, v, name=f"leading_{v}")
        parts[f"hidden_{v}"] = keras.layers.Dense(voice_units, "relu", name=f"hidden_{v}")
        parts[f"logits_{v}"] = keras.layers.Dense(symbols, dtype="float32", name=f"logits_{v}")

    before = keras.ops.pad(chords, [[0, 0], [1, 0], [0, 0]])[:, :-1]
    x = _vectors(parts, before, {name: inputs[name] for name in inputs if name != "chords"})
    x = keras.layers.Dropout(dropout, name="input_dropout")(x)
    mask = keras.ops.not_equal(chords[..., 0], PADDING_ID)
    x, _ = parts["recurrence"](x, mask=mask)  # (batch, timesteps, units)
    x = keras.layers.Dropout(dropout, name="output_dropout")(x)

    def dropped(v: int, hidden: Tensor) -> Tensor:
        return keras.layers.Dropout(dropout, name=f"hidden_dropout_{v}")(hidden)

    logits = [_logits(parts, v, x, before, chords, dropped) for v in range(voices)]
    return keras.Model(inputs, keras.ops.stack(logits, axis=-2), name=name)


def step_models(model: keras.Model) -> tuple[keras.Model, list[keras.Model]]:
    """The network of `chord_model` for one step, without a loop: for generation.

    Args:
        model: what `chord_model` built, also if loaded from a file. The weights are shared.

    Returns:
        Two parts. A `keras.Model` from a dict of `before` (batch, voices), the chord before, of
        `positions` and `keys` (batch,), where the model has them, and of the states `state_0`, ...
        (batch, units) to a dict of `hidden`, a<t> (batch, units), and the new states. And a list of
        a `keras.Model` for each voice, from a dict of `hidden`, `before` and `chord`
        (batch, voices), of which it reads the voices above, to logits (batch, symbols).
    """
    parts = {name.removesuffix("_vectors"): layer for name, layer in layers_of(model).items()}
    recurrence = parts["recurrence"]
    voices = model.input["chords"].shape[-1]
    before = keras.Input((voices,), dtype="int32", name="before")
    extra = {
        name: keras.Input((), dtype="int32", name=name)
        for name in ("positions", "keys")
        if name in model.input
    }
    states = state_inputs(recurrence, recurrence.state_sizes)
    x, new = recurrence.step(_vectors(parts, before, extra), list(states.values()))
    outputs = {"hidden": x, **as_given(states, new)}
    step = keras.Model({"before": before, **extra, **states}, outputs)

    hidden = keras.Input((recurrence.units,), dtype=recurrence.compute_dtype, name="hidden")
    chord = keras.Input((voices,), dtype="int32", name="chord")
    heads = [
        keras.Model(
            {"hidden": hidden, "before": before, "chord": chord},
            _logits(parts, v, hidden, before, chord),
        )
        for v in range(voices)
    ]
    return step, heads


def _vectors(parts: _Parts, before: Tensor, extra: Mapping[str, Tensor]) -> Tensor:
    """What the recurrence reads: the vectors of a chord's symbols, of the position and key."""
    past = [before[..., v] for v in range(before.shape[-1])]
    vectors = [parts["embedding"](symbols) for symbols in past]
    vectors += [parts[name](ids) for name, ids in extra.items()]
    if "intervals" in parts and len(past) > 1:
        upper, lower = zip(*itertools.combinations(past, 2), strict=True)
        vectors.append(parts["intervals"]([*lower], [*upper]))
    return keras.ops.concatenate(vectors, axis=-1)


def _logits(
    parts: _Parts,
    v: int,
    a: Tensor,
    before: Tensor,
    chord: Tensor,
    dropped: Callable[[int, Tensor], Tensor] = lambda v, hidden: hidden,
) -> Tensor:
    """The logits of voice v, given a<t>, the chord before and the voices above."""
    above = [chord[..., u] for u in range(v)]
    past = [before[..., u] for u in range(before.shape[-1])]
    vectors = [parts["embedding"](symbols) for symbols in (*past, *above)]
    others = [*past[:v], *past[v + 1 :], *above]
    if "intervals" in parts and others:  # from its last note to theirs, and how they moved
        vectors.append(parts["intervals"]([past[v]] * len(others) + past[:v], [*others, *above]))
    hidden = dropped(v, parts[f"hidden_{v}"](keras.ops.concatenate([a, *vectors], axis=-1)))
    logits = parts[f"logits_{v}"](hidden)
    if "intervals" in parts:
        logits = parts[f"leading_{v}"](
            logits, hidden=hidden, before=past[v], past=past[:v], above=above
        )
    return parts["rules"](logits, before=before[..., v], above=above)
