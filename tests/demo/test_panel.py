"""The panel of a task whose kind of predictor has none of its own."""

import contextlib

import pytest

pytest.importorskip("gradio")

from support.predictor_case import made

from tasks.sentiment import Sentiment
from zoo.demo.panels import panel_of
from zoo.demo.panels.panel import Panel, guarded


class Own(Sentiment):
    """A task of a user's, of a kind of predictor that the page has never heard of."""

    predictor = "own"


class Kept:
    """The models of a page: one."""

    named = ()

    def of_kind(self, kind):
        return ["mine"]

    @contextlib.contextmanager
    def alone(self, name):
        yield made("classifier of 2")


def test_a_new_task_has_text_in_and_its_prediction_out():
    panel = panel_of(Own(), Kept())
    assert type(panel) is Panel
    shown = panel.predict("mine", "a <b>good</b> film")
    (answer,) = made("classifier of 2").predict(["a <b>good</b> film"])
    assert f"&quot;label&quot;: &quot;{answer['label']}&quot;" in shown
    status, nothing = guarded(panel.predict, 1)("mine", " ")
    assert "the text is empty" in status.lower()
    assert nothing is None
