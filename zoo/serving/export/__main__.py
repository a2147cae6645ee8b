"""Exports a saved model: `python -m zoo.serving.export MODEL NAME FOLDER`; prints why not."""

import sys

from zoo.errors import UserError
from zoo.predictors import presets
from zoo.serving.export.formats import export


def main(model: str, name: str, folder: str) -> int:
    """The exit code; what is wrong is printed."""
    try:
        export(presets.load(model), name, folder)
    except UserError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
