"""What every layer of the zoo has to do: a new one gets all these tests by a line in `CASES`.

`tests/layers/test_every_layer.py` runs each check on each case, `other_backends.py` the numbers of
all cases on JAX and PyTorch.
"""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from support import chains
from support.processors import skip_without
from support.sequences import BATCH, INPUT_DIM, MASK, TIMESTEPS, UNITS, assert_all_close, randomize
from zoo import layers
from zoo.cells import CELLS

SOURCE_MASK = np.array(  # every row has a step to attend to
    [[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 1, 1], [1, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0]], bool
)
EACH_SOURCE = SOURCE_MASK.shape[1]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def call_plainly(layer, *inputs, **masks):
    return layer(*inputs, **masks)


class LayerCase(NamedTuple):
    """A layer and what to call it with.

    Attributes:
        make: `make(dtype=...)` -> the layer, not built.
        inputs: arrays, float64 or integers; the first axis is the batch, the second, of those with
            more than two axes and of integers, time.
        masks: {argument: (mask, place of the input that it masks)}.
        call: `call(layer, *inputs, **masks)`, what is compared and differentiated.
        single: places of the outputs that are float32 in mixed precision too.
        carries: whether the mask of the first input may come with it, as Keras hands it on.
        archived: whether a model may hold the layer itself, and not another around it.
    """

    make: Callable
    inputs: tuple
    masks: Mapping = MappingProxyType({})
    call: Callable = call_plainly
    single: tuple = ()
    carries: bool = False
    archived: bool = True

    def build(self, dtype="float32"):
        """The layer with random weights."""
        layer = self.make(dtype=dtype)
        self.call(layer, *self.symbols(batched=True))
        randomize(layer)
        return layer

    def symbols(self, batched=False):
        """What stands for the inputs where a layer is built; with all sizes, or few known."""
        shapes = [
            (None, None, *a.shape[2:]) if self.has_time(a) else (None, *a.shape[1:])
            for a in self.inputs
        ]
        return [
            keras.Input(
                batch_shape=a.shape if batched else shape,
                dtype="int32" if a.dtype.kind == "i" else "float32",
            )
            for a, shape in zip(self.inputs, shapes, strict=True)
        ]

    def typed(self, dtype, inputs=None):
        """The inputs as tensors, floating ones in a precision."""
        arrays = self.inputs if inputs is None else inputs
        return [
            ops.convert_to_tensor(a if a.dtype.kind == "i" else a.astype(dtype)) for a in arrays
        ]

    def mask_arguments(self):
        return {name: ops.convert_to_tensor(mask) for name, (mask, _) in self.masks.items()}

    def outputs(self, layer, inputs=None, dtype="float32", masks=None):
        """The list of outputs, tensors."""
        masks = self.mask_arguments() if masks is None else masks
        return keras.tree.flatten(self.call(layer, *self.typed(dtype, inputs), **masks))

    def has_time(self, array):
        return array.ndim > 2 or array.dtype.kind == "i"


def call_unmasked(layer, x, **masks):
    return layer(x)


def call_with_keys(layer, x, keys, **masks):
    return layer(x, keys)


def with_states(layer, x, *states, **masks):
    return layer(x, initial_state=list(states), **masks)


def attend(layer, query, memory, **masks):
    return layer(query, layer.keys(memory), memory, **masks)


def decode(layer, x, *others, **masks):
    """Of an RNN unit: `others` are its state and the memory, if there is one."""
    return layer(x, [others[0]], *others[1:], **masks)


def reverse(layer, vectors):
    return layer(keras.ops.cast(vectors, layer.compute_dtype), reverse=True)


X = normal(BATCH, TIMESTEPS, INPUT_DIM)
STATES = [normal(BATCH, UNITS, seed=i) for i in (1, 2)]
MEMORY = normal(BATCH, EACH_SOURCE, 2, seed=3)
MASKED = {"mask": (MASK, 0)}
IDS = np.random.default_rng(4).integers(1, 9, size=(BATCH, TIMESTEPS)).astype("int32")
CHARACTERS = np.array(  # words of every length, and one without characters
    [
        [[3, 4, 5, 6, 7], [8, 1, 0, 0, 0], [2, 0, 0, 0, 0]],
        [[7, 7, 7, 0, 0], [5, 4, 3, 8, 0], [0, 0, 0, 0, 0]],
    ],
    "int32",
)
WORDS = np.array([[3, 1, 1], [1, 4, 0]], "int32"), CHARACTERS


def recurrence(name, **options):
    options = {"return_sequences": True, "return_state": True} | options
    return lambda dtype: layers.Recurrence(CELLS[name](UNITS, dtype=dtype), dtype=dtype, **options)


