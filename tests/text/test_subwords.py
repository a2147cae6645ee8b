"""Texts as pieces of words: against the library's WordPiece, in graphs and exports, and back."""

import itertools
import re
import unicodedata

import numpy as np
import pytest
from support.tokenizer_case import TEXTS
from tokenizers import Tokenizer, models, pre_tokenizers

from zoo.datasets.corpora.dates import pairs
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID
from zoo.text.subwords import SubwordTokenizer

SPACES = r"[\s\x00-\x1f\x85▁]+"
SPACED = " \t\r\n\v\f\0\x1f\x85\u00a0\u2003\u2028▁"


@pytest.fixture(scope="module")
def tokenizer():
    return SubwordTokenizer.from_texts(TEXTS * 2, vocabulary_size=200)


@pytest.fixture(scope="module")
def dates():
    return [source for source, *_ in itertools.islice(pairs(), 4000)]


def decoded(strings):
    return [string.decode() for string in strings.numpy()]


def pieces(tokenizer, text):
    ids = tokenizer.ragged([text]).to_list()[0]
    return tokenizer.vocabulary.words(ids)


def library(tokenizer):
    """WordPiece as the library does it, over words that are given with spaces between them."""
    ids = {token: index for index, token in enumerate(tokenizer.vocabulary.tokens)}
    model = models.WordPiece(ids, unk_token="<UNK>", continuing_subword_prefix="")
    same = Tokenizer(model)
    same.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return same


def words_of(text):
    """The words that no piece crosses, by the properties of characters that Python knows."""
    words = []
    for run in text.split():
        letter_before = False
        for index, character in enumerate(run):
            is_letter = unicodedata.category(character)[0] in "LM"
            if index == 0:
                words.append("▁" + character)
            elif is_letter and letter_before:
                words[-1] += character
            else:
                words.append(character)
            letter_before = is_letter
    return words


def assert_same_as_the_library(tokenizer, texts):
    same = library(tokenizer)
    expected = [same.encode(" ".join(words_of(text))).ids for text in texts]
    assert tokenizer.ragged(texts).to_list() == expected
    assert not any(UNKNOWN_ID in ids for ids in expected)


def test_pieces_are_those_of_the_library(tokenizer):
    assert_same_as_the_library(tokenizer, [text for text in TEXTS if "\0" not in text])
    generator = np.random.default_rng(0)
    characters = sorted({*"".join(TEXTS)} - {" "}) + [" "] * 10
    texts = ["".join(generator.choice(characters, size=50)) for _ in range(200)]
    texts += ["".join(generator.choice(list("theorswa "), size=90)) for _ in range(200)]
    assert_same_as_the_library(tokenizer, texts)


@pytest.mark.parametrize("vocabulary_size", [250, 3000])
def test_dates_in_twenty_locales_are_cut_as_the_library_does(dates, vocabulary_size):
    tokenizer = SubwordTokenizer.from_texts(dates, vocabulary_size)
    assert len(tokenizer.vocabulary) <= vocabulary_size + 3
    seen = {token for token in tokenizer.vocabulary.tokens if len(token) == 1}
    assert_same_as_the_library(
        tokenizer, [text for text in dates if seen.issuperset({*text} - {" "})]
    )


def test_texts_come_back_but_for_spaces(tokenizer, dates):
    ids = tokenizer.ragged(TEXTS, end=True)
    assert decoded(tokenizer.join(ids.to_tensor())) == [
        " ".join(re.split(SPACES, t)).strip() for t in TEXTS
    ]
    for space in SPACED:
        [back] = decoded(tokenizer.join(tokenizer.ragged([f"{space}the {space} tower{space}was "])))
        assert back == "the tower was"
    assert tokenizer.ragged(["", " ", SPACED]).to_list() == [[], [], []]
    of_dates = SubwordTokenizer.from_texts(dates * 2, 500)
    assert decoded(of_dates.join(of_dates.ragged(dates))) == dates


