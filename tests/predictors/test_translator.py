"""A translator at work: texts in, texts out, their scores, and where it looks."""

import itertools

import keras
import numpy as np
import pytest
from scipy.special import log_softmax
from support.refusals import refused
from support.sequences import randomize
from support.translation_pairs import pairs, predictor_of

from zoo.datasets.parallel_text import Pairs
from zoo.networks import encoder_decoder
from zoo.predictors import translator
from zoo.predictors.translator import encoded
from zoo.text.characters import CharacterTokenizer
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID

TEXTS = ["the cat.", "the big dog sees the old cat.", "the dog hears the cat. the cat hears."]


def log_probability(predictor, text, tokens):
    """log P of the tokens of a translation, by the network for the whole."""
    source = encoded(predictor.source_tokenizer, [text]).to_tensor()
    before = keras.ops.convert_to_tensor([[END_ID, *tokens[:-1]]], "int32")
    logits = predictor.model({"source_ids": source, "target_ids": before})
    factors = log_softmax(np.array(logits, "float64")[0], axis=-1)
    return factors[range(len(tokens)), tokens].sum()


def test_scores_are_those_of_the_network():
    predictor = predictor_of("word")
    (found,) = predictor.predict(TEXTS[1:2], n_best=3, length_penalty=0.5)
    scores = [h["score"] for h in found["hypotheses"]]
    assert scores == sorted(scores, reverse=True)
    source = encoded(predictor.source_tokenizer, TEXTS[1:2]).to_tensor()
    result = predictor._sequences.search(
        source, predictor._limits(source), 512, 5, 0.5, (PADDING_ID, UNKNOWN_ID)
    )
    for i, hypothesis in enumerate(found["hypotheses"]):
        tokens = [t for t in result.tokens.numpy()[0, i].tolist() if t != PADDING_ID]
        assert UNKNOWN_ID not in tokens
        total = log_probability(predictor, TEXTS[1], tokens)
        assert hypothesis["log_probability"] == pytest.approx(total, rel=1e-4)
        assert hypothesis["score"] == pytest.approx(total / len(tokens) ** 0.5, rel=1e-4)
        (text,) = predictor.target_tokenizer.join([tokens]).numpy()
        assert hypothesis["text"] == text.decode()


def test_the_best_of_all_translations(monkeypatch):
    """Exhaustive search: every translation of three characters at most."""
    monkeypatch.setattr(translator, "_TARGETS_PER_SOURCE", 1)
    monkeypatch.setattr(translator, "_LEAST_TOKENS", 3)
    tokenizer = CharacterTokenizer.from_documents(["ab"])
    size = len(tokenizer.vocabulary)
    model = encoder_decoder(size, size, embedding_dim=4, units=5, cell="gru", input_feeding=True)
    randomize(model, seed=1, scale=1)
    predictor = translator.Translator(model, tokenizer, tokenizer)
    letters = sorted(set(range(size)) - {PADDING_ID, UNKNOWN_ID, END_ID})
    candidates = [
        (*start, *end)
        for length in range(4)
        for start in itertools.product(letters, repeat=length)
        for end in ([()] if length == 3 else [(END_ID,)])
    ]
    assert len(letters) == 3  # a, b and the end of a line
    assert len(candidates) == 1 + 3 + 9 + 27
    totals = {tokens: log_probability(predictor, "ba", tokens) for tokens in candidates}
    for penalty in (0.0, 1.0):
        ranked = sorted(totals, key=lambda t: totals[t] / len(t) ** penalty, reverse=True)
        gaps = np.diff([totals[t] / len(t) ** penalty for t in ranked])
        assert (gaps < -1e-5).all(), "or rounding would choose"
        (found,) = predictor.predict(["ba"], beams=40, n_best=40, length_penalty=penalty)
        assert len(found["hypotheses"]) == len(ranked)
        for hypothesis, tokens in zip(found["hypotheses"], ranked, strict=True):
            (text,) = tokenizer.join([tokens]).numpy()
            assert hypothesis["text"] == text.decode()
            assert hypothesis["log_probability"] == pytest.approx(totals[tokens], rel=1e-4)


def test_figures_are_those_of_its_translations():
    predictor = predictor_of("word")
    sources = pairs().sources[:4]
    found = tuple(one["translation"] for one in predictor.predict(sources))
    metrics = predictor.evaluate(Pairs(sources, (*found[:3], "autre chose")))
    assert metrics["exact_match"] == 0.75
    assert metrics["examples"] == 4