def bidirectional(dtype):
    inner = layers.Recurrence(CELLS["gru"](UNITS, dtype=dtype), return_sequences=True, dtype=dtype)
    return layers.Bidirectional(inner, dtype=dtype)


def stack(**options):
    return lambda dtype: layers.RecurrentStack(units=UNITS, layers=2, dtype=dtype, **options)


def attention(kind):
    make = lambda dtype: layers.Attention(kind, UNITS, dtype=dtype)  # noqa: E731
    inputs = normal(BATCH, TIMESTEPS, UNITS), MEMORY
    return LayerCase(make, inputs, {"mask": (SOURCE_MASK, 1)}, attend, single=(1,), archived=False)


def decoder(*memory, **options):
    options = {"cell": "rnn", "units": UNITS} | options
    masks = MASKED | ({"memory_mask": (SOURCE_MASK, 2)} if memory else {})
    make = lambda dtype: layers.AttentionDecoder(dtype=dtype, **options)  # noqa: E731
    return LayerCase(make, (X, STATES[0], *memory), masks, decode)


def characters(kind):
    make = lambda dtype: layers.CharacterFeatures(9, 3, 2, kind, dtype=dtype)  # noqa: E731
    return LayerCase(make, (CHARACTERS,))


def crf(allowed):
    def make(dtype):
        return layers.LinearChainCRF(allowed, dtype=dtype.replace("mixed_bfloat16", "float32"))

    inputs, masks = (chains.logits(),), {"mask": (chains.MASK, 0)}
    return LayerCase(make, inputs, masks, single=(0,), carries=True)


def pooling(mode, place=None):
    return LayerCase(
        lambda dtype: layers.MaskedPooling(mode, place, dtype=dtype), (X,), MASKED, carries=True
    )


def frame_features(**options):
    frames = 128 + 40 * normal(BATCH, TIMESTEPS, 5, 4, 2)
    return LayerCase(
        lambda dtype: layers.FrameFeatures(6, (3, 4), dtype=dtype, **options), (frames,), MASKED
    )


def strided(layer, x, **masks):
    """What fewer steps are made of a sequence, with 0 at those that do not count."""
    y, mask = layer(x, **masks), layer.compute_mask(x, **masks)
    return y if mask is None else ops.where(ops.cast(mask, "bool")[..., None], y, ops.zeros_like(y))


CASES = {
    "Recurrence": LayerCase(recurrence("lstm"), (X, *STATES), MASKED, with_states),
    "Recurrence backwards": LayerCase(
        recurrence("gru", go_backwards=True, return_state=False), (X,), MASKED, carries=True
    ),
    "Bidirectional": LayerCase(bidirectional, (X,), MASKED, carries=True),
    "RecurrentStack": LayerCase(
        stack(cell="simplified_gru", residual=True), (X,), MASKED, carries=True
    ),
    "RecurrentStack with states": LayerCase(
        stack(cell="rnn", bidirectional=False, return_state=True), (X, *STATES), MASKED, with_states
    ),
    "Attention": attention("additive"),
    "Attention multiplicative": attention("multiplicative"),
    "AttentionDecoder": decoder(MEMORY),
    "AttentionDecoder with input feeding": decoder(
        MEMORY, input_feeding=True, attention="multiplicative"
    ),
    "AttentionDecoder without attention": decoder(attention=None),
    "CharacterFeatures": characters("recurrent"),
    "CharacterFeatures convolutional": characters("convolutional"),
    "FrameFeatures": frame_features(),
    "FrameFeatures with differences": frame_features(differences=True),
    "LinearChainCRF": crf(None),
    "LinearChainCRF with rules": crf(chains.ALLOWED),
    "MaskedConvolution": LayerCase(
        lambda dtype: layers.MaskedConvolution(3, 4, 2, dtype=dtype), (X,), MASKED, strided
    ),
    **{f"MaskedPooling {mode}": pooling(mode) for mode in ("max", "mean", "first", "last")},
    "MaskedPooling place": pooling("place", 1),
    "MaskedPooling place, a part": pooling("place", 0.5),
    "AttentionPooling": LayerCase(
        lambda dtype: layers.AttentionPooling(2, dtype=dtype), (X,), MASKED, carries=True
    ),
    "TokenKeys": LayerCase(lambda dtype: layers.TokenKeys(9, dtype=dtype), WORDS),
    "MeanElsewhere": LayerCase(
        lambda dtype: layers.MeanElsewhere(dtype=dtype),
        (X, IDS % 3 * MASK.astype("int32")),
        MASKED,
        call_with_keys,
        carries=True,
    ),
    "BothStrands": LayerCase(lambda dtype: layers.BothStrands(dtype=dtype), (IDS,)),
    "KmerShares": LayerCase(lambda dtype: layers.KmerShares(dtype=dtype), (IDS,)),
    "KmerShares of three": LayerCase(lambda dtype: layers.KmerShares(3, 2, dtype=dtype), (IDS,)),
    "AminoAcidShares": LayerCase(
        lambda dtype: layers.AminoAcidShares(dtype=dtype), (normal(BATCH, 4, 64),)
    ),
    "MeanOfReadings": LayerCase(
        lambda dtype: layers.MeanOfReadings(2, dtype=dtype),
        (normal(BATCH, UNITS),),
        call=lambda layer, x: layer(ops.concatenate([x, ops.sin(x)], axis=0)),
    ),
    "Perturbation": LayerCase(layers.Perturbation, (X,), MASKED, call_unmasked, carries=True),
    "Subsampling": LayerCase(
        lambda dtype: layers.Subsampling(2, dtype=dtype), (X,), MASKED, strided
    ),
    "Subsampling by a convolution": LayerCase(
        lambda dtype: layers.Subsampling(3, "convolution", 4, dtype=dtype), (X,), MASKED, strided
    ),
    "TiedEmbedding": LayerCase(lambda dtype: layers.TiedEmbedding(9, 3, dtype=dtype), (IDS,)),
    "TiedEmbedding reversed": LayerCase(
        lambda dtype: layers.TiedEmbedding(9, 3, dtype=dtype),
        (normal(BATCH, TIMESTEPS, 3),),
        call=reverse,
    ),
    "WordDropout": LayerCase(lambda dtype: layers.WordDropout(0.5, dtype=dtype), (IDS,)),
}


