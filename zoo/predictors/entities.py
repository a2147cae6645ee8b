"""Entities from tags: what a tagger's output means, in the graph and in Python alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Entities:
    """Spans of tokens, one row a text, padded on the right; all (batch, entities).

    Attributes:
        first, last: int32, the indices of the first and the last token; -1 at padding.
        tags: int32, the id of the first token's tag, B-X; 0 at padding.
        probabilities: float32, that of the least certain tag of the span; 0 at padding.
    """

    first: tf.Tensor
    last: tf.Tensor
    tags: tf.Tensor
    probabilities: tf.Tensor


def entities(
    tags: tf.Tensor, probabilities: tf.Tensor, lengths: tf.Tensor, tag_names: Sequence[str]
) -> Entities:
    """Reads spans off tags, by stock TensorFlow operations: B-X and what I-X follow it.

    Args:
        tags: (batch, timesteps) int32.
        probabilities: (batch, timesteps) float32, of these tags.
        lengths: (batch,) int32, tokens of each text.
        tag_names: the tags in the order of their ids: O, B-X or I-X.
    """
    types = sorted({tag[2:] for tag in tag_names})
    type_of = tf.constant([types.index(tag[2:]) for tag in tag_names])
    outside = tf.constant(np.array([tag == "O" for tag in tag_names]))
    begin = tf.constant(np.array([tag.startswith("B-") for tag in tag_names]))

    within = tf.sequence_mask(lengths, tf.shape(tags)[1])
    begins = tf.gather(begin, tags) & within
    inside = within & ~begins & ~tf.gather(outside, tags)
    kinds = tf.gather(type_of, tags)
    same_as_before = tf.concat([tf.zeros_like(inside[:, :1]), kinds[:, 1:] == kinds[:, :-1]], 1)
    # An I-X belongs to a span if an unbroken run of I-X leads back to a B-X: it has the number of
    # the latest beginning or of the latest break, whichever is later.
    breaks = ~(inside & same_as_before)
    pieces = tf.cumsum(tf.cast(breaks, tf.int32), axis=1)  # from 1 on
    rows = tf.range(tf.shape(tags)[0])[:, None]
    width = tf.shape(tags)[1] + 1
    piece = tf.reshape(rows * width + pieces, [-1])
    count = tf.shape(tags)[0] * width
    places = tf.reshape(tf.zeros_like(tags) + tf.range(tf.shape(tags)[1]), [-1])
    ends = tf.gather(tf.math.unsorted_segment_max(places, piece, count), piece)
    least = tf.gather(
        tf.math.unsorted_segment_min(tf.reshape(probabilities, [-1]), piece, count), piece
    )

    def at_beginnings(values: tf.Tensor, padding: float) -> tf.Tensor:
        values = tf.reshape(values, tf.shape(tags))
        return tf.ragged.boolean_mask(values, begins).to_tensor(padding)

    return Entities(
        at_beginnings(places, -1),
        at_beginnings(ends, -1),
        at_beginnings(tags, 0),
        at_beginnings(least, 0.0),
    )
