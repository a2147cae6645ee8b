"""A model of music at work: probabilities of pieces, and new pieces of the same distribution."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from support.music_pieces import piece_of, predictor_of
from support.predictor_case import made
from support.refusals import refused

from zoo.errors import UserError
from zoo.music import parse_pitch
from zoo.music.chords import END_ID, FIRST_KEY_ID, LOWEST


@pytest.fixture(scope="module", params=["ranked", "parts"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def predictor(kind):
    return made(f"music, {kind}")


def by_numpy(predictor, score, key=0):
    """log P of each symbol, from the logits of the network for one piece."""
    encoder = predictor.encoder
    chords = encoder.encode(score)
    inputs = {"chords": chords, "positions": encoder.positions(score)}
    inputs["keys"] = np.full(len(chords), key)
    inputs = {n: inputs[n][None].astype("int32") for n in predictor.model.input}
    logits = np.array(predictor.model(inputs), dtype="float64")[0]
    return np.take_along_axis(log_softmax(logits, axis=-1), chords[..., None], axis=-1)[..., 0]


def test_probabilities_hang_on_a_key_that_is_given():
    predictor, score = made("music, parts"), piece_of("parts", key="C minor")
    (without,), (found,) = (predictor.log_probabilities([score], with_keys=k) for k in (0, 1))
    np.testing.assert_allclose(found, by_numpy(predictor, score, key=13), rtol=1e-4, atol=1e-5)
    assert (np.abs(found - without) > 1e-3).any()


def test_evaluation(kind, predictor):
    scores = [piece_of(kind, steps=9 + 4 * i, seed=i, first=4 * i) for i in range(3)]
    for score, found in zip(scores, predictor.log_probabilities(scores), strict=True):
        np.testing.assert_allclose(found, by_numpy(predictor, score), rtol=1e-4, atol=1e-5)
    found = predictor.evaluate(scores)
    steps = sum(map(len, scores))
    total = -sum(by_numpy(predictor, score)[:-1].sum() for score in scores)  # without the ends
    assert found["nll_per_step"] == pytest.approx(total / steps, rel=1e-5)
    assert found["perplexity_per_note"] == pytest.approx(np.exp(total / steps / 4), rel=1e-5)
    assert (found["steps"], found["examples"], found["voices"]) == (steps, 3, 4)
    refused("there are no pieces", predictor.evaluate, [])


def test_the_same_seed_gives_the_same_piece(predictor):
    first, second = predictor.generate(length=70, pieces=2, seed=5)
    (again,) = predictor.generate(length=70, seed=6)
    np.testing.assert_array_equal(again["score"].pitches, second["score"].pitches)
    assert again["log_probability"] == pytest.approx(second["log_probability"], rel=1e-4)
    assert (first["score"].pitches[:5] != second["score"].pitches[:5]).any()


def test_the_probability_of_what_was_written(kind, predictor):
    for piece in predictor.generate(length=12, pieces=4, key="D major", seed=1):
        key = 0 if kind == "ranked" else 3
        values = by_numpy(predictor, piece["score"], key)
        values = values if piece["ended"] else values[:-1]
        assert piece["log_probability"] == pytest.approx(values.sum(), rel=1e-4)
        assert piece["score"].key == "D major"


def test_frequencies_are_those_of_the_model():
    """A chi-square test of the first voice, and of the second given the first."""
    predictor = predictor_of("parts", voices=2, scale=0.3)
    # Only two keys and the rest are probable, in either voice, so that all pairs come often.
    for v in range(2):
        bias = np.full(predictor.encoder.symbols, -20.0)
        bias[[1, 40, 50]] = 0
        predictor.model.get_layer(f"logits_{v}").bias.assign(bias)
    number = 1000
    pieces = predictor.generate(length=1, pieces=number, seed=11)
    names = [tuple(p["score"].pitches[0].tolist()) for p in pieces]
    pitches = (0, 40 - FIRST_KEY_ID + LOWEST, 50 - FIRST_KEY_ID + LOWEST)
    chords = [(a, b) for a in pitches for b in pitches]
    symbols = np.array([[1 if p == 0 else p - LOWEST + FIRST_KEY_ID for p in c] for c in chords])
    rows = {"chords": symbols[:, None], "positions": np.ones((9, 1)), "keys": np.zeros((9, 1))}
    logits = np.array(predictor.model({n: a.astype("int32") for n, a in rows.items()}), "float64")
    shares = softmax(logits, axis=-1)[:, 0]
    expected = np.take_along_axis(shares, symbols[..., None], axis=-1)[..., 0].prod(axis=-1)
    assert expected.sum() == pytest.approx(1, abs=1e-4)
    counts = np.array([names.count(chord) for chord in chords])
    statistic = ((counts - number * expected) ** 2 / (number * expected)).sum()
    assert counts.sum() == number
    assert statistic < 26.1  # which 8 degrees of freedom exceed once in a thousand times
    assert min(counts) > 5


@pytest.mark.parametrize(("chord", "length"), [("C5", 6), ("C5 G4 E4 C3 | D5", 6), ("C5 | D5", 1)])
def test_seed(predictor, chord, length):
    """It begins the piece, which is no shorter."""
    (piece,) = predictor.generate(chord, length=length, seed=2)
    names = [line.split() for line in chord.split("|")]
    pitches = {"C5": 72, "G4": 67, "E4": 64, "C3": 48, "D5": 74}
    for row, line in zip(piece["score"].pitches, names, strict=False):
        assert row[: len(line)].tolist() == [pitches[name] for name in line]
    assert len(names) <= len(piece["score"]) <= max(length, len(names))


def test_melody(kind, predictor):
    melody = piece_of(kind, steps=20, voices=1)
    pieces = predictor.generate(melody=melody, pieces=3, seed=1)
    for piece in pieces:
        score = piece["score"]
        np.testing.assert_array_equal(score.pitches[:, :1], melody.pitches)
        if kind == "parts":
            np.testing.assert_array_equal(score.onsets[:, :1], melody.onsets)
            np.testing.assert_array_equal(score.positions, melody.positions)
        values = by_numpy(predictor, score, 0 if kind == "ranked" else 8)  # G major
        assert piece["melody_log_probability"] == pytest.approx(values[:, 0].sum(), rel=1e-4)
        assert piece["ended"]
    assert (pieces[0]["score"].pitches != pieces[1]["score"].pitches).any()


def test_what_comes_next(kind, predictor):
    (found,) = predictor.predict(["C5 G4 E4 C3 | D5 G4 D4 B2"])
    given = predictor.seed("C5 G4 E4 C3 | D5 G4 D4 B2")
    probabilities = [n["probability"] for n in found["next"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert len(probabilities) == 5
    rows = {"chords": np.zeros((1, 3, 4)), "positions": [[1, 2, 3]], "keys": np.zeros((1, 3))}
    for likely in found["next"]:
        symbols = symbols_of_names(likely["chord"])
        rows["chords"][0] = np.concatenate([given, symbols])
        inputs = {n: np.array(rows[n], "int32") for n in predictor.model.input}
        shares = softmax(np.array(predictor.model(inputs), "float64")[0, 2], axis=-1)
        expected = shares[range(4), symbols[0]].prod()
        assert likely["probability"] == pytest.approx(expected, rel=1e-3)


def symbols_of_names(chord):
    """What `MusicModel.named` names: (1, 4) symbols."""
    if chord == "end":
        return np.full((1, 4), END_ID)
    pitches = [parse_pitch(name.strip("()")) for name in chord.split()]
    held = [88 * name.startswith("(") for name in chord.split()]
    pairs = zip(pitches, held, strict=True)
    return np.array([[p - LOWEST + FIRST_KEY_ID + h if p else 1 for p, h in pairs]])


def test_training_pieces():
    predictor = made("music, parts")
    scores = [piece_of(seed=i).transposed(i % 3 - 1) for i in range(40)]
    plain = predictor.batches(scores, 8)
    shuffled = predictor.batches(scores, 8, shuffle=True, seed=1)
    more = predictor.batches(scores, 8, shuffle=True, transpose=2)
    assert len(plain) == len(shuffled) == 5
    assert 5 < len(more) <= 15
    keys = [x["keys"].numpy()[:, 0] for x, _, _ in plain.dataset()]
    assert set(np.concatenate(keys)) == {0}  # a piece is judged by its notes alone
    keys = np.concatenate([x["keys"].numpy()[:, 0] for x, _, _ in shuffled.dataset()])
    assert set(keys) == {0, 7, 8, 9}
    assert 0 < (keys == 0).mean() < 0.5
    for x, y, weights in shuffled.dataset():
        np.testing.assert_array_equal(x["chords"], y)
        np.testing.assert_array_equal(weights, np.array(y) != 0)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({}, ValueError, "`length` must be at least 1"),
        ({"length": 0}, ValueError, "`length` must be at least 1"),
        ({"length": 4, "temperature": 0}, ValueError, "`temperature` must be above 0"),
        ({"length": 4, "top_p": 0}, ValueError, "`top_p` above 0"),
        ({"length": 4, "seed": -1}, ValueError, "`seed` must be at least 0"),
        ({"length": 4, "seed_chord": "H5"}, UserError, "'H5' is not the name of a note"),
        ({"length": 4, "seed_chord": "C5 C5 C5 C5 C5"}, UserError, "more than the 4 notes"),
        ({"melody": piece_of(voices=1, steps=3)}, UserError, "on a grid of"),
    ],
)
def test_wrong_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        made("music, ranked").generate(**arguments)


def test_wrong_inputs(kind, predictor):
    other = "parts" if kind == "ranked" else "ranked"
    refused("the model is one of", predictor.evaluate, [piece_of(other)])
    refused("give the 4 notes of each chord", predictor.predict, ["C5"])
