"""A language model at work on ids: probabilities of sequences, and new sequences."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo import generation
from zoo.cells.typing import Tensor
from zoo.generation.states import State
from zoo.layers.scan import scan
from zoo.networks import initial_states
from zoo.networks.language_model import Step, step_function
from zoo.predictors.graphs import MANY, graph, in_halves
from zoo.predictors.sampling import for_rows, sampling
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID

FORBIDDEN = (PADDING_ID, UNKNOWN_ID)
"""Ids that are never written."""

_PIECE = 32  # steps whose logits are in memory at a time


class TokenSequences:
    """What a network of `zoo.networks.language_model` says of sequences, and those it writes.

    On TensorFlow its methods are graphs, for tensors of any size, that can be parts of others.
    """

    def __init__(self, model: keras.Model):
        self._model = model
        self.states_after = graph(self._states_after)
        self.log_probabilities = graph(self._log_probabilities)
        self.next_logits = graph(lambda token_ids, states: self._step()(token_ids, states))
        self.generate = graph(self._generate)
        self._generate_in_halves = graph(in_halves(self._generate))
        self.search = graph(self._search)

    def _log_probabilities(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Log P of each target, 0 at padding, given the inputs up to its step.

        All are (batch, timesteps); the inputs are the tokens before the targets.
        """
        batch, timesteps = ops.shape(inputs)
        pieces = -(-timesteps // _PIECE)
        more = ((0, 0), (0, pieces * _PIECE - timesteps))
        cut = (
            ops.transpose(ops.reshape(ops.pad(ids, more), (batch, pieces, _PIECE)), (1, 0, 2))
            for ids in (inputs, targets)
        )  # (pieces, batch, _PIECE) each
        names = list(initial_states(self._model, 1))

        def read(states: tuple, slices: tuple) -> tuple[tuple, tuple]:
            token_ids, following = slices
            given = dict(zip(names, states, strict=True))
            outputs = self._model({"token_ids": token_ids, **given}, training=False)
            logits = outputs["logits"]  # (batch, _PIECE, vocabulary)
            of_target = ops.take_along_axis(logits, following[..., None], axis=-1)[..., 0]
            found = of_target - ops.logsumexp(logits, axis=-1)
            return tuple(outputs[name] for name in names), (found,)

        first = tuple(initial_states(self._model, batch).values())
        _, (found,) = scan(read, first, tuple(cut))
        found = ops.reshape(ops.transpose(found, (1, 0, 2)), (batch, pieces * _PIECE))
        return ops.where(ops.equal(targets, PADDING_ID), 0.0, found[:, :timesteps])

    def _states_after(self, token_ids: Tensor) -> State:
        """The states when ids (batch, timesteps) have been read, one step at least."""
        states = initial_states(self._model, ops.shape(token_ids)[0])
        outputs = self._model({"token_ids": token_ids, **states}, training=False)
        return {name: outputs[name] for name in states}

    def _step(self) -> Step:
        """A step, from a token to the logits (batch, vocabulary) of the next, and new states."""
        return step_function(self._model)

    def _generate(
        self,
        token_ids: Tensor,
        states: State,
        finished: Tensor | None,
        uniforms: Tensor,
        end_id: int | None = None,
        limits: Tensor | None = None,
        temperature: Tensor | None = None,
        top_k: Tensor | None = None,
        top_p: Tensor | None = None,
    ) -> generation.Generation:
        """Goes on with sequences: `zoo.generation.generate`, without padding and `<UNK>`.

        For greedy choice, `uniforms` are the number of steps.
        """
        greedy = not len(uniforms.shape)
        how = {"steps": uniforms} if greedy else {"uniforms": uniforms}
        return generation.generate(
            self._step(),
            token_ids,
            states,
            finished=finished,
            end_id=end_id,
            limits=limits,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            forbidden=FORBIDDEN,
            **how,
        )

    def _search(
        self, token_ids: Tensor, states: State, beams: int, length: int
    ) -> generation.Hypotheses:
        """The most probable continuations; arguments as above."""
        return generation.beam_search(
            self._step(),
            token_ids,
            states,
            beams=beams,
            length=length,
            end_id=END_ID,
            forbidden=FORBIDDEN,
        )

    def pieces(
        self,
        token_ids: Tensor,
        states: State,
        length: int,
        at_once: int,
        seed: int,
        how: dict[str, Any] | None = None,
        end_id: int | None = END_ID,
    ) -> Iterator[generation.Generation]:
        """Writes sequences of at most `length` tokens, `at_once` a piece, in constant memory.

        Row i draws with `seed + i`, as `zoo.predictors.sampling.sampling` said how, or greedily
        without. Yields pieces until all sequences have ended.
        """
        batch = len(token_ids)
        seeds = seed + np.arange(batch, dtype="int64")
        finished = None if end_id is None else ops.zeros((batch,), dtype="bool")
        settings = {} if how is None or how == sampling() else for_rows(how, batch)
        generate = self.generate if batch < MANY else self._generate_in_halves
        for first in range(0, length, at_once):
            steps = min(at_once, length - first)
            if how is None:
                uniforms = ops.convert_to_tensor(np.array(steps, "int32"))
            else:
                uniforms = ops.convert_to_tensor(generation.uniforms(seeds, first, steps).numpy())
            piece = generate(token_ids, states, finished, uniforms, end_id=end_id, **settings)
            yield piece
            token_ids, states = piece.token_ids, piece.state
            if end_id is not None:
                finished = piece.finished
                if ops.convert_to_numpy(finished).all():
                    return
