"""Names for types that the libraries leave without one."""

from typing import Any, TypeAlias

Tensor: TypeAlias = Any
"""A tensor of the backend that Keras runs on, eager or symbolic."""
