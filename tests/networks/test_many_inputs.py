"""Many-to-one: its logits and pooling; many-to-many: which tags follow; adversarial training."""

import itertools

import keras
import numpy as np
import pytest
from support.network_case import CASES, LENGTHS, MASK, TAGS, UNITS, array, many_to_one
from support.sequences import randomize

from zoo import genomics
from zoo.errors import UserError
from zoo.genomics.alphabet import reverse_complement_ids
from zoo.layers import AminoAcidShares, KmerShares, Perturbation, RecurrentStack
from zoo.layers.crf import viterbi
from zoo.layers.perturbation import adversarial_offset
from zoo.networks import AdversarialModel, Frames, Nucleotides
from zoo.networks import many_to_one as build
from zoo.text.tags import may_follow


@pytest.mark.parametrize(("classes", "outputs"), [(2, 1), (3, 3), (7, 7)])
def test_a_logit_for_two_classes_or_one_for_each(classes, outputs):
    assert many_to_one(classes).make(False).output_shape == (None, outputs)


def test_the_last_state_of_each_direction_is_that_of_keras():
    case = CASES["many_to_one"]
    network, ids = case.make(pooling="last"), case.inputs
    (stack,) = (layer for layer in network.layers if isinstance(layer, RecurrentStack))
    (both,) = stack.recurrences
    vectors, mask = network.get_layer("embedding")(ids), keras.ops.convert_to_tensor(ids != 0)
    states = [
        keras.layers.RNN(both.forward_layer.cell)(vectors, mask=mask),
        keras.layers.RNN(both.backward_layer.cell, go_backwards=True)(vectors, mask=mask),
    ]
    pooled = keras.Model(network.input, network.get_layer("output_dropout").input)(ids)
    np.testing.assert_allclose(pooled, keras.ops.concatenate(states, axis=-1), atol=1e-6)


def test_both_directions_have_just_reached_the_place():
    """In the middle of each row; what lies behind it is nothing to the one of them."""
    case = CASES["many_to_one of letters"]
    network = case.make()
    pooled = keras.Model(network.input, network.get_layer("output_dropout").input)
    steps, middle = np.arange(4), LENGTHS[:, None] // 2
    unlike = 1 + (case.inputs + 6) % 15
    for outside, kept in ((steps > middle, slice(UNITS)), (steps < middle, slice(UNITS, None))):
        changed = np.where(MASK & outside, unlike, case.inputs)
        found, before = array(pooled(changed)), array(pooled(case.inputs))
        np.testing.assert_allclose(found[:, kept], before[:, kept], atol=1e-6)
        assert not np.allclose(found, before, atol=1e-3)


def test_a_sequence_and_its_reverse_complement_have_equal_answers():
    """Of ids with every letter and padding; with one strand read they differ."""
    ids = np.zeros((3, 20), "int32")
    for row, length in zip(ids, (20, 15, 6), strict=True):
        row[:length] = np.random.default_rng(length).permutation(20)[:length] % 15 + 1
    other = reverse_complement_ids(ids)
    for name, equal in (("both strands", True), ("letters", False)):
        network = CASES[f"many_to_one of {name}"].make()
        assert np.allclose(network(ids), network(other), atol=1e-6) == equal
    encoder = Nucleotides(k=3, width=2, reverse_complement=True)
    network = build(encoder, 2, units=3, pooling="place")
    np.testing.assert_allclose(network(ids), network(other), atol=1e-6)


def test_the_same_network_reads_frames_of_sound():
    """Isolated words: nothing of the builder is of tokens."""
    network = build(Frames(5, subsampling=2), 3, units=4, bidirectional=False)
    randomize(network)
    frames = np.random.default_rng(0).normal(size=(2, 7, 5)).astype("float32")
    mask = (np.arange(7) < [[7], [4]]).astype("int32")
    together = array(network({"features": frames, "mask": mask}))
    alone = array(network({"features": frames[1:, :4], "mask": mask[1:, :4]}))
    assert together.shape == (2, 3)
    np.testing.assert_allclose(together[1:], alone, atol=1e-5)


