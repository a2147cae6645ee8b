"""Sequences from a network that carries a state: sampling, greedy choice and beam search.

All of it works on a function of one step,

    step(token_ids (batch,) int32, state) -> (logits (batch, vocabulary), state)

with a state of any nest of tensors whose first axis is the batch: those of a language model's
layers, or of a decoder together with what it attends to.
"""

from zoo.generation.beams import Hypotheses, beam_search
from zoo.generation.loop import Generation, generate
from zoo.generation.random_numbers import uniforms
from zoo.generation.sampling import draw, permitted, truncated

__all__ = [
    "Generation",
    "Hypotheses",
    "beam_search",
    "draw",
    "generate",
    "permitted",
    "truncated",
    "uniforms",
]
