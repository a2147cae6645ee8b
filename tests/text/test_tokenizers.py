"""Texts as characters, as sentences of words and as pieces of words, and back again."""

import re
import unicodedata
from datetime import date

import numpy as np
import pytest
import tensorflow as tf
from support.tokenizer_case import CASES, TEXTS, decoded
from tokenizers import Tokenizer, models, pre_tokenizers

from zoo.datasets.corpora.dates import LOCALES, forms
from zoo.text.characters import CharacterTokenizer
from zoo.text.sentences import SentenceTokenizer
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID
from zoo.text.subwords import SubwordTokenizer
from zoo.text.vocabularies import Vocabulary
from zoo.text.words import WordTokenizer


@pytest.fixture(scope="module", params=CASES)
def tokenizer(request):
    return CASES[request.param](TEXTS)


def test_ids_are_int32_and_none_is_padding_or_depends_on_the_batch(tokenizer):
    ids = tokenizer.ragged(TEXTS)
    assert ids.dtype == tf.int32
    assert ids.shape.as_list() == [len(TEXTS), None]
    assert ids.flat_values.numpy().min() > PADDING_ID
    known = [UNKNOWN_ID not in row for row in ids.to_list()]
    assert all(known[i] for i, text in enumerate(TEXTS) if "<UNK>" not in text), "its vocabulary's"
    assert 0 <= tokenizer.start_id < len(tokenizer.vocabulary)
    assert ids.to_list() == [tokenizer.ragged([text]).to_list()[0] for text in TEXTS]
    assert tokenizer.ragged([]).to_list() == []
    broken, replaced = tokenizer.ragged([b"to \xff be", "to \ufffd be"]).to_list()
    assert broken == replaced
    assert UNKNOWN_ID in broken
    assert UNKNOWN_ID in tokenizer.ragged(["to ж be"]).to_list()[0]


def test_joined_ids_are_texts_again(tokenizer):
    ids = tokenizer.ragged(TEXTS)
    again = tokenizer.ragged(tokenizer.join(ids))
    if not isinstance(tokenizer, WordTokenizer):  # whose texts are classified and never joined
        assert again.to_list() == ids.to_list()
    special = [[PADDING_ID, END_ID, PADDING_ID]] * 2
    assert decoded(tokenizer.join(np.array(special, np.int64))) == ["", ""]
    assert tokenizer.join(tf.zeros([0, 3], tf.int32)).shape == (0,)
    assert decoded(tokenizer.join(tf.zeros([2, 0], tf.int32))) == ["", ""]


@pytest.fixture(scope="module")
def characters():
    return CharacterTokenizer.from_documents(TEXTS)


def test_texts_of_any_script_come_back(characters):
    points = np.random.default_rng(0).choice(0x110000, size=5000)
    random = "".join(chr(point) for point in points if not 0xD800 <= point < 0xE000)
    for of, texts in ((characters, TEXTS), (CharacterTokenizer.from_documents([random]), [random])):
        ids = of.ragged(texts)
        assert ids.row_lengths().numpy().tolist() == [len(text) for text in texts]
        assert decoded(of.join(ids)) == decoded(of.join(ids.to_tensor())) == texts
        assert of.ragged(texts, end=True).to_list() == ids.to_list()  # an end is no character


def test_the_vocabulary_of_characters_holds_each_once_and_the_line_break():
    tokenizer = CharacterTokenizer.from_documents(["b a\na", "A a\r"])
    assert tokenizer.vocabulary == Vocabulary(["a", " ", "A", r"\n", r"\r", "b"])
    assert tokenizer.vocabulary.tokens[tokenizer.start_id] == r"\n"
    assert CharacterTokenizer.from_documents([]).vocabulary == Vocabulary([r"\n"])
    with pytest.raises(ValueError, match="line break"):
        CharacterTokenizer(Vocabulary("ab"))


def test_a_stream_is_all_documents_each_with_its_end(characters):
    rows = characters.ragged(TEXTS).to_list()
    expected = np.concatenate([[*row, END_ID] for row in rows])
    np.testing.assert_array_equal(characters.stream(TEXTS), expected)
    assert characters.stream([]).shape == (0,)
    documents = ["\U0001f44d\nto be " * 20_000, "é", ""]  # so long that it is cut on the way
    ids = characters.stream(documents)
    assert np.flatnonzero(ids == END_ID).tolist() == [160_000, 160_002, 160_003]
    assert decoded(characters.join(ids[None])) == ["".join(documents)]


