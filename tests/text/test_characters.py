"""Texts as characters, and back again."""

import numpy as np
import pytest
from support.tokenizer_case import TEXTS, decoded

from zoo.text.characters import CharacterTokenizer
from zoo.text.special_tokens import END_ID, UNKNOWN_ID
from zoo.text.vocabularies import Vocabulary


@pytest.fixture(scope="module")
def tokenizer():
    return CharacterTokenizer.from_documents(TEXTS)


def test_texts_of_any_script_come_back(tokenizer):
    points = np.random.default_rng(0).choice(0x110000, size=5000)
    random = "".join(chr(point) for point in points if not 0xD800 <= point < 0xE000)
    for of, texts in ((tokenizer, TEXTS), (CharacterTokenizer.from_documents([random]), [random])):
        ids = of.ragged(texts)
        assert ids.row_lengths().numpy().tolist() == [len(text) for text in texts]
        assert decoded(of.join(ids)) == decoded(of.join(ids.to_tensor())) == texts
        assert of.ragged(texts, end=True).to_list() == ids.to_list()  # an end is no character


def test_the_vocabulary_holds_each_character_once_and_the_line_break():
    tokenizer = CharacterTokenizer.from_documents(["b a\na", "A a\r"])
    assert tokenizer.vocabulary == Vocabulary(["a", " ", "A", r"\n", r"\r", "b"])
    assert tokenizer.vocabulary.tokens[tokenizer.start_id] == r"\n"
    assert CharacterTokenizer.from_documents([]).vocabulary == Vocabulary([r"\n"])
    with pytest.raises(ValueError, match="line break"):
        CharacterTokenizer(Vocabulary("ab"))


def test_a_stream_is_all_documents_each_with_its_end(tokenizer):
    rows = tokenizer.ragged(TEXTS).to_list()
    expected = np.concatenate([[*row, END_ID] for row in rows])
    np.testing.assert_array_equal(tokenizer.stream(TEXTS), expected)
    assert tokenizer.stream([]).shape == (0,)
    documents = ["\U0001f44d\nto be " * 20_000, "é", ""]  # so long that it is cut on the way
    ids = tokenizer.stream(documents)
    assert np.flatnonzero(ids == END_ID).tolist() == [160_000, 160_002, 160_003]
    assert decoded(tokenizer.join(ids[None])) == ["".join(documents)]


def test_what_is_unknown_and_what_is_special_is_printed_so(tokenizer):
    unknown = tokenizer.ragged(["ẞ", b"\xffb"])
    assert unknown.to_list() == [[UNKNOWN_ID], [UNKNOWN_ID, *tokenizer.vocabulary.ids("b")]]
    assert decoded(tokenizer.join(unknown)) == ["\ufffd", "\ufffdb"]
    a = tokenizer.vocabulary.ids("a")[0]
    assert decoded(tokenizer.join([[a, END_ID, a], [0, a, 0]])) == ["aa", "a"]
