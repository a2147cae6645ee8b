"""Gradient clipping by global norm, the remedy for exploding gradients.

With g the gradient of all weights in one vector,

    g ← g · threshold / ‖g‖    if ‖g‖ > threshold,

for ‖·‖₁ or ‖·‖₂: the direction is kept, the length is bounded. Source: Pascanu, Mikolov & Bengio,
"On the difficulty of training recurrent neural networks" (2013), section 3.2.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from zoo.cells.typing import Tensor, Tensors
from zoo.training.replicas import replica_count, sum_over_replicas

Rates: TypeAlias = Sequence[tuple[float, int]]


def global_norm(gradients: Tensors, order: int = 2) -> Tensor:
    """‖g‖ of all `gradients`, dense or None, taken as one vector: a float32 scalar."""
    gradients = [ops.cast(g, "float32") for g in gradients if g is not None]
    if order == 1:
        return sum(ops.sum(ops.abs(g)) for g in gradients)
    return ops.sqrt(sum(ops.sum(ops.square(g)) for g in gradients))


def clip_by_global_norm(gradients: Tensors, threshold: float, order: int = 2) -> list[Tensor]:
    """Scales `gradients` down together so that their global norm is at most `threshold`.

    A NaN in any gradient makes all of them NaN, so that it shows in the loss instead of being
    hidden. Sparse gradients (`tf.IndexedSlices`, from embeddings) come back dense: a row that a
    batch uses several times has several slices, and only their sum has the right norm.

    Args:
        gradients: list of tensors; None entries (a weight without gradient) stay None.
        threshold: the largest norm left as it is, above 0.
        order: 1 for ‖g‖₁, 2 for ‖g‖₂.

    Returns the clipped gradients, in the order given. A ValueError refuses a threshold not above 0,
    or another order.
    """
    _check(threshold, order)
    gradients = [_dense(g) for g in gradients]
    norm = global_norm(gradients, order)
    scale = threshold / ops.maximum(norm, threshold)  # 1 below the threshold, also for norm 0
    return [None if g is None else g * ops.cast(scale, g.dtype) for g in gradients]


def _check(threshold: float, order: int) -> None:
    if not threshold > 0:
        raise ValueError(f"the threshold of the gradient norm is {threshold}; it must be above 0")
    if order not in (1, 2):
        raise ValueError(f"the order of the gradient norm is {order}; it must be 1 or 2")


def _dense(gradient: Tensor) -> Tensor:
    """`gradient` as a dense tensor, the slices of a repeated row added up."""
    if keras.backend.backend() != "tensorflow":
        return gradient
    import tensorflow as tf

    return tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient


def layer_rates(
    weights: Sequence[keras.Variable],
    layers: Sequence[Sequence[keras.Variable]],
    factor: float,
    wait: int,
) -> list[tuple[float, int]]:
    """Rates for layers that are trained already, below those that are new: see `ClippedAdam`.

    A layer learns `factor` times more slowly than the one above it, and begins `wait` steps later,
    the topmost `wait` steps after the new ones, which begin at once (Howard & Ruder 2018,
    "Universal language model fine-tuning for text classification", sections 3.2 and 3.3).

    Args:
        weights: of the whole network, in the order of the optimizer.
        layers: the weights of each trained layer, from the lowest up.
        factor, wait: see above.
    """
    depths = {id(w): depth for depth, layer in enumerate(reversed(layers), 1) for w in layer}
    found = (depths.get(id(weight), 0) for weight in weights)
    return [(factor**-depth, depth * wait) for depth in found]


@keras.saving.register_keras_serializable(package="zoo")
class ClippedAdam(keras.optimizers.Adam):
    """Adam on gradients clipped by their global norm.

    What is clipped is the gradient of the batch: after loss scaling is undone, summed over the
    replicas of a `tf.distribute` strategy, before Adam's moments see it. Keras' own
    `global_clipnorm` differs in both points that matter here: it clips each replica's part by
    itself, and it counts the repeated rows of a sparse embedding gradient separately. (So does
    Keras' Adam in its second moment; here it receives dense gradients and is right.)

    Under a "mixed_float16" policy `Model.compile` wraps this optimizer in a
    `keras.optimizers.LossScaleOptimizer`, which hands it unscaled gradients.

    Args:
        learning_rate: a float, or a `keras.optimizers.schedules.LearningRateSchedule`.
        clip_norm: the largest norm left as it is; None leaves every gradient as it is.
        norm_order: 1 for ‖g‖₁, 2 for ‖g‖₂.
        rates: for each weight, in their order, by what the learning rate is multiplied, and the
            step, counted from 0, before which it does not change; None for all at the same rate.
            Adam's moments follow the gradients from the first step on. See `layer_rates`.
        **kwargs: further arguments of `keras.optimizers.Adam`. With `use_ema` not Keras puts the
            moving averages into the model, at the end of `Model.fit`, but `zoo.training.fit`.

    Raises:
        ValueError: for a threshold not above 0, another order, or an argument of Keras that clips,
            scales or accumulates gradients after this optimizer has clipped them.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        clip_norm: float | None = 1.0,
        norm_order: int = 2,
        rates: Rates | None = None,
        **kwargs: Any,
    ) -> None:
        if clip_norm is not None:
            _check(clip_norm, norm_order)
        clipping = ("clipnorm", "global_clipnorm", "clipvalue")
        for name in (*clipping, "loss_scale_factor", "gradient_accumulation_steps"):
            if kwargs.get(name) is not None:
                raise ValueError(f"{name} would act on gradients that are already clipped")
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.clip_norm = clip_norm
        self.norm_order = norm_order
        self.rates = rates

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.rates is not None and len(self.rates) != len(variables):
            raise ValueError(f"{len(self.rates)} rates for {len(variables)} weights")
        super().build(variables)

    def apply(
        self, grads: Tensors, trainable_variables: Sequence[keras.Variable] | None = None
    ) -> Any:
        """Clips, then updates; see `keras.Optimizer.apply`."""
        grads = [_dense(g) for g in grads]
        if self.clip_norm is not None:
            grads = self._clip(grads, self.clip_norm)
        return super().apply(grads, trainable_variables)

    def _clip(self, grads: Tensors, clip_norm: float) -> Tensors:
        present = [g for g in grads if g is not None]
        if not present:
            return grads
        clipped = iter(clip_by_global_norm(sum_over_replicas(present), clip_norm, self.norm_order))
        # Every replica now holds the whole gradient, and Keras will sum over them once more.
        return [None if g is None else next(clipped) / replica_count() for g in grads]

    def update_step(self, gradient: Tensor, variable: Tensor, learning_rate: Tensor) -> None:
        """Adam's update of one weight; see `keras.Optimizer.update_step`.

        One kernel on TensorFlow, where each of Keras' dozen operations reads and writes all of it.
        It computes 1 - beta_2 in the weight's precision, 5e-5 away from 0.001 in float32.
        """
        index = self._get_variable_index(variable)
        if self.rates is not None:
            factor, first = self.rates[index]
            factor = ops.where(self.iterations >= first, factor, 0.0)
            learning_rate = learning_rate * ops.cast(factor, learning_rate.dtype)
        handles = _handles(variable, self._momentums[index], self._velocities[index])
        if handles is None or self.amsgrad:
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        dtype = variable.dtype
        step = ops.cast(self.iterations + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=handles[0],
            m=handles[1],
            v=handles[2],
            beta1_power=ops.power(ops.cast(self.beta_1, dtype), step),
            beta2_power=ops.power(ops.cast(self.beta_2, dtype), step),
            lr=ops.cast(learning_rate, dtype),
            beta1=ops.cast(self.beta_1, dtype),
            beta2=ops.cast(self.beta_2, dtype),
            epsilon=ops.cast(self.epsilon, dtype),
            grad=ops.cast(gradient, dtype),
        )

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        """Leaves the weights as they are; see `swap_averages`."""

    def swap_averages(self) -> None:
        """Exchanges the weights and their moving averages, to the last bit."""
        pairs = zip(self._trainable_variables, self._model_variables_moving_average, strict=True)
        for weight, average in pairs:
            trained = ops.copy(weight)
            weight.assign(average)
            average.assign(trained)

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("clip_norm", "norm_order", "rates")}
        return {**super().get_config(), **own}


def inner_optimizer(model: keras.Model) -> Any:
    """The optimizer of a compiled model, without what scales its loss in half precision."""
    return getattr(model.optimizer, "inner_optimizer", model.optimizer)


def _handles(*variables: Any) -> list[Tensor] | None:
    """The resources of TensorFlow variables, or None if a backend or a replica has others."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    values = [v.value if isinstance(v, keras.Variable) else v for v in variables]
    if any(isinstance(value, tf.distribute.DistributedValues) for value in values):
        return None
    return [value.handle for value in values]
