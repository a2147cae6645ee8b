"""`LanguageModel`: probabilities as the network's logits have them, and what it writes."""

import math

import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from support.language_modelling import predictor_of, text
from support.refusals import refused

from zoo.networks import initial_states
from zoo.predictors import language_model as module
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID

TEXTS = {
    "character": ["The king is dead.\n", "A", "Köln? xyz!", "Nobody loves the sea. " * 8],
    "word": ["The king is dead.", "Nobody", "A zebra? Well, Ann!", "My lord sees Köln. " * 8],
}


@pytest.fixture(scope="module")
def characters():
    return predictor_of("character", cell="gru")


@pytest.fixture(scope="module")
def words():
    return predictor_of("word")


@pytest.fixture(scope="module", params=["character", "word"])
def predictor(request, characters, words):
    return {"character": characters, "word": words}[request.param]


def log_probabilities(predictor, ids, start=None):
    """log P (timesteps, vocabulary) of what follows the start and each id, in NumPy."""
    start = predictor.tokenizer.start_id if start is None else start
    inputs = tf.constant([[start, *ids]], tf.int32)
    states = initial_states(predictor.model, 1)
    outputs = predictor.model({"token_ids": inputs, **states}, training=False)
    return scipy.special.log_softmax(np.asarray(outputs["logits"][0], "float64"), axis=1)


def expected_factors(predictor, ids, start=None):
    return log_probabilities(predictor, ids[:-1], start)[np.arange(len(ids)), ids]


@pytest.fixture(scope="module")
def ending(predictor):
    """One that writes `<EOS>` now and then."""
    return with_bias(predictor.level, end=2.0)


def with_bias(level="character", *, padding=0.0, unknown=0.0, end=0.0, **options):
    """A predictor that finds some tokens likely, or unlikely."""
    predictor = predictor_of(level, scale=0.5, **options)
    bias = predictor.model.get_layer("logits").bias
    values = np.array(bias)
    values[[PADDING_ID, UNKNOWN_ID, END_ID]] = padding, unknown, end
    bias.assign(values)
    return predictor


def test_scores_are_the_products_of_the_factors(predictor):
    scores = predictor.score(TEXTS[predictor.level])
    for given, score in zip(TEXTS[predictor.level], scores, strict=True):
        (ids,) = predictor.tokenizer.ragged([given], end=True).to_list()
        expected = expected_factors(predictor, ids)
        names = [token["token"] for token in score["tokens"]]
        assert names == predictor.tokenizer.vocabulary.words(ids)
        logs = [token["log_probability"] for token in score["tokens"]]
        np.testing.assert_allclose(logs, expected, rtol=1e-4, atol=1e-4)
        assert score["log_probability"] == pytest.approx(expected.sum(), rel=1e-5)
        product = math.prod(token["probability"] for token in score["tokens"])
        assert score["probability"] == pytest.approx(product, rel=1e-9, abs=0)
        mean = score["log_probability"] / len(ids)
        assert score["perplexity"] == pytest.approx(math.exp(-mean))
    last = {score["tokens"][-1]["token"] for score in scores}
    assert (last == {"<EOS>"}) == (predictor.level == "word")
    assert any(token["token"] == "<UNK>" for token in scores[2]["tokens"])


def test_backward_a_text_scores_as_its_reverse_does_forward(predictor):
    """With the same weights; what goes on with a text is refused, and is not exported."""
    level = predictor.level
    backward = predictor_of(level, backward=True, **({"cell": "gru"} if level[0] == "c" else {}))
    given, reverse = "The king loves Ann", "Ann loves king The"
    reverse = given[::-1] if level == "character" else reverse
    (found,), (expected,) = backward.score([given]), predictor.score([reverse])
    assert found["tokens"] == expected["tokens"]
    documents = [text(20), "The sea.\n"]
    ids = backward.tokenizer.stream(documents)
    loss = -expected_factors(predictor, ids).mean()
    assert backward.evaluate(documents)["loss"] == pytest.approx(loss, rel=1e-5)
    for call in (backward.generate, backward.predict, lambda texts: [*backward.stream(*texts)]):
        refused("from right to left.*without --backward", call, ["A"])
    names = {endpoint.name for endpoint in backward.endpoints()}
    assert names == {endpoint.name for endpoint in predictor.endpoints()} - {"generate"}


