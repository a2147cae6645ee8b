"""Trained weights at the beginning of other networks: each layer does what it has learnt."""

import keras
import numpy as np
import pytest
from support.refusals import refused
from support.sequences import randomize

from zoo.networks import (
    AdversarialModel,
    initial_states,
    language_model,
    many_to_many,
    many_to_one,
    transfer,
    with_elsewhere,
)

TOKENS, WIDTH, UNITS = 7, 3, 4
IDS = np.array([[3, 6, 2, 5, 1, 4], [4, 4, 3, 0, 0, 0]], "int32")


def trained(seed, layers, cell="gru"):
    """A language model with random weights."""
    model = language_model(TOKENS, embedding_dim=WIDTH, units=UNITS, layers=layers, cell=cell)
    randomize(model, seed)
    return model


def read(model, ids):
    """What the recurrence of a language model makes of ids: (batch, timesteps, units)."""
    recurrence, states = model.get_layer("recurrence"), initial_states(model, len(ids))
    vectors = model.get_layer("embedding")(ids)
    return np.array(recurrence(vectors, initial_state=list(states.values()), mask=ids > 0)[0])


def turned(array, ids):
    """The steps of each row in reverse, padding where it was."""
    rows = np.array(array)
    for row, length in zip(rows, (ids > 0).sum(axis=1), strict=True):
        row[:length] = row[:length][::-1]
    return rows


def network(width, layers, bidirectional=True, **options):
    options |= {"embedding_dim": width, "units": UNITS, "layers": layers, "cell": "gru"}
    return many_to_one(TOKENS, 2, bidirectional=bidirectional, **options)


def steps(model, ids):
    """What the recurrence of a network makes of ids."""
    return np.array(model.get_layer("recurrence")(model.get_layer("embedding")(ids), mask=ids > 0))


@pytest.mark.parametrize(("layers", "shared"), [(1, False), (2, True), (3, False)])
def test_each_direction_begins_as_its_language_model(layers, shared):
    forward, backward = trained(1, layers), trained(2, layers)
    if shared:
        transfer.keep_vectors(backward, forward)
    model = network(WIDTH * (1 if shared else 2), layers)
    rows = np.array([0, 1, 2, 6, 5, 4, 3])  # the ids of the network are others
    given = transfer.take_over(model, forward, backward, rows)
    ids = rows[IDS].astype("int32")  # as the language models have them
    expected = read(forward, ids), turned(read(backward, turned(ids, ids)), ids)
    there = (IDS > 0)[..., None]
    found = np.split(steps(model, IDS) * there, 2, axis=-1)
    for half, whole in zip(found, expected, strict=True):
        np.testing.assert_allclose(half, whole * there, atol=1e-6)
    parts = (model.get_layer(name).trainable_variables for name in ("embedding", "recurrence"))
    assert [id(w) for layer in given for w in layer] == [id(w) for part in parts for w in part]
    assert len(given) == layers + 1


def test_a_direction_without_a_language_model_is_new():
    backward, model = trained(2, 2), network(WIDTH, 2)
    before = model.get_layer("recurrence").directions()
    before = [w.numpy() for one in (before[0], before[2]) for w in one.cell.weights]
    given = transfer.take_over(model, None, backward, np.arange(TOKENS))
    expected = turned(read(backward, turned(IDS, IDS)), IDS)
    found = steps(model, IDS)[..., UNITS:]
    np.testing.assert_allclose(found[0], expected[0], atol=1e-6)
    directions = model.get_layer("recurrence").directions()
    after = [w for one in (directions[0], directions[2]) for w in one.cell.weights]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    assert [len(layer) for layer in given] == [1, 3, 3]

    forward, model = trained(1, 1), network(WIDTH, 1, bidirectional=False)
    transfer.take_over(model, forward, None, np.arange(TOKENS))
    np.testing.assert_allclose(steps(model, IDS)[0], read(forward, IDS)[0], atol=1e-6)


def test_what_a_tagger_reads_besides_keeps_its_weights():
    model = many_to_many(
        TOKENS, 3, shapes=4, embedding_dim=2 * WIDTH, cell="gru", units=UNITS, head="softmax"
    )
    (forward, _) = model.get_layer("recurrence").directions()
    before = np.array(forward.cell.kernel)
    models = trained(1, 1), trained(2, 1)
    transfer.take_over(model, *models, np.arange(TOKENS))
    kernel = np.array(forward.cell.kernel)
    learnt = np.array(models[0].get_layer("recurrence").recurrences[0].cell.kernel)
    np.testing.assert_array_equal(kernel[:WIDTH], learnt)
    np.testing.assert_array_equal(kernel[WIDTH : 2 * WIDTH], 0)  # the vectors of the other
    np.testing.assert_array_equal(kernel[2 * WIDTH :], before[2 * WIDTH :])


def test_vectors_that_are_kept_are_not_trained():
    model, other = trained(1, 1), trained(2, 1)
    transfer.keep_vectors(model, other)
    np.testing.assert_array_equal(*map(transfer.vectors_of, (model, other)))
    assert not any(w is model.get_layer("embedding").embeddings for w in model.trainable_variables)
    assert transfer.vectors_of(language_model(TOKENS, embedding_dim=None, units=2)) is None


def test_a_new_head_on_the_same_network():
    model = network(WIDTH, 1)
    made = transfer.with_head(model, {"logits": {"units": 5}})
    assert made.output_shape == (None, 5)
    below = [keras.Model(m.input, m.get_layer("pooling").output)(IDS) for m in (model, made)]
    np.testing.assert_array_equal(*below)
    layers = transfer.layers_from_below(made, ["logits"])
    weights = [w for layer in layers for w in layer] + made.get_layer("logits").weights
    assert [id(w) for w in weights] == [id(w) for w in made.trainable_variables]
    refused("give --adversarial 0", transfer.adversarial_like, made, 0.1)
    model = network(WIDTH, 1, adversarial=0.2)
    made = transfer.adversarial_like(transfer.with_head(model, {"logits": {"units": 5}}), 0.1)
    assert (type(made), made.size) == (AdversarialModel, 0.1)
    plain = transfer.adversarial_like(made, 0.0)
    assert not isinstance(plain, AdversarialModel)
    assert plain.layers == made.layers
    assert transfer.adversarial_like(plain, 0.0) is plain


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_a_tagger_begins_to_see_words_elsewhere_without_a_difference(head):
    draw = np.random.default_rng(1)
    sizes = {"characters": 5, "longest_word": 3, "character_units": 2, "units": UNITS}
    model = many_to_many(TOKENS, 3, embedding_dim=WIDTH, head=head, **sizes)
    randomize(model, 3)
    keras.utils.clear_session()  # and names are given again, as to those of a loaded model
    made = with_elsewhere(model)
    ids = {"words": IDS, "characters": draw.integers(1, 5, (*IDS.shape, 3)).astype("int32")}
    np.testing.assert_allclose(made(ids), model(ids), atol=1e-6)
    logits = made.get_layer("logits").kernel
    logits.assign(np.ones(logits.shape))
    others = np.abs(np.array(made(ids)) - model(ids))
    assert others.max() > 0.01
    assert with_elsewhere(made) is made
    with pytest.raises(ValueError, match="needs `characters`"):
        with_elsewhere(many_to_many(TOKENS, 3))
