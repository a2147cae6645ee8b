"""Raw text to ids, in Python, in graphs and in exports."""

from collections import Counter

import pytest
import tensorflow as tf

from zoo.text.vocabularies import Vocabulary
from zoo.text.words import WordTokenizer

VOCABULARY = Vocabulary(["good", "film", "a", "."])
PADDING, UNKNOWN, END = 0, 1, 2


@pytest.fixture
def tokenizer():
    return WordTokenizer(VOCABULARY)


def tokens(text, **options):
    split = WordTokenizer(VOCABULARY, **options).tokenize([text])[0].numpy()
    return [token.decode() for token in split]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \t\n\u00a0\u200b", []),
        ("A Film.", ["a", "film", "."]),
        ("It's  the actors' don't", ["it's", "the", "actors", "'", "don't"]),
        ("l’été", ["l'été"]),
        ("It<br />was<BR>so<br/>good", ["it", "was", "so", "good"]),
        ("ÉTÉ Мир 你好", ["été", "мир", "你好"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        ("well-made (10/10)!", ["well", "-", "made", "(", "10", "/", "10", ")", "!"]),
        ("_really_ \U0001f600\U0001f600", ["_", "really", "_", "\U0001f600", "\U0001f600"]),
        ("<EOS>", ["<", "eos", ">"]),
        ("a\0b", ["a", "b"]),
        (b"bad \xff byte", ["bad", "\ufffd", "byte"]),
    ],
)
def test_splits_words_and_punctuation(text, expected):
    assert tokens(text) == [*expected, "<EOS>"]


def test_lower_case_is_an_option():
    assert tokens("Good FILM", lowercase=False) == ["Good", "FILM", "<EOS>"]


def test_truncation_keeps_the_end_and_eos():
    assert tokens("one two three four", max_length=3) == ["three", "four", "<EOS>"]
    assert tokens("one", max_length=3) == ["one", "<EOS>"]
    assert tokens("", max_length=2) == ["<EOS>"]
    with pytest.raises(ValueError, match="max_length"):
        WordTokenizer(VOCABULARY, max_length=1)


def test_ids_are_padded_on_the_right_and_no_row_is_empty(tokenizer):
    ids = tokenizer(["A good film.", "", "Good, bad", "<br />", "<PAD>"])
    assert ids.dtype == tf.int32
    assert ids.numpy().tolist() == [
        [5, 3, 4, 6, END],
        [END, PADDING, PADDING, PADDING, PADDING],
        [3, UNKNOWN, UNKNOWN, END, PADDING],
        [END, PADDING, PADDING, PADDING, PADDING],
        [UNKNOWN, UNKNOWN, UNKNOWN, END, PADDING],
    ]


def test_a_token_spelt_like_padding_is_unknown(tokenizer):
    # Text cannot spell it, as `tokenize` parts the angle brackets; other sources of tokens can.
    tokenizer.tokenize = lambda texts: tf.ragged.constant([["<PAD>", "good"]])
    assert tokenizer([""]).numpy().tolist() == [[UNKNOWN, 3]]


def test_counts_words_of_the_whole_text():
    tokenizer = WordTokenizer(VOCABULARY, max_length=2)
    texts = ["the cat, the hat"] * 700 + ["", "Cat"]
    assert tokenizer.count(texts) == Counter({"the": 1400, "cat": 701, ",": 700, "hat": 700})


def test_from_texts_takes_the_most_frequent_words():
    tokenizer = WordTokenizer.from_texts(["b a a", "b a c"], vocabulary_size=2, max_length=9)
    assert tokenizer.vocabulary == Vocabulary(["a", "b"])
    assert tokenizer.get_config() == {"lowercase": True, "max_length": 9}
