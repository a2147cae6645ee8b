"""The simple models that a network has to beat on the same data."""

from zoo.baselines.chord_bigrams import ChordBigrams
from zoo.baselines.dictionary import Dictionary
from zoo.baselines.kneser_ney import KneserNey
from zoo.baselines.linear_text import LinearTextBaseline
from zoo.baselines.most_frequent_tag import MostFrequentTag

__all__ = ["ChordBigrams", "Dictionary", "KneserNey", "LinearTextBaseline", "MostFrequentTag"]
