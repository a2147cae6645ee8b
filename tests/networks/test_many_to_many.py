"""The many-to-many network: inputs, heads, masks, training, and what it refuses."""

import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest
from support import taggers
from support.processes import run_script
from support.taggers import TAGS, compiled, decoded, network, sentences

from zoo.cells import CELLS
from zoo.layers.crf import marginals
from zoo.networks import AdversarialModel, many_to_many
from zoo.networks.many_to_many import HEADS
from zoo.text.tags import may_follow

IDS, MASK = sentences()
EACH_HEAD = pytest.mark.parametrize("head", HEADS)
OUTPUTS = {"crf": (len(TAGS), len(TAGS)), "softmax": (len(TAGS),)}


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def only(ids, model):
    """The inputs that a model has."""
    return {tensor.name: ids[tensor.name] for tensor in model.inputs}


@EACH_HEAD
@pytest.mark.parametrize(
    ("left_out", "inputs"),
    [
        ({}, {"words", "characters", "shapes"}),
        ({"characters": None}, {"words", "shapes"}),
        ({"shapes": None}, {"words", "characters"}),
        ({"characters": None, "shapes": None}, {"words"}),
    ],
)
def test_inputs_and_output(head, left_out, inputs):
    model = network(head, **left_out)
    assert {tensor.name for tensor in model.inputs} == inputs
    assert model.output_shape == (None, None, *OUTPUTS[head])
    output = model(only(IDS, model))
    assert output.dtype == "float32"
    assert output.shape == (*MASK.shape, *OUTPUTS[head])
    assert np.isfinite(array(output)).all()


@EACH_HEAD
def test_every_input_counts_where_it_stands_and_elsewhere(head):
    model = network(head, random=True)
    output = array(model(IDS))
    for name in IDS:
        others = {**IDS, name: np.where(IDS[name] > 0, IDS[name] % 4 + 1, 0)}
        assert (others[name] != IDS[name]).any()
        changed = np.abs(array(model(others)) - output).max(axis=tuple(range(2, output.ndim)))
        assert (changed[MASK] > 1e-6).all()


@pytest.mark.parametrize(
    "options",
    [
        {"head": "crf", "layers": 2, "residual": True},
        {"head": "softmax", "character_kind": "convolutional", "cell": "gru"},
        {"head": "crf", "characters": None, "shapes": None, "bidirectional": False},
    ],
    ids=str,
)
def test_a_sentence_is_the_same_alone_and_in_a_batch(options):
    model = network(random=True, **options)
    ids = only(IDS, model)
    together, tags = array(model(ids)), decoded(model, ids, MASK)
    for row, length in enumerate(taggers.LENGTHS):
        one = {name: values[row : row + 1, :length] for name, values in ids.items()}
        np.testing.assert_allclose(together[row, :length], array(model(one))[0], atol=1e-5)
        alone = decoded(model, one, np.ones((1, length), bool))
        np.testing.assert_array_equal(tags[row, :length], alone[0])
    longer = {n: np.pad(v, [(0, 1), (0, 3)] + [(0, 0)] * (v.ndim - 2)) for n, v in ids.items()}
    output = array(model(longer))
    np.testing.assert_allclose(output[:-1, :-3][MASK], together[MASK], atol=1e-5)
    assert np.isfinite(output).all()


@EACH_HEAD
@pytest.mark.parametrize("shape", [(0, 3), (2, 1)], ids=str)
def test_an_empty_batch_and_nothing_but_padding(head, shape):
    model = network(head)
    ids = {"words": shape, "characters": (*shape, taggers.LONGEST_WORD), "shapes": shape}
    output = model({name: np.zeros(sizes, "int32") for name, sizes in ids.items()})
    assert output.shape == (*shape, *OUTPUTS[head])
    assert np.isfinite(array(output)).all()


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell(cell):
    model = network(cell=cell)
    (both,) = model.get_layer("recurrence").recurrences
    assert type(both.forward_layer.cell) is CELLS[cell]
    assert np.isfinite(array(model(IDS))).all()


def test_only_legal_sequences():
    ids, mask = sentences(np.arange(1, 9).repeat(20), seed=3)
    wild = {"embedding_dim": 8, "units": 8, "dropout": 0}
    for allowed, legal in ((None, False), (taggers.allowed_transitions(TAGS), True)):
        model = network(random=True, allowed=allowed, **wild)
        model.get_layer("logits").set_weights(
            [30 * weight for weight in model.get_layer("logits").get_weights()]
        )
        tags = decoded(model, ids, mask)
        names = [["O", *(TAGS[tag] for tag in row[m])] for row, m in zip(tags, mask, strict=True)]
        well_formed = [all(map(may_follow, row, row[1:])) for row in names]
        assert all(well_formed) == legal
    probabilities = array(marginals(model(ids), mask))
    np.testing.assert_allclose(probabilities.sum(axis=-1), mask, atol=1e-4)
    first_inside = [TAGS.index(tag) for tag in TAGS if tag.startswith("I-")]
    assert not probabilities[:, 0, first_inside].any()


