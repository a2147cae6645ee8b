"""What every way to a model server has: an address, a model, and words for what goes wrong."""

from typing import Any

import numpy as np

from zoo.errors import UserError

SIGNATURE_DEF = "signature_def"
_WORDS = {
    "unreachable": "no model server answers at {address} ({reason}): start one, with "
    "`python -m zoo serve` for example, or give another address",
    "timed out": "{address} did not answer within {timeout:g} seconds: allow more time, or look at "
    "the server's log",
    "not found": "{address} does not serve model '{model}' as asked for ({reason}): check its name "
    "and version, and that it is loaded",
    "refused": "{address} refused the request: {reason}",
    "not understood": "{address} does not answer like a model server ({reason}): give the address "
    "of one",
}


class Transport:
    """A connection to a server, on behalf of one model; what goes wrong is a UserError."""

    def __init__(self, address: str, model: str, timeout: float):
        self._address = address
        self._model = model
        self._timeout = timeout  # seconds to wait for an answer

    def predict(
        self, inputs: dict[str, np.ndarray], outputs: list[str], signature: str, version: int | None
    ) -> dict[str, Any]:
        """The outputs of a signature of a version (None: the latest), as nested lists by name."""
        raise NotImplementedError

    def status(self) -> dict[str, Any]:
        """The states of the versions, as the JSON of a `GetModelStatusResponse`."""
        raise NotImplementedError

    def metadata(self, version: int | None) -> dict[str, Any]:
        """The signatures, as the JSON that `/metadata` answers."""
        raise NotImplementedError

    def close(self) -> None:
        """Closes the connection."""
        raise NotImplementedError

    def error(self, kind: str, reason: object = "") -> UserError:
        """What to raise, in one line; `kind` is a key of `_WORDS`."""
        words = {"address": self._address, "model": self._model, "timeout": self._timeout}
        return UserError(_WORDS[kind].format(**words, reason=" ".join(str(reason).split())))
