"""Training: losses over sequences, gradient clipping, and the loop around `keras.Model.fit`."""

from zoo.training.chain_crossentropy import ChainCrossentropy
from zoo.training.checkpoints import Interrupted
from zoo.training.ctc import CTC, ctc_loss, infeasible
from zoo.training.label_errors import LabelErrorRate
from zoo.training.loop import fit
from zoo.training.losses import BinarySequenceCrossentropy, SequenceCrossentropy
from zoo.training.optimizer import ClippedAdam, clip_by_global_norm
from zoo.training.perplexity import Perplexity
from zoo.training.span_f1 import SpanF1

__all__ = [
    "CTC",
    "BinarySequenceCrossentropy",
    "ChainCrossentropy",
    "ClippedAdam",
    "Interrupted",
    "LabelErrorRate",
    "Perplexity",
    "SequenceCrossentropy",
    "SpanF1",
    "clip_by_global_norm",
    "ctc_loss",
    "fit",
    "infeasible",
]
