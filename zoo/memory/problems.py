"""Problems that ask for memory, and for nothing else: what is seen early is asked for late.

Sources: Hochreiter & Schmidhuber, "Long short-term memory" (1997), section 5; the copying problem
with blanks as in Arjovsky, Shah & Bengio, "Unitary evolution recurrent neural networks" (2016).
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from zoo.cells.typing import Tensor
from zoo.training import BinarySequenceCrossentropy, SequenceCrossentropy

Examples = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Problem:
    """Sequences and what has to be said of them at their end.

    Attributes:
        width: numbers of an input step.
        outputs: numbers of an answer, of a class or a letter the logits (one for two classes).
        answers: the last so many steps are answers.
        sample: `sample(generator, examples)` gives x, (examples, timesteps, width) float32, and y,
            (examples, answers): classes, int32, or numbers, float32.
        chance: the figure of who has forgotten all of the sequence.
        goal: the figure from which on it counts as solved.
        one_length: whether the sequences of all samples have the same number of steps.
    """

    width: int
    outputs: int
    answers: int
    sample: Callable[[np.random.Generator, int], Examples]
    chance: float
    goal: float
    one_length: bool = True

    @property
    def of_numbers(self) -> bool:
        """Whether the figure is the mean squared error of numbers, and not accuracy of classes."""
        return self.goal < self.chance

    @property
    def loss(self) -> keras.Loss:
        """Of answers, (batch, answers), and outputs, (batch, answers, outputs)."""
        if self.of_numbers:
            return _SquaredError()
        return BinarySequenceCrossentropy() if self.outputs == 1 else SequenceCrossentropy()

    def figure(self, answers: np.ndarray, outputs: np.ndarray) -> float:
        """The share of the answers that is right, or the mean squared error of numbers."""
        if self.of_numbers:
            return float(np.mean((outputs[..., 0] - answers) ** 2))
        said = outputs[..., 0] > 0 if self.outputs == 1 else outputs.argmax(axis=-1)
        return float(np.mean(said == answers))

    def solved(self, figure: float) -> bool:
        """Whether a figure reaches the goal."""
        return figure <= self.goal if self.of_numbers else figure >= self.goal


class _SquaredError(keras.losses.Loss):
    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return keras.ops.mean(keras.ops.square(y_pred[..., 0] - y_true), axis=-1)


def adding(steps: int) -> Problem:
    """The adding problem: of `steps` numbers from 0 to 1, two are marked; their sum is the answer.

    A step is the number and the mark, 1 or 0; one mark is in each half. Who remembers nothing does
    best to say 1, with an error of 1/6, the variance of the sum. Solved: an error of 0.01.
    """
    if steps < 2:
        raise ValueError(f"two numbers cannot be marked among {steps}")

    def sample(generator: np.random.Generator, examples: int) -> Examples:
        numbers = generator.random((examples, steps))
        marks = np.zeros((examples, steps))
        for half in (
            generator.integers(steps // 2, size=examples),
            generator.integers(steps // 2, steps, size=examples),
        ):
            marks[np.arange(examples), half] = 1
        x = np.stack([numbers, marks], axis=-1).astype("float32")
        return x, (numbers * marks).sum(axis=1, keepdims=True).astype("float32")

    return Problem(2, 1, 1, sample, chance=1 / 6, goal=0.01)


def copying(steps: int, letters: int = 8, length: int = 3) -> Problem:
    """The copying problem: `length` letters, `steps` blanks, then the letters in their order.

    A step is a letter, a blank or the sign that asks for an answer, one-hot. The letters are
    independent: chance is 1 in `letters`. Solved: 99 of 100 letters.
    """
    blank, ask = letters, letters + 1

    def sample(generator: np.random.Generator, examples: int) -> Examples:
        said = generator.integers(letters, size=(examples, length))
        blanks = np.full((examples, steps), blank)
        ids = np.concatenate([said, blanks, np.full((examples, length), ask)], axis=1)
        return _one_hot(ids, letters + 2), said.astype("int32")

    return Problem(letters + 2, letters, length, sample, chance=1 / letters, goal=0.99)


def recall(steps: int, letters: int = 8) -> Problem:
    """A letter and then others, of another alphabet, to `steps` in all; the first is asked for.

    All are independent and one-hot, as many in each alphabet: chance is 1 in `letters`. Solved: 99
    of 100.
    """

    def sample(generator: np.random.Generator, examples: int) -> Examples:
        ids = generator.integers(letters, size=(examples, steps))
        ids[:, 1:] += letters
        return _one_hot(ids, 2 * letters), ids[:, :1].astype("int32")

    return Problem(2 * letters, letters, 1, sample, chance=1 / letters, goal=0.99)


def _one_hot(ids: np.ndarray, size: int) -> np.ndarray:
    return np.eye(size, dtype="float32")[ids]