@EACH_HEAD
def test_it_learns_a_tiny_corpus_by_heart_and_is_the_same_when_loaded(head, tmp_path):
    """Tags that hang on characters, on shapes and on neighbours; saved, it goes on as it was."""
    ids, mask = sentences(np.tile(taggers.LENGTHS, 4), seed=5)
    first = ids["characters"][..., 0]
    tags = np.where(first > 4, TAGS.index("B-PER"), TAGS.index("O"))
    follows = (
        (tags[:, :-1] == TAGS.index("B-PER")) & (tags[:, 1:] == 0) & (ids["shapes"] > 2)[:, 1:]
    )
    tags[:, 1:][follows] = TAGS.index("I-PER")
    assert len(np.unique(tags[mask])) == 3
    kind = {"crf": "recurrent", "softmax": "convolutional"}[head]
    sizes = {"character_units": 6, "units": 12, "character_kind": kind}
    model = network(head, dropout=0.1, word_dropout=0.1, **sizes)
    compiled(model, keras.optimizers.Adam(0.05))
    weights = mask.astype("float32")
    model.fit(ids, tags, sample_weight=weights, batch_size=8, epochs=40, verbose=0)
    np.testing.assert_array_equal(decoded(model, ids, mask), tags * mask)

    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(again(ids)), array(model(ids)))


def test_dropout_is_in_training_only():
    model = network(word_dropout=0.5, dropout=0)
    outputs = [array(model(IDS, training=training)) for training in (False, False, True, True)]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert not np.allclose(outputs[2], outputs[3])
    without = network(dropout=0)
    np.testing.assert_allclose(without(IDS, training=True), without(IDS), atol=1e-6)
    model = network(dropout=0.5)
    assert not np.allclose(model(IDS, training=True), model(IDS, training=True))


def test_seed_fixes_the_weights():
    one, same, other = (network(seed=seed).get_weights() for seed in (3, 3, 4))
    assert all(np.array_equal(*pair) for pair in zip(one, same, strict=True))
    assert not all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def test_number_of_parameters():
    """Vectors of words, characters and shapes, two pairs of LSTMs, logits and chain, by hand."""

    def lstm(inputs, units):
        return 4 * (inputs + units + 1) * units

    tags = len(TAGS)
    words = taggers.WORDS * 4 + 2 * lstm(4, 3) + (6 + 1) * tags
    chain = tags * (tags + 2)
    assert network("softmax", characters=None, shapes=None).count_params() == words
    assert network(characters=None, shapes=None).count_params() == words + chain
    joined = 2 * (lstm(4 + 4 + 2, 3) - lstm(4, 3))
    characters = taggers.CHARACTERS * 2 + 2 * lstm(2, 2)
    shapes = taggers.SHAPES * 2
    assert network().count_params() == words + chain + joined + characters + shapes


@EACH_HEAD
def test_adversarial_training(head):
    """It trains on a greater loss than the plain network, for which the joined vectors change."""
    model = network(head, dropout=0, adversarial=0.3)
    assert isinstance(model, AdversarialModel)
    assert model.get_layer("perturbation").output.shape[-1] == 4 + 2 * 2 + 2
    compiled(model, run_eagerly=True)
    before = model.get_weights()
    tags = np.where(MASK & (IDS["shapes"] > 2), TAGS.index("B-LOC"), 0)
    weights = MASK.astype("float32")
    clean = model.loss(tags, model(IDS), weights)
    figures = model.train_on_batch(IDS, tags, sample_weight=weights, return_dict=True)
    assert figures["loss"] > clean + 1e-4
    assert not any(map(np.array_equal, before, model.get_weights()))
    plain = network(head, dropout=0)
    plain.set_weights(model.get_weights())
    np.testing.assert_allclose(model(IDS), plain(IDS), atol=1e-6)


def test_configuration_round_trip():
    model = network(random=True, cell="gru", layers=2, character_kind="convolutional", name="mine")
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again(IDS), model(IDS), atol=1e-6)
    assert again.name == "mine"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"head": "hmm"}, "crf, softmax.*'hmm'"),
        ({"cell": "elman"}, "one of rnn"),
        ({"character_kind": "words"}, "'words'"),
        ({"word_dropout": 1}, "rate"),
        ({"allowed": ([1], [[1]], [1])}, "allowed"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        network(**wrong)


def test_defaults():
    assert many_to_many(5, 3).output_shape == (None, None, 3, 3)


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_same_numbers_on_jax(tmp_path):
    path = tmp_path / "numbers.npz"
    script = Path(taggers.__file__)
    run_script(script, path, KERAS_BACKEND="jax", JAX_DISABLE_MOST_OPTIMIZATIONS="1")
    expected = taggers.numbers()
    with np.load(path) as numbers:
        assert set(numbers) == set(expected)
        for name, values in expected.items():
            np.testing.assert_allclose(numbers[name], values, atol=1e-3, rtol=1e-4, err_msg=name)