def test_characters_that_are_unknown_or_special_are_printed_so(characters):
    unknown = characters.ragged(["ẞ", b"\xffb"])
    assert unknown.to_list() == [[UNKNOWN_ID], [UNKNOWN_ID, *characters.vocabulary.ids("b")]]
    assert decoded(characters.join(unknown)) == ["\ufffd", "\ufffdb"]
    a = characters.vocabulary.ids("a")[0]
    assert decoded(characters.join([[a, END_ID, a], [0, a, 0]])) == ["aa", "a"]


@pytest.fixture(scope="module")
def sentences():
    return SentenceTokenizer(Vocabulary(["a", "day", "."]))


def test_where_sentences_end():
    cases = (
        ("A day. Another day", ["A day .", "Another day"]),
        ("Who's there? Nay! Answer me.", ["Who's there ?", "Nay !", "Answer me ."]),
        ("One line\nand the next.\nThen more", ["One line and the next .", "Then more"]),
        ("A HEADING\n\nA text.\n \t\r\nA last", ["A HEADING", "A text .", "A last"]),
        ("\n\n\n a \n\n\n", ["a"]),
        ('He said "Go!" (Or so.) Then', ['He said " Go ! "', "( Or so . )", "Then"]),
        ("Il dit «Non.» Puis ”Oui?” Et", ["Il dit « Non . »", "Puis ” Oui ? ”", "Et"]),
        ("What... is it?! So", ["What . . .", "is it ? !", "So"]),
        ("3.50 at www.shop.org, not 4.", ["3 . 50 at www . shop . org , not 4 ."]),
        ("Such a sight.--Go", ["Such a sight . - - Go"]),
        ("Mr. Smith", ["Mr .", "Smith"]),  # nothing is known of abbreviations
        ("a\x1eb. \u200b\n\n\u200b\n\nc", ["a b .", "c"]),
        (" \n\n\t", [""]),
    )
    texts = [text for text, _ in cases]
    tokenizer = SentenceTokenizer.from_documents(texts, vocabulary_size=None, lowercase=False)
    for ids, (_, expected) in zip(tokenizer.ragged(texts, end=True).to_list(), cases, strict=True):
        words = " ".join(tokenizer.vocabulary.words(ids))
        assert [sentence.strip() for sentence in words.split("<EOS>")] == [*expected, ""]


def test_a_stream_is_all_sentences_of_all_documents_in_order(sentences):
    texts = ["A day. A", "", " \n\n ", "day\n\nday. (A)"]
    rows = [row for text in texts if text.strip() for row in sentences.ragged([text], end=True)]
    np.testing.assert_array_equal(sentences.stream(texts), np.concatenate(rows))
    assert sentences.stream([]).shape == sentences.stream([""]).shape == (0,)
    words = [f"w{i}" for i in range(2000)]
    ids = SentenceTokenizer(Vocabulary(words)).stream(words)
    np.testing.assert_array_equal(ids[::2], np.arange(3, 2003))
    np.testing.assert_array_equal(ids[1::2], END_ID)


@pytest.mark.parametrize("kind", [CharacterTokenizer, SentenceTokenizer])
def test_read_backward_all_stands_in_reverse_but_the_end(kind):
    texts = ["A day. Another\n day", "", "Who's there?"]
    forward, backward = (kind.from_documents(texts, backward=b) for b in (False, True))
    assert backward.vocabulary == forward.vocabulary
    rows = [row[::-1] for row in forward.ragged(texts).to_list()]
    assert backward.ragged(texts).to_list() == rows
    end = [END_ID] if kind is SentenceTokenizer else []
    assert backward.ragged(texts, end=True).to_list() == [[*row, *end] for row in rows]
    stream, expected = backward.stream(texts), forward.stream(texts)
    np.testing.assert_array_equal(stream, [*expected[:-1][::-1], END_ID])
    again = kind.from_config(backward.get_config(), backward.vocabulary)
    np.testing.assert_array_equal(again.stream(texts), stream)


def test_end_ends_the_last_sentence_alone(sentences):
    a, day, stop = sentences.vocabulary.ids(["a", "day", "."])
    texts = ["a day", "a day. a", "a day.", "", "  "]
    open_ended = [[a, day], [a, day, stop, END_ID, a], [a, day, stop], [], []]
    assert sentences.ragged(texts).to_list() == open_ended
    assert sentences.ragged(texts, end=True).to_list() == [[*row, END_ID] for row in open_ended]


def test_rare_words_and_broken_bytes_are_unknown():
    tokenizer = SentenceTokenizer.from_documents(["b a a.", "B a. c"], vocabulary_size=3)
    assert tokenizer.vocabulary == Vocabulary(["a", ".", "b"])
    ids = tokenizer.ragged(["a b c", b"\xff a. \xff"])
    assert ids.to_list() == [[3, 5, UNKNOWN_ID], [UNKNOWN_ID, 3, 4, END_ID, UNKNOWN_ID]]
    assert decoded(tokenizer.join(ids)) == ["a b <UNK>", "<UNK> a. <UNK>"]


