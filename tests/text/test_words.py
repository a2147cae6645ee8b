"""Vocabularies, and raw text to the ids of words."""

from collections import Counter

import pytest
import tensorflow as tf
from support.refusals import refused

from zoo.text.vocabularies import Vocabulary
from zoo.text.words import WordTokenizer


def test_special_tokens_come_first_then_words_by_frequency_and_alphabet():
    counts = Counter({"b": 2, "a": 2, "c": 5, "rare": 1, "<UNK>": 9})
    vocabulary = Vocabulary.from_counts(counts, size=3)
    assert vocabulary.tokens == ("<PAD>", "<UNK>", "<EOS>", "c", "a", "b")
    assert len(vocabulary) == 6
    assert ("c" in vocabulary, "rare" in vocabulary) == (True, False)
    many = Counter({f"word{i}": 1 for i in range(12_000)})
    assert len(Vocabulary.from_counts(many)) == 10_003
    assert len(Vocabulary.from_counts(many, size=None)) == 12_003


def test_lookup_both_ways():
    vocabulary = Vocabulary(["a", "b"])
    assert vocabulary.ids(["b", "new", "<EOS>", "<PAD>"]) == [4, 1, 2, 1]
    assert vocabulary.words([4, 1, 2, 0]) == ["b", "<UNK>", "<EOS>", "<PAD>"]


def test_what_is_saved_is_loaded_and_looked_up_in_graphs(tmp_path):
    for words in ([], ["été", " ", "'", "\u2028"]):
        vocabulary, path = Vocabulary(words), tmp_path / f"{len(words)}.txt"
        vocabulary.save(path)
        assert Vocabulary.load(path) == vocabulary
        for table in (vocabulary.lookup_table(), vocabulary.lookup_table(path)):
            tokens = ["été", "new", " ", "<EOS>", "\u2028"]
            assert table.lookup(tf.constant(tokens)).numpy().tolist() == vocabulary.ids(tokens)
    assert path.read_bytes().decode().split("\n")[:4] == ["<PAD>", "<UNK>", "<EOS>", "été"]


@pytest.mark.parametrize("words", [["a", "a"], ["<UNK>"], [""], ["a\n"], ["\r"]])
def test_words_that_cannot_be_told_apart_in_a_file(words):
    with pytest.raises(ValueError, match="token"):
        Vocabulary(words)


def test_a_missing_file_and_a_damaged_one(tmp_path):
    path = tmp_path / "vocabulary.txt"
    refused(r"vocabulary\.txt: cannot read", Vocabulary.load, path)
    for damaged in (b"", b"a\nb\n", *(b"<PAD>\n<UNK>\n<EOS>\n" + b for b in (b"a\nb", b"a\na\n"))):
        for content in (damaged, damaged + b"\n\n", damaged + b"\xff\n"):
            path.write_bytes(content)
            refused(r"vocabulary\.txt: not a vocabulary", Vocabulary.load, path)


VOCABULARY = Vocabulary(["good", "film", "a", "."])
PADDING, UNKNOWN, END = 0, 1, 2


def tokens(text, **options):
    split = WordTokenizer(VOCABULARY, **options).tokenize([text])[0].numpy()
    return [token.decode() for token in split]


def test_splits_words_and_punctuation():
    for text, expected in (
        (" \t\n\u00a0\u200b", ""),
        ("A Film.", "a film ."),
        ("It's  the actors' don't", "it's the actors ' don't"),
        ("l’été", "l'été"),
        ("It<br />was<BR>so<br/>good", "it was so good"),
        ("ÉTÉ Мир 你好", "été мир 你好"),
        ("e\u0301te\u0301", "e\u0301te\u0301"),
        ("well-made (10/10)!", "well - made ( 10 / 10 ) !"),
        ("_really_ \U0001f600\U0001f600", "_ really _ \U0001f600 \U0001f600"),
        ("<EOS>", "< eos >"),
        ("a\0b", "a b"),
        (b"bad \xff byte", "bad \ufffd byte"),
    ):
        assert tokens(text) == [*expected.split(), "<EOS>"]
    assert tokens("Good FILM", lowercase=False) == ["Good", "FILM", "<EOS>"]


def test_truncation_keeps_the_end_and_eos():
    assert tokens("one two three four", max_length=3) == ["three", "four", "<EOS>"]
    assert tokens("", max_length=2) == ["<EOS>"]
    with pytest.raises(ValueError, match="max_length"):
        WordTokenizer(VOCABULARY, max_length=1)


def test_ids_are_padded_on_the_right_and_no_row_is_empty():
    tokenizer = WordTokenizer(VOCABULARY)
    ids = tokenizer(["A good film.", "", "Good, bad", "<PAD>"])
    assert ids.dtype == tf.int32
    assert ids.numpy().tolist() == [
        [5, 3, 4, 6, END],
        [END, PADDING, PADDING, PADDING, PADDING],
        [3, UNKNOWN, UNKNOWN, END, PADDING],
        [UNKNOWN, UNKNOWN, UNKNOWN, END, PADDING],
    ]
    # Text cannot spell padding, as `tokenize` parts the brackets; other sources of tokens can.
    tokenizer.tokenize = lambda texts: tf.ragged.constant([["<PAD>", "good"]])
    assert tokenizer([""]).numpy().tolist() == [[UNKNOWN, 3]]


def test_words_are_counted_in_whole_texts_and_the_most_frequent_kept():
    tokenizer = WordTokenizer(VOCABULARY, max_length=2)
    texts = ["the cat, the hat"] * 700 + ["", "Cat"]
    assert tokenizer.count(texts) == Counter({"the": 1400, "cat": 701, ",": 700, "hat": 700})
    made = WordTokenizer.from_texts(texts, vocabulary_size=2, max_length=9)
    assert made.vocabulary == Vocabulary(["the", "cat"])
    assert made.get_config() == {"lowercase": True, "max_length": 9}
