"""The simple models that a network has to beat on the same data."""

from zoo.evaluation.baselines.chord_bigrams import ChordBigrams
from zoo.evaluation.baselines.clips import ClipBaseline, ClipBaselines
from zoo.evaluation.baselines.dictionary import Dictionary
from zoo.evaluation.baselines.kneser_ney import KneserNey
from zoo.evaluation.baselines.linear_text import LinearTextBaseline
from zoo.evaluation.baselines.most_frequent_tag import MostFrequentTag
from zoo.evaluation.baselines.sequence import SequenceBaseline
from zoo.evaluation.baselines.spoken_words import SpokenWords

__all__ = [
    "ChordBigrams",
    "ClipBaseline",
    "ClipBaselines",
    "Dictionary",
    "KneserNey",
    "LinearTextBaseline",
    "MostFrequentTag",
    "SequenceBaseline",
    "SpokenWords",
]
