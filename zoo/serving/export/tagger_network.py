"""The graph of an ONNX file that tags: from the ids of tokens to the best tag of each."""

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from zoo.predictors.entity_tagger import EntityTagger
from zoo.serving.export.network import Arrays, FileNetwork, for_conversion, not_empty
from zoo.serving.export.readings import LENGTHS
from zoo.text.special_tokens import PADDING_ID
from zoo.text.token_features import SHAPES

TAGS, PROBABILITIES = "tags", "probabilities"


class TaggerNetwork(FileNetwork):
    """Ids of words, characters and shapes to tags, and the calibrated probability of each.

    The tags are the best sequence of all (Viterbi), where the network ends in a CRF.

    Args:
        tagger: its encoder is not part of the graph.
        batch: number of rows, None for any.
    """

    def __init__(self, tagger: EntityTagger, batch: int | None = None):
        super().__init__()
        model = for_conversion(tagger.model)
        copy = EntityTagger(model, tagger.encoder, tagger.tag_names, tagger.context)
        self.weights = [variable.value for variable in copy.model.variables]
        inputs = {tensor.name: tensor.shape[2:] for tensor in tagger.model.inputs}
        specs = [
            tf.TensorSpec((batch, None, *shape), tf.int32, name) for name, shape in inputs.items()
        ]
        sizes = {"words": len(tagger.encoder.words), "characters": len(tagger.encoder.characters)}
        self._sizes = sizes | {"shapes": len(SHAPES) + 2}
        self._shapes = inputs
        temperature = tagger.calibration.temperature
        names = (*inputs, TAGS, PROBABILITIES)
        self.dimensions = dict.fromkeys(names, ("batch", "timesteps", "characters"))

        @tf.function(input_signature=specs, autograph=False)
        def function(*ids: tf.Tensor) -> dict[str, tf.Tensor]:
            # Engines count negative ids from the end, and refuse those that are too large.
            given = {
                name: tf.where(own < 0, self._sizes[name], own)
                for name, own in zip(inputs, map(not_empty, ids), strict=True)
            }
            tags, marginals = copy.tags_and_marginals(given)
            chosen = tags[..., None] == tf.range(len(tagger.tag_names))
            # The odds from all other tags, not from 1 - p, which near 1 has few digits.
            powers = (
                tf.reduce_sum(tf.where(which, marginals, 0.0), axis=-1) ** (1 / temperature)
                for which in (chosen, ~chosen)
            )
            right, wrong = powers
            rows, steps = tf.unstack(tf.shape(ids[0])[:2])
            found = {TAGS: tags, PROBABILITIES: tf.math.divide_no_nan(right, right + wrong)}
            return {name: array[:rows, :steps] for name, array in found.items()}

        self.function = function

    def examples(self, batches: Sequence[int]) -> Iterator[Arrays]:
        """Sentences of several lengths of words of several lengths, rows without a word too."""
        generator = np.random.default_rng(0)

        def ids(name: str, rows: int, steps: int, within: np.ndarray) -> np.ndarray:
            shape = (rows, steps, *self._shapes[name])
            drawn = generator.integers(1, self._sizes[name], shape, dtype="int32")
            if len(shape) > 2:
                letters = generator.integers(1, shape[2], (rows, steps, 1), endpoint=True)
                drawn = np.where(np.arange(shape[2]) < letters, drawn, np.int32(PADDING_ID))
                within = within[..., None]
            return np.where(within, drawn, np.int32(PADDING_ID))

        for rows in batches:
            for steps in LENGTHS:
                for least in (steps, 0):
                    lengths = generator.integers(least, steps, (rows, 1), endpoint=True)
                    within = np.arange(steps) < lengths
                    yield {name: ids(name, rows, steps, within) for name in self._shapes}
