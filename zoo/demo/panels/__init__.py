"""What a tab holds, by the kind of predictor that its task declares."""

import importlib
from typing import Any

from zoo.application.task import Application, Task
from zoo.demo.models import Models
from zoo.demo.panels.panel import Panel

# Module and class, imported when a task needs it.
_PANELS = {
    "text_classifier": "sentiment:TextClassifierPanel",
    "entity_tagger": "entities:EntityPanel",
    "language_model": "language_model:LanguageModelPanel",
    "dna_classifier": "dna:DnaClassifierPanel",
    "video_classifier": "video:VideoClassifierPanel",
    "memory": "memory:MemoryPanel",
    "music_model": "music:MusicPanel",
    "translator": "translation:TranslatorPanel",
    "speech_recognizer": "speech:SpeechPanel",
}
_MORE = ("cells:CellsPanel",)  # of no task's


def panel_of(task: Application, models: Models) -> Panel | None:
    """The panel of a task; None of an application that has no models and no panel of its own."""
    if found := _PANELS.get(getattr(task, "predictor", task.name)):
        return _class_of(found)(task, models)
    return Panel(task, models) if isinstance(task, Task) else None


def more_panels(models: Models) -> list[Panel]:
    """The panels that are no task's, which stand behind those of the tasks."""
    return [_class_of(found)(models) for found in _MORE]


def _class_of(found: str) -> Any:
    module, _, name = found.partition(":")
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)
