"""What all recurrent cells share: weights in named column blocks, and the two halves of a step."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from numbers import Integral
from types import MappingProxyType
from typing import Any

import keras
from keras import ops

# Keras recognises by this base class that a cell draws one dropout mask per sequence, outside the
# loop over time. It has no public name.
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell

from zoo.cells.activations import DERIVATIVES
from zoo.cells.remember import Remember, longest_memory, parse_remember
from zoo.cells.typing import Activation, Identifier, Pair, Shape, Tensor, Tensors

_OPTIONS = ("initializer", "regularizer", "constraint")
_EPSILON = 1e-5  # of layer normalisation


class RecurrentCell(DropoutRNNCell, keras.layers.Layer):
    """A recurrent cell: one step of a recurrence, to be wrapped in an RNN layer.

    Weights (G gates, in the order of `gates`):

    - `kernel`: (input_dim, G * units), multiplies the input x<t>;
    - `recurrent_kernel`: (units, G * units), multiplies the previous state;
    - `bias`: (G * units,), absent with `use_bias=False`;
    - `kernel_gain` and `recurrent_gain`: (G * units,), with `layer_norm` alone.

    `columns(name)` slices the block of one gate out of any of them.

    A step has two halves. `project(x)` is x W + b; it does not depend on the state and can be
    computed for a whole sequence at once. `step(projected, states)` is the recurrence. `call` does
    one after the other, so `keras.layers.RNN`, `StackedRNNCells` and `Bidirectional` take any cell.

    With `layer_norm` (Ba, Kiros & Hinton 2016) the products with the state and with the input are
    normalised, each with a gain γ of its own: W [a, x] + b becomes LN(W_a a) + LN(W_x x) + b, with

        LN(z) = γ * (z - mean(z)) / sqrt(variance(z) + 1e-5)

    over the gates that are of one product (`products`).

    With `zoneout` (Krueger et al. 2017) of rate r, each entry of a state stays what it was with
    probability r in training, drawn at every step; in inference the state is the expectation of
    that. s̃<t> is the state by the equations of the cell, from s<t-1>:

        s<t> = d * s<t-1> + (1 - d) * s̃<t>,  d ~ Bernoulli(r) in training, d = r in inference

    A new cell defines `gates`, `state_size` if it has more than one state, `recurrent_weights` and
    `transition`. It takes `remember` if it defines `keeps`, and `layer_norm` if it defines
    `products` and multiplies by `recurrent_product`. Three more methods let `zoo.layers.Recurrence`
    run backpropagation through time as written out for the cell; without them it leaves the
    gradient to the backend:

    - `slopes(states, residuals)`: from the previous states and the residuals of all steps,
      (timesteps, batch, units) each, the factors that `backward` multiplies by;
    - `backward(gradients, slopes, transposed_weights)`: from the gradients of the new states at one
      step, those of z = projected + ... (batch, G * units) and of the previous states;
    - `weight_gradients(states, residuals, d_projected)`: from all steps, those of
      `recurrent_weights`.

    Args:
        units: number of units, the size of each state and of the output.
        activation: f, for the candidate (and the output of the RNN unit).
        recurrent_activation: the gates' activation; cells without gates do not take it.
        use_bias: whether b is added.
        kernel_initializer, recurrent_initializer, bias_initializer: how the weights start.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on the weights.
        kernel_constraint, recurrent_constraint, bias_constraint: applied after each update.
        dropout: fraction of the inputs set to 0 in training; one mask serves all steps of a
            sequence (Gal & Ghahramani 2016).
        seed: seed of the dropout mask, and of zoneout.
        remember: how the bias of the gates that keep the memory starts, in place of
            `bias_initializer`: a number b, σ(b) of the memory being kept at first; or
            "chrono:STEPS", b = log U(1, STEPS - 1) for each unit, which keeps it for up to about so
            many steps (Tallec & Ollivier 2018). Cells without gates do not take it.
        layer_norm: whether the products are normalised. The gradient is then left to the backend.
        zoneout: rate r of every state, or one for each.

    Call arguments:
        inputs: x<t>, (batch, input_dim).
        states: list of previous states, each (batch, units).
        training: whether dropout and zoneout draw.
        weights: what `recurrent_weights` returned, if it was called once for many steps.

    Returns:
        The output, (batch, units), and the list of new states. The output of every cell is its
        first state.

    Raises:
        ValueError: if `units` is not a positive integer, `dropout` or `zoneout` not in [0, 1), or
            the cell has no such option.

    Attributes:
        gates: names of the column blocks.
        keeps: {gate: sign}, gates that keep the memory, of bias sign * b. A number as `remember` is
            of the first alone; chrono initialisation is of all.
        products: of how many gates, in their order, each product with the state is.
    """

    gates: tuple[str, ...]
    keeps: Mapping[str, int] = MappingProxyType({})
    products: tuple[int, ...] = ()
    recurrent_dropout = 0.0  # read by DropoutRNNCell

    def __init__(
        self,
        units: int,
        activation: Identifier = "tanh",
        recurrent_activation: Identifier = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Identifier = "glorot_uniform",
        recurrent_initializer: Identifier = "orthogonal",
        bias_initializer: Identifier = "zeros",
        kernel_regularizer: Identifier = None,
        recurrent_regularizer: Identifier = None,
        bias_regularizer: Identifier = None,
        kernel_constraint: Identifier = None,
        recurrent_constraint: Identifier = None,
        bias_constraint: Identifier = None,
        dropout: float = 0.0,
        seed: int | None = None,
        remember: Remember = None,
        layer_norm: bool = False,
        zoneout: float | Sequence[float] = 0.0,
        **kwargs: Any,
    ) -> None:
        if isinstance(units, bool) or not isinstance(units, Integral) or units < 1:
            raise ValueError(f"`units` must be a positive integer. Received: units={units!r}")
        if not 0 <= dropout < 1:
            raise ValueError(f"`dropout` must be in [0, 1). Received: dropout={dropout!r}")
        if remember is not None and not self.keeps:
            raise ValueError(f"{type(self).__name__} has no gate that keeps: leave `remember` out")
        if layer_norm and not self.products:
            raise ValueError(f"{type(self).__name__} does not take `layer_norm`")
        super().__init__(**kwargs)
        self.units: int = int(units)
        self.activation: Activation = keras.activations.get(activation)
        self.recurrent_activation: Activation = keras.activations.get(recurrent_activation)
        self.use_bias: bool = use_bias
        self.kernel_initializer: Identifier = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer: Identifier = keras.initializers.get(recurrent_initializer)
        self.bias_initializer: Identifier = keras.initializers.get(bias_initializer)
        self.kernel_regularizer: Identifier = keras.regularizers.get(kernel_regularizer)
        self.recurrent_regularizer: Identifier = keras.regularizers.get(recurrent_regularizer)
        self.bias_regularizer: Identifier = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint: Identifier = keras.constraints.get(kernel_constraint)
        self.recurrent_constraint: Identifier = keras.constraints.get(recurrent_constraint)
        self.bias_constraint: Identifier = keras.constraints.get(bias_constraint)
        self.dropout: float = dropout
        self.seed: int | None = seed
        self.seed_generator: Any = keras.random.SeedGenerator(seed)
        self.remember: Remember = parse_remember(remember)
        self.layer_norm: bool = layer_norm
        self.zoneout: tuple[float, ...] = self._rates(zoneout)

    def _rates(self, zoneout: float | Sequence[float]) -> tuple[float, ...]:
        number = 1 if isinstance(self.state_size, int) else len(self.state_size)
        rates = (zoneout,) * number if isinstance(zoneout, (int, float)) else tuple(zoneout)
        right = (isinstance(rate, (int, float)) and 0 <= rate < 1 for rate in rates)
        if len(rates) != number or not all(right):
            raise ValueError(
                f"`zoneout` must be in [0, 1), or {number} such rates. Received: {zoneout!r}"
            )
        return rates

    @property
    def state_size(self) -> int | list[int]:
        """Size of each state: an int for one state, a list for several."""
        return self.units

    @property
    def output_size(self) -> int:
        """Size of the output."""
        return self.units

    def build(self, input_shape: Shape) -> None:
        width = len(self.gates) * self.units
        self.kernel = self.add_weight(
            (input_shape[-1], width), name="kernel", **self.options_of("kernel")
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, width), name="recurrent_kernel", **self.options_of("recurrent")
        )
        self.bias = None
        if self.use_bias:
            options = self.options_of("bias") | {"initializer": self._initial_bias}
            self.bias = self.add_weight((width,), name="bias", **options)
        if self.layer_norm:
            self.kernel_gain, self.recurrent_gain = (
                self.add_weight((width,), name=f"{weight}_gain", initializer="ones")
                for weight in ("kernel", "recurrent")
            )

    def options_of(self, weight: str) -> dict[str, Identifier]:
        """What `add_weight` takes of the options of a weight, by the beginning of their names."""
        return {kind: getattr(self, f"{weight}_{kind}") for kind in _OPTIONS}

    def _initial_bias(self, shape: Shape, dtype: Any = None) -> Tensor:
        bias = self.bias_initializer(shape, dtype=dtype)
        if self.remember is None:
            return bias
        of_gates = dict(zip(self.gates, ops.split(bias, len(self.gates)), strict=True))
        if steps := longest_memory(self.remember):
            kept = keras.initializers.RandomUniform(1, steps - 1)((self.units,), dtype=dtype)
            starts = {gate: sign * ops.log(kept) for gate, sign in self.keeps.items()}
        else:
            gate, sign = next(iter(self.keeps.items()))
            starts = {gate: ops.full((self.units,), sign * self.remember, dtype=dtype)}
        return ops.concatenate([*(of_gates | starts).values()])

    def columns(self, gate: str) -> slice:
        """The slice of `kernel`, `recurrent_kernel` and `bias` columns that belongs to a gate."""
        start = self.gates.index(gate) * self.units
        return slice(start, start + self.units)

    def get_initial_state(self, batch_size: int | Tensor | None = None) -> list[Tensor]:
        """a<0> = 0: a list of (batch, units) zeros, one per state."""
        sizes = [self.state_size] if isinstance(self.state_size, int) else self.state_size
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]

    def project(self, x: Tensor) -> Tensor:
        """X W + b, for one step (batch, input_dim) or for a sequence (..., input_dim)."""
        # One matrix product of all steps, and one for the gradient of W: on TensorFlow a product
        # of three axes by two is a batch of small ones.
        projected = ops.matmul(flatten_steps(x), self.kernel)
        if self.layer_norm:
            products = map(self._by_product, (projected, self.kernel_gain))
            projected = ops.concatenate([*map(layer_normalize, *products)], axis=-1)
        if self.use_bias:
            projected = ops.add(projected, self.bias)
        return ops.reshape(projected, (*ops.shape(x)[:-1], projected.shape[-1]))

    def recurrent_product(self, state: Tensor, weights: Tensor, place: int = 0) -> Tensor:
        """State times recurrent weights, those of the `products` at a place, as one of them."""
        product = ops.matmul(state, weights)
        if not self.layer_norm:
            return product
        return layer_normalize(product, self._by_product(self.recurrent_gain)[place])

    def _by_product(self, tensor: Tensor) -> list[Tensor]:
        """The columns (..., gates * units) of each of `products`."""
        ends = accumulate(self.units * gates for gates in self.products)
        return [tensor[..., start:end] for start, end in pairwise([0, *ends])]

    def step(
        self,
        projected: Tensor,
        states: Tensors,
        training: bool = False,
        weights: Tensors | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """One step from `project(x<t>)` and the previous states: the output and the new states.

        `weights` are the `recurrent_weights`, if they are cut once for many steps.
        """
        weights = self.recurrent_weights() if weights is None else weights
        new_states, _ = self.transition(projected, states, weights)
        drawn = self.draw_zoneout(ops.shape(projected)[:1], training)
        new_states = self.zone_out(states, new_states, drawn)
        return new_states[0], list(new_states)

    def draw_zoneout(self, shape: Shape, training: bool | None) -> Tensors:
        """For each state, 1 where zoneout holds it and 0 where not, (*shape, units).

        Nothing where the states are not drawn: in inference, or without zoneout.
        """
        if not training or not any(self.zoneout):
            return ()
        chances = (
            keras.random.uniform((*shape, self.units), seed=self.seed_generator)
            for _ in self.zoneout
        )
        held = zip(chances, self.zoneout, strict=True)
        return tuple(ops.cast(chance < rate, self.compute_dtype) for chance, rate in held)

    def zone_out(self, states: Tensors, new_states: Tensors, drawn: Tensors = ()) -> Tensors:
        """The new states after zoneout, by what was drawn for this step, or in expectation."""
        if not any(self.zoneout):
            return new_states
        changes = zip(drawn or self.zoneout, states, new_states, strict=True)
        return tuple(held * old + (1 - held) * new for held, old, new in changes)

    def call(
        self,
        inputs: Tensor,
        states: Tensors,
        training: bool = False,
        weights: Tensors | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        states = list(states) if isinstance(states, (list, tuple)) else [states]
        if training and any(self.zoneout) and keras.backend.backend() == "jax":
            raise ValueError(
                "On JAX zoneout cannot be drawn within a loop of Keras: train the cell in "
                "`zoo.layers.Recurrence`, without `layer_norm`, `unroll` and other activations"
            )
        projected = self.project(self.drop_inputs(inputs, training))
        return self.step(projected, states, training, weights)

    def drop_inputs(self, inputs: Tensor, training: bool) -> Tensor:
        """Applies the sequence's dropout mask to inputs (batch, ..., input_dim) in training."""
        if not training or self.dropout == 0:
            return inputs
        step_input = inputs if len(inputs.shape) == 2 else inputs[:, 0, :]
        mask = self.get_dropout_mask(step_input)  # (batch, input_dim)
        return inputs * (mask if len(inputs.shape) == 2 else mask[:, None, :])

    def recurrent_weights(self) -> Tensors:
        """The tensors that `transition` uses at every step, cut to the blocks it multiplies by.

        Tensors, not variables: TensorFlow refuses to differentiate a function of a variable by a
        gradient of one's own unless it is handed the variable.
        """
        return (ops.copy(self.recurrent_kernel),)

    def transition(self, projected: Tensor, states: Tensors, weights: Tensors) -> Pair:
        """The equations of the cell: `step` with what `recurrent_weights` returned.

        Returns:
            The tuple of new states, and a tuple of what the gradient needs besides the states: the
            values of the gates, in the order of `gates`, before all else.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `transition`.")

    @property
    def has_backward(self) -> bool:
        """Whether the cell defines `backward`, and that is all there is to differentiate."""
        differentiable = all(a in DERIVATIVES for a in self.activations())
        return hasattr(self, "backward") and differentiable and not self.layer_norm

    @property
    def is_standard(self) -> bool:
        """Whether a step is the cell's equations with tanh and sigmoid, and nothing besides."""
        standard = (keras.activations.tanh, keras.activations.sigmoid, keras.activations.tanh)
        own = self.activations()
        return own == standard[: len(own)] and not (self.layer_norm or any(self.zoneout))

    def activations(self) -> tuple[Activation, ...]:
        """The activations that `backward` differentiates."""
        return (self.activation, self.recurrent_activation)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config |= {
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "recurrent_activation": keras.activations.serialize(self.recurrent_activation),
            "use_bias": self.use_bias,
            "dropout": self.dropout,
            "seed": self.seed,
            "remember": self.remember,
            "layer_norm": self.layer_norm,
            "zoneout": list(self.zoneout),
        }
        for weight in ("kernel", "recurrent", "bias"):
            config |= self.serialized_options_of(weight)
        return config

    def serialized_options_of(self, weight: str) -> dict[str, Any]:
        """The same for `get_config`."""
        options = self.options_of(weight).items()
        return {f"{weight}_{k}": keras.saving.serialize_keras_object(o) for k, o in options}


def layer_normalize(z: Tensor, gain: Tensor, shift: Tensor | None = None) -> Tensor:
    """LN(z) over the last axis, plus a shift if there is one."""
    return ops.layer_normalization(z, gain, shift, axis=-1, epsilon=_EPSILON)


def flatten_steps(sequence: Tensor) -> Tensor:
    """(timesteps, batch, n) -> (timesteps * batch, n), for products over all steps at once.

    On JAX it stays as it is: XLA makes one product of it anyway, and several devices can share its
    batch, which XLA loses sight of in a flat sequence.
    """
    if keras.backend.backend() == "jax":
        return sequence
    return ops.reshape(sequence, (-1, sequence.shape[-1]))


def product_gradient(inputs: Tensor, gradients: Tensor) -> Tensor:
    """Gradient (n, m) of W in `inputs W`, of all steps: (timesteps, batch, n) and (..., m)."""
    if keras.backend.backend() == "jax":
        return ops.tensordot(inputs, gradients, axes=((0, 1), (0, 1)))
    return ops.matmul(ops.transpose(flatten_steps(inputs)), flatten_steps(gradients))