def test_probabilities_that_no_float_holds(characters):
    (score,) = characters.score(["The sea? " * 200])
    assert score["probability"] == 0
    assert -math.inf < score["log_probability"] < -750
    assert 1 < score["perplexity"] < math.inf
    impossible = with_bias(end=3000.0)
    (score,) = impossible.score(["A"])
    assert (score["probability"], score["perplexity"]) == (0, math.inf)
    assert impossible.evaluate(["A"])["perplexity"] == math.inf


def test_nothing_to_score_or_to_measure(predictor):
    assert predictor.score([]) == predictor.generate([]) == []
    refused(r"text 2 is empty", predictor.score, ["A", " \n"])
    refused("nothing to measure", predictor.evaluate, [])
    for call in (predictor.score, predictor.generate):
        with pytest.raises(TypeError, match="list of strings"):
            call("The king")


def test_evaluation_is_one_long_reading(predictor):
    documents = [text(20), "The sea.\n"]
    ids = predictor.tokenizer.stream(documents)
    expected = -expected_factors(predictor, ids).mean()
    measured = predictor.evaluate(documents)
    assert measured["loss"] == pytest.approx(expected, rel=1e-5)
    assert measured["perplexity"] == pytest.approx(math.exp(expected), rel=1e-4)
    assert measured["bits_per_token"] == pytest.approx(expected / math.log(2), rel=1e-5)
    assert (measured["tokens"], measured["examples"]) == (len(ids), 2)
    if predictor.level == "character":
        assert len(ids) == sum(map(len, documents)) + len(documents)
    unknown = predictor.evaluate(["A zebra? Q"])
    assert unknown["unknown"] > 0 == measured["unknown"]


