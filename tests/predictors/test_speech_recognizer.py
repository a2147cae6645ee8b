"""A recogniser at work: streams, long recordings, times of words, and what is handed to it."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest
from scipy.special import log_softmax
from support import language_modelling
from support.predictor_case import assert_alike
from support.recordings import tone
from support.refusals import refused
from support.spoken_words import predictor_of, spoken, utterances

from zoo.audio import Augmentation, write
from zoo.datasets.speech import Utterances
from zoo.evaluation.calibration import tempered
from zoo.networks import initial_states
from zoo.predictors import recordings
from zoo.predictors.calibration import Calibration
from zoo.predictors.fusion import Fusion
from zoo.predictors.recordings import parts
from zoo.predictors.token_sequences import FORBIDDEN

RATE = 8_000


@pytest.fixture(scope="module")
def ctc():
    return predictor_of()


@pytest.mark.parametrize("subsampling", [1, 3])
def test_a_stream_says_what_is_made_of_the_whole(subsampling):
    """In pieces of any size, of recordings of any length, those shorter than a hop too."""
    predictor = predictor_of(bidirectional=False, subsampling=subsampling)
    draw, sound = np.random.default_rng(0), spoken("so ti la mi", "bob")
    lengths = [0, 1, 2, 80, 199, 200, 201, 399, 400, 401, 599, 600, 601, 1_000, 3_333, len(sound)]
    whole = predictor.predict([sound[-n:] if n else sound[:0] for n in lengths], beams=1)
    assert len({answer["text"] for answer in whole}) > 3, "or little shows"
    for n, answer in zip(lengths, whole, strict=True):
        stream, rest, texts = predictor.stream(), sound[-n:] if n else sound[:0], []
        while len(rest):
            size = int(draw.integers(0, 900))
            texts.append(stream.feed(rest[:size]))
            rest = rest[size:]
        texts.append(stream.finish())
        assert "".join(texts).strip() == answer["text"], n


def test_what_needs_the_end_does_not_stream(ctc):
    for predictor in (ctc, predictor_of("attention", bidirectional=False)):
        assert not predictor.streams
        refused("--no-bidirectional", predictor.stream)


def test_times_are_those_of_the_path(ctc):
    """Of letters at made-up steps: a word lasts from its first letter to the end of its last."""
    spans = np.array([[2, 3], [5, 5], [6, 6], [9, 10], [11, 11]])
    assert ctc._words(spans, "la so") == [
        {"word": "la", "start": 0.05, "end": 0.15},
        {"word": "so", "start": 0.225, "end": 0.3},
    ]
    looking_back = np.array([[7, 7], [4, 4]])
    assert ctc._words(looking_back, "la") == [{"word": "la", "start": 0.1, "end": 0.2}]
    assert ctc._words(spans[:0], "") == []
    (answer,) = ctc.predict([spoken("so ti la")])
    ends = [time for word in answer["words"] for time in (word["start"], word["end"])]
    assert ends == sorted(ends)
    assert " ".join(word["word"] for word in answer["words"]) == answer["text"]


def test_long_recordings_are_cut_where_they_are_quiet(ctc, monkeypatch):
    monkeypatch.setattr(recordings, "_LONGEST", 1.0)
    monkeypatch.setattr(recordings, "_SEARCHED", 0.5)
    monkeypatch.setattr(recordings, "_WINDOW", 0.05)
    sound = spoken("la mi so ti " * 6)
    found = parts(sound, RATE)
    starts, pieces = zip(*found, strict=True)
    np.testing.assert_array_equal(np.concatenate(pieces), sound)
    assert starts == (0, *np.cumsum([*map(len, pieces)])[:-1])
    assert all(0.5 * RATE <= len(piece) <= RATE for piece in pieces[:-1])
    for start in starts[1:]:
        assert np.abs(sound[start - 100 : start + 100]).max() < 0.01, "between words"
    (answer,) = ctc.predict([sound])
    each = ctc.predict(list(pieces))
    assert answer["text"] == " ".join(one["text"] for one in each if one["text"])
    assert answer["seconds"] == pytest.approx(len(sound) / RATE)
    assert len(answer["hypotheses"]) == 1
    times = [
        w["start"] + s / RATE for s, one in zip(starts, each, strict=True) for w in one["words"]
    ]
    assert [w["start"] for w in answer["words"]] == pytest.approx(times, abs=0.002)
    silence = parts(np.zeros(4 * RATE), RATE)
    assert sum(len(piece) for _, piece in silence) == 4 * RATE


def test_files_of_any_rate_and_waveforms_of_any_type_are_one(ctc, tmp_path):
    sound = np.round(spoken("so ti") * 2**15) / 2**15
    write(sound, tmp_path / "a.wav")
    given = [tmp_path / "a.wav", str(tmp_path / "a.wav"), sound, sound.astype("float32")]
    given += [(sound * 2**15).astype("int16"), sound.tolist()]
    answers = ctc.predict(given)
    assert {answer["text"] for answer in answers} == {answers[0]["text"]} != {""}
    loud = ctc.predict([np.full(900, 7.0), np.full(900, 1.0)])
    assert_alike(loud[0], loud[1])


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("a.wav", "not a str"),
        (b"RIFF", "not a bytes"),
        ({"audio": [tone()]}, "not a dict"),
        (None, "not a NoneType"),
        (tone(), r"\[waveform\]"),
        (np.float32(1), "not a float32"),
        ([tone(), np.zeros((2, 800))], r"item 1 is .* where a waveform is \(samples,\)"),
        (np.zeros((2, 3, 800)), "item 0 is"),
        ([np.zeros(80, "int8")], "item 0 is"),
        ([np.zeros(80, "uint8")], "item 0 is"),
        ([np.zeros(80, bool)], "item 0 is"),
        ([np.zeros(80, complex)], "item 0 is"),
        ([tone(), None], "item 1 is of the type NoneType"),
        ([tone(), [[1.0], [1.0, 2.0]]], "item 1 is of the type list"),
        ([tone(), np.array([0.1, np.nan])], "item 1 has others"),
        ([np.array([np.inf])], "item 0 has others"),
        ([b"RIFF"], "item 0 is of the type bytes"),
    ],
)
def test_what_is_no_list_of_recordings_is_refused(ctc, given, hint):
    with pytest.raises(TypeError, match=hint):
        ctc.predict(given)


def test_integers_of_more_bits_are_no_waveform(ctc):
    """A number beyond those of 16 bits says that another scale was meant."""
    with pytest.raises(TypeError, match="int16"):
        ctc.predict([np.full(900, 2**20, "int32")])


def test_wrong_numbers_and_missing_files(ctc, tmp_path):
    for wrong in ({"beams": 0}, {"n_best": 0}, {"beams": 2, "n_best": 3}):
        with pytest.raises(ValueError, match="`n_best` must be from 1 to `beams`"):
            ctc.predict([tone()], **wrong)
    refused("no such file", ctc.predict, [tmp_path / "gone.wav"])
    refused("nothing to measure", ctc.evaluate, Utterances([], [], []))
    refused("nothing is said", ctc.batches, Utterances([tone()], [""], [""]), 4)
    assert ctc.predict([]) == []


@pytest.mark.parametrize("head", ["ctc", "attention"])
def test_what_cannot_be_learnt_is_counted_and_costs_no_number(head):
    """Texts longer than their recordings, of unknown letters, and recordings of nothing."""
    predictor = predictor_of(head)
    data = Utterances(
        [spoken("la so"), tone(0.1), tone(0.1), np.zeros(0, "float32"), tone(0.1)],
        ["la so", "la so mi ti la", "zzz", "la", "ll"],
        [""] * 5,
    )
    assert predictor.infeasible(data) == [1, 3]
    metrics = predictor.evaluate(data)
    assert (metrics["examples"], metrics["infeasible"]) == (5, 2)
    model = predictor.compile("sgd")
    model.run_eagerly = True
    (batch,) = predictor.batches(data, 8, augmentation=Augmentation()).dataset()
    assert len(batch[1]) == 4, "without the one that has no frames"
    assert np.isfinite(model.train_on_batch(*batch)).all()
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_batches_are_normal_and_change_with_seed_and_epoch():
    predictor, data = predictor_of(), utterances(12)

    def first(epoch=0, **options):
        batches = predictor.batches(data, 12, shuffle=True, **options)
        return next(iter(batches.dataset(epoch)))

    inputs, labels, steps = first()
    np.testing.assert_array_equal(steps, inputs["mask"])
    counts = inputs["mask"].numpy() > 0
    for row, counted in zip(inputs["features"].numpy(), counts, strict=True):
        np.testing.assert_allclose(row[counted].mean(axis=0), 0, atol=1e-3)
        assert not row[~counted].any()
    texts = {text.decode() for text in predictor.tokenizer.join(labels).numpy()}
    assert texts == {*data.texts}
    more = {"augmentation": Augmentation()}
    one, same = (first(seed=1, **more)[0]["features"].numpy() for _ in range(2))
    np.testing.assert_array_equal(one, same)
    for other in (first(seed=2, **more), first(1, seed=1, **more)):
        other = other[0]["features"].numpy()
        assert one.shape != other.shape or (one != other).any()


def test_a_calibration_holds_in_the_predictor_and_served(ctc):
    predictor, sound = predictor_of(), spoken("so ti")
    (before,) = ctc.predict([sound])
    predictor.calibration = Calibration(2.0, 0.3, 0.999)
    (after,) = predictor.predict([sound])
    expected = tempered(np.array(before["probability"]), 2.0)
    assert after["probability"] == pytest.approx(float(expected), abs=1e-5)
    assert (before["familiar"], after["familiar"]) == (True, False)
    served = predictor.endpoints()[0].function(sound[None], np.array([len(sound)], "int32"))
    assert float(served["probability"][0]) == pytest.approx(after["probability"], abs=1e-4)
    predictor.calibrate(utterances(), utterances())
    assert 0 < predictor.calibration.least_probability < 1


def test_fusion_is_log_p_of_the_line_by_the_language_model():
    """Letter by letter as the whole line is scored, its end included; exhaustively."""
    model = language_modelling.predictor_of("character", scale=0.5)
    predictor = predictor_of()
    alphabet = predictor.tokenizer.vocabulary
    fusion = Fusion(model, alphabet)
    known = [i for i, t in enumerate(alphabet.tokens) if i > 2 and t in model.tokenizer.vocabulary]
    known = [i for i in known if len(alphabet.tokens[i]) == 1]
    prefixes = [p for n in range(3) for p in itertools.product(known[:4], repeat=n)]
    rows = {}
    for n in range(3):
        some = [prefix for prefix in prefixes if len(prefix) == n]
        rows |= zip(some, fusion(some), strict=True)
    texts = {p: "".join(alphabet.tokens[i] for i in p) for p in prefixes}
    for prefix, text in texts.items():
        (ids,) = model.tokenizer.ragged([f"{text}\n"]).to_list()
        expected = log_of(model, ids)
        total = sum(rows[prefix[:i]][prefix[i]] for i in range(len(prefix)))
        assert total + rows[prefix][0] == pytest.approx(expected, abs=1e-4)
    hidden = [i for i, t in enumerate(alphabet.tokens) if 0 < i <= 2]
    assert (rows[()][hidden] < -10).all()
    plain, fused = (
        predictor.predict([spoken("so ti")], beams=5, **more)[0]
        for more in ({}, {"language_model": model, "weight": 0.0})
    )
    assert plain["text"] == fused["text"]
    refused(
        "language model of characters",
        predictor.predict,
        [tone(0.1)],
        language_model=language_modelling.predictor_of("word"),
    )
    refused("with CTC alone", predictor_of("attention").predict, [tone(0.1)], language_model=model)


def log_of(model, ids):
    """log P of ids by the network for the whole, without what is never written."""
    before = np.array([[model.tokenizer.start_id, *ids[:-1]]], "int32")
    states = initial_states(model.model, 1)
    outputs = model.model({"token_ids": keras.ops.convert_to_tensor(before), **states})
    logits = np.array(outputs["logits"], "float64")[0]
    logits[:, list(FORBIDDEN)] = -np.inf
    return log_softmax(logits, axis=-1)[range(len(ids)), ids].sum()


def test_a_picture_of_any_recording(ctc, tmp_path):
    for i, sound in enumerate((spoken("so ti"), np.zeros(0), np.zeros(800), np.zeros(80))):
        path = tmp_path / f"{i}.png"
        ctc.draw(sound, path)
        assert path.read_bytes().startswith(b"\x89PNG")
    refused("give a model of CTC", predictor_of("attention").draw, tone(), tmp_path / "a.png")


def test_features_of_another_size_are_another_model(ctc):
    other = dataclasses.replace(ctc.features, coefficients=9)
    with pytest.raises(ValueError, match="9 numbers for another model"):
        type(ctc)(ctc.model, ctc.tokenizer, other, ctc.normalization)
