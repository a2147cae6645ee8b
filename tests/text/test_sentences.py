"""Texts as sentences of words, in Python, in graphs and in exports, and back again."""

import numpy as np
import pytest

from zoo.text.sentences import SentenceTokenizer
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID
from zoo.text.vocabularies import Vocabulary
from zoo.text.words import WordTokenizer

TEXTS = [
    "Cats average 15 hours of sleep a day. Do they? Yes!",
    "",
    " \n\n ",
    "One line\nand the next.\n\nA new paragraph",
    '"Is it?" he said. (It is.) Ça va… 你好!',
]


@pytest.fixture(scope="module")
def tokenizer():
    return SentenceTokenizer.from_documents(TEXTS)


def decoded(strings):
    return [string.decode() for string in strings.numpy()]


def sentences(text):
    """The sentences of a text, by the words of each."""
    tokenizer = SentenceTokenizer.from_documents([text], vocabulary_size=None, lowercase=False)
    words = " ".join(tokenizer.vocabulary.words(tokenizer.stream([text])))
    assert words == "" or words.endswith("<EOS>")
    return [sentence.strip() for sentence in words.split("<EOS>")][:-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A day. Another day", ["A day .", "Another day"]),
        ("Who's there? Nay! Answer me.", ["Who's there ?", "Nay !", "Answer me ."]),
        ("One line\nand the next.\nThen more", ["One line and the next .", "Then more"]),
        ("A HEADING\n\nA text.\n \t\r\nA last", ["A HEADING", "A text .", "A last"]),
        ("\n\n\n a \n\n\n", ["a"]),
        ('He said "Go!" (Or so.) Then', ['He said " Go ! "', "( Or so . )", "Then"]),
        ("Il dit «Non.» Puis ”Oui?” Et", ["Il dit « Non . »", "Puis ” Oui ? ”", "Et"]),
        ("What... is it?! So", ["What . . .", "is it ? !", "So"]),
        (
            "It costs 3.50 at www.shop.org, not 4.",
            ["It costs 3 . 50 at www . shop . org , not 4 ."],
        ),
        ("Such a sight.--Go", ["Such a sight . - - Go"]),
        ("Mr. Smith", ["Mr .", "Smith"]),  # nothing is known of abbreviations
        ("a\x1eb. \u200b\n\n\u200b\n\nc", ["a b .", "c"]),
        ("one a line\nbut no marks", ["one a line but no marks"]),
        ("", []),
        (" \n\n\t", []),
    ],
)
def test_where_sentences_end(text, expected):
    assert sentences(text) == expected


def test_a_stream_is_all_sentences_of_all_documents(tokenizer):
    ids = tokenizer.stream(TEXTS)
    assert ids.dtype == np.int32
    rows = [row for text in TEXTS if text.strip() for row in tokenizer.ragged([text], end=True)]
    np.testing.assert_array_equal(ids, np.concatenate(rows))
    assert (ids == END_ID).sum() == 3 + 2 + 4
    assert tokenizer.stream([]).shape == (0,)
    assert tokenizer.stream([""]).shape == (0,)


def test_a_stream_of_many_documents_keeps_their_order(tokenizer):
    vocabulary = Vocabulary([f"w{i}" for i in range(2000)])
    tokenizer = SentenceTokenizer(vocabulary)
    ids = tokenizer.stream([f"w{i}" for i in range(2000)])
    np.testing.assert_array_equal(ids[::2], np.arange(3, 2003))
    np.testing.assert_array_equal(ids[1::2], END_ID)


def test_words_are_those_of_the_word_tokenizer(tokenizer):
    text = "It’s the ACTORS' don't; é e\u0301 — well-made,\nyes"
    words = WordTokenizer(tokenizer.vocabulary)
    assert tokenizer.ragged([text], end=True).to_list() == words.ragged([text]).to_list()


def test_end_ends_the_last_sentence_alone(tokenizer):
    a, day, stop = tokenizer.vocabulary.ids(["a", "day", "."])
    texts = ["a day", "a day. a", "a day.", "", "  "]
    open_ended = [[a, day], [a, day, stop, END_ID, a], [a, day, stop], [], []]
    ids = tokenizer.ragged(texts)
    assert ids.to_list() == open_ended
    assert tokenizer.ragged(texts, end=True).to_list() == [[*row, END_ID] for row in open_ended]
    assert tokenizer.start_id == END_ID
    assert tokenizer.level == "word"


def test_rare_words_and_broken_bytes_are_unknown():
    tokenizer = SentenceTokenizer.from_documents(["b a a.", "B a. c"], vocabulary_size=3)
    assert tokenizer.vocabulary == Vocabulary(["a", ".", "b"])
    ids = tokenizer.ragged(["a b c", b"\xff a. \xff"])
    assert ids.to_list() == [[3, 5, UNKNOWN_ID], [UNKNOWN_ID, 3, 4, END_ID, UNKNOWN_ID]]
    assert decoded(tokenizer.join(ids)) == ["a b <UNK>", "<UNK> a. <UNK>"]


@pytest.mark.parametrize(
    "text",
    [
        "Well, yes; no: perhaps? Never! So it is.",
        "It is (or was) so [they say] — 50% of it... {really}?",
        'He said "to be, or not" and left. "Why?" she asked.',
        "A well-made, self-same thing.--And/or another",
        "«Oui», dit-il. “No,” he said (loudly).",
        "don't stop, o'er it's",
        "one",
        "",
    ],
)
def test_words_are_put_together_as_print_has_them(text):
    tokenizer = SentenceTokenizer.from_documents([text], lowercase=False)
    joined = decoded(tokenizer.join(tokenizer.ragged([text], end=True)))
    assert joined == [text.replace(" — ", "—")]


def test_special_tokens_give_no_text(tokenizer):
    a, day, stop = tokenizer.vocabulary.ids(["a", "day", "."])
    rows = [
        [a, PADDING_ID, END_ID, day, stop, END_ID],
        [END_ID, END_ID, a, PADDING_ID, PADDING_ID, PADDING_ID],
        [PADDING_ID] * 6,
    ]
    assert decoded(tokenizer.join(np.array(rows, dtype=np.int64))) == ["a day.", "a", ""]
