"""Attention: which steps of a sequence matter to a query."""

from typing import Any

import keras
from keras import ops

from zoo.cells.typing import Shape, Tensor

KINDS = ("additive", "multiplicative")


@keras.saving.register_keras_serializable(package="zoo")
class Attention(keras.layers.Layer):
    """Weighs the steps of a memory by how well they go with a query.

        α<t, s> = softmax over s of e(q<t>, m<s>)
        context<t> = Σ_s α<t, s> m<s>

    The energy e is, with W m<s>, the key of a step, computed once for all queries (`keys`),

    - "additive": v · tanh(W_q q<t> + W m<s>) (Bahdanau, Cho & Bengio 2015, "Neural machine
      translation by jointly learning to align and translate");
    - "multiplicative": q<t> · W m<s> (Luong, Pham & Manning 2015, "Effective approaches to
      attention-based neural machine translation", their "general" score).

    Energies of T queries over S steps need T * S * units numbers if additive, T * S if
    multiplicative. The softmax is in float32 at least, whatever the policy.

    Args:
        kind: "additive" or "multiplicative".
        units: size of the keys; of the queries too, for "multiplicative".

    Call arguments:
        query: a sequence of queries, (batch, timesteps, query_dim), or (batch * n, query_dim), n to
            a memory, side by side.
        keys: what `keys` made of the memory, (batch, source timesteps, units).
        memory: (batch, source timesteps, memory_dim).
        mask: (batch, source timesteps), boolean, or None; where it is False, the weight is 0. A row
            that is masked throughout has weights and a context of 0.

    Returns:
        The context, (batch, timesteps, memory_dim), and the weights, (batch, timesteps,
        source timesteps), float32; both (batch * n, ...) where the queries are no sequence.

    Raises:
        ValueError: if there is no such kind, or the queries of "multiplicative" have another size.
    """

    def __init__(self, kind: str = "additive", units: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if kind not in KINDS:
            raise ValueError(f"`kind` must be one of {', '.join(KINDS)}. Received: {kind!r}")
        self.kind = kind
        self.supports_masking = True
        self.units = units
        self.memory_layer = self._linear("memory")
        self.query_layer: Any = self._linear("query") if kind == "additive" else None

    def _linear(self, name: str) -> keras.layers.Dense:
        return keras.layers.Dense(self.units, use_bias=False, name=name, dtype=self.dtype_policy)

    def build(self, query_shape: Shape, keys_shape: Shape, memory_shape: Shape) -> None:
        if not self.memory_layer.built:  # `keys` comes first
            self.memory_layer.build(memory_shape)
        if self.kind == "additive":
            self.query_layer.build(query_shape)
            self.energy = self.add_weight(
                shape=(self.units, 1), initializer="glorot_uniform", name="energy"
            )
        elif query_shape[-1] != self.units:
            raise ValueError(
                f'`units` must be the size of the queries for "multiplicative", {query_shape[-1]}. '
                f"Received: {self.units}"
            )

    def keys(self, memory: Tensor) -> Tensor:
        """W m<s>, (batch, source timesteps, memory_dim) -> (batch, source timesteps, units)."""
        return self.memory_layer(memory)

    def call(
        self, query: Tensor, keys: Tensor, memory: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        single = len(query.shape) == 2
        if single:
            query = ops.reshape(query, (ops.shape(keys)[0], -1, query.shape[-1]))
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        energies = ops.cast(self._energies(query, keys), dtype)
        if mask is not None:
            mask = ops.cast(mask, "bool")[:, None]  # (batch, 1, source timesteps)
            # Not -inf: the softmax of a row without any step, and its gradient, would be NaN.
            energies = ops.where(mask, energies, -1e9)
        # `ops.softmax` warns of a source of one step, where all weights are 1.
        weights = ops.exp(energies - ops.logsumexp(energies, axis=-1, keepdims=True))
        if mask is not None:
            weights = ops.where(mask, weights, 0.0)
        context = ops.matmul(ops.cast(weights, memory.dtype), memory)
        if not single:
            return context, weights
        return tuple(ops.reshape(y, (-1, *ops.shape(y)[2:])) for y in (context, weights))

    def _energies(self, query: Tensor, keys: Tensor) -> Tensor:
        """E of each query and step, (batch, timesteps, source timesteps)."""
        if self.kind == "multiplicative":
            return ops.matmul(query, ops.transpose(keys, (0, 2, 1)))
        hidden = ops.tanh(self.query_layer(query)[:, :, None] + keys[:, None])
        return ops.matmul(hidden, self.energy)[..., 0]

    def compute_mask(self, query: Tensor, previous_mask: Tensor | None = None) -> None:
        return None  # the mask of the memory is not that of the outputs

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"kind": self.kind, "units": self.units}
