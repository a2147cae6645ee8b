"""A tiny network of each kind and variant, sequences for it, and its numbers on any backend.

python network_case.py FILE.npz, with KERAS_BACKEND.
"""

import sys
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np

from support.sequences import randomize
from zoo import networks
from zoo.networks.chord_model import step_models
from zoo.text.tags import allowed_transitions, tag_set
from zoo.training import (
    CTC,
    BinarySequenceCrossentropy,
    ChainCrossentropy,
    SequenceCrossentropy,
)

TAGS = tag_set(["LOC", "PER"])
UNITS, WORDS, CHARACTERS, SHAPES, LONGEST_WORD, FRAME = 3, 12, 7, 5, 4, 2
LENGTHS = np.array([4, 2, 1, 3])
MASK = np.arange(4) < LENGTHS[:, None]
SOURCE_LENGTHS = np.array([5, 2, 1, 3])
array = keras.ops.convert_to_numpy


def ids(size, *shape, lengths=LENGTHS, seed=0):
    """Random ids (4, timesteps, ...), padded on the right."""
    draw = np.random.default_rng(seed).integers(1, size, (len(lengths), max(lengths), *shape))
    mask = np.arange(max(lengths)) < lengths[:, None]
    return (draw * mask.reshape(*mask.shape, *[1] * len(shape))).astype("int32")


class NetworkCase(NamedTuple):
    """A builder with sizes, what the network reads and is trained with."""

    build: Callable[..., keras.Model]
    inputs: dict[str, np.ndarray] | np.ndarray  # (4, timesteps, ...); states are (4, units)
    targets: np.ndarray  # (4, timesteps, ...) or (4,)
    loss: Callable[..., keras.losses.Loss] = SequenceCrossentropy
    output: str = ""  # what the loss is of, where there are several outputs

    def make(self, random=True, **options):
        model = self.build(**options)
        if random:
            randomize(model)
        return model

    def outputs(self, model, inputs=None, **options):
        """Arrays by name, "" where there is one output."""
        found = model(self.inputs if inputs is None else inputs, **options)
        found = found if isinstance(found, dict) else {"": found}
        return {name: array(tensor) for name, tensor in found.items()}

    def weights(self):
        """Of the targets' steps."""
        return (MASK if self.targets.ndim > 1 else np.ones(4)).astype("float32")

    def loss_of(self, model, **options):
        outputs = model(self.inputs, **options)
        outputs = outputs[self.output] if self.output else outputs
        return self.loss()(self.targets, outputs, self.weights())


def _defaults(build, *sizes, **defaults):
    def built(**options):
        sized = {"units": UNITS, "embedding_dim": 4, "dropout": 0.0}
        return build(*sizes, **sized | defaults | options)

    return built


def many_to_one(classes=3, **defaults):
    loss = SequenceCrossentropy if classes > 2 else BinarySequenceCrossentropy
    build = _defaults(networks.many_to_one, 9, classes, **{"embedding_dropout": 0.0, **defaults})
    return NetworkCase(build, ids(9), np.arange(4) % classes, loss)


def of_letters(pooling, **encoder):
    """Many-to-one, of DNA."""
    encoder = networks.Nucleotides(**{"embedding_dim": 4, "filters": 4, **encoder})
    options = {"embedding_dropout": 0.0, "pooling": pooling}
    build = _defaults(networks.many_to_one, encoder, 3, **options)
    return NetworkCase(build, ids(16), np.arange(4) % 3)


def of_clips(encoder, *size, brightest=1.0, **defaults):
    """Many-to-one, of frames or of paths."""
    clip = brightest * np.random.default_rng(6).uniform(0.1, 1, (*MASK.shape, *size))
    clip *= MASK.reshape(*MASK.shape, *[1] * len(size))
    inputs = {"clip": clip.astype("float32"), "mask": MASK.astype("int32")}
    build = _defaults(networks.many_to_one, encoder, 3, **{"embedding_dropout": 0.0, **defaults})
    return NetworkCase(build, inputs, np.arange(4) % 3)


def many_to_many(head="crf", left_out=(), **defaults):
    sizes = {"characters": CHARACTERS, "shapes": SHAPES}
    sizes = {name: None if name in left_out else size for name, size in sizes.items()}
    build = _defaults(
        networks.many_to_many,
        *(WORDS, len(TAGS)),
        **(sizes | {"longest_word": LONGEST_WORD, "character_units": 2, "shape_dim": 2}),
        **({"head": head, "allowed": allowed_transitions(TAGS)} | defaults),
    )
    inputs = {
        "words": ids(WORDS),
        "characters": ids(CHARACTERS, LONGEST_WORD, seed=1),
        "shapes": ids(SHAPES, seed=2),
    }
    inputs = {name: inputs[name] for name in inputs if name not in left_out}
    tags = np.random.default_rng(1).choice([0, 1, 3], size=MASK.shape)  # O and B-: always legal
    loss = {"crf": ChainCrossentropy, "softmax": SequenceCrossentropy}[head]
    return NetworkCase(build, inputs, tags, loss)


