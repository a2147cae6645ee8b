"""Vocabularies, raw text to the ids of words, and the vectors of these."""

import gzip
import itertools
import random
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.refusals import refused

from zoo.text import word_vectors
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


def test_what_is_saved_is_loaded_and_looked_up_in_graphs(tmp_path):
    for words in ([], ["été", " ", "'", "\u2028"]):
        vocabulary, path = Vocabulary(words), tmp_path / f"{len(words)}.txt"
        vocabulary.save(path)
        assert Vocabulary.load(path) == vocabulary
        ids = [2, 1, 1, *range(3, 3 + len(words))]
        assert vocabulary.ids(["<EOS>", "<PAD>", "new", *words]) == ids
        assert vocabulary.words(range(1, 3 + len(words))) == ["<UNK>", "<EOS>", *words]
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


def read(tmp_path, content):
    path = tmp_path / "word_vectors.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return word_vectors.read(path)


def as_dict(found):
    return {word: row.tolist() for word, row in zip(found.words, found.matrix, strict=True)}


@pytest.mark.parametrize("start", ["", "2 2\n", "\ufeff2 2\r\n", "\ufeff"])
def test_formats(tmp_path, start):
    for content in (
        "rome 0.5 -1\n. 2 3e1\n",
        "rome 0.5 -1 \n. 2 3e1",
        "rome 0.5 -1\r\n. 2 3e1\r\n",
        "rome 0.5 -1\n. . . 7 8\nat a@b.org 5 6\nroute 66 1 2\n. 2 3e1\n",  # words with spaces
        "rome\t0.5\t-1\n\n. 2 3e1\n\n",
        b"rome 0.5 -1\nf\xe4 1 2\n. 2 3e1\n",  # one damaged line
    ):
        content = content if isinstance(content, bytes) else content.encode()
        found = read(tmp_path, start.encode() + content)
        (tmp_path / "v.vec.gz").write_bytes(gzip.compress(start.encode() + content))
        assert word_vectors.read(tmp_path / "v.vec.gz").words == found.words
        assert as_dict(found) == {"rome": [0.5, -1], ".": [2, 30]}
        assert found.matrix.dtype == "float32"


def test_a_number_is_a_word_and_so_is_any_white_space_but_the_blank(tmp_path):
    assert as_dict(read(tmp_path, "a 0.5\nb 2\n")) == {"a": [0.5], "b": [2]}
    words = {"1996": "0000", "\u00a0": "\u00a0", "\u2028": "\u2028", "\x85": "\x85", "7": "0"}
    content = "".join(f"{word} {i} 2\n" for i, word in enumerate(words))
    assert as_dict(read(tmp_path, content)) == {w: [i, 2] for i, w in enumerate(words.values())}


def test_of_words_that_are_looked_up_alike_the_first_counts(tmp_path, monkeypatch):
    content = "Rome 1 1\nROME 2 2\n1996 3 3\nit’s 4 4\nrome 5 5\n2024 6 6\nit's 7 7\n"
    assert as_dict(read(tmp_path, content)) == {"rome": [1, 1], "0000": [3, 3], "it's": [4, 4]}
    monkeypatch.setattr(word_vectors, "MOST", 2)  # of the words, the first are read
    assert read(tmp_path, "a 1\nb 2\nthis is not read\n").words == ("a", "b")


def test_what_is_wrong_is_refused_with_its_line(tmp_path):
    for contents, message in (
        (
            ["a 1 2\n" + s for s in ("b", "b 1", "b 1 x", "b 1 2 x", "b 1 nan", " 1 2")],
            "line 2: not a word and its numbers, of which the others have 2",
        ),
        (["a 1 1e400\n", "a  1 2\n", "some text\n", b"\x1f\x8b\x08\x00\xff"], "line 1: not a word"),
        (["", "400000 50\n", "\n\n"], "no word vectors there"),
    ):
        for content in contents:
            refused(rf"vectors\.txt.*{message}", read, tmp_path, content)
    refused(r"none\.txt: cannot read .*No such file", word_vectors.read, tmp_path / "none.txt")


@pytest.mark.parametrize("deviation", [None, 0.1])
def test_an_embedding_gets_the_vectors_of_its_words(tmp_path, deviation):
    """As large as is asked, in proportion; words as the file has them, digits as 0, find theirs."""
    found = read(tmp_path, "<UNK> 9 9\n<PAD> 9 9\nrome 1 2\n1996 -3 4\nunused 3000 4\n")
    vocabulary = Vocabulary(["2024", "nowhere", "Rome"])
    embedding = keras.layers.Embedding(len(vocabulary), 2)
    embedding.build()
    expected = np.array(embedding.embeddings)
    found.assign(embedding, vocabulary, deviation)
    vectors = np.array([[1, 2], [-3, 4]])
    refused("none of the 1 words", found.assign, embedding, Vocabulary(["oslo"]))
    scale = 1 if deviation is None else deviation / vectors.std()
    expected[[vocabulary.tokens.index(word) for word in ("Rome", "2024")]] = scale * vectors
    np.testing.assert_allclose(np.array(embedding.embeddings), expected, rtol=1e-5)


def sentences(number=100):
    """Animals eat, colours are painted: words of a kind occur among the same words.

    They are long, because frequent words are thinned out, and here all are frequent.
    """
    draw = random.Random(1)
    kinds = (["cat", "dog"], ["eats", "bites", "sniffs"], ["red", "blue"], ["dye", "ink"])
    pairs = draw.choices((0, 2), k=number)
    return [[draw.choice(kinds[pair + i % 2]) for i in range(200)] for pair in pairs]


def test_words_of_a_kind_are_alike():
    found = word_vectors.learn(sentences(), dimension=8, epochs=40)
    units = found.matrix / np.linalg.norm(found.matrix, axis=1, keepdims=True)
    unit = dict(zip(found.words, units, strict=True))
    animals, colours = ("cat", "dog", "eats"), ("red", "blue", "ink")
    for one, other in itertools.permutations((animals, colours)):
        within = [unit[a] @ unit[b] for a, b in itertools.combinations(one, 2)]
        across = [unit[a] @ unit[b] for a in one for b in other]
        assert min(within) > max(across)


def test_learnt_alike_by_the_same_seed_and_kept_in_a_file(tmp_path):
    first, again = (word_vectors.learn(sentences(50), dimension=4, epochs=2) for _ in range(2))
    first.write(tmp_path / "word_vectors.txt")
    for same in (again, word_vectors.read(tmp_path / "word_vectors.txt")):
        assert same.words == first.words
        np.testing.assert_allclose(same.matrix, first.matrix, rtol=1e-4, atol=1e-6)
    other = as_dict(word_vectors.learn(sentences(50), dimension=4, epochs=2, seed=2))
    assert not np.allclose(as_dict(first)["cat"], other["cat"])
    few = word_vectors.learn([["a", "b", "a"], ["a", "c", "b"]], dimension=2, epochs=1, least=2)
    assert few.words == ("a", "b")  # rare words get none
    refused("no word occurs 4 times", word_vectors.learn, [["a", "b", "a"], ["a"]], least=4)