def test_evaluation_in_lanes(characters, monkeypatch):
    """Lanes cost a cold start each, and no token; half-filled lanes are not measured."""
    document = text(60)
    ids = characters.tokenizer.stream([document])
    loss = characters.evaluate([document])["loss"]
    monkeypatch.setattr(module, "_SHORTEST_LANE", 100)
    measured = characters.evaluate([document])
    lanes = min(16, -(-len(ids) // 100))
    assert lanes > 4
    assert len(ids) % lanes, "or no lane is longer than another"
    assert measured["tokens"] == len(ids)
    expected = 0.0
    for lane in np.array_split(np.arange(len(ids)), lanes):
        before = ids[lane[0] - 1] if lane[0] else None
        expected -= expected_factors(characters, ids[lane], before).sum()
    assert measured["loss"] == pytest.approx(expected / len(ids), rel=1e-5)
    assert measured["loss"] == pytest.approx(loss, rel=0.05)
    assert measured["loss"] != loss


def test_predictions_are_the_likeliest_tokens(predictor):
    beginnings = ["The king", "", "A pear is", "Köln xyz"]
    for beginning, found in zip(beginnings, predictor.predict(beginnings), strict=True):
        (ids,) = predictor.tokenizer.ragged([beginning]).to_list()
        probabilities = np.exp(log_probabilities(predictor, ids)[-1])
        probabilities[[PADDING_ID, UNKNOWN_ID]] = 0
        probabilities /= probabilities.sum()
        best = np.argsort(-probabilities)[:5]
        assert (np.diff(np.log(np.sort(probabilities)[-6:])) > 1e-4).all(), "or rounding chooses"
        names = predictor.tokenizer.vocabulary.words(best)
        assert [n["token"] for n in found["next"]] == names
        values = [n["probability"] for n in found["next"]]
        np.testing.assert_allclose(values, probabilities[best], rtol=1e-4)


def test_greedy_text_is_the_likeliest_token_each_time(predictor):
    (ids,) = predictor.tokenizer.ragged(["The king"]).to_list()
    total, written = 0.0, list(ids)
    for _ in range(20):
        row = log_probabilities(predictor, written)[-1]
        row[[PADDING_ID, UNKNOWN_ID]] = -np.inf
        assert np.diff(np.sort(row)[-2:]) > 1e-4, "or rounding would choose"
        total += row.max()
        written.append(int(row.argmax()))
        if written[-1] == END_ID:
            break
    (found,) = predictor.generate(["The king"], length=20, greedy=True)
    assert found["tokens"] == len(written) - len(ids)
    assert found["log_probability"] == pytest.approx(total, rel=1e-4)
    joined = predictor.tokenizer.join(np.array([written])).numpy()[0].decode()
    assert found["text"] == ("T" + joined[1:] if predictor.level == "word" else joined)


def test_the_probability_of_what_was_written_is_its_score(characters):
    (found,) = characters.generate(["The"], length=30, seed=4, temperature=0.7)
    assert not found["ended"]
    whole, beginning = characters.score([found["text"], "The"])
    expected = whole["log_probability"] - beginning["log_probability"]
    assert found["log_probability"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("past_end", [False, True])
def test_a_stream_is_the_same_text(past_end, ending, monkeypatch):
    """Wherever it is cut."""
    monkeypatch.setattr(module, "_AT_ONCE", 70)
    monkeypatch.setattr(module, "_SHOWN_AT_ONCE", 3)
    for prompt in ("", "The king", "The king is dead. "):
        options = {"length": 70, "seed": 2, "past_end": past_end}
        (expected,) = ending.generate([prompt], **options)
        assert expected["ended"], "or it does not show what is done with it"
        pieces = list(ending.stream(prompt, **options))
        assert pieces[0] == prompt
        assert "".join(pieces) == expected["text"]
        assert (expected["tokens"] == 70) == past_end


def test_words_after_white_space(words):
    """A prompt stays as it was typed, and no second space follows one."""
    for seed in range(5):
        (plain,) = words.generate(["The king"], length=1, seed=seed)
        (spaced,) = words.generate(["The king \n"], length=1, seed=seed)
        word = plain["text"].removeprefix("The king").strip()
        assert spaced["text"] == f"The king \n{word}"


def test_neither_padding_nor_unknown_is_written():
    predictor = with_bias(padding=9.0, unknown=9.0)
    for how in ({}, {"greedy": True}, {"beams": 2}):
        for found in predictor.generate(["", "The"], length=40, **how):
            assert found["tokens"] == 40 or found["ended"]
            assert "\ufffd" not in found["text"]
            assert len(found["text"]) >= found["tokens"] - found["ended"] > 0
    for found in predictor.predict(["", "The"]):
        assert not {"<UNK>", "<PAD>"} & {n["token"] for n in found["next"]}


def test_texts_end_or_go_on(ending):
    prompts = [""] * 8
    ended = ending.generate(prompts, length=50, seed=3)
    assert len({found["tokens"] for found in ended}) > 3
    for found in ended:
        assert found["ended"] == (found["tokens"] < 50)
        assert "<EOS>" not in found["text"]
    longer = ending.generate(prompts, length=50, seed=3, past_end=True)
    for short, long in zip(ended, longer, strict=True):
        assert long["tokens"] == 50
        assert long["text"].startswith(short["text"])


def test_more_beams_find_no_less(characters):
    options = {"prompts": ["The", "A p"], "length": 12}
    greedy = characters.generate(**options, greedy=True)
    many = characters.generate(**options, beams=20)
    for best, found in zip(many, greedy, strict=True):
        assert best["log_probability"] >= found["log_probability"] - 1e-4
    assert [found["text"] for found in many] != [found["text"] for found in greedy]


def test_nothing_is_read_twice_and_a_stream_writes_nothing_in_advance(monkeypatch):
    predictor = predictor_of("character")
    sequences, single = predictor.sequences, tf.Variable(0)
    step_function, read = sequences._step, []

    def counted():
        step = step_function()

        def one_step(token_ids, states):
            single.assign_add(1)
            return step(token_ids, states)

        return one_step

    def states_after(token_ids, of=sequences.states_after):
        read.append(token_ids.shape[1])
        return of(token_ids)

    monkeypatch.setattr(sequences, "_step", counted)
    monkeypatch.setattr(sequences, "states_after", states_after)
    prompt, length = "The king is", 130
    (found,) = predictor.generate([prompt], length=length, past_end=True)
    assert found["tokens"] == length
    assert read == [len(prompt)], "the start and all but the last character"
    assert int(single) == length
    predictor.generate([prompt], beams=3, length=40)
    assert int(single) <= length + 40
    single.assign(0)
    pieces = predictor.stream(prompt, length=10**9, past_end=True, seed=1)
    shown = [next(pieces) for _ in range(40)]
    assert read[2:] == [len(prompt)]
    assert int(single) == 39 * module._SHOWN_AT_ONCE
    assert len("".join(shown)) <= len(prompt) + int(single)
    pieces.close()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"length": 0}, "`length`"),
        ({"temperature": 0}, "`temperature`.*`greedy`"),
        ({"temperature": math.nan}, "`temperature`"),
        ({"temperature": math.inf}, "`temperature`"),
        ({"top_k": -1}, "`top_k`"),
        ({"top_p": 0.0}, "`top_p`"),
        ({"top_p": math.nan}, "`top_p`"),
        ({"seed": -1}, "`seed`"),
        ({"beams": 0}, "`beams`"),
    ],
)
def test_numbers_out_of_range(options, named, characters):
    with pytest.raises(ValueError, match=named):
        characters.generate(["A"], **options)
    if "beams" not in options:
        with pytest.raises(ValueError, match=named):
            next(characters.stream("A", **options))


