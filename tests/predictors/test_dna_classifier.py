"""`DnaClassifier`: strings in a graph and outside, records, what is familiar; attributions."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.dna_windows import LABELS, SEQUENCES, dna_classifier
from support.predictor_case import made
from support.refusals import refused

from zoo import genomics
from zoo.genomics.alphabet import ONE_HOT
from zoo.predictors import DnaClassifier, attribution, attributions
from zoo.predictors.calibration import Calibration
from zoo.predictors.dna_classifier import fragments, ids_of

STRANGE = ["", "-. \n", "MKVLE", "ACGX", "AC1", "ACGT\u0130", "AC*", "\ufeff", "ACſ"]
SHORT = [genomics.normalized(sequence) for sequence in SEQUENCES if len(sequence) < 99]


@pytest.fixture
def predictor():
    return made("DNA of 3")


def test_a_graph_makes_the_same_ids_of_strings_or_fails():
    found = ids_of(tf.constant(SEQUENCES))
    assert found.dtype == tf.int32
    for row, sequence in zip(found.numpy(), SEQUENCES, strict=True):
        expected = genomics.ids(genomics.normalized(sequence))
        np.testing.assert_array_equal(row[: len(expected)], expected)
        assert not row[len(expected) :].any()
    assert ids_of(tf.constant([], tf.string)).shape[0] == 0
    for strange in STRANGE:
        with pytest.raises(tf.errors.InvalidArgumentError, match="give nucleotides"):
            ids_of(tf.constant(["ACGT", strange]))


def test_records_are_told_by_name_and_so_is_what_is_none(predictor):
    records = [genomics.Record(1, "one of two", "acgu"), genomics.Record(3, "two", "GATTACA")]
    found = predictor.predict_records(records)
    assert [one.pop("name") for one in found] == ["one", "two"]
    assert found == predictor.predict(["ACGT", "GATTACA"])
    strange = [*records, genomics.Record(5, "three x", "MKL")]
    refused("the record 'three': it has the letter", predictor.predict_records, strange)
    for sequence in STRANGE:
        refused("^item 1: ", predictor.predict, ["A", sequence])


def test_ten_million_letters_are_refused_at_once(predictor):
    message = "item 0 has 10,000,000 characters, and 131,072 are the most: cut it into parts"
    refused(message, predictor.predict, ["A" * 10**7])


def test_other_lengths_and_more_ambiguous_letters_are_not_familiar():
    predictor = dna_classifier(lengths=(4, 9))
    predictor.calibration = Calibration(most_unknown=0.25)
    inputs = {"ACG": False, "ACGT": True, "ACGTACGTA": True, "ACGTACGTAC": False}
    inputs |= {"ACGN": True, "ACNN": False}
    found = predictor.predict([*inputs])
    assert [one["familiar"] for one in found] == [*inputs.values()]


def test_figures_of_each_label(predictor):
    labels = np.arange(len(SEQUENCES)) % 3
    found = predictor.evaluate(SEQUENCES, labels)
    assert {"accuracy", "mcc", "auroc", "auprc", "confusion_matrix"} < found.keys()
    assert [*found["per_label"]] == [*LABELS]
    assert sum(row["examples"] for row in found["per_label"].values()) == len(SEQUENCES)


def test_fragments_begin_between_codons_and_have_lengths_of_the_range():
    draw = np.random.default_rng(0)
    lengths = np.array([1, 2, 3, 10, 60, 90] * 20)
    ids = np.where(np.arange(90) < lengths[:, None], draw.integers(1, 5, (120, 90)), 0)
    ids = ids.astype("int32")
    found = fragments(ids, [3, 4], 0.4).numpy()
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, fragments(ids, [3, 4], 0.4))
    other = fragments(ids, [3, 5], 0.4).numpy()
    assert found.shape != other.shape or (found != other).any()
    letters = (found > 0).sum(axis=1)
    assert found.shape[1] == letters.max()
    beginnings = []
    for row, source, length, count in zip(found, ids, lengths, letters, strict=True):
        assert min(length, max(3, 0.4 * length - 1)) <= count <= length
        assert row[:count].all()  # the padding is at the end
        places = range(0, length - count + 1, 3)
        beginnings.append([at for at in places if (source[at : at + count] == row[:count]).all()])
        assert beginnings[-1]
    last = [beginnings[i][0] for i in np.flatnonzero(lengths == 90)]
    assert len({*last}) > 5
    assert len({*letters[lengths == 90]}) > 5
    assert (fragments(ids, [3, 4], 0.4, max_length=7).numpy() > 0).sum(axis=1).max() == 7
    np.testing.assert_array_equal(fragments(ids, [3, 4], 1.0), ids)


def test_batches_are_of_other_fragments_in_each_epoch(predictor):
    def lengths(epoch, **options):
        batches = predictor.batches(["ACG" * 40] * 6, np.arange(6) % 3, 4, **options)
        return [(ids.numpy() > 0).sum(axis=1).tolist() for ids, _ in batches.dataset(epoch)]

    assert lengths(0) == lengths(1) == [[120] * 4, [120] * 2]
    assert lengths(0, max_length=50) == [[50] * 4, [50] * 2]
    cut = lengths(0, shortest_part=0.3, seed=2)
    assert cut == lengths(0, shortest_part=0.3, seed=2)
    assert cut != lengths(1, shortest_part=0.3, seed=2)
    assert cut != lengths(0, shortest_part=0.3, seed=3)


@pytest.mark.parametrize(
    "name",
    [
        "DNA of codons",
        pytest.param("DNA of 3", marks=pytest.mark.long),
        pytest.param("DNA of 2, both strands", marks=pytest.mark.long),
    ],
)
def test_attributions_are_differences_and_slopes(name):
    """Of the logit less the mean of all; of k-mers and of both strands too."""
    predictor = made(name)
    for found in attributions(predictor, SHORT):
        label, ids = predictor.label_names.index(found.label), genomics.ids(found.sequence)

        def score(sequences, label=label):
            logits = np.log([predictor.probabilities([s])[0] for s in sequences], dtype="float64")
            return (logits - logits.mean(axis=1, keepdims=True))[:, label]

        for place in {0, len(ids) // 2, len(ids) - 1}:
            before, after = found.sequence[:place], found.sequence[place + 1 :]
            changed = score([before + base + after for base in "ACGT"])
            expected = changed - score([found.sequence])
            np.testing.assert_allclose(found.mutation[place], expected, atol=1e-4)
            assert found.importance[place] == pytest.approx(-expected.mean(), abs=1e-4)
        np.testing.assert_allclose(found.gradient, _slopes(predictor, ids, label), atol=2e-3)


def _slopes(predictor, ids, label, step=1e-3):
    """Gradient times input, by small steps of the shares of the letters."""
    layer, model = predictor.model.get_layer("letters"), predictor.model
    shares, slopes = ONE_HOT[ids], np.zeros((len(ids), 4))
    strands = 2 if "both_strands" in {one.name for one in model.layers} else 1
    for place, base in np.ndindex(slopes.shape):
        ends = []
        for sign in (1, -1):
            offset = np.zeros((strands, len(ids), 4), "float32")
            offset[0, place, base] = sign * step
            if strands == 2:
                offset[1, -1 - place, 3 - base] = sign * step
            layer.offset = keras.ops.convert_to_tensor(offset)
            ends.append(float(attribution._scores(model(ids[None]), label)[0]))
        slopes[place, base] = (ends[0] - ends[1]) / (2 * step)
    layer.offset = None
    return ((slopes - slopes.mean(axis=1, keepdims=True)) * shares).sum(axis=1)


def test_what_cannot_be_attributed_is_refused(predictor, monkeypatch):
    message = "item 0 has 501 letters, and attributions are of 500"
    refused(message, attributions, predictor, ["A" * 501])
    refused("'x' is no label: one of donor", attributions, predictor, ["A"], ["x"])
    (found,) = attributions(predictor, ["ACGT"], ["none"])
    assert found.label == "none"
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    refused("TensorFlow", attributions, predictor, ["A"])


def test_a_sequence_and_its_reverse_complement_are_predicted_alike():
    predictor = made("DNA of 2, both strands")
    other = [genomics.reverse_complement(sequence) for sequence in SHORT]
    found, expected = predictor.probabilities(other), predictor.probabilities(SHORT)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert isinstance(predictor, DnaClassifier)
