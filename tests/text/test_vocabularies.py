"""Tokens and their ids."""

from collections import Counter

import pytest
import tensorflow as tf
from support.refusals import refused

from zoo.text.vocabularies import Vocabulary


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
