"""The one exception that a person, rather than a programmer, is meant to read."""


class UserError(Exception):
    """Something the user can mend: a missing file, an unknown name, no network.

    The message is one line that says what is wrong and what to do. The command line prints it to
    standard error and exits with code 2; a traceback would add nothing.
    """


# What comes with `pip install "sequence-model-zoo[EXTRA]"`, by the name of its import.
EXTRAS = {
    **dict.fromkeys(("ai_edge_litert", "onnx", "onnxruntime", "regex", "tf2onnx"), "formats"),
    **dict.fromkeys(("starlette", "uvicorn"), "serving"),
    "av": "audio",
    "dnaio": "genomics",
    "torch": "benchmarks",
}


class MissingPackageError(UserError):
    """A package of `EXTRAS` that is not installed, from the error of its import."""

    def __init__(self, error: ImportError) -> None:
        name = (error.name or str(error)).partition(".")[0]
        extra = f"[{EXTRAS[name]}]" if name in EXTRAS else ""
        super().__init__(f'the package {name} is missing: pip install "sequence-model-zoo{extra}"')
