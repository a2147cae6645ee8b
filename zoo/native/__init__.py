"""A whole recurrence as one operation of TensorFlow, in C++: optional, for processors.

    python -m zoo.native.build

builds it, or `make native`. What is found is used on its own (`zoo.layers.engines`); the
environment variable ZOO_NATIVE=0 turns it off. Without it, or without a compiler, the loop of the
zoo gives the same results.
"""

import functools
import hashlib
import importlib.metadata
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
VARIABLE = "ZOO_NATIVE"
CHOICE = "ZOO_RECURRENCE"  # of engines, see `zoo.layers.engines`
_OFF = ("0", "no", "off", "false")


@functools.cache
def library() -> Path:
    """Where the operation for this TensorFlow and these sources is, if it was built."""
    sources = sorted(p for p in FOLDER.iterdir() if p.suffix in (".cc", ".h", ".inc"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    return FOLDER / f"recurrence-{importlib.metadata.version('tensorflow')}-{digest[:8]}.so"


def is_on() -> bool:
    """Whether it was built, for what there is now, and is not turned off."""
    return not _is_off() and _is_built()


def state() -> str:
    """What `python -m zoo` tells of it."""
    if (chosen := os.environ.get(CHOICE, "auto")) not in ("auto", "native"):
        return f"{chosen} ({CHOICE})"
    if _is_off():
        return f"the loop of the zoo ({VARIABLE}={os.environ[VARIABLE]})"
    if _is_built():
        return "the native operation"
    why = "the operation was built for another TensorFlow or from other sources; " * bool(_others())
    return f"the loop of the zoo; {why}`python -m zoo.native.build` builds a faster operation"


def _is_off() -> bool:
    return os.environ.get(VARIABLE, "").lower() in _OFF


@functools.cache
def _is_built() -> bool:
    if library().is_file():
        return True
    if others := _others():
        print(
            f"{others[0].name} is not used: it was built for another TensorFlow or from other "
            f"sources than {library().name}; `python -m zoo.native.build` builds that",
            file=sys.stderr,
        )
    return False


def _others() -> list[Path]:
    return sorted(FOLDER.glob("recurrence-*.so"))
