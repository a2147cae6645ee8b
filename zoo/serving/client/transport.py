"""What every way to a model server has: an address, a model, and words for what goes wrong."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from zoo.errors import UserError

SIGNATURE_DEF = "signature_def"


class Transport(ABC):
    """A connection to a server.

    Args:
        address: of the server.
        model: its name there.
        timeout: seconds to wait for an answer.

    Raises:
        UserError: the address cannot be one.
    """

    def __init__(self, address: str, model: str, timeout: float):
        self._address = address
        self._model = model
        self._timeout = timeout

    @abstractmethod
    def predict(
        self, inputs: dict[str, np.ndarray], outputs: list[str], signature: str, version: int | None
    ) -> dict[str, Any]:
        """Runs a signature.

        Args:
            inputs: arrays by name.
            outputs: names of the outputs.
            signature: its name.
            version: of the model; None for the latest.

        Returns:
            Nested lists by name; strings are `str`, or `bytes` if the name ends in "_bytes".
        """

    @abstractmethod
    def status(self) -> dict[str, Any]:
        """The states of the versions, as the JSON of a `GetModelStatusResponse`."""

    @abstractmethod
    def metadata(self, version: int | None) -> dict[str, Any]:
        """The signatures, as the JSON that `/metadata` answers."""

    @abstractmethod
    def close(self) -> None:
        """Closes the connection."""

    def unreachable(self, reason: object) -> UserError:
        """Nobody answers."""
        return UserError(
            f"no model server answers at {self._address} ({_one_line(reason)}): start one, with "
            "`python -m zoo serve` for example, or give another address"
        )

    def timed_out(self) -> UserError:
        """The answer takes too long."""
        return UserError(
            f"{self._address} did not answer within {self._timeout:g} seconds: allow more time, or "
            "look at the server's log"
        )

    def not_found(self, reason: object) -> UserError:
        """There is no such model or version."""
        return UserError(
            f"{self._address} does not serve model '{self._model}' as asked for "
            f"({_one_line(reason)}): check its name and version, and that it is loaded"
        )

    def refused(self, reason: object) -> UserError:
        """The server objects."""
        return UserError(f"{self._address} refused the request: {_one_line(reason)}")

    def not_understood(self, reason: object) -> UserError:
        """What answers is no model server."""
        return UserError(
            f"{self._address} does not answer like a model server ({_one_line(reason)}): give the "
            "address of one"
        )


def _one_line(reason: object) -> str:
    return " ".join(str(reason).split())
