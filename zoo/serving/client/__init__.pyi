from . import rest, rpc, transport
from .client import Client

__all__ = [
    "Client",
    "rest",
    "rpc",
    "transport",
]
