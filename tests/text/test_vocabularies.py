"""Tokens and their ids."""

from collections import Counter

import pytest
import tensorflow as tf

from zoo.errors import UserError
from zoo.text.vocabularies import Vocabulary


def test_special_tokens_come_first_then_words_by_frequency_and_alphabet():
    counts = Counter({"b": 2, "a": 2, "c": 5, "rare": 1, "<UNK>": 9})
    vocabulary = Vocabulary.from_counts(counts, size=3)
    assert vocabulary.tokens == ("<PAD>", "<UNK>", "<EOS>", "c", "a", "b")
    assert len(vocabulary) == 6
    assert "c" in vocabulary
    assert "rare" not in vocabulary


def test_ten_thousand_words_by_default():
    counts = Counter({f"word{i}": 1 for i in range(12_000)})
    assert len(Vocabulary.from_counts(counts)) == 10_003
    assert len(Vocabulary.from_counts(counts, size=None)) == 12_003


def test_lookup_both_ways():
    vocabulary = Vocabulary(["a", "b"])
    assert vocabulary.ids(["b", "new", "<EOS>", "<PAD>"]) == [4, 1, 2, 1]
    assert vocabulary.words([4, 1, 2, 0]) == ["b", "<UNK>", "<EOS>", "<PAD>"]


def test_save_and_load(tmp_path):
    path = tmp_path / "vocabulary.txt"
    for words in ([], ["été", " ", "'", "\u2028"]):
        Vocabulary(words).save(path)
        assert Vocabulary.load(path) == Vocabulary(words)
    assert path.read_bytes().decode().split("\n")[:4] == ["<PAD>", "<UNK>", "<EOS>", "été"]


@pytest.mark.parametrize("from_file", [False, True])
def test_lookup_table_agrees_with_ids(tmp_path, from_file):
    vocabulary = Vocabulary(["a", "été", " "])
    vocabulary.save(tmp_path / "vocabulary.txt")
    table = vocabulary.lookup_table(tmp_path / "vocabulary.txt" if from_file else None)
    tokens = ["été", "new", " ", "<EOS>", "a"]
    assert table.lookup(tf.constant(tokens)).numpy().tolist() == vocabulary.ids(tokens)


@pytest.mark.parametrize("words", [["a", "a"], ["<UNK>"], [""], ["a\n"], ["\r"]])
def test_words_that_cannot_be_told_apart_in_a_file(words):
    with pytest.raises(ValueError, match="token"):
        Vocabulary(words)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a\nb\n",
        b"<PAD>\n<UNK>\n<EOS>\na\nb",  # cut off
        b"<PAD>\n<UNK>\n<EOS>\na\na\n",
        b"<PAD>\n<UNK>\n<EOS>\n\na\n",
        b"<PAD>\n<UNK>\n<EOS>\n\xff\n",
    ],
)
def test_a_missing_file_and_a_damaged_one(tmp_path, content):
    path = tmp_path / "vocabulary.txt"
    with pytest.raises(UserError, match=r"vocabulary\.txt: cannot read"):
        Vocabulary.load(path)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"vocabulary\.txt: not a vocabulary"):
        Vocabulary.load(path)
