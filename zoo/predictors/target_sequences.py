"""What an encoder-decoder writes for its sources, and where it looks meanwhile."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from zoo import generation
from zoo.cells.typing import Tensor
from zoo.generation.states import State
from zoo.layers.scan import scan
from zoo.networks.encoder_decoder import ENCODED, decode_step_function, encode_model
from zoo.predictors.graphs import MANY, graph, in_halves
from zoo.text.special_tokens import END_ID


class TargetSequences:
    """The targets of a network of `zoo.networks.encoder_decoder`, token by token.

    `search` and `align` are graphs on TensorFlow, for tensors of any size; `beam_search` is what
    `search` does, to be part of another graph. `search` works on the two halves of a batch side by
    side, if these are large enough.

    Args:
        model: the network. A source is what its encoder reads: ids (batch, source timesteps), or a
            dict of `features` and `mask`.
    """

    def __init__(self, model: keras.Model):
        self._model, self._encode = model, encode_model(model)
        self._one_search = graph(self.beam_search)
        self._two_searches = graph(self._search_in_halves)
        self.align = graph(self._alignment)

    @property
    def attends(self) -> bool:
        """Whether the decoder looks back at the source."""
        return "memory" in self._encode.output

    def beam_search(
        self,
        source: Any,
        limits: Tensor,
        length: int,
        beams: int,
        length_penalty: float,
        forbidden: Sequence[int],
    ) -> generation.Hypotheses:
        """The targets that `zoo.generation.beam_search` finds.

        Args:
            source: what the encoder reads.
            limits: (batch,) int32, the most tokens of each target, `<EOS>` included.
            length: the most of any.
            beams, length_penalty, forbidden: of the search.
        """
        length = _longest(limits, length)
        return self._search(source, limits, length, beams, length_penalty, forbidden)

    def search(self, source: Any, limits: Tensor, *how: Any) -> generation.Hypotheses:
        """What `beam_search` finds, by a graph."""
        search = self._one_search if len(limits) < MANY else self._two_searches
        return search(source, limits, *how)

    def _search_in_halves(
        self, source: Any, limits: Tensor, length: int, *how: Any
    ) -> generation.Hypotheses:
        return in_halves(self._search)(source, limits, _longest(limits, length), *how)

    def _search(
        self,
        source: Any,
        limits: Tensor,
        length: int | Tensor,
        beams: int,
        length_penalty: float,
        forbidden: Sequence[int],
    ) -> generation.Hypotheses:
        states, one_step = self._beginning(source)

        def step(token_ids: Tensor, states: State) -> tuple[Tensor, State]:
            logits, _, states = one_step(token_ids, states)
            return logits, states

        return generation.beam_search(
            step,
            ops.full_like(ops.cast(limits, "int32"), END_ID),
            states,
            beams=beams,
            length=length,
            limits=limits,
            end_id=END_ID,
            forbidden=forbidden,
            length_penalty=length_penalty,
        )

    def _beginning(self, source: Any) -> tuple[State, Callable]:
        """The states before a token is read, and the step from one to the next."""
        encoded = dict(self._encode(source, training=False))
        states = {name: encoded[name] for name in encoded if name not in ENCODED}
        return states, decode_step_function(self._model, encoded)

    def _alignment(self, source: Any, target_ids: Tensor) -> Tensor:
        """The weights of attention, (batch, target timesteps, source timesteps)."""
        states, one_step = self._beginning(source)
        before = ops.pad(target_ids, [[0, 0], [1, 0]], constant_values=END_ID)[:, :-1]

        def step(carry: tuple, slices: tuple) -> tuple[tuple, tuple]:
            _, weights, new = one_step(slices[0], dict(zip(states, carry, strict=True)))
            return tuple(new.values()), (weights,)

        _, (weights,) = scan(step, tuple(states.values()), (ops.transpose(before),))
        return ops.transpose(weights, (1, 0, 2))


def _longest(limits: Tensor, length: int) -> int | Tensor:
    """The steps that any row may have: TensorFlow's loops may have any number of rounds."""
    if keras.backend.backend() != "tensorflow":
        return length
    return ops.clip(ops.max(limits), 1, length)
