"""What all panels share, and the panel of a task whose kind has none of its own."""

import functools
import inspect
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr

from zoo.application.task import Task
from zoo.demo import marks
from zoo.demo.models import Models
from zoo.errors import UserError

_LOG = logging.getLogger(__name__)
_ERRORS = UserError, TypeError, ValueError
MOST_CHARACTERS = 20_000  # of a text on the page


class Panel:
    """The contents of a tab: a model to choose, an input, a button, an answer.

    A subclass fills `body`, and calls `answers` there for each button.

    Args:
        task: what is tried out, a task of `tasks/`.
        models: the saved models of the page.
    """

    def __init__(self, task: Any, models: Models) -> None:
        self.task = task
        self.models = models
        kind = getattr(task, "predictor", None)
        self.names = models.of_kind(kind) if kind else []

    @property
    def title(self) -> str:
        """What stands on the tab."""
        return (
            self.task.name.replace("_", " ").capitalize()
            if len(self.task.name) > 3
            else (self.task.name.upper())
        )

    def build(self) -> None:
        """Builds the panel, inside a `gr.Tab`."""
        gr.Markdown(self.task.summary)
        if isinstance(self.task, Task) and not self.names:
            gr.Markdown(
                f"There is no model yet: train one with `{self.task.program}`, and start the page "
                "again."
            )
            return
        if self.names:
            self.model = gr.Dropdown(
                self.names, value=self._first(), label="Model", interactive=len(self.names) > 1
            )
            about = gr.Markdown(self._about(self._first()), elem_classes="about")
            self.model.change(self._about, self.model, about, api_visibility="private")
        self.body()
        if limits := getattr(getattr(self.task, "card", None), "limits", ()):
            with gr.Accordion("What not to expect", open=False):
                gr.Markdown("\n".join(f"- {limit}" for limit in limits))

    def _about(self, name: str) -> str:
        """What was measured of a model, as one line."""
        metrics = self.models.metrics(name)
        metric = metrics.get("metric", "")
        if not isinstance(metrics.get(metric), float):
            return ""
        words = metric.replace("_", " ")
        return f"Test {words}: {metrics[metric]:.4g}, data: {metrics.get('dataset', 'unknown')}"

    def _first(self) -> str:
        """The model that is chosen first: one that was named, else the one of the task."""
        named = [name for name in self.names if name in self.models.named]
        if not named and getattr(self.task, "preset", "") in self.names:
            return self.task.preset
        return (named or self.names)[0]

    def body(self) -> None:
        """The input and the answer."""
        whole = self.task.rows.whole
        if whole:
            given: Any = gr.File(label="File", file_types=list(whole), type="filepath")
        else:
            given = self.text_input()
        with gr.Row():
            button = gr.Button("Predict", variant="primary")
        shown = gr.HTML(label="Prediction")
        self.answers(button, self.predict, [self.model, given], [shown])

    def predict(self, model: str, given: Any) -> str:
        """The prediction for one input as JSON; a text is never taken for the name of a file."""
        given = given if self.task.rows.whole else require_text(given)
        if not given:
            raise UserError("there is no file: choose one")
        with self.models.alone(model) as predictor:
            (found,) = self.task.predict(predictor, [given], None)
        found = found if isinstance(found, dict) else {"prediction": found}
        text = json.dumps(found, ensure_ascii=False, indent=2, default=str)
        return marks.box(marks.html.escape(text), text=True)

    def text_input(self, label: str = "Text", lines: int = 3, examples: Any = None) -> gr.Textbox:
        """A text box, with the task's examples below it."""
        box = gr.Textbox(
            label=label,
            lines=lines,
            max_lines=12,
            value=self._example(examples),
            elem_classes="input",
        )
        found = self._examples(examples)
        if len(found) > 1:
            gr.Examples([[one] for one in found], [box], label="Examples")
        return box

    def _examples(self, examples: Any) -> Sequence[str]:
        return self.task.card.examples if examples is None else examples

    def _example(self, examples: Any) -> str:
        return next(iter(self._examples(examples)), "")

    def answers(
        self,
        button: gr.Button,
        function: Callable[..., Any],
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        name: str = "predict",
        **more: Any,
    ) -> Any:
        """Lets a button call a function, or a generator function of growing answers.

        What the user can mend appears above the answer, which is empty then. The function is part
        of the page's API as `TASK_NAME`. Returns the event, for a button that stops it.
        """
        status = gr.HTML(elem_classes="status")
        call = guarded(function, len(outputs))
        api_name = f"{self.task.name}_{name}"
        return button.click(
            call,
            [*inputs],
            [status, *outputs],
            api_name=api_name,
            show_progress_on=outputs[0],
            **more,
        )


def guarded(function: Callable[..., Any], outputs: int) -> Callable[..., Any]:
    """The function with a status before its results: nothing, or what went wrong."""
    nothing = (None,) * outputs

    def whole(result: Any) -> tuple:
        return ("", result) if outputs == 1 else ("", *result)

    def failed(error: Exception) -> tuple:
        if not isinstance(error, _ERRORS):
            _LOG.exception("the page could not answer")
            return (marks.failure("something went wrong: the terminal tells what"), *nothing)
        message = " ".join(str(error).split())
        return (marks.failure(message[:1].upper() + message[1:] + "."), *nothing)

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def stream(*arguments: Any) -> Iterator[tuple]:
            try:
                for result in function(*arguments):
                    yield whole(result)
            except Exception as error:
                yield failed(error)

        return stream

    @functools.wraps(function)
    def once(*arguments: Any) -> tuple:
        try:
            return whole(function(*arguments))
        except Exception as error:
            return failed(error)

    return once


def seed_input() -> gr.Textbox:
    """Where a seed is given, to be read by `parse_seed`: a `gr.Number` cannot be left empty."""
    return gr.Textbox(label="Seed (empty: a new one)", max_lines=1, min_width=120)


def parse_seed(text: str | None) -> int | None:
    """The seed that somebody gave, None for none; a UserError if it is no seed."""
    text = (text or "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < 2**32):
        raise UserError(f"'{text[:50]}' is no seed: give a number from 0 to {2**32 - 1:,}, or none")
    return int(text)


def require_text(text: str | None, what: str = "text", most: int = MOST_CHARACTERS) -> str:
    """A text that is not empty, and short enough for a page; else a UserError."""
    if not (text or "").strip():
        raise UserError(f"the {what} is empty: write something first")
    if len(text or "") > most:
        raise UserError(
            f"the {what} has {len(text or ''):,} characters, and {most:,} are the most on this "
            "page: cut it, or use the command line"
        )
    return str(text)