def test_words_are_put_together_as_print_has_them(sentences):
    texts = (
        "Well, yes; no: perhaps? Never! So it is.",
        "It is (or was) so [they say] — 50% of it... {really}?",
        'He said "to be, or not" and left. "Why?" she asked.',
        "A well-made, self-same thing.--And/or another",
        "«Oui», dit-il. “No,” he said (loudly).",
        "don't stop, o'er it's",
        "",
    )
    of_texts = SentenceTokenizer.from_documents(texts, lowercase=False)
    joined = decoded(of_texts.join(of_texts.ragged(texts, end=True)))
    assert joined == [text.replace(" — ", "—") for text in texts]
    a, day, stop = sentences.vocabulary.ids(["a", "day", "."])
    rows = [[a, PADDING_ID, END_ID, day, stop, END_ID], [END_ID, END_ID, a, *[PADDING_ID] * 3]]
    assert decoded(sentences.join(np.array(rows))) == ["a day.", "a"]


SPACED = " \t\r\n\v\f\0\x1f\x85\u00a0\u2003\u2028▁"


@pytest.fixture(scope="module")
def subwords():
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


def test_pieces_are_those_of_the_library(subwords, dates):
    draw = np.random.default_rng(0)
    characters = sorted({*"".join(TEXTS)} - {" "}) + [" "] * 10
    texts = ["".join(draw.choice(characters, size=50)) for _ in range(40)]
    texts += ["".join(draw.choice(list("theorswa "), size=90)) for _ in range(40)]
    assert_same_as_the_library(subwords, texts + [text for text in TEXTS if "\0" not in text])
    of_dates = SubwordTokenizer.from_texts(dates, 600)
    assert len(of_dates.vocabulary) <= 603
    seen = {token for token in of_dates.vocabulary.tokens if len(token) == 1}
    spelt = [text for text in dates if seen.issuperset({*text} - {" "})]
    assert_same_as_the_library(of_dates, spelt[::5])
    assert decoded(of_dates.join(of_dates.ragged(spelt))) == spelt


def test_texts_come_back_but_for_spaces(subwords):
    ids = subwords.ragged(TEXTS, end=True)
    expected = [" ".join(re.split(r"[\s\x00-\x1f\x85▁]+", text)).strip() for text in TEXTS]
    assert decoded(subwords.join(ids.to_tensor())) == expected
    assert ids.to_list() == [[*row, END_ID] for row in subwords.ragged(TEXTS).to_list()]
    texts = [f"{space}the {space} tower{space}was " for space in SPACED]
    assert {*decoded(subwords.join(subwords.ragged(texts)))} == {"the tower was"}
    assert subwords.ragged(["", " ", SPACED]).to_list() == [[], [], []]
    ids = subwords.ragged(["<PAD><UNK><EOS>"]).to_list()[0]
    assert min(ids) > END_ID
    rows = [ids, [PADDING_ID, END_ID] + [PADDING_ID] * (len(ids) - 2)]
    assert decoded(subwords.join(rows)) == ["<PAD><UNK><EOS>", ""]


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


def test_an_unknown_character_is_unknown_and_no_more(subwords):
    assert pieces(subwords, "ж") == ["▁", "<UNK>"]
    tower = pieces(subwords, "tower")
    assert pieces(subwords, "towerжж") == [*tower, "<UNK>", "<UNK>"]
    [back] = decoded(subwords.join(subwords.ragged(["the ж!"])))
    assert back == "the \ufffd!"
    assert subwords.ragged([b"the \xff!"]).to_list() == subwords.ragged(["the ж!"]).to_list()


def test_a_run_of_too_many_letters_is_unknown_as_for_the_library(subwords):
    texts = ["the " + "w" * length + ". the" for length in (99, 100, 100_000)]
    ids = subwords.ragged(texts).to_list()
    assert ids == [library(subwords, text) for text in texts]
    assert [UNKNOWN_ID in some for some in ids] == [False, True, True]


def test_characters_that_occur_once_and_those_beyond_the_size_are_unknown(subwords):
    some = SubwordTokenizer.from_texts(["aaa bb", "aabx"], 50)
    assert {"▁", "a", "b"} <= {*some.vocabulary.tokens} - {"x"} == {*some.vocabulary.tokens}
    small = SubwordTokenizer.from_texts(["aaa bb", "aabbcc"], 3)
    assert small.vocabulary.tokens[3:] == ("a", "b", "▁")
    assert SubwordTokenizer.from_texts(TEXTS[::-1] * 2, 200).vocabulary == subwords.vocabulary
    with pytest.raises(ValueError, match="1 or more, not 0"):
        SubwordTokenizer.from_texts(TEXTS, 0)
