"""What the validation data tell of a predictor's probabilities, and of what inputs are like."""

import dataclasses
import math

import numpy as np

_COMMON = 0.99  # the share of the validation data that is within the limits


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Kept with a model; without any, probabilities are as they are and every input is familiar.

    Attributes:
        temperature: by which logits are divided, so that probabilities are what they say.
        most_unknown: the share of tokens that are not in the vocabulary, which 99 of 100 validation
            inputs do not exceed.
        least_probability: of a token of the answer, in the mean, which 99 of 100 reach.

    Raises:
        ValueError: a number is out of range.
    """

    temperature: float = 1.0
    most_unknown: float = 1.0
    least_probability: float = 0.0

    def __post_init__(self) -> None:
        shares = (self.most_unknown, self.least_probability)
        if not (0 < self.temperature < math.inf and all(0 <= share <= 1 for share in shares)):
            raise ValueError(f"{self} is no calibration")


def calibrated(
    temperature: float, unknown: np.ndarray, probabilities: np.ndarray | None = None
) -> Calibration:
    """A calibration with the limits of the validation data, one number for each input."""
    least = 0.0 if probabilities is None else float(np.quantile(probabilities, 1 - _COMMON))
    return Calibration(temperature, float(np.quantile(unknown, _COMMON)), least)
