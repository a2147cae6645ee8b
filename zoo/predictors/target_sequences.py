"""What an encoder-decoder writes for its sources, and where it looks meanwhile."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo import generation
from zoo.cells.typing import Tensor
from zoo.generation.states import State
from zoo.layers.scan import scan
from zoo.networks.encoder_decoder import decode_step_model, encode_model
from zoo.predictors.graphs import graph
from zoo.text.special_tokens import END_ID


class TargetSequences:
    """The targets of a network of `zoo.networks.encoder_decoder`, token by token.

    `search` and `align` are graphs on TensorFlow, for tensors of any size; `beam_search` is what
    `search` does, to be part of another graph.

    Args:
        model: the network. A source is what its encoder reads: ids (batch, source timesteps), or a
            dict of `features` and `mask`.
    """

    def __init__(self, model: keras.Model):
        self._encode, self._step = encode_model(model), decode_step_model(model)
        self.search = graph(self.beam_search)
        self.align = graph(self._alignment)

    @property
    def attends(self) -> bool:
        """Whether the decoder looks back at the source."""
        return "weights" in self._step.output

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
        return generation.beam_search(
            self._next_logits,
            ops.full_like(ops.cast(limits, "int32"), END_ID),
            dict(self._encode(source, training=False)),
            beams=beams,
            length=length,
            limits=limits,
            end_id=END_ID,
            forbidden=forbidden,
            length_penalty=length_penalty,
        )

    def _next_logits(self, token_ids: Tensor, state: State) -> tuple[Tensor, State]:
        """The logits, (batch, vocabulary), of what follows a token, and the new state."""
        outputs = self._one_step(token_ids, state)
        new = {name: outputs[name] for name in outputs if name in state}
        return outputs["logits"], state | new

    def _one_step(self, token_ids: Tensor, state: State) -> State:
        inputs = {"token_ids": token_ids} | state
        inputs = {name: inputs[name] for name in self._step.input}
        return dict(self._step(inputs, training=False))

    def _alignment(self, source: Any, target_ids: Tensor) -> Tensor:
        """The weights of attention, (batch, target timesteps, source timesteps)."""
        state = dict(self._encode(source, training=False))
        before = ops.pad(target_ids, [[0, 0], [1, 0]], constant_values=END_ID)[:, :-1]
        names = [name for name in state if name not in ("memory", "keys", "mask")]
        constant = {name: state[name] for name in state if name not in names}

        def step(carry: tuple, slices: tuple) -> tuple[tuple, tuple]:
            given = dict(zip(names, carry, strict=True)) | constant
            outputs = self._one_step(slices[0], given)
            return tuple(outputs[name] for name in names), (outputs["weights"],)

        first = tuple(state[name] for name in names)
        _, (weights,) = scan(step, first, (ops.transpose(before),))
        return ops.transpose(weights, (1, 0, 2))
