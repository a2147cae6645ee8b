"""The page: a tab for each task, on one server of this machine."""

import importlib
import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read at import; nothing goes outside
os.environ["HF_HUB_OFFLINE"] = "1"

import gradio as gr
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse

from zoo.application.task import Application
from zoo.demo import marks
from zoo.demo.models import Models
from zoo.demo.panels import more_panels, panel_of
from zoo.demo.panels.panel import Panel
from zoo.predictors import catalogue

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
TITLE = "Sequence-model zoo"
_VISITORS = 10  # who are answered at once
_WAITING = 100  # who may wait; others are told to come again
_HOUR = 3600  # seconds; files that visitors made are deleted after so long
_LARGEST = "20mb"  # file that is taken
_BLUE = "#1d4f8f"  # dark enough for white text on it, and for itself on white
_COLOURS = {
    "button_primary_background_fill": _BLUE,
    "button_primary_background_fill_hover": "#153a6b",
    "button_primary_text_color": "white",
    "color_accent": _BLUE,
    "block_label_text_color": "#3d444d",
    "block_title_text_color": "#3d444d",
    "body_text_color_subdued": "#4b525c",
}
_REFUSED = PlainTextResponse("this page answers its own visitors alone", 403)
_FONTS = ("system-ui", "sans-serif"), ("ui-monospace", "monospace")


class OwnPagesOnly:
    """Refuses what other websites ask of the page in a visitor's browser.

    Such a request names its own origin or, where a name was made to lead here, another host than
    the page's.

    Args:
        app: the ASGI application of the page.
        loopback: whether the page is reached by the names of this machine alone.
    """

    def __init__(self, app: Any, loopback: bool) -> None:
        self.app = app
        self.loopback = loopback

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {k: v.decode("latin-1") for k, v in scope.get("headers", ())}
        asked = urlsplit(f"//{headers.get(b'host', '')}")
        origin = urlsplit(headers.get(b"origin", f"//{asked.netloc}"))
        own = origin.netloc == asked.netloc and not (
            self.loopback and asked.hostname not in _LOOPBACK
        )
        answer = self.app if own or scope["type"] == "lifespan" else _REFUSED
        await answer(scope, receive, send)


def tasks() -> list[Application]:
    """The applications in `tasks/`, as they are found by their files."""
    modules = (importlib.import_module(f"tasks.{name}") for name in catalogue.tasks())
    return [
        found()
        for module in modules
        for found in vars(module).values()
        if isinstance(found, type)
        and issubclass(found, Application)
        and found.__module__ == module.__name__
    ]


def titles() -> list[str]:
    """What stands on the tabs, in their order."""
    return [panel.title for panel in _panels(Models())]


def _panels(models: Models) -> list[Panel]:
    found = filter(None, (panel_of(task, models) for task in tasks()))
    return [*found, *more_panels(models)]


def build(models: Iterable[str] = ()) -> gr.Blocks:
    """The page, with these models besides those of the house, each first on its tab."""
    kept = Models(models)
    for name in kept.named:  # a damaged one is told now
        kept.load(name)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(_HOUR, _HOUR)) as page:
        gr.Markdown(f"# {TITLE}\n\nRecurrent networks to try out. All is computed on this machine.")
        with gr.Tabs():
            for panel in _panels(kept):
                with gr.Tab(panel.title, id=panel.task.name, elem_id=f"tab-{panel.task.name}"):
                    panel.build()
    return page.queue(default_concurrency_limit=_VISITORS, max_size=_WAITING)


def launch(models: Iterable[str] = (), host: str = "127.0.0.1", port: int = 7860) -> Any:
    """Starts the page's server in threads of its own; returns its `gradio.routes.App`.

    Raises:
        UserError: a model cannot be found, or is damaged.
        OSError: the address cannot be listened on.
    """
    theme = gr.themes.Base(font=_FONTS[0], font_mono=_FONTS[1]).set(**_COLOURS)
    app, _, _ = build(models).launch(
        server_name=host,
        server_port=port,
        share=False,
        theme=theme,
        css=marks.STYLE,
        footer_links=[],
        max_file_size=_LARGEST,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        run_history=False,
        quiet=True,
        app_kwargs={"middleware": [Middleware(OwnPagesOnly, loopback=host in _LOOPBACK)]},
        prevent_thread_lock=True,
    )
    return app
