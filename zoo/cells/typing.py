"""Names for types that the libraries leave without one."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

Tensor: TypeAlias = Any
"""A tensor of the backend that Keras runs on, eager or symbolic."""

Tensors: TypeAlias = Sequence[Tensor]

Pair: TypeAlias = tuple[Any, Tensors]
"""Two results: one tensor or several, and several more."""

Shape: TypeAlias = Sequence[Any]
"""Sizes of axes: integers, None where a size is not known, or tensors."""

Activation: TypeAlias = Callable[[Tensor], Tensor]

Identifier: TypeAlias = Any
"""What `keras.activations.get` and its like take: a name, a configuration, an object or None."""
