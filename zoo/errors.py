"""The one exception that a person, rather than a programmer, is meant to read."""

import contextlib
from collections.abc import Iterator


class UserError(Exception):
    """Something the user can mend: a missing file, an unknown name, no network.

    The message is one line that says what is wrong and what to do. The command line prints it to
    standard error and exits with code 2; a traceback would add nothing.
    """


@contextlib.contextmanager
def told_of(option: str | None) -> Iterator[None]:
    """Context whose UserErrors begin with the option that they are about, if there is one."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{option}: {error}" if option else str(error)) from error


# What comes with `pip install "sequence-model-zoo[EXTRA]"`, by the name of its import: the extras
# that bring it.
EXTRAS = {
    **dict.fromkeys(("ai_edge_litert", "onnx", "onnxruntime", "regex", "tf2onnx"), ("formats",)),
    **dict.fromkeys(("starlette", "uvicorn"), ("serving",)),
    "av": ("audio", "video"),
    "dnaio": ("genomics",),
    "gradio": ("demo",),
    "ray": ("scale",),
    "torch": ("benchmarks",),
}


class MissingPackageError(UserError):
    """A package of `EXTRAS` that is not installed, from the error of its import.

    `extra` is the one to name where several bring the package; the first is named else.
    """

    def __init__(self, error: ImportError, extra: str | None = None) -> None:
        name = (error.name or str(error)).partition(".")[0]
        extras = EXTRAS.get(name, ())
        named = f"[{extra if extra in extras else extras[0]}]" if extras else ""
        super().__init__(f'the package {name} is missing: pip install "sequence-model-zoo{named}"')
