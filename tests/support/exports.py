"""One tiny model of each kind, exported once for all tests, which leave it as it is."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from zoo.predictors import presets
from zoo.serving import export_model
from zoo.serving.export import audit, saved_model
from zoo.serving.export.loaders import SavedModel

# One of each predictor; the audit runs in a process of its own, as for users.
KINDS = ("classifier", "tagger", "character model", "music of parts", "subword translator")
OTHERS = tuple(  # for which the audit runs in this process: that takes less time
    pytest.param(kind, marks=pytest.mark.long)
    for kind in ("word model", "music of chords", "character translator")
)


@dataclass(frozen=True)
class Export:
    """A saved model, its predictor, and the version that was exported of it."""

    saved: Path
    predictor: object
    version: Path
    model: SavedModel


def export(kind, trained_tagger, folder):
    """Saves, loads and exports a model of a kind."""
    saved = trained_tagger if kind == "tagger" else folder / "saved"
    if kind != "tagger":
        presets.save(_made(kind), saved, {})
    predictor = presets.load(saved)
    with pytest.MonkeyPatch.context() as monkeypatch:
        if kind not in KINDS:
            monkeypatch.setattr(saved_model, "_audit", audit_here)
        version = export_model(predictor, "tiny", folder / "served")
    return Export(saved, predictor, version, SavedModel(version))


def audit_here(folder):
    assert audit.audit(folder) == []


def _made(kind):
    from support import classifiers, language_modelling, music_pieces, translation_pairs

    first, _, last = kind.partition(" ")
    if kind == "classifier":
        predictor = classifiers.classifier(("bad", "fair", "good"), layers=2)
        bias = predictor.model.get_layer("logits").bias  # so that no label is that of all texts
        logits = predictor.model(predictor.tokenizer(classifiers.TEXTS))
        bias.assign(bias - keras.ops.mean(logits, axis=0))
        return predictor
    if last == "model":
        return language_modelling.predictor_of(first)
    if last == "translator":
        return translation_pairs.predictor_of(first, attention="multiplicative")
    return music_pieces.predictor_of("parts" if last == "of parts" else "ranked")


def assert_alike(found, expected, rtol=1e-5):
    """Compares outputs: strings and integers exactly, and other numbers within a tolerance."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        if array.dtype.kind == "f":
            np.testing.assert_allclose(found[name], array, rtol, 1e-5, err_msg=name)
        else:
            assert found[name].tolist() == array.tolist(), name
