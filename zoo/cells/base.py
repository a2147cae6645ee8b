"""What all recurrent cells share: weights in named column blocks, and the two halves of a step."""

from numbers import Integral
from typing import Any

import keras
from keras import ops

# Keras recognises by this base class that a cell draws one dropout mask per sequence, outside the
# loop over time. It has no public name.
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell

from zoo.cells.activations import DERIVATIVES
from zoo.cells.typing import Activation, Identifier, Pair, Shape, Tensor, Tensors

_OPTIONS = ("initializer", "regularizer", "constraint")


class RecurrentCell(DropoutRNNCell, keras.layers.Layer):
    """A recurrent cell: one step of a recurrence, to be wrapped in an RNN layer.

    Weights (G gates, in the order of `gates`):

    - `kernel`: (input_dim, G * units), multiplies the input x<t>;
    - `recurrent_kernel`: (units, G * units), multiplies the previous state;
    - `bias`: (G * units,), absent with `use_bias=False`.

    `columns(name)` slices the block of one gate out of any of them.

    A step has two halves. `project(x)` is x W + b; it does not depend on the state and can be
    computed for a whole sequence at once. `step(projected, states)` is the recurrence. `call` does
    one after the other, so `keras.layers.RNN`, `StackedRNNCells` and `Bidirectional` take any cell.

    A new cell defines `gates`, `state_size` if it has more than one state, `recurrent_weights` and
    `transition`. Three more methods let `zoo.layers.Recurrence` run backpropagation through time
    as written out for the cell; without them it leaves the gradient to the backend:

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
        seed: seed of the dropout mask.

    Call arguments:
        inputs: x<t>, (batch, input_dim).
        states: list of previous states, each (batch, units).
        training: whether dropout applies.

    Returns:
        The output, (batch, units), and the list of new states. The output of every cell is its
        first state.

    Raises:
        ValueError: if `units` is not a positive integer or `dropout` not in [0, 1).
    """

    gates: tuple[str, ...]
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
        **kwargs: Any,
    ) -> None:
        if isinstance(units, bool) or not isinstance(units, Integral) or units < 1:
            raise ValueError(f"`units` must be a positive integer. Received: units={units!r}")
        if not 0 <= dropout < 1:
            raise ValueError(f"`dropout` must be in [0, 1). Received: dropout={dropout!r}")
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
        self.seed_generator = keras.random.SeedGenerator(seed)

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

    def options_of(self, weight: str) -> dict[str, Identifier]:
        """What `add_weight` takes of the options of a weight, by the beginning of their names."""
        return {kind: getattr(self, f"{weight}_{kind}") for kind in _OPTIONS}

    def _initial_bias(self, shape: Shape, dtype: Any = None) -> Tensor:
        return self.bias_initializer(shape, dtype=dtype)

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
        if self.use_bias:
            projected = ops.add(projected, self.bias)
        return ops.reshape(projected, (*ops.shape(x)[:-1], projected.shape[-1]))

    def step(self, projected: Tensor, states: Tensors) -> tuple[Tensor, list[Tensor]]:
        """One step from `project(x<t>)` and the previous states: the output and the new states."""
        new_states, _ = self.transition(projected, states, self.recurrent_weights())
        return new_states[0], list(new_states)

    def call(
        self, inputs: Tensor, states: Tensors, training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        states = list(states) if isinstance(states, (list, tuple)) else [states]
        return self.step(self.project(self.drop_inputs(inputs, training)), states)

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
            The tuple of new states, and a tuple of what the gradient needs besides the states.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `transition`.")

    @property
    def has_backward(self) -> bool:
        """Whether the cell defines `backward` and can differentiate each of its activations."""
        return hasattr(self, "backward") and all(a in DERIVATIVES for a in self.activations())

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
        }
        for weight in ("kernel", "recurrent", "bias"):
            config |= self.serialized_options_of(weight)
        return config

    def serialized_options_of(self, weight: str) -> dict[str, Any]:
        """The same for `get_config`."""
        options = self.options_of(weight).items()
        return {f"{weight}_{k}": keras.saving.serialize_keras_object(o) for k, o in options}


def flatten_steps(sequence: Tensor) -> Tensor:
    """(timesteps, batch, n) -> (timesteps * batch, n), for products over all steps at once."""
    return ops.reshape(sequence, (-1, sequence.shape[-1]))


def product_gradient(inputs: Tensor, gradients: Tensor) -> Tensor:
    """Gradient (n, m) of W in `inputs W`, of all steps: (timesteps, batch, n) and (..., m)."""
    return ops.matmul(ops.transpose(flatten_steps(inputs)), flatten_steps(gradients))
