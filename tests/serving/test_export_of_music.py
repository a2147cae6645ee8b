"""A model of music as a server has it: pieces, and their probabilities, as the predictor gives."""

import numpy as np
import pytest
from support.music_pieces import piece_of, predictor_of

from zoo.predictors import presets
from zoo.serving import export
from zoo.serving.c_api import SavedModel
from zoo.serving.export import audit

SIGNATURES = {
    "generate": (
        {"seed_chord", "key", "temperature", "seed", "max_length"},
        {"pitches", "onsets", "step_count"},
    ),
    "score": ({"notes", "struck"}, {"log_probability", "length"}),
}
SIGNATURES["serving_default"] = SIGNATURES["generate"]
ROWS = [  # seed chord, key, temperature, seed, max_length
    ((72, -1, -1, -1), "G major", 1.0, 7, 30),
    ((-1, -1, -1, -1), "", 0.3, 0, 3),
    ((72, 67, 64, 48), "C minor", 0.0, 7, 12),
    ((72, -1, -1, -1), "G major", 1.0, 8, 30),
    ((-1, -1, -1, -1), "no key", 2.5, 2**40, 40),
    ((0, 0, 0, 0), "A minor", 1.0, 1, 1),
]


@pytest.fixture(scope="module", params=["ranked", "parts"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def predictor(kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp(kind)
    presets.save(predictor_of(kind, layers=2), folder, {})
    return presets.load(folder)


@pytest.fixture(scope="module")
def version(predictor, tmp_path_factory):
    return export(predictor, "music", tmp_path_factory.mktemp("served"), "saved_model")


@pytest.fixture(scope="module")
def model(version):
    with SavedModel(version) as model:
        yield model


def asked(rows):
    chords, keys, temperatures, seeds, lengths = zip(*rows, strict=True)
    return {
        "seed_chord": np.int32(chords),
        "key": list(keys),
        "temperature": np.float32(temperatures),
        "seed": np.int64(seeds),
        "max_length": np.int32(lengths),
    }


def test_signatures_and_audit(version, model):
    found = {n: (s.inputs.keys(), s.outputs.keys()) for n, s in model.signatures.items()}
    assert found == SIGNATURES
    assert audit.audit(version) == []


def test_pieces_do_not_depend_on_those_beside_them(model):
    together = model.run("generate", asked(ROWS))
    for i, row in enumerate(ROWS):
        alone = model.run("generate", asked([row]))
        steps = alone["pitches"].shape[1]
        for name in ("pitches", "onsets"):
            np.testing.assert_array_equal(together[name][i, :steps], alone[name][0])
        assert together["step_count"][i] == alone["step_count"][0] <= row[-1]
        assert (together["pitches"][i, alone["step_count"][0] :] == -1).all()
    assert (together["pitches"][0] != together["pitches"][3]).any()  # another seed


def test_pieces_are_those_of_the_predictor(predictor, model):
    found = model.run("serving_default", asked(ROWS[:1]))
    (piece,) = predictor.generate("C5", key="G major", length=30, seed=7)
    steps = len(piece["score"])
    assert found["step_count"].tolist() == [steps]
    np.testing.assert_array_equal(found["pitches"][0, :steps], piece["score"].pitches)
    np.testing.assert_array_equal(found["onsets"][0, :steps], piece["score"].onsets)


def test_the_seed_chord_is_kept(kind, model):
    found = model.run("generate", asked(ROWS))["pitches"][:, 0]
    assert found[0, 0] == found[3, 0] == 72
    assert found[2].tolist() == [72, 67, 64, 48]
    assert found[5].tolist() == [0, 0, 0, 0]
    bass = asked([((-1, -1, -1, 50), "", 1.0, 3, 1)])
    if kind == "parts":  # of a chord the lowest note may not be the fourth from the top
        assert model.run("generate", bass)["pitches"][0, 0, 3] == 50


def test_probabilities(kind, predictor, model):
    scores = [piece_of(kind, steps=5 + 6 * i, seed=i, first=0) for i in range(3)]
    longest = max(map(len, scores))
    notes = np.full((3, longest, 4), -1, "int32")
    struck = np.zeros((3, longest, 4), "int32")
    for i, score in enumerate(scores):
        notes[i, : len(score)], struck[i, : len(score)] = score.pitches, score.onsets
    found = model.run("score", {"notes": notes, "struck": struck})
    expected = [values[:-1].sum() for values in predictor.log_probabilities(scores)]
    np.testing.assert_allclose(found["log_probability"], expected, rtol=1e-4)
    assert found["length"].tolist() == [len(score) for score in scores]


@pytest.mark.parametrize("length", [0, -3])
def test_a_length_below_one_is_one(model, length):
    found = model.run("generate", asked([((72, -1, -1, -1), "", 1.0, 1, length)]))
    assert found["pitches"].shape == (1, 1, 4)


def test_nonsense_notes_do_not_fail(model):
    found = model.run("generate", asked([((500, 3, -7, 60), "", 1.0, 1, 2), ROWS[0]]))
    assert found["pitches"].shape == (2, 30, 4)
