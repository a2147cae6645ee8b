"""A model of chords at work on symbols: probabilities of pieces, and new pieces."""

import functools
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo import generation
from zoo.cells.typing import Tensor
from zoo.generation.states import State
from zoo.music.chords import symbols_of
from zoo.networks.chord_model import step_models
from zoo.networks.chord_rules import IMPOSSIBLE, against_counterpoint
from zoo.predictors.graphs import graph
from zoo.text.special_tokens import PADDING_ID

_BEAMS = 10


class ChordSequences:
    """What a network of `zoo.networks.chord_model` says of pieces, and those it writes.

    On TensorFlow its methods are graphs, for tensors of any size, that can be parts of others.

    A piece is written one voice at a time, the highest of a chord first: `zoo.generation` sees a
    sequence of symbols, `voices` of them to a chord. The recurrence takes a step where a chord is
    complete; between these the heads of the voices read what it gave.

    Args:
        model: the network.
        bar: positions in a bar of four quarters; 0 where there is no metre.
    """

    def __init__(self, model: keras.Model, bar: int):
        self._model = model
        self._bar = bar
        self._ranked = model.output.shape[-1] == symbols_of(ranked=True)
        self._step, self._heads = step_models(model)
        self.voices = len(self._heads)
        inputs, state = self._specs()
        settings = {"temperature": _rows("float32"), "top_k": _rows(), "top_p": _rows("float32")}
        uniforms = tf.TensorSpec((None, None), tf.float32)
        self.log_probabilities = graph(self._log_probabilities, inputs)
        self.write = graph(self._write, _rows(), state, uniforms, settings)
        by_rules = functools.partial(self._write, rules=True)
        self.write_by_rules = graph(by_rules, _rows(), state, uniforms, settings)
        self.likeliest = graph(self._likeliest, _rows(), state)

    def _specs(self) -> tuple[dict[str, tf.TensorSpec], dict[str, tf.TensorSpec]]:
        """What the graphs take: inputs of the network, and the state of `beginning`."""
        inputs = {
            name: tf.TensorSpec((None, None, *tensor.shape[2:]), tf.int32)
            for name, tensor in self._model.input.items()
        }
        state = {name: _rows() for name in ("keys", "first_positions", "metres", "time")}
        chord = tf.TensorSpec((None, self.voices), tf.int32)
        state |= {"before": chord, "chord": chord, "given": tf.TensorSpec((None, None), tf.int32)}
        carried = {"hidden": self._step.output["hidden"], **self._states()}
        state |= {
            name: tf.TensorSpec((None, tensor.shape[-1]), tf.as_dtype(tensor.dtype))
            for name, tensor in carried.items()
        }
        return inputs, state

    def _states(self) -> State:
        """The states of the recurrence, as the network takes them."""
        inputs = self._step.input
        return {name: inputs[name] for name in inputs if name.startswith("state_")}

    def _log_probabilities(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Log P of each symbol: (batch, timesteps, voices) float32, 0 at padding."""
        chords = inputs["chords"]
        logits = self._model(inputs, training=False)
        of_symbol = ops.take_along_axis(logits, chords[..., None], axis=-1)[..., 0]
        found = of_symbol - ops.logsumexp(logits, axis=-1)
        return ops.where(ops.equal(chords, PADDING_ID), 0.0, found)

    def beginning(
        self, given: Tensor, keys: Tensor, first_positions: Tensor, metres: Tensor
    ) -> State:
        """The state before a piece is written, a dict of tensors (batch, ...).

        Args:
            given: (batch, steps, voices) int32, symbols that the piece must have; 0 for none.
            keys: (batch,) int32, ids of keys, 0 for an unknown one.
            first_positions: (batch,) int32, where in the bar the first step is, from 0.
            metres: (batch,) int32, steps in a bar.
        """
        batch = ops.shape(given)[0]
        nothing = ops.zeros((batch, self.voices), dtype="int32")
        zeros = {
            name: ops.zeros((batch, tensor.shape[-1]), dtype=tensor.dtype)
            for name, tensor in self._states().items()
        }
        hidden = self._step.output["hidden"]
        return {
            "given": ops.reshape(given, (batch, -1)),
            "keys": keys,
            "first_positions": first_positions,
            "metres": metres,
            "time": ops.zeros((batch,), dtype="int32"),
            "before": nothing,
            "chord": nothing,
            "hidden": ops.zeros((batch, hidden.shape[-1]), dtype=hidden.dtype),
            **zeros,
        }

    def next_logits(
        self, symbols: Tensor, state: State, rules: bool = False
    ) -> tuple[Tensor, State]:
        """The logits of the next voice's symbol, given that of the last voice.

        Args:
            symbols: (batch,) int32, of the voice before; 0 at first.
            state: what `beginning` returned, or the last call. All rows are at the same voice.
            rules: whether symbols that are not given keep the rules of counterpoint
                (`zoo.networks.chord_rules.against_counterpoint`).

        Returns:
            (batch, symbols) float32, and the new state.
        """
        time = state["time"]
        branches = [functools.partial(self._of_voice, v, rules) for v in range(self.voices)]
        logits, changed = ops.switch(ops.max(time) % self.voices, branches, symbols, state)
        given = ops.take_along_axis(state["given"], time[:, None], axis=1)  # (batch, 1)
        other = ops.not_equal(np.arange(logits.shape[-1]), given)
        wrong = ops.logical_and(ops.not_equal(given, PADDING_ID), other)
        if rules:
            free = ops.equal(given, PADDING_ID)
            wrong = ops.logical_or(wrong, ops.logical_and(free, changed.pop("wrong")))
        logits = ops.where(wrong, IMPOSSIBLE, logits)
        return logits, state | changed | {"time": time + 1}

    def _of_voice(self, v: int, rules: bool, symbols: Tensor, state: State) -> tuple[Tensor, State]:
        """The logits of voice v, and what of the state changes; where they break `rules`, if so."""
        last = np.arange(self.voices) == (v - 1) % self.voices
        chord, before = ops.where(last, symbols[:, None], state["chord"]), state["before"]
        changed = {name: state[name] for name in state if name.startswith("state_")}
        changed["hidden"] = state["hidden"]
        if v == 0:  # the chord is complete
            before, chord = chord, ops.zeros_like(chord)
            inputs = {"before": before, **self._conditions(state), **changed}
            changed = self._step({name: inputs[name] for name in self._step.input}, training=False)
        inputs = {"hidden": changed["hidden"], "before": before, "chord": chord}
        logits = self._heads[v](inputs, training=False)
        changed |= {"before": before, "chord": chord}
        if rules:
            changed["wrong"] = against_counterpoint(v, before, chord, self._ranked)
        return logits, changed

    def _conditions(self, state: State) -> State:
        """The ids of position and key at the step that begins."""
        step = state["time"] // self.voices
        position = (state["first_positions"] + step) % ops.maximum(state["metres"], 1)
        position = 1 + position % max(self._bar, 1)
        return {"positions": position, "keys": state["keys"]}

    def _likeliest(self, symbols: Tensor, state: State) -> generation.Hypotheses:
        """The most probable next chords; arguments as for `write`."""
        search = generation.beam_search
        return search(self.next_logits, symbols, state, beams=_BEAMS, length=self.voices)

    def _write(
        self,
        symbols: Tensor,
        state: State,
        uniforms: Tensor,
        settings: dict[str, Any],
        rules: bool = False,
    ) -> generation.Generation:
        """Goes on with pieces, for so many symbols as there are uniforms in a row.

        Given are the last symbol of each, 0 at first, and the `state` of the last call's result.
        """
        step = functools.partial(self.next_logits, rules=rules)
        return generation.generate(step, symbols, state, uniforms=uniforms, **settings)


def _rows(dtype: str = "int32") -> tf.TensorSpec:
    """One value for each piece."""
    return tf.TensorSpec((None,), dtype)
