"""Every kind of model as a server has it: batches, padding, and answers as the predictor's own.

The audit of each export, on which these stand, has compared every signature with the predictor,
each row by itself (of the tagger together), what is drawn included.
"""

import math

import numpy as np
import pytest
import tensorflow as tf
from support.exports import KINDS, OTHERS
from support.music_pieces import piece_of
from support.predictor_case import ODD_TEXTS

from zoo.predictors import language_model_endpoints
from zoo.text.normalization import normalize

STATES = ("state_0", "state_1")  # of a layer of LSTM
ENTITY = ("type", "text", "start", "end", "probability")
WRITE_MUSIC = "seed_chord key temperature seed max_length -> pitches onsets step_count"
SIGNATURES = {  # by a word of the kind
    "classifier": {
        "serving_default": "text -> label probabilities",
        "token_ids": "token_ids length -> label probabilities",
    },
    "tagger": {"serving_default": f"text -> {' '.join(f'entity_{name}' for name in ENTITY)}"},
    "language model": {
        "serving_default": "text -> log_probability token_count",
        "score": "text -> log_probability token_count",
        "generate": "prompt temperature seed max_length -> text log_probability token_count",
        "decode_step": "token_ids state_0 state_1 -> log_probabilities next_state_0 next_state_1",
    },
    "music": {
        "serving_default": WRITE_MUSIC,
        "generate": WRITE_MUSIC,
        "score": "notes struck -> log_probability length",
    },
    "video": {"serving_default": "frames length -> label probabilities"},
    "DNA": {"serving_default": "sequence -> label probabilities"},
    "translator": {"serving_default": "text -> translation log_probability"},
    "speech": {
        "serving_default": "audio length -> text probability",
        "greedy": "audio length -> text probability",
        "wav": "wav -> text probability",
    },
}
STREAM = ("audio", "length", "history", "frames", "sums", "last", "state_0")  # of one layer of GRU
TEXTS = ["The king is dead.", "A", "A zebra? Well, Ann met Köln!", "Nobody loves the sea. " * 8]


@pytest.fixture(scope="module", params=(*KINDS, *OTHERS))
def export(request, exports):
    return exports(request.param)


def of(*kinds):
    return pytest.mark.parametrize("export", kinds, indirect=True)


@pytest.fixture(scope="module")
def model(export):
    return export.model


@pytest.fixture(scope="module")
def predictor(export):
    return export.predictor


def test_signatures(model, request):
    kind = request.node.callspec.params["export"]
    (expected,) = (words for part, words in SIGNATURES.items() if part in kind)
    if "of a stream" in kind:
        following = " next_".join(("text", *STREAM[2:]))
        expected = expected | {"stream": f"{' '.join(STREAM)} -> {following}"}
    assert model.signatures.keys() == expected.keys()
    for name, words in expected.items():
        inputs, outputs = (set(part.split()) for part in words.split("->"))
        assert (inputs, outputs) == tuple(map(set, model.signatures[name]))


def test_a_batch_of_no_rows(model, predictor):
    for endpoint in predictor.endpoints():
        inputs = {name: array[:0] for name, array in endpoint.examples[-1].items()}
        outputs = model.run(endpoint.name, inputs)
        assert {name: len(array) for name, array in outputs.items()} == dict.fromkeys(outputs, 0)


def test_the_vocabularies_are_assets(export):
    for asset in (export.version / "assets").iterdir():
        assert asset.read_bytes() == (export.saved / asset.name).read_bytes()


@of(*KINDS[:2])
def test_every_weight_is_kept_once(export):
    stored = tf.train.list_variables(str(export.version / "variables" / "variables"))
    sizes = [math.prod(shape) for name, shape in stored if "VARIABLE_VALUE" in name]
    assert sum(sizes) == export.predictor.model.count_params()


@of(KINDS[0])
def test_ids_of_any_padding(model, predictor):
    ids = predictor.tokenizer.ragged(TEXTS)
    lengths = tf.cast(ids.row_lengths(), "int32")
    first = ids[:, :1].to_tensor()  # servers pad rows with their first id, not with 0
    padded = tf.where(tf.sequence_mask(lengths), ids.to_tensor(), first)
    longer = tf.concat([padded, first], axis=1)
    found = model.run("token_ids", {"token_ids": longer, "length": lengths})
    expected = predictor.probabilities(TEXTS)
    np.testing.assert_allclose(found["probabilities"], expected, 1e-5, 1e-5)
    empty = {"token_ids": np.zeros((1, 0), "int32"), "length": [0]}
    assert np.isfinite(model.run("token_ids", empty)["probabilities"]).all()
    with pytest.raises(tf.errors.InvalidArgumentError, match="one for each row"):
        model.run("token_ids", {"token_ids": [[4, 5]], "length": [2, 2]})


def entities_of(answer):
    """The rows of an answer, read as a client reads them: a start of -1 is padding."""
    found = []
    for row in zip(*(answer[f"entity_{name}"] for name in ENTITY), strict=True):
        entities = [e for e in zip(*row, strict=True) if e[2] >= 0]
        found.append([(kind.decode(), text.decode(), *rest) for kind, text, *rest in entities])
    return found


def assert_entities(answer, predictions):
    expected = [[tuple(e[name] for name in ENTITY) for e in p["entities"]] for p in predictions]
    for entities, others in zip(entities_of(answer), expected, strict=True):
        assert [e[:-1] for e in entities] == [e[:-1] for e in others]
        np.testing.assert_allclose([e[-1] for e in entities], [e[-1] for e in others], atol=1e-5)


