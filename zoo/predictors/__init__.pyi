from . import (
    base,
    calibration,
    catalogue,
    chord_sequences,
    endpoints,
    entities,
    entity_tagger,
    fusion,
    graphs,
    language_model,
    language_model_endpoints,
    music_model,
    music_model_endpoints,
    presets,
    recordings,
    sampling,
    speech_endpoints,
    speech_heads,
    speech_recognizer,
    speech_stream,
    target_sequences,
    text_classifier,
    token_sequences,
    translator,
)
from .base import Predictor
from .entity_tagger import EntityTagger
from .language_model import LanguageModel
from .music_model import MusicModel
from .presets import PREDICTORS
from .speech_recognizer import SpeechRecognizer
from .text_classifier import TextClassifier
from .translator import Translator

__all__ = [
    "PREDICTORS",
    "EntityTagger",
    "LanguageModel",
    "MusicModel",
    "Predictor",
    "SpeechRecognizer",
    "TextClassifier",
    "Translator",
    "base",
    "calibration",
    "catalogue",
    "chord_sequences",
    "endpoints",
    "entities",
    "entity_tagger",
    "fusion",
    "graphs",
    "language_model",
    "language_model_endpoints",
    "music_model",
    "music_model_endpoints",
    "presets",
    "recordings",
    "sampling",
    "speech_endpoints",
    "speech_heads",
    "speech_recognizer",
    "speech_stream",
    "target_sequences",
    "text_classifier",
    "token_sequences",
    "translator",
]
