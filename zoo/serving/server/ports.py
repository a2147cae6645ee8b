"""The ports that a server listens on."""

import socket

from zoo.errors import UserError


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on an interface, port 0 being any free one; else a UserError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:  # the latter of a label of more than 63 characters
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
        raise UserError(
            f"cannot listen on {address(host, port)} ({reason}): give another port or host, or "
            "stop what is using this one"
        ) from error


def address(host: str, port: int) -> str:
    """The address of a port, as in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
