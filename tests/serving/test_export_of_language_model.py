"""A language model as a server has it: scores, texts and single steps, as the predictor gives."""

import numpy as np
import pytest
from support.language_modelling import predictor_of

from zoo.predictors import language_model_endpoints, presets
from zoo.serving import export
from zoo.serving.c_api import SavedModel
from zoo.serving.export import audit

STATES = ("state_0", "state_1", "state_2", "state_3")  # of two layers of LSTM
SIGNATURES = {
    "serving_default": ({"text"}, {"log_probability", "token_count"}),
    "score": ({"text"}, {"log_probability", "token_count"}),
    "generate": (
        {"prompt", "temperature", "seed", "max_length"},
        {"text", "token_count", "log_probability"},
    ),
    "decode_step": (
        {"token_ids", *STATES},
        {"log_probabilities", *(f"next_{name}" for name in STATES)},
    ),
}
TEXTS = {
    "character": ["The king is dead.\n", "A", "Köln? xyz!", "Nobody loves the sea. " * 8],
    "word": ["The king is dead.", "Nobody", "A zebra? Well, Ann!", "My lord sees Köln. " * 8],
}
ROWS = [  # prompt, temperature, seed, max_length
    ("The king", 1.0, 7, 40),
    ("", 0.3, 0, 3),
    ("A pear ", 0.0, 7, 12),
    ("The king", 1.0, 8, 40),
    ("My lord sees the sea. ", 2.5, 2**40, 70),
    ("Köln", 1.0, 1, 1),
]


@pytest.fixture(scope="module", params=["character", "word"])
def folder(request, tmp_path_factory):
    """Of a saved model."""
    folder = tmp_path_factory.mktemp(request.param)
    presets.save(predictor_of(request.param, layers=2), folder, {})
    return folder


@pytest.fixture(scope="module")
def predictor(folder):
    return presets.load(folder)


