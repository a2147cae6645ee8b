from . import (
    attribution,
    base,
    calibration,
    catalogue,
    chord_sequences,
    classifier,
    dna_classifier,
    endpoints,
    entities,
    entity_tagger,
    graphs,
    language_model,
    language_model_endpoints,
    music_model,
    music_model_endpoints,
    presets,
    sampling,
    text_classifier,
    token_sequences,
    translator,
)
from .attribution import Attribution, attributions
from .base import Predictor
from .classifier import Classifier
from .dna_classifier import DnaClassifier
from .entity_tagger import EntityTagger
from .language_model import LanguageModel
from .music_model import MusicModel
from .presets import PREDICTORS
from .text_classifier import TextClassifier
from .translator import Translator

__all__ = [
    "PREDICTORS",
    "Attribution",
    "Classifier",
    "DnaClassifier",
    "EntityTagger",
    "LanguageModel",
    "MusicModel",
    "Predictor",
    "TextClassifier",
    "Translator",
    "attribution",
    "attributions",
    "base",
    "calibration",
    "catalogue",
    "chord_sequences",
    "classifier",
    "dna_classifier",
    "endpoints",
    "entities",
    "entity_tagger",
    "graphs",
    "language_model",
    "language_model_endpoints",
    "music_model",
    "music_model_endpoints",
    "presets",
    "sampling",
    "text_classifier",
    "token_sequences",
    "translator",
]
