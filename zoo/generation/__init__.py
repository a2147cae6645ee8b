"""Sequences from a network that carries a state: sampling, greedy choice and beam search.

All of it works on a function of one step,

    step(token_ids (batch,) int32, state) -> (logits (batch, vocabulary), state)

with a state of any nest of tensors whose first axis is the batch: those of a language model's
layers, or of a decoder together with what it attends to.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