def test_extreme_numbers(characters):
    (greedy,) = characters.generate(["A"], length=20, greedy=True)
    for options in ({"temperature": 1e-45}, {"top_k": 1}, {"top_p": 1e-9}):
        (found,) = characters.generate(["A"], length=20, **options)
        assert found["text"] == greedy["text"], options
    (everything,) = characters.generate(["A"], length=20)
    (found,) = characters.generate(["A"], length=20, top_k=2**32 + 1)
    assert found["text"] == everything["text"]
    assert characters.generate(["A"], length=20, temperature=1e6)


def test_a_prompt_with_characters_that_nobody_learnt(characters, words):
    refused("does not have '%', 'é'", characters.generate, ["The", "é%é"])
    refused("does not have 'é'", next, characters.stream("é"))
    assert characters.unknown_characters("Thé %%") == ["%", "é"]
    assert words.unknown_characters("é") == []
    (found,) = words.generate(["é %"], length=5)
    assert found["text"].startswith("é %")
    assert "<UNK>" not in found["text"]


def test_prompts_are_read_together(monkeypatch):
    """By one call of the tokenizer, which is a graph; what is wrong with one names it."""
    predictor, calls = predictor_of("character"), []
    ragged = predictor.tokenizer.ragged
    monkeypatch.setattr(predictor.tokenizer, "ragged", lambda x: calls.append(1) or ragged(x))
    for prompts in (["The"] * 20, ["A", "The king"]):
        assert len(predictor.generate(prompts, length=1)) == len(prompts)
    assert calls == [1]
    refused("does not have '%', 'é'.*item 1", predictor.generate, ["The", "é%é", "é"])


def test_each_of_many_is_written_as_it_is_alone(predictor):
    """More than are one loop."""
    prompts = ["", "The king", "A pear is"] * 7
    for how in ({}, {"greedy": True}, {"temperature": 0.8, "top_k": 5}):
        together = predictor.generate(prompts, length=12, seed=3, **how)
        for i in (0, 7, 20):
            (alone,) = predictor.generate([prompts[i]], length=12, seed=3 + i, **how)
            assert together[i]["text"] == alone["text"]
            total = pytest.approx(alone["log_probability"], rel=1e-4)
            assert together[i]["log_probability"] == total
