"""One tiny model of each kind, exported once for all tests, which leave it as it is."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from support import predictor_case
from zoo import serving
from zoo.predictors import presets
from zoo.serving.export import audit, saved_model
from zoo.serving.export.loaders import SavedModel

# One of each predictor and of each tokenizer. The audit of the first runs in a process of its own,
# as for users; that takes seconds, so for the others it runs in this one.
KINDS = (
    *("classifier of 3", "tagger, crf", "language model of characters", "language model of words"),
    *("music, parts", "translator of subwords", "DNA of 3", "video of 3"),
    "speech, ctc of a stream",
)
OTHERS = (
    *(pytest.param(k, marks=pytest.mark.long) for k in ("music, ranked", "translator of words")),
    *(pytest.param(k, marks=pytest.mark.more) for k in ("speech, ctc", "speech, attention")),
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
    presets.save(predictor_case.made(kind), saved, {})
    predictor = presets.load(saved)
    with pytest.MonkeyPatch.context() as monkeypatch:
        if kind != KINDS[0]:
            monkeypatch.setattr(saved_model, "_audit", audit_here)
        version = serving.export(predictor, "tiny", folder / "served")
    return Export(saved, predictor, version, SavedModel(version))


def audit_here(folder):
    assert audit.audit(folder) == []
