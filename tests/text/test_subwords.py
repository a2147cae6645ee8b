"""Texts as pieces of words: against the library's WordPiece, and back."""

import re
import unicodedata
from datetime import date

import numpy as np
import pytest
from support.tokenizer_case import TEXTS, decoded
from tokenizers import Tokenizer, models, pre_tokenizers

from zoo.datasets.corpora.dates import LOCALES, forms
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID
from zoo.text.subwords import SubwordTokenizer

SPACED = " \t\r\n\v\f\0\x1f\x85\u00a0\u2003\u2028▁"


@pytest.fixture(scope="module")
def tokenizer():
    return SubwordTokenizer.from_texts(TEXTS * 2, vocabulary_size=200)


@pytest.fixture(scope="module")
def dates():
    days = [date(1900 + 3 * i, 1 + i % 12, 1 + i % 28) for i in range(60)]
    return [form.write(day) for locale in LOCALES for form in forms(locale) for day in days[::2]]


def pieces(tokenizer, text):
    return tokenizer.vocabulary.words(tokenizer.ragged([text]).to_list()[0])


def library(tokenizer, text):
    """The ids by WordPiece as the library does it, over words with spaces between them."""
    ids = {token: index for index, token in enumerate(tokenizer.vocabulary.tokens)}
    model = models.WordPiece(ids, unk_token="<UNK>", continuing_subword_prefix="")
    same = Tokenizer(model)
    same.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return same.encode(" ".join(words_of(text))).ids


def words_of(text):
    """The words that no piece crosses, by the properties of characters that Python knows."""
    words = []
    for run in text.split():
        letter_before = False
        for index, character in enumerate(run):
            is_letter = unicodedata.category(character)[0] in "LM"
            if index and is_letter and letter_before:
                words[-1] += character
            else:
                words.append("▁" * (index == 0) + character)
            letter_before = is_letter
    return words


def assert_same_as_the_library(tokenizer, texts):
    expected = [library(tokenizer, text) for text in texts]
    assert tokenizer.ragged(texts).to_list() == expected
    assert not any(UNKNOWN_ID in ids for ids in expected)


def test_pieces_are_those_of_the_library(tokenizer, dates):
    draw = np.random.default_rng(0)
    characters = sorted({*"".join(TEXTS)} - {" "}) + [" "] * 10
    texts = ["".join(draw.choice(characters, size=50)) for _ in range(40)]
    texts += ["".join(draw.choice(list("theorswa "), size=90)) for _ in range(40)]
    assert_same_as_the_library(tokenizer, texts + [text for text in TEXTS if "\0" not in text])
    of_dates = SubwordTokenizer.from_texts(dates, 600)
    assert len(of_dates.vocabulary) <= 603
    seen = {token for token in of_dates.vocabulary.tokens if len(token) == 1}
    spelt = [text for text in dates if seen.issuperset({*text} - {" "})]
    assert_same_as_the_library(of_dates, spelt[::5])
    assert decoded(of_dates.join(of_dates.ragged(spelt))) == spelt


def test_texts_come_back_but_for_spaces(tokenizer):
    ids = tokenizer.ragged(TEXTS, end=True)
    expected = [" ".join(re.split(r"[\s\x00-\x1f\x85▁]+", text)).strip() for text in TEXTS]
    assert decoded(tokenizer.join(ids.to_tensor())) == expected
    assert ids.to_list() == [[*row, END_ID] for row in tokenizer.ragged(TEXTS).to_list()]
    texts = [f"{space}the {space} tower{space}was " for space in SPACED]
    assert {*decoded(tokenizer.join(tokenizer.ragged(texts)))} == {"the tower was"}
    assert tokenizer.ragged(["", " ", SPACED]).to_list() == [[], [], []]
    ids = tokenizer.ragged(["<PAD><UNK><EOS>"]).to_list()[0]
    assert min(ids) > END_ID
    rows = [ids, [PADDING_ID, END_ID] + [PADDING_ID] * (len(ids) - 2)]
    assert decoded(tokenizer.join(rows)) == ["<PAD><UNK><EOS>", ""]


def test_frequent_words_are_one_piece_and_digits_stand_alone():
    tokenizer = SubwordTokenizer.from_texts(["waiting 1999, waiting. Wait!"] * 5, 100)
    expected = ["▁waiting", "▁1", "9", "9", "9", ",", "▁waiting", "."]
    assert pieces(tokenizer, "waiting 1999, waiting.") == expected
    assert len(pieces(tokenizer, "wainting")) > 1
    words = ["नमस्ते", "e\u0301te\u0301", "שָׁלוֹם"]  # with accents and signs of vowels
    tokenizer = SubwordTokenizer.from_texts([" ".join(words)] * 5, 100)
    assert [pieces(tokenizer, word) for word in words] == [["▁" + word] for word in words]
    across = SubwordTokenizer.from_texts(["aжb ab", "aщb", "aцb"], 50)  # what is left out parts
    assert pieces(across, "ab") == ["▁", "a", "b"]


def test_an_unknown_character_is_unknown_and_no_more(tokenizer):
    assert pieces(tokenizer, "ж") == ["▁", "<UNK>"]
    tower = pieces(tokenizer, "tower")
    assert pieces(tokenizer, "towerжж") == [*tower, "<UNK>", "<UNK>"]
    [back] = decoded(tokenizer.join(tokenizer.ragged(["the ж!"])))
    assert back == "the \ufffd!"
    assert tokenizer.ragged([b"the \xff!"]).to_list() == tokenizer.ragged(["the ж!"]).to_list()


def test_a_run_of_too_many_letters_is_unknown_as_for_the_library(tokenizer):
    texts = ["the " + "w" * length + ". the" for length in (99, 100, 100_000)]
    ids = tokenizer.ragged(texts).to_list()
    assert ids == [library(tokenizer, text) for text in texts]
    assert [UNKNOWN_ID in some for some in ids] == [False, True, True]


def test_characters_that_occur_once_and_those_beyond_the_size_are_unknown(tokenizer):
    some = SubwordTokenizer.from_texts(["aaa bb", "aabx"], 50)
    assert {"▁", "a", "b"} <= {*some.vocabulary.tokens} - {"x"} == {*some.vocabulary.tokens}
    small = SubwordTokenizer.from_texts(["aaa bb", "aabbcc"], 3)
    assert small.vocabulary.tokens[3:] == ("a", "b", "▁")
    assert SubwordTokenizer.from_texts(TEXTS[::-1] * 2, 200).vocabulary == tokenizer.vocabulary
    with pytest.raises(ValueError, match="1 or more, not 0"):
        SubwordTokenizer.from_texts(TEXTS, 0)
