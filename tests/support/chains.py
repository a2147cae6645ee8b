"""A linear chain by enumeration of all its paths, in float64, and chains to try it on."""

import itertools

import numpy as np
import scipy.special

from zoo.layers import LinearChainCRF

TAGS = 3
BATCH = 5
TIMESTEPS = 4
LENGTHS = np.array([4, 3, 1, 2, 4])
MASK = np.arange(TIMESTEPS) < LENGTHS[:, None]
# Tag 1 neither begins a sequence nor follows tag 0; tag 2 does not end one.
ALLOWED = ([1, 0, 1], [[1, 0, 1], [1, 1, 1], [1, 1, 1]], [1, 1, 0])


class Enumeration:
    """All paths of one sequence, scored from the weights and not from a tensor of potentials.

    Args:
        logits: (timesteps, tags).
        start, transitions, end: the weights, with -inf for what must not be.
    """

    def __init__(self, logits, start, transitions, end):
        steps, tags = logits.shape
        self.paths = np.array(list(itertools.product(range(tags), repeat=steps)))
        of_steps = logits[np.arange(steps), self.paths].sum(axis=1)
        of_pairs = transitions[self.paths[:, :-1], self.paths[:, 1:]].sum(axis=1)
        self.scores = start[self.paths[:, 0]] + of_steps + of_pairs + end[self.paths[:, -1]]
        self.log_partition = scipy.special.logsumexp(self.scores)
        self.probabilities = np.exp(self.scores - self.log_partition)

    def best(self):
        return self.paths[self.scores.argmax()], self.scores.max()

    def marginals(self):
        """(timesteps, tags)."""
        tags = self.paths.max() + 1
        of_tag = self.paths[..., None] == np.arange(tags)  # (paths, timesteps, tags)
        return (self.probabilities[:, None, None] * of_tag).sum(axis=0)

    def log_probability(self, path):
        (position,) = np.flatnonzero((self.paths == path).all(axis=1))
        return self.scores[position] - self.log_partition


def weights():
    """Random start, transitions and end, float64."""
    generator = np.random.default_rng(1)
    return [generator.normal(size=shape) for shape in ((TAGS,), (TAGS, TAGS), (TAGS,))]


def build_crf(allowed=None, dtype="float64", of=None):
    """A layer of the weights `of`, by default `weights()`."""
    crf = LinearChainCRF(allowed, dtype=dtype)
    crf.build((None, None, TAGS))
    crf.set_weights(weights() if of is None else of)
    return crf


def potentials(allowed=None, dtype="float64", mask=MASK):
    """Of `logits()`, by a layer of `weights()`."""
    return build_crf(allowed, dtype)(logits().astype(dtype), mask=mask)


def logits(batch=BATCH, timesteps=TIMESTEPS):
    return np.random.default_rng(2).normal(size=(batch, timesteps, TAGS))


def targets():
    return np.random.default_rng(3).integers(0, TAGS, size=(BATCH, TIMESTEPS))


def enumerations(logits, lengths=LENGTHS, allowed=None, of=None):
    """One `Enumeration` per sequence of a batch, of the weights `of` (by default `weights()`)."""
    of = weights() if of is None else of
    if allowed is not None:
        of = [np.where(may, weight, -np.inf) for may, weight in zip(allowed, of, strict=True)]
    return [Enumeration(row[:n], *of) for row, n in zip(logits, lengths, strict=True)]
