"""Trained networks with what surrounds them: raw inputs in, labelled results out.

`zoo.presets` saves and loads every class that is listed here.
"""

from zoo.predictors.text_classifier import TextClassifier

PREDICTORS = {"text_classifier": TextClassifier}

__all__ = ["PREDICTORS", "TextClassifier"]