def as_json(config):
    return json.loads(json.dumps(config))


def check_configuration(case, folder):
    """A layer comes back from its configuration, under the name that saved models know."""
    layer = case.build()
    serialized = as_json(keras.saving.serialize_keras_object(layer))
    assert serialized["registered_name"] == f"zoo>{type(layer).__name__}"
    again = keras.saving.deserialize_keras_object(serialized)
    assert type(again) is type(layer)
    case.call(again, *case.symbols())
    again.set_weights(layer.get_weights())
    assert as_json(again.get_config()) == as_json(layer.get_config())
    assert_all_close(case.outputs(again), case.outputs(layer), 1e-6)


def check_saved_model(case, folder):
    """In a model: shapes are known before any input, masks come with it, and an archive loads."""
    if not case.archived:
        return
    symbolic = case.symbols()
    first, *others = symbolic
    if case.carries:
        first = keras.layers.Masking(mask_value=9.0)(first)
    layer = case.build()
    model = keras.Model(symbolic, keras.tree.flatten(case.call(layer, first, *others)))
    inputs = case.typed("float32")
    if case.carries:
        mask, _ = case.masks["mask"]
        inputs[0] = tf.where(mask[..., None], inputs[0], 9)
    expected = case.outputs(layer, masks=None if case.carries else {})
    for shape, output in zip(keras.tree.flatten(model.outputs), expected, strict=True):
        known = tuple(shape.shape)
        assert len(known) == len(output.shape)
        assert all(a in (None, b) for a, b in zip(known, output.shape, strict=True))
        assert known[-1] is not None or case.single or output.dtype.is_integer
        assert shape.dtype == keras.backend.standardize_dtype(output.dtype)
    model.save(folder / "model.keras")
    for each in (model, keras.saving.load_model(folder / "model.keras")):
        outputs = keras.tree.flatten(each(inputs))
        assert_all_close(*shown(case, outputs, expected), 1e-5)


def shown(case, *results):
    """Outputs with 0 at the steps that the mask of the first input leaves out."""
    mask = next((mask for mask, place in case.masks.values() if place == 0), None)

    def cut(y):
        if mask is None or len(y.shape) < 3 or tuple(y.shape[:2]) != mask.shape:
            return y
        return ops.where(mask.reshape(*mask.shape, *[1] * (len(y.shape) - 2)), y, ops.zeros_like(y))

    return [list(map(cut, outputs)) for outputs in results]


def check_any_size(case, folder):
    """One graph, traced once, serves every size of batch and time."""
    layer = case.build()
    arrays = [*case.typed("float32"), *case.mask_arguments().values()]
    specs = [tf.TensorSpec(symbol.shape, symbol.dtype) for symbol in case.symbols()]
    specs += [tf.TensorSpec((None, None), tf.bool)] * len(case.masks)

    def run(*arguments):
        inputs, masks = arguments[: len(case.inputs)], arguments[len(case.inputs) :]
        return keras.tree.flatten(case.call(layer, *inputs, **dict(zip(case.masks, masks))))  # noqa: B905

    graph = tf.function(run, input_signature=specs, autograph=False)
    for rows, steps in ((None, None), (1, None), (None, 1), (0, None)):
        part = [
            a[:rows, :steps] if spec.shape.rank > 1 and spec.shape[1] is None else a[:rows]
            for a, spec in zip(arrays, specs, strict=True)
        ]
        assert_all_close(graph(*part), run(*part), 1e-5)
    assert graph.experimental_get_tracing_count() == 1


