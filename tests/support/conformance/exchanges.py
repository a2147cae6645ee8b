"""Requests, their answers, and what a server knows of a model."""

from dataclasses import dataclass

TIMEOUT = 60  # seconds: a server may be starting threads on a busy machine
TOLERANCE = 1e-5  # absolute and relative, of every number
ABSENT = "no_such_thing"
ABSENT_VERSION = 987654


@dataclass(frozen=True)
class Exchange:
    """A request and its answer.

    Attributes:
        signature: the name of the signature.
        inputs, outputs: dicts of name -> numpy array, batch-major, strings as `bytes`.
    """

    signature: str
    inputs: dict
    outputs: dict

    def row(self, i):
        """The exchange of one row alone."""
        row = slice(i, i + 1)
        return Exchange(
            self.signature,
            {name: array[row] for name, array in self.inputs.items()},
            {name: array[row] for name, array in self.outputs.items()},
        )


@dataclass(frozen=True)
class Expected:
    """What a server should know.

    Attributes:
        model: the name of a model.
        versions: the versions of it that are served, all the same model; the highest is default.
        exchanges: list of `Exchange`, of every signature, at least one of "serving_default".
    """

    model: str
    versions: tuple[int, ...]
    exchanges: list[Exchange]

    @property
    def default(self):
        """An exchange of the signature that is asked when none is named."""
        return next(e for e in self.exchanges if e.signature == "serving_default")
