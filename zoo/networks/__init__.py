"""Networks, one file per shape of sequence problem."""

from zoo.networks.many_to_one import many_to_one

__all__ = ["many_to_one"]
