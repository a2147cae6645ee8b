"""Recurrent layers: the fast loop, stacks of it, and what turns a sequence into one vector."""

from zoo.cells import CELLS
from zoo.layers.attention import Attention
from zoo.layers.bidirectional import Bidirectional
from zoo.layers.characters import CharacterFeatures
from zoo.layers.convolution import MaskedConvolution
from zoo.layers.crf import LinearChainCRF
from zoo.layers.decoder import AttentionDecoder
from zoo.layers.elsewhere import MeanElsewhere, TokenKeys
from zoo.layers.frame_features import FrameFeatures
from zoo.layers.nucleotides import AminoAcidShares, BothStrands, KmerShares, MeanOfReadings
from zoo.layers.perturbation import Perturbation
from zoo.layers.pooling import AttentionPooling, MaskedPooling
from zoo.layers.recurrence import Recurrence
from zoo.layers.stack import RecurrentStack
from zoo.layers.subsampling import Subsampling
from zoo.layers.tied_embedding import TiedEmbedding
from zoo.layers.word_dropout import WordDropout

tuple(CELLS.values())  # loads them all: a saved layer may hold any cell

__all__ = [
    "AminoAcidShares",
    "Attention",
    "AttentionDecoder",
    "AttentionPooling",
    "Bidirectional",
    "BothStrands",
    "CharacterFeatures",
    "FrameFeatures",
    "KmerShares",
    "LinearChainCRF",
    "MaskedConvolution",
    "MaskedPooling",
    "MeanElsewhere",
    "MeanOfReadings",
    "Perturbation",
    "Recurrence",
    "RecurrentStack",
    "Subsampling",
    "TiedEmbedding",
    "TokenKeys",
    "WordDropout",
]
