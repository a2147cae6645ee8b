"""One tiny model of each kind, exported once for all tests, which leave it as it is."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from support import classifiers, entity_tagging, language_modelling, music_pieces, translation_pairs
from support.sequences import randomize
from zoo import serving
from zoo.networks import many_to_many
from zoo.predictors import EntityTagger, presets
from zoo.serving.export import audit, saved_model
from zoo.serving.export.loaders import SavedModel
from zoo.text.tags import allowed_transitions, tag_set
from zoo.text.token_features import SHAPES, TokenEncoder

# One of each predictor. The audit of the first runs in a process of its own, as for users; that
# takes seconds, so for the others it runs in this one.
KINDS = ("classifier", "tagger", "character model", "music of parts", "subword translator")
OTHERS = tuple(
    pytest.param(kind, marks=pytest.mark.long)
    for kind in ("word model", "music of ranked", "character translator")
)


@dataclass(frozen=True)
class Export:
    """A saved model, its predictor, and the version that was exported of it."""

    saved: Path
    predictor: object
    version: Path
    model: SavedModel


def export(kind, folder):
    """Saves, loads and exports a model of a kind."""
    saved = folder / "saved"
    presets.save(_made(kind), saved, {})
    predictor = presets.load(saved)
    with pytest.MonkeyPatch.context() as monkeypatch:
        if kind != "classifier":
            monkeypatch.setattr(saved_model, "_audit", audit_here)
        version = serving.export(predictor, "tiny", folder / "served")
    return Export(saved, predictor, version, SavedModel(version))


def audit_here(folder):
    assert audit.audit(folder) == []


def _made(kind):
    match kind.split():
        case ["classifier"]:
            predictor = classifiers.classifier(("bad", "fair", "good"), layers=2)
            bias = predictor.model.get_layer("logits").bias  # so that no label is that of all texts
            logits = predictor.model(predictor.tokenizer(classifiers.TEXTS))
            bias.assign(bias - keras.ops.mean(logits, axis=0))
            return predictor
        case ["tagger"]:
            return _tagger()
        case [level, "model"]:
            return language_modelling.predictor_of(level)
        case [level, "translator"]:
            return translation_pairs.predictor_of(level, attention="multiplicative")
        case ["music", "of", kind]:
            return music_pieces.predictor_of(kind)


def _tagger():
    texts = [[token for token, _ in pairs] for pairs in entity_tagging.sentences()]
    encoder, tags = TokenEncoder.from_sentences(texts), tag_set(["LOC", "PER"])
    model = many_to_many(
        len(encoder.words),
        len(tags),
        characters=len(encoder.characters),
        shapes=len(SHAPES) + 2,
        longest_word=encoder.longest_word,
        embedding_dim=4,
        character_units=2,
        units=3,
        allowed=allowed_transitions(tags),
    )
    randomize(model, seed=9)  # which finds entities of both types
    return EntityTagger(model, encoder, tags)


def assert_alike(found, expected, tolerance=1e-5):
    """Compares outputs: strings and integers exactly, and other numbers within a tolerance."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        if array.dtype.kind == "f":
            np.testing.assert_allclose(found[name], array, tolerance, tolerance, err_msg=name)
        else:
            assert found[name].tolist() == array.tolist(), name