def test_alignment_of_a_batch_is_that_of_each():
    predictor = predictor_of("subword")
    translations = ["le chat.", "le grand chien", "chat"]
    together = predictor.alignments(TEXTS, translations)
    each = zip(TEXTS, translations, together, strict=True)
    for text, translation, (source, target, weights) in each:
        ((*tokens, alone),) = predictor.alignments([text], [translation])
        assert tokens == [source, target]
        assert source[-1] == target[-1] == "<EOS>"
        np.testing.assert_allclose(weights, alone, atol=1e-5)
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-4)


def test_batches_teach_the_next_token():
    predictor = predictor_of("subword")
    for inputs, labels, weights in predictor.batches(pairs(), 16, shuffle=True).dataset():
        before, labels = inputs["target_ids"].numpy(), labels.numpy()
        np.testing.assert_array_equal(before[:, 0], END_ID)
        kept = labels[:, :-1] * (labels[:, 1:] != 0)
        np.testing.assert_array_equal(before[:, 1:], kept)
        np.testing.assert_array_equal(weights, labels != 0)
        last = labels[np.arange(len(labels)), (labels != 0).sum(axis=1) - 1]
        np.testing.assert_array_equal(last, END_ID)
        for row in inputs["source_ids"].numpy():
            assert row[row != 0][-1] == END_ID


def test_unknown_words_are_copied():
    """A network that writes nothing but `<UNK>`, and attends to one step, copies that word."""
    predictor = predictor_of("word", scale=0.0)
    bias = np.full(len(predictor.target_tokenizer.vocabulary), -9.0)
    bias[[UNKNOWN_ID, END_ID]] = 0.5, -0.5
    predictor.model.get_layer("logits").bias.assign(bias)
    (found,) = predictor.predict(["Zebra"], beams=1, copy_unknown=True)
    words = found["translation"].split()
    assert set(words) == {"Zebra"}
    (plain,) = predictor.predict(["Zebra"], beams=1)
    assert "Zebra" not in plain["translation"]
    for other in (predictor_of("subword"), predictor_of("word", attention=None)):
        refused("models of words with attention", other.predict, ["Zebra"], copy_unknown=True)


def test_blank_texts_and_odd_characters():
    predictor = predictor_of("character")
    texts = ["", " \t ", "the cat.", "\u200b\x00 the\u00a0 cat. \n", "😀 e\u0301"]
    found = predictor.predict(texts)
    nothing = {"translation": "", "probability": 1.0, "familiar": True, "hypotheses": []}
    assert found[0] == found[1] == nothing
    assert found[2]["translation"] == predictor.predict(["the cat."])[0]["translation"]
    assert len(found) == 5


def test_a_sentence_of_500_words():
    """As long as it may be, and the same beside a short one."""
    predictor = predictor_of("word", scale=0.2)
    bias = predictor.model.get_layer("logits").bias
    bias.assign(np.where(np.arange(bias.shape[0]) == END_ID, -9.0, np.array(bias)))
    texts = ["the cat sees " * 167, TEXTS[0]]
    found = predictor.predict(texts, beams=2)
    assert [len(one["translation"].split()) for one in found] == [512, 16]
    for text, one in zip(texts, found, strict=True):
        (alone,) = predictor.predict([text], beams=2)
        pair = [answer["hypotheses"][0]["log_probability"] for answer in (alone, one)]
        assert pair[0] == pytest.approx(pair[1], rel=1e-4)


def test_wrong_numbers_and_inputs():
    predictor = predictor_of("subword", attention=None)
    for arguments in ({"beams": 0}, {"n_best": 0}, {"beams": 2, "n_best": 3}):
        with pytest.raises(ValueError, match="`beams` must be at least 1"):
            predictor.predict(["the cat."], **arguments)
    refused("no attention to draw", predictor.alignments, ["a"], ["b"])
    refused("nothing to measure", predictor.evaluate, Pairs((), ()))


@pytest.mark.parametrize("options", [{"beams": 1, "length_penalty": 0.0}, {"n_best": 2}], ids=str)
def test_each_of_many_is_translated_as_it_is_alone(options):
    """More than are one loop, of several lengths."""
    predictor = predictor_of("word")
    texts = [text + " the cat." * (i % 3) for i, text in enumerate(TEXTS * 6)]
    together = predictor.predict(texts, **options)
    for i in (0, 4, 17):
        (alone,) = predictor.predict([texts[i]], **options)
        for one, other in zip(together[i]["hypotheses"], alone["hypotheses"], strict=True):
            assert one["text"] == other["text"]
            assert one["log_probability"] == pytest.approx(other["log_probability"], rel=1e-4)