def check_padding(case, folder):
    """What is masked reaches neither an output that counts nor a gradient; what is not does.

    Masks may be of numbers.
    """
    layer = case.build("float64")
    expected = case.outputs(layer, dtype="float64")
    numbers = {name: ops.cast(mask, "float32") for name, mask in case.mask_arguments().items()}
    assert_all_close(case.outputs(layer, dtype="float64", masks=numbers), expected, 1e-9)
    for mask, place in case.masks.values():
        spoilt = list(case.inputs)
        at_steps = mask.reshape(*mask.shape, *[1] * (spoilt[place].ndim - 2))
        spoilt[place] = np.where(at_steps, spoilt[place], 1e3)
        found = case.outputs(layer, spoilt, "float64")
        assert_all_close(*shown(case, found, expected), 1e-9)
        gradient = differentiate(case, layer)[1][place]
        assert np.isfinite(gradient).all()
        np.testing.assert_allclose(gradient[~mask], 0, atol=1e-12)
        assert np.any(gradient[mask])


def differentiate(case, layer, dtype="float64"):
    """The outputs that count, and the gradients of the inputs that are no integers and weights."""
    inputs = case.typed(dtype)
    floats = [x for x in inputs if x.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(floats)
        value, outputs = loss_and_outputs(case, layer, inputs)
    sources = [*floats, *(variable.value for variable in layer.trainable_variables)]
    gradients = tape.gradient(value, sources, unconnected_gradients="zero")
    return outputs, [np.array(tf.convert_to_tensor(gradient)) for gradient in gradients]


def loss_and_outputs(case, layer, inputs):
    """A weighted sum of the outputs that count, and these."""
    outputs = keras.tree.flatten(case.call(layer, *inputs, **case.mask_arguments()))
    (outputs,) = shown(case, outputs)
    total = ops.zeros(())
    for i, y in enumerate(outputs):
        if "int" in str(y.dtype):
            continue
        weights = ops.cast(normal(*y.shape, seed=i), y.dtype)
        # A forbidden potential of a CRF is a constant of -1e6, which would take all digits.
        total = ops.cast(total, y.dtype) + ops.sum(
            ops.where(y > -1e5, y * weights, ops.zeros_like(y))
        )
    return total, outputs


def check_gradients(case, folder):
    """The gradient of every input and weight is the slope along a random direction."""
    layer = case.build("float64")
    inputs, step = case.typed("float64"), 1e-6
    if all(x.dtype.is_integer for x in case.outputs(layer, dtype="float64")):
        return
    graph = tf.function(lambda *x: loss_and_outputs(case, layer, x)[0], autograph=False)

    def value(i, move):
        if i < len(floats):
            return graph(*[x + move if j == floats[i] else x for j, x in enumerate(inputs)])
        variable = layer.trainable_variables[i - len(floats)]
        variable.assign_add(move)
        result = graph(*inputs)
        variable.assign_sub(move)
        return result

    floats = [j for j, x in enumerate(inputs) if x.dtype.is_floating]
    for i, gradient in enumerate(differentiate(case, layer)[1]):
        direction = normal(*gradient.shape, seed=7)
        above, below = (float(value(i, sign * step * direction)) for sign in (1, -1))
        expected = np.sum(gradient * direction)
        np.testing.assert_allclose((above - below) / (2 * step), expected, rtol=1e-5, atol=1e-7)


def check_mixed_precision(case, folder):
    """Weights stay in single precision, and outputs near those of single precision."""
    skip_without("bfloat16")
    layer = case.build("mixed_bfloat16")
    single = case.build("float32")
    assert {w.dtype for w in layer.trainable_variables} <= {"float32"}
    again = type(layer).from_config(layer.get_config())
    assert again.dtype_policy.name == layer.dtype_policy.name
    inner = [
        each for each in layer._flatten_layers() if not isinstance(each, layers.LinearChainCRF)
    ]
    assert {each.compute_dtype for each in inner} <= {"bfloat16"}
    for i, (y, close) in enumerate(
        zip(*shown(case, case.outputs(layer), case.outputs(single)), strict=True)
    ):
        if y.dtype.is_floating:
            assert y.dtype == ("float32" if i in case.single else "bfloat16")
        y, close = (np.array(tf.cast(a, "float32")) for a in (y, close))
        np.testing.assert_allclose(y, close, atol=0.03 * max(1, np.abs(close).max()))


CHECKS = (
    check_configuration,
    check_saved_model,
    check_any_size,
    check_padding,
    check_gradients,
    check_mixed_precision,
)