def test_a_k_mer_has_the_mean_vector_of_those_that_it_may_be():
    """The order is that of `itertools.product`; what reaches beyond the end is none."""
    kmers = ["".join(letters) for letters in itertools.product("ACGT", repeat=3)]
    found = array(KmerShares(3, 2)(genomics.ids("GATNACA")[None]))[0]
    assert found.shape == (4, 64)
    for row, letters in zip(found, ("GAT", "TNA", "ACA", "A"), strict=True):
        meant = [letters.replace("N", base) for base in "ACGT"[: 4 if "N" in letters else 1]]
        expected = [meant.count(kmer) / len(meant) for kmer in kmers]
        np.testing.assert_allclose(row, expected, atol=1e-6)


def test_codons_are_read_as_the_amino_acids_that_they_mean():
    """Those of human insulin's beginning, all six of serine, the three stops; AAN is K or N."""
    sequence = "ATGGCCCTGTGGATGCGCCTCCTGCCC" + "TCTTCCTCATCGAGTAGC" + "TAATAGTGA" + "AAN"
    codons = KmerShares(3, 3)(genomics.ids(sequence)[None])
    found = array(AminoAcidShares()(codons))[0]
    acids = [*genomics.alphabet.AMINO_ACIDS]
    assert "".join(acids[i] for i in found[:-1].argmax(axis=1)) == "MALWMRLLP" + "SSSSSS" + "***"
    np.testing.assert_array_equal(found[:-1].max(axis=1), 1)
    np.testing.assert_allclose(found[-1], [(acid in "KN") / 2 for acid in acids])
    assert (genomics.alphabet.GENETIC_CODE.sum(axis=0) > 0).all()
    with pytest.raises(ValueError, match=r"`translate` is of codons, k = 3\. Received: k = 2"):
        Nucleotides(k=2, translate=True)


def test_only_legal_sequences():
    case = CASES["many_to_many"]
    inputs = {name: np.random.default_rng(3).permutation(ids) for name, ids in case.inputs.items()}
    inputs["words"] = case.inputs["words"]
    for options, legal in (({"allowed": None}, False), ({}, True)):
        model = case.make(**options, dropout=0)
        logits = model.get_layer("logits")
        logits.set_weights([30 * weight for weight in logits.get_weights()])
        names = [
            ["O", *(TAGS[tag] for tag in row[mask])]
            for row, mask in zip(array(viterbi(model(inputs), MASK)[0]), MASK, strict=True)
        ]
        assert all(all(map(may_follow, row, row[1:])) for row in names) == legal


def test_the_change_has_the_size_and_direction_of_the_equation():
    generator = np.random.default_rng(0)
    x, g = generator.normal(size=(2, 5, 4, 3)).astype("float32")
    g[2] = 0
    r = keras.ops.convert_to_numpy(adversarial_offset(x, g, 0.02))
    for example in (0, 1, 3, 4):
        expected = 0.02 * np.linalg.norm(x[example]) * g[example] / np.linalg.norm(g[example])
        np.testing.assert_allclose(r[example], expected, rtol=1e-5)
    np.testing.assert_array_equal(r[2], 0)


@pytest.mark.parametrize("name", ["many_to_one", "many_to_many", "many_to_many, softmax"])
def test_the_trained_loss_is_that_of_the_changed_vectors(name):
    """Greater the more they change; a change of almost nothing trains like none."""
    case, losses, weights = CASES[name], {}, {}
    for size in (0, 1e-7, 0.3):
        dropout = {"embedding_dropout": 0} if name == "many_to_one" else {}
        model = case.make(adversarial=size, dropout=0, **dropout)
        model.compile("sgd", case.loss(), run_eagerly=True)
        before = model.get_weights()
        losses[size] = model.train_on_batch(case.inputs, case.targets, case.weights())
        weights[size] = model.get_weights()
    assert losses[0.3] > losses[0] + 1e-4
    assert losses[1e-7] == pytest.approx(losses[0], rel=1e-4)
    for plain, nearby in zip(weights[0], weights[1e-7], strict=True):
        np.testing.assert_allclose(plain, nearby, atol=1e-4)
    assert not any(map(np.array_equal, before, weights[0.3]))
    (place,) = (layer for layer in model.layers if isinstance(layer, Perturbation))
    assert place.offset is None


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    inputs = keras.Input((2,))
    with pytest.raises(UserError, match="TensorFlow or the JAX"):
        AdversarialModel(inputs, inputs)