@pytest.fixture(scope="module")
def version(predictor, tmp_path_factory):
    """An export, which has passed the audit; its text lacks characters of the requests there."""
    if predictor.level == "character":
        assert predictor.unknown_characters("What")
    return export(predictor, "writer", tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def served(version):
    with SavedModel(version) as model:
        yield model


def asked(rows):
    prompts, temperatures, seeds, lengths = zip(*rows, strict=True)
    return {
        "prompt": np.array([prompt.encode() for prompt in prompts], object),
        "temperature": np.float32(temperatures),
        "seed": np.int64(seeds),
        "max_length": np.int32(lengths),
    }


def written(predictor, prompt, temperature, seed, length):
    """What the predictor adds to a prompt."""
    how = {"temperature": temperature} if temperature > 0 else {"greedy": True}
    (found,) = predictor.generate([prompt], seed=seed, length=length, **how)
    return found["text"].removeprefix(prompt), found["tokens"], found["log_probability"]


def test_signatures_and_audit(served, version):
    found = {
        name: (set(signature.inputs), set(signature.outputs))
        for name, signature in served.signatures.items()
    }
    assert found == SIGNATURES
    assert audit.audit(version) == []


@pytest.mark.parametrize("signature", ["serving_default", "score"])
def test_scores(signature, served, predictor):
    texts = TEXTS[predictor.level]
    expected = predictor.score(texts)
    answers = [served.run(signature, {"text": some}) for some in (texts, *([t] for t in texts))]
    together, *alone = answers
    for row, score in enumerate(expected):
        for log_probability, count in (
            (together["log_probability"][row], together["token_count"][row]),
            (alone[row]["log_probability"][0], alone[row]["token_count"][0]),
        ):
            assert log_probability == pytest.approx(score["log_probability"], rel=1e-5)
            assert count == len(score["tokens"])


def test_texts_of_no_tokens(served, predictor):
    answer = served.run("score", {"text": ["", "A"]})
    (nothing, something) = answer["token_count"]
    end = predictor.level == "word"
    assert (nothing, something) == (end, 1 + end)
    assert (answer["log_probability"][0] == 0) == (not end)
    empty = served.run("score", {"text": np.array([], object)})
    assert {name: array.shape for name, array in empty.items()} == {
        "log_probability": (0,),
        "token_count": (0,),
    }


def test_rows_of_one_batch_are_independent(served, predictor):
    """Each text is the one that is written alone, here and there, whatever is beside it."""
    answer = served.run("generate", asked(ROWS))
    for i, row in enumerate(ROWS):
        text, tokens, log_probability = written(predictor, *row)
        alone = served.run("generate", asked([row]))
        for found, j in ((answer, i), (alone, 0)):
            assert found["text"][j].decode() == text
            assert found["token_count"][j] == tokens
            assert found["log_probability"][j] == pytest.approx(log_probability, rel=1e-4)
    assert len({*answer["text"]}) == len(ROWS)
    assert (answer["token_count"] <= [row[3] for row in ROWS]).all()


def test_numbers_that_make_no_sense(served, predictor):
    """They do not break the batch; what is too long is cut off."""
    strange = [
        ("A", -1.0, 1, 20),
        ("A", np.nan, 2, 20),
        ("A", np.inf, 3, 20),
        ("A", 1.0, -4, 0),
        ("A", 1.0, -4, -5),
        ROWS[0],
    ]
    answer = served.run("generate", asked(strange))
    greedy, *_ = written(predictor, "A", 0.0, 0, 20)
    assert [text.decode() for text in answer["text"][:2]] == [greedy] * 2
    assert answer["token_count"][2] > 0
    assert [*answer["token_count"][3:5]] == [0, 0]
    assert answer["text"][-1].decode() == written(predictor, *ROWS[0])[0]


def test_the_longest_text(served):
    answer = served.run("generate", asked([("", 1.0, seed, 2**31 - 1) for seed in range(3)]))
    assert (answer["token_count"] <= language_model_endpoints.LONGEST).all()


def test_unknown_characters_of_a_prompt(served):
    answer = served.run("generate", asked([("\u2603 %", 1.0, 1, 20), ("", 1.0, 1, 20)]))
    for text in answer["text"]:
        assert "\ufffd" not in text.decode()
        assert "<UNK>" not in text.decode()


def test_steps_chained_by_hand_are_the_score(served, predictor):
    texts = ["The king is dead.", "Nobody sees Köln."]
    for text, score in zip(texts, predictor.score(texts), strict=True):
        (ids,) = predictor.tokenizer.ragged([text], end=True).to_list()
        states = {name: np.zeros((1, 4), "float32") for name in STATES}
        total, before = 0.0, predictor.tokenizer.start_id
        for token_id in ids:
            answer = served.run("decode_step", {"token_ids": np.int32([before]), **states})
            row = answer["log_probabilities"][0]
            assert np.exp(row.astype("float64")).sum() == pytest.approx(1, abs=1e-5)
            total += row[token_id]
            states = {name: answer[f"next_{name}"] for name in STATES}
            before = token_id
        assert total == pytest.approx(score["log_probability"], rel=1e-5)


def test_steps_of_several_rows(served):
    generator = np.random.default_rng(1)
    states = {name: generator.uniform(-1, 1, (3, 4)).astype("float32") for name in STATES}
    token_ids = np.int32([3, 5, 4])
    together = served.run("decode_step", {"token_ids": token_ids, **states})
    for i in range(3):
        row = {name: state[i : i + 1] for name, state in states.items()}
        alone = served.run("decode_step", {"token_ids": token_ids[i : i + 1], **row})
        for name, array in together.items():
            np.testing.assert_allclose(array[i], alone[name][0], rtol=1e-5, atol=1e-6)


def test_the_vocabulary_is_an_asset(folder, version):
    (asset,) = (version / "assets").iterdir()
    assert asset.read_bytes() == (folder / "vocabulary.txt").read_bytes()