def test_frequent_words_are_one_piece_and_digits_stand_alone():
    tokenizer = SubwordTokenizer.from_texts(["waiting 1999, waiting. Wait!"] * 5, 100)
    assert pieces(tokenizer, "waiting 1999, waiting.") == [
        *("▁waiting", "▁1", "9", "9", "9", ",", "▁waiting", ".")
    ]
    assert pieces(tokenizer, "Wait") == ["▁Wait"]
    assert len(pieces(tokenizer, "wainting")) > 1


def test_a_piece_may_hold_accents_and_signs_of_vowels():
    words = ["नमस्ते", "e\u0301te\u0301", "שָׁלוֹם"]
    tokenizer = SubwordTokenizer.from_texts([" ".join(words)] * 5, 100)
    for word in words:
        assert pieces(tokenizer, word) == ["▁" + word]


def test_no_piece_is_learned_across_a_character_that_is_left_out():
    tokenizer = SubwordTokenizer.from_texts(["aжb ab", "aщb", "aцb"], 50)
    assert pieces(tokenizer, "ab") == ["▁", "a", "b"]


def test_an_end_is_added_on_demand(tokenizer):
    without, with_end = tokenizer.ragged(TEXTS), tokenizer.ragged(TEXTS, end=True)
    assert with_end.to_list() == [[*ids, END_ID] for ids in without.to_list()]
    assert without.flat_values.numpy().min() > END_ID
    assert tokenizer.start_id == END_ID
    assert tokenizer.ragged([], end=True).to_list() == []


def test_an_unknown_character_is_unknown_and_no_more(tokenizer):
    assert pieces(tokenizer, "towerжtall") == [
        *pieces(tokenizer, "tower"),
        "<UNK>",
        *library(tokenizer).encode("tall").tokens,
    ]
    assert pieces(tokenizer, "жж") == ["▁", "<UNK>", "<UNK>"]
    [back] = decoded(tokenizer.join(tokenizer.ragged(["the ж!"])))
    assert back == "the \ufffd!"
    assert tokenizer.ragged([b"the \xff!"]).to_list() == tokenizer.ragged(["the ж!"]).to_list()


@pytest.mark.parametrize("length", [98, 99, 100, 101, 100_000])
def test_a_run_of_too_many_letters_is_unknown_as_for_the_library(tokenizer, length):
    text = "the " + "w" * length + ". the"
    ids = tokenizer.ragged([text, "the tower"]).to_list()
    assert ids[0] == library(tokenizer).encode(" ".join(words_of(text))).ids
    assert (UNKNOWN_ID in ids[0]) == (length > 99)
    assert ids[1] == tokenizer.ragged(["the tower"]).to_list()[0]


def test_special_tokens_in_a_text_are_text(tokenizer):
    ids = tokenizer.ragged(["<PAD><UNK><EOS>"]).to_list()[0]
    assert min(ids) > END_ID
    assert decoded(tokenizer.join([ids])) == ["<PAD><UNK><EOS>"]
    assert decoded(tokenizer.join([[PADDING_ID, END_ID]])) == [""]


def test_characters_that_occur_once_and_those_beyond_the_size_are_unknown():
    tokenizer = SubwordTokenizer.from_texts(["aaa bb", "aabx"], 50)
    assert "x" not in tokenizer.vocabulary
    assert {"▁", "a", "b"} <= {*tokenizer.vocabulary.tokens}
    small = SubwordTokenizer.from_texts(["aaa bb", "aabbcc"], 3)
    assert small.vocabulary.tokens[3:] == ("a", "b", "▁")
    assert SubwordTokenizer.from_texts(["", " "], 5).ragged(["a"]).to_list() == [[3, 1]]
    with pytest.raises(ValueError, match="1 or more, not 0"):
        SubwordTokenizer.from_texts(TEXTS, 0)


def test_the_vocabulary_does_not_depend_on_the_order_of_the_texts(tokenizer, dates):
    assert SubwordTokenizer.from_texts(TEXTS[::-1] * 2, 200).vocabulary == tokenizer.vocabulary
    vocabularies = [SubwordTokenizer.from_texts(d, 60).vocabulary for d in (dates, dates[::-1])]
    assert vocabularies[0] == vocabularies[1]
    assert len(vocabularies[0]) == 63  # fewer than there are characters
