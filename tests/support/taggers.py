"""Small taggers, and sentences to tag."""

import keras
import numpy as np

from support.sequences import randomize
from zoo.layers.crf import viterbi
from zoo.networks import many_to_many
from zoo.text.tags import allowed_transitions, tag_set
from zoo.training import ChainCrossentropy, SequenceCrossentropy, SpanF1

TAGS = tag_set(["LOC", "PER"])
WORDS, CHARACTERS, SHAPES, LONGEST_WORD = 12, 7, 5, 4
LENGTHS = np.array([4, 2, 1, 3])
LOSSES = {"crf": ChainCrossentropy, "softmax": SequenceCrossentropy}


def network(head="crf", random=False, **options):
    """A network of all inputs."""
    options = {
        "characters": CHARACTERS,
        "longest_word": LONGEST_WORD,
        "shapes": SHAPES,
        "embedding_dim": 4,
        "character_units": 2,
        "shape_dim": 2,
        "units": 3,
        "head": head,
        "allowed": allowed_transitions(TAGS),
        "seed": 1,
    } | options
    model = many_to_many(WORDS, len(TAGS), **options)
    if random:
        randomize(model)
    return model


def sentences(lengths=LENGTHS, seed=0):
    """Ids of words, characters and shapes, and the mask; padded with 0."""
    generator = np.random.default_rng(seed)
    mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
    widths = generator.integers(1, LONGEST_WORD + 1, size=mask.shape)
    within = mask[..., None] & (np.arange(LONGEST_WORD) < widths[..., None])
    ids = {
        "words": generator.integers(1, WORDS, size=mask.shape) * mask,
        "characters": generator.integers(1, CHARACTERS, size=within.shape) * within,
        "shapes": generator.integers(1, SHAPES, size=mask.shape) * mask,
    }
    return {name: array.astype("int32") for name, array in ids.items()}, mask


def compiled(model, optimizer="sgd", **options):
    head = "crf" if len(model.output_shape) == 4 else "softmax"
    model.compile(optimizer, LOSSES[head](), weighted_metrics=[SpanF1(TAGS)], **options)
    return model


def decoded(model, ids, mask):
    """Tags, (batch, timesteps), 0 at padding."""
    output = model(ids)
    if len(output.shape) == 4:
        return keras.ops.convert_to_numpy(viterbi(output, mask)[0])
    return keras.ops.convert_to_numpy(keras.ops.argmax(output, axis=-1)) * mask
