"""Trained networks with what surrounds them: raw inputs in, labelled results out.

`zoo.predictors.presets` saves and loads every class that is listed here.
"""

from zoo.predictors.entity_tagger import EntityTagger
from zoo.predictors.language_model import LanguageModel
from zoo.predictors.music_model import MusicModel
from zoo.predictors.text_classifier import TextClassifier
from zoo.predictors.translator import Translator

PREDICTORS = {
    kind.kind: kind
    for kind in (TextClassifier, EntityTagger, LanguageModel, MusicModel, Translator)
}

__all__ = [
    "PREDICTORS",
    "EntityTagger",
    "LanguageModel",
    "MusicModel",
    "TextClassifier",
    "Translator",
]
