from . import (
    attribution,
    base,
    calibration,
    catalogue,
    chord_sequences,
    classifier,
    clips,
    dna_classifier,
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
    video_classifier,
)
from .attribution import Attribution, attributions
from .base import Predictor
from .classifier import Classifier
from .dna_classifier import DnaClassifier
from .entity_tagger import EntityTagger
from .language_model import LanguageModel
from .music_model import MusicModel
from .presets import PREDICTORS
from .speech_recognizer import SpeechRecognizer
from .text_classifier import TextClassifier
from .translator import Translator
from .video_classifier import VideoClassifier

__all__ = [
    "PREDICTORS",
    "Attribution",
    "Classifier",
    "DnaClassifier",
    "EntityTagger",
    "LanguageModel",
    "MusicModel",
    "Predictor",
    "SpeechRecognizer",
    "TextClassifier",
    "Translator",
    "VideoClassifier",
    "attribution",
    "attributions",
    "base",
    "calibration",
    "catalogue",
    "chord_sequences",
    "classifier",
    "clips",
    "dna_classifier",
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
    "video_classifier",
]
