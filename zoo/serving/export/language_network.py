"""The graph of an ONNX file of a language model: a piece of text and the states, in and out."""

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from zoo.predictors.language_model import LanguageModel
from zoo.serving.export.network import Arrays, FileNetwork, for_conversion, not_empty
from zoo.serving.export.readings import LENGTHS
from zoo.text.special_tokens import PADDING_ID

IDS, LOG_PROBABILITIES = "token_ids", "log_probabilities"


class LanguageNetwork(FileNetwork):
    """Ids of tokens and states to log P of every token at the next step, and the states after.

    Padding, id 0, changes no state.

    Args:
        predictor: its tokenizer is not part of the graph.
        batch: number of rows, None for any.
    """

    tolerance = 5e-5  # of logarithms, and of memories, which have no bounds

    def __init__(self, predictor: LanguageModel, batch: int | None = None):
        super().__init__()
        model = for_conversion(predictor.model)
        self.weights = [variable.value for variable in model.variables]
        self._states = {n: t.shape[-1] for n, t in model.input.items() if n != IDS}
        self._size = len(predictor.tokenizer.vocabulary)
        specs = [tf.TensorSpec((batch, None), tf.int32, IDS)]
        specs += [tf.TensorSpec((batch, n), tf.float32, name) for name, n in self._states.items()]
        self.dimensions = {
            IDS: ("batch", "timesteps"),
            LOG_PROBABILITIES: ("batch", "timesteps", "tokens"),
            **{name: ("batch",) for state in self._states for name in (state, f"next_{state}")},
        }

        @tf.function(input_signature=specs, autograph=False)
        def function(ids: tf.Tensor, *states: tf.Tensor) -> dict[str, tf.Tensor]:
            rows, steps = tf.unstack(tf.shape(ids))
            missing = [[0, tf.cast(rows == 0, tf.int32)], [0, 0]]  # as `not_empty` has it
            # Engines count negative ids from the end, and refuse those that are too large.
            given = {IDS: tf.where(ids < 0, self._size, ids)}
            given |= {n: tf.pad(s, missing) for n, s in zip(self._states, states, strict=True)}
            found = model(given | {IDS: not_empty(given[IDS])}, training=False)
            return {
                LOG_PROBABILITIES: tf.nn.log_softmax(found["logits"])[:rows, :steps],
                **{f"next_{name}": found[name][:rows] for name in self._states},
            }

        self.function = function

    def examples(self, batches: Sequence[int]) -> Iterator[Arrays]:
        """Pieces of several lengths, padded and not, from states of all kinds."""
        generator = np.random.default_rng(0)
        for rows in batches:
            for steps in LENGTHS:
                for least in (steps, 0):
                    ids = generator.integers(1, self._size, (rows, steps), dtype="int32")
                    lengths = generator.integers(least, steps, (rows, 1), endpoint=True)
                    ids = np.where(np.arange(steps) < lengths, ids, np.int32(PADDING_ID))
                    states = {
                        name: generator.uniform(-1, 1, (rows, size)).astype("float32")
                        for name, size in self._states.items()
                    }
                    yield {IDS: ids, **states}