@of(KINDS[1])
def test_entities(model, predictor):
    texts = [*map(normalize, ODD_TEXTS)]  # TensorFlow has no NFC
    expected = predictor.predict(texts)
    assert len({e["type"] for p in expected for e in p["entities"]}) > 1, "or little shows"
    answer = model.run("serving_default", {"text": texts})
    assert_entities(answer, expected)
    assert_entities(model.run("serving_default", {"text": texts[:1]}), expected[:1])
    padding = answer["entity_start"] < 0
    assert padding[1].all()
    assert set(answer["entity_type"][padding]) == set(answer["entity_text"][padding]) == {b""}
    assert (answer["entity_end"][padding] == -1).all()
    assert (answer["entity_probability"][padding] == 0).all()
    answer = model.run("serving_default", {"text": [b"\xff Ann Lee met \xc3 Bob"]})
    assert_entities(answer, predictor.predict(["\ufffd Ann Lee met \ufffd Bob"]))
    assert entities_of(answer)[0], "or nothing is shown"


language_models = of(*KINDS[2:4])


def generated(model, *rows):
    """The answer to `generate` to rows of what it begins with, temperature, seed and length."""
    begins = ["prompt"] if "prompt" in model.signatures["generate"][0] else ["seed_chord", "key"]
    names = [*begins, "temperature", "seed", "max_length"]
    return model.run("generate", dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


@language_models
def test_texts_depend_on_their_seed_and_on_numbers_that_make_sense(model):
    """Others do not break the batch; what is too long is cut off."""
    rows = [("A", -1.0, 1, 9), ("A", np.nan, 2, 9), ("A", 0.0, 0, 9), ("A", np.inf, 3, 9)]
    rows += [("A", 1.0, -4, -5), ("\u2603 %", 1.0, 1, 20), ("A", 1.0, 7, 12), ("A", 1.0, 8, 12)]
    answer = generated(model, *rows)
    greedy = answer["log_probability"][:3]
    np.testing.assert_allclose(greedy, greedy[:1].repeat(3), rtol=1e-4)
    assert answer["token_count"][3] > answer["token_count"][4] == 0
    assert not {"\ufffd", "<UNK>"} & {*answer["text"][5].decode().split()}
    assert answer["text"][6] != answer["text"][7]
    longest = generated(model, ("", 1.0, 1, 2**31 - 1), ("", 1.0, 2, 2**31 - 1))
    assert (longest["token_count"] <= language_model_endpoints.LONGEST).all()


@language_models
def test_steps_chained_by_hand_are_the_score_and_no_text_has_no_steps(model, predictor):
    text = "Nobody sees Köln."
    (ids,) = predictor.tokenizer.ragged([text], end=True).to_list()
    states = {name: np.zeros((1, 4), "float32") for name in STATES}
    total, before = 0.0, predictor.tokenizer.start_id
    for token_id in ids:
        answer = model.run("decode_step", {"token_ids": [before], **states})
        row = answer["log_probabilities"][0]
        assert np.exp(row.astype("float64")).sum() == pytest.approx(1, abs=1e-5)
        total += row[token_id]
        states = {name: answer[f"next_{name}"] for name in STATES}
        before = token_id
    (score,) = predictor.score([text])
    assert total == pytest.approx(score["log_probability"], rel=1e-5)
    nothing = model.run("score", {"text": [""]})
    end = predictor.level == "word"  # of a text that has no tokens
    assert (nothing["token_count"][0], nothing["log_probability"][0] == 0) == (end, not end)


music = of(KINDS[4], OTHERS[0])


@music
def test_pieces_begin_with_their_chord_and_end_in_time(model):
    free, chord = (-1,) * 4, (72, 67, 64, 48)
    found = generated(
        model,
        ((72, *free[1:]), "G major", 1.0, 7, 12),
        ((72, *free[1:]), "G major", 1.0, 8, 12),
        (chord, "C minor", 0.0, 7, 8),
        ((0,) * 4, "A minor", 1.0, 1, 1),
        ((500, 3, -7, 60), "", 1.0, 1, -3),  # does not fail, and a length below one is one
    )
    assert found["pitches"][0].tolist() != found["pitches"][1].tolist()
    assert found["pitches"][2:4, 0].tolist() == [list(chord), [0] * 4]
    assert (found["step_count"] <= [12, 12, 8, 1, 1]).all()
    after = np.arange(12) >= found["step_count"][:, None]
    assert ((found["pitches"] == -1).all(axis=-1) == after).all()


@music
def test_probabilities_of_pieces(model, predictor):
    kind = "ranked" if predictor.encoder.ranked else "parts"
    scores = [piece_of(kind, steps=5 + 6 * i, seed=i, first=0) for i in range(3)]
    notes = np.full((3, max(map(len, scores)), 4), -1, "int32")
    struck = np.zeros_like(notes)
    for i, score in enumerate(scores):
        notes[i, : len(score)], struck[i, : len(score)] = score.pitches, score.onsets
    found = model.run("score", {"notes": notes, "struck": struck})
    expected = [values[:-1].sum() for values in predictor.log_probabilities(scores)]
    np.testing.assert_allclose(found["log_probability"], expected, rtol=1e-4)
    assert found["length"].tolist() == [len(score) for score in scores]
