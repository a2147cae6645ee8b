"""The ports that a server listens on."""

import socket

from zoo.errors import UserError


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Args:
        host: name or address of an interface.
        port: its number; 0 for any that is free.

    Raises:
        UserError: it cannot be had.
    """
    try:
        family, kind, protocol, _, name = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:  # as for a label of more than 63 characters
        raise UserError(f"cannot listen on {host} ({error}): give another --host") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(name)
        listener.listen()
    except OSError as error:
        listener.close()
        raise UserError(
            f"cannot listen on {address(host, port)} ({error.strerror}): give another port or "
            "host, or stop what is using this one"
        ) from error
    return listener


def require_free(host: str, port: int) -> None:
    """Raises UserError unless a port can be listened on."""
    listen(host, port).close()


def address(host: str, port: int) -> str:
    """The address of a port, as in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