def language_model(states=2, **defaults):
    build = _defaults(networks.language_model, WORDS, **defaults)
    generator = np.random.default_rng(4)
    inputs = {f"state_{i}": generator.normal(size=(4, UNITS)) for i in range(states)}
    inputs = {name: state.astype("float32") for name, state in inputs.items()}
    inputs = {"token_ids": ids(WORDS), **inputs}
    return NetworkCase(build, inputs, ids(WORDS, seed=3), output="logits")


def encoder_decoder(**defaults):
    build = _defaults(networks.encoder_decoder, WORDS, WORDS, **defaults)
    inputs = {"source_ids": ids(WORDS, lengths=SOURCE_LENGTHS), "target_ids": ids(WORDS, seed=1)}
    return NetworkCase(build, inputs, ids(WORDS, seed=2))


def frames(subsampling):
    """Features of as many frames as make the steps of `MASK`, the last step not always whole."""
    lengths = np.maximum(LENGTHS * subsampling - (LENGTHS + 1) % subsampling, 1)
    counted = (np.arange(max(lengths)) < lengths[:, None]).astype("int32")
    values = np.random.default_rng(6).normal(size=(*counted.shape, FRAME))
    return {"features": (values * counted[..., None]).astype("float32"), "mask": counted}


def transcriber(subsampling=1, **defaults):
    def build(**options):
        read = networks.Frames(FRAME, subsampling)
        return networks.transcriber(read, WORDS, **{"units": UNITS, **defaults, **options})

    labels = ids(WORDS, seed=3) * (np.arange(4) < (LENGTHS + 1)[:, None] // 2)
    return NetworkCase(build, frames(subsampling), labels, CTC)


def encoder_decoder_of_frames(subsampling, **defaults):
    build = _defaults(networks.encoder_decoder, networks.Frames(FRAME, subsampling), WORDS)
    inputs = {**frames(subsampling), "target_ids": ids(WORDS, seed=1)}
    return NetworkCase(build, inputs, ids(WORDS, seed=2))


def chord_model(ranked, **defaults):
    conditions = {} if ranked else {"positions": 4, "keys": 3}
    options = {"ranked": ranked, "voice_units": 4, **conditions, **defaults}
    build = _defaults(networks.chord_model, 2, **options)
    chords = ids(40, 2, seed=5) + 3 * MASK[..., None].astype("int32")
    if ranked:
        chords = -np.sort(-chords, axis=-1)
        chords[..., 1] -= MASK  # each voice below the one above
    inputs = {"chords": chords, **{name: ids(size + 1) for name, size in conditions.items()}}
    return NetworkCase(build, inputs, chords)


CASES = {
    "many_to_one": many_to_one(),
    "many_to_one of two classes, last": many_to_one(2, pooling="last", layers=2, residual=True),
    "many_to_one, mean of one direction": many_to_one(pooling="mean", bidirectional=False),
    "many_to_one of letters": of_letters("place"),
    "many_to_one of k-mers": of_letters("attention", k=2, k_stride=2, width=2),
    "many_to_one of amino acids": of_letters("mean", k=3, k_stride=3, translate=True),
    "many_to_one of both strands": of_letters("mean", width=3, stride=2, reverse_complement=True),
    "many_to_one of frames": of_clips(
        networks.Clips((6, 5), 1, 6, (2, 3), differences=True, convolution=3),
        *(6, 5, 1),
        brightest=255,
        pooling="mean-max",
    ),
    "many_to_one of paths": of_clips(networks.Paths(2, 3, 4, 2), 2, pooling="mean"),
    "many_to_many": many_to_many(layers=2, residual=True),
    "many_to_many, softmax": many_to_many("softmax", character_kind="convolutional", cell="gru"),
    "many_to_many, elsewhere": many_to_many(elsewhere=True),
    "many_to_many of words": many_to_many(left_out=("characters", "shapes"), bidirectional=False),
    "language_model": language_model(4, layers=2, residual=True),
    "language_model, one-hot": language_model(1, embedding_dim=None, cell="gru"),
    "language_model, tied": language_model(embedding_dim=UNITS, tie_weights=True),
    "language_model, projected": language_model(tie_weights=True),
    "encoder_decoder": encoder_decoder(),
    "encoder_decoder, multiplicative": encoder_decoder(
        attention="multiplicative", layers=2, residual=True, cell="simplified_gru"
    ),
    "encoder_decoder without attention": encoder_decoder(attention=None, layers=2),
    "encoder_decoder, feeding": encoder_decoder(
        input_feeding=True, layers=2, residual=True, bidirectional=False
    ),
    "encoder_decoder, tied": encoder_decoder(tie_embeddings=True, embedding_dim=UNITS),
    "encoder_decoder, shared": encoder_decoder(share_embeddings=True, tie_embeddings=True),
    "encoder_decoder of frames": encoder_decoder_of_frames(2),
    "transcriber": transcriber(3, bidirectional=False),
    "transcriber, both directions": transcriber(residual=True),
    "chord_model, ranked": chord_model(True, layers=2, residual=True, interval_dim=0),
    "chord_model, parts": chord_model(False, cell="peephole_lstm"),
}
# Compiling is slow on JAX: one of each kind.
ON_OTHER_BACKENDS = (
    "many_to_one of two classes, last",
    "many_to_many",
    "language_model, projected",
    "encoder_decoder, feeding",
    "transcriber",
    "chord_model, parts",
)
FIRST_OF_EACH = {case.split(",")[0].split(" ")[0]: case for case in reversed(CASES)}


def steps_of(case, model, timesteps):
    """Logits of the first steps, (batch, timesteps, ...), by the network for one step."""
    if "chords" in model.input:
        return _chord_steps(model, case.inputs, timesteps)
    if model.name == "transcriber":
        return _pieces(model, case.inputs, timesteps)
    if "target_ids" in model.input:
        source = {name: x for name, x in case.inputs.items() if name != "target_ids"}
        state = dict(networks.encode_model(model)(source.get("source_ids", source)))
        step, tokens = networks.decode_step_model(model), case.inputs["target_ids"]
    else:
        state = {name: case.inputs[name] for name in case.inputs if name != "token_ids"}
        step, tokens = networks.step_model(model), case.inputs["token_ids"]
    state, found = {name: state[name] for name in state if name in step.input}, []
    for t in range(timesteps):
        inputs = {"token_ids": tokens[:, t], **state}
        inputs = {name: keras.ops.convert_to_tensor(value) for name, value in inputs.items()}
        outputs = step(inputs)
        state |= {name: outputs[name] for name in state if name in outputs}
        found.append(array(outputs["logits"]))
    return np.stack(found, axis=1)


def _pieces(model, given, timesteps):
    """Step by step; a step is of several frames."""
    stream, factor = networks.stream_model(model), networks.Frames.of(model).subsampling
    names = [name for name in stream.input if name.startswith("state_")]
    state, found = {n: np.zeros((4, UNITS), "float32") for n in names}, []
    for t in range(timesteps):
        piece = {n: x[:, t * factor : (t + 1) * factor] for n, x in given.items()}
        inputs = {n: keras.ops.convert_to_tensor(x) for n, x in {**piece, **state}.items()}
        state = dict(stream(inputs))
        found.append(array(state.pop("logits")))
    return np.concatenate(found, axis=1)


def _chord_steps(model, given, timesteps):
    step, heads = step_models(model)
    chords, found = given["chords"], []
    state = {n: np.zeros((4, UNITS), "float32") for n in step.input if n.startswith("state_")}
    before = np.zeros_like(chords[:, 0])
    for t in range(timesteps):
        others = {name: given[name][:, t] for name in ("positions", "keys") if name in step.input}
        inputs = {"before": before, **others, **state}
        state = dict(step({n: keras.ops.convert_to_tensor(x) for n, x in inputs.items()}))
        hidden, given_now = state.pop("hidden"), {"before": before, "chord": chords[:, t]}
        now = {name: keras.ops.convert_to_tensor(x) for name, x in given_now.items()}
        found.append(np.stack([array(head({"hidden": hidden, **now})) for head in heads], axis=1))
        before = chords[:, t]
    return np.stack(found, axis=1)


def numbers():
    """{name: losses of two steps of training}; predictors show what the networks answer."""
    found = {}
    for name in ON_OTHER_BACKENDS:
        case = CASES[name]
        model = case.make()
        of_loss = model.output[case.output] if case.output else model.output
        trained = keras.Model(model.input, of_loss)
        eagerly = keras.backend.backend() == "tensorflow"  # sooner done
        trained.compile(keras.optimizers.SGD(0.1), case.loss(), run_eagerly=eagerly)
        arguments = (case.inputs, case.targets, case.weights())
        found[name] = [float(trained.train_on_batch(*arguments)) for _ in range(2)]
    return found


if __name__ == "__main__":
    np.savez(sys.argv[1], **numbers())
