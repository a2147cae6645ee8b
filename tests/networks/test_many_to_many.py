"""The many-to-many network: inputs, heads, training, and what it refuses."""

import keras
import numpy as np
import pytest
from support import taggers
from support.language_models import array
from support.taggers import TAGS, compiled, decoded, network, sentences

from zoo.layers.crf import marginals
from zoo.networks import AdversarialModel
from zoo.networks.many_to_many import HEADS
from zoo.text.tags import may_follow

IDS, MASK = sentences()
EACH_HEAD = pytest.mark.parametrize("head", HEADS)
OUTPUTS = {"crf": (len(TAGS), len(TAGS)), "softmax": (len(TAGS),)}


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
    np.testing.assert_allclose(again(ids), model(ids), atol=1e-5, rtol=1e-5)


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


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"head": "hmm"}, "crf, softmax.*'hmm'"),
        ({"character_kind": "words"}, "'words'"),
        ({"word_dropout": 1}, "rate"),
        ({"allowed": ([1], [[1]], [1])}, "allowed"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        network(**wrong)
