"""`python -m zoo demo`; nothing heavy until it runs."""

import contextlib
import os
import socket
import threading
from dataclasses import dataclass

from zoo.application.command_line import terminal
from zoo.application.options import option
from zoo.application.task import Output, Verb
from zoo.errors import UserError
from zoo.predictors import catalogue
from zoo.predictors.silence import silence_stderr

_HOST = "127.0.0.1"


@dataclass
class DemoOptions:
    """What `demo` takes."""

    models: tuple[str, ...] = option(
        (),
        "Name or folder of a saved model, to be chosen first; can be repeated.",
        name="model",
        what="model",
    )
    host: str = option(_HOST, "Interface; whoever reaches it can use the page.", what="address")
    port: int = option(7860, "Where the page is, http://HOST:PORT.", least=1, most=65535)


def demo(options: DemoOptions, output: Output) -> int:
    """Serves the page until it is interrupted; returns the exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whose tape explains predictions
    terminal.say_what_takes_long()
    for model in options.models:
        catalogue.find_model(model)
    try:
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        socket.create_server((options.host, options.port), family=family).close()
    except OSError as error:
        raise UserError(
            f"{options.host}:{options.port} cannot be listened on: give another --port, or --host"
        ) from error
    with silence_stderr():
        from zoo.demo import page
        from zoo.predictors import presets  # noqa: F401  # loads TensorFlow, with its notices
    app = page.launch(options.models, options.host, options.port)
    output.line(f"http://{options.host}:{options.port} shows the page; Control-C ends it")
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    app.get_blocks().close(verbose=False)
    return 0


VERBS = (
    Verb(demo, "Open a page to try all models out in a browser.", (DemoOptions,), result=False),
)
"""The verb of `python -m zoo` that starts the page."""
