"""Texts as sentences of words, and back again."""

import numpy as np
import pytest
from support.tokenizer_case import decoded

from zoo.text.sentences import SentenceTokenizer
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID
from zoo.text.vocabularies import Vocabulary


@pytest.fixture(scope="module")
def tokenizer():
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


def test_a_stream_is_all_sentences_of_all_documents_in_order(tokenizer):
    texts = ["A day. A", "", " \n\n ", "day\n\nday. (A)"]
    rows = [row for text in texts if text.strip() for row in tokenizer.ragged([text], end=True)]
    np.testing.assert_array_equal(tokenizer.stream(texts), np.concatenate(rows))
    assert tokenizer.stream([]).shape == tokenizer.stream([""]).shape == (0,)
    words = [f"w{i}" for i in range(2000)]
    ids = SentenceTokenizer(Vocabulary(words)).stream(words)
    np.testing.assert_array_equal(ids[::2], np.arange(3, 2003))
    np.testing.assert_array_equal(ids[1::2], END_ID)


def test_end_ends_the_last_sentence_alone(tokenizer):
    a, day, stop = tokenizer.vocabulary.ids(["a", "day", "."])
    texts = ["a day", "a day. a", "a day.", "", "  "]
    open_ended = [[a, day], [a, day, stop, END_ID, a], [a, day, stop], [], []]
    assert tokenizer.ragged(texts).to_list() == open_ended
    assert tokenizer.ragged(texts, end=True).to_list() == [[*row, END_ID] for row in open_ended]


def test_rare_words_and_broken_bytes_are_unknown():
    tokenizer = SentenceTokenizer.from_documents(["b a a.", "B a. c"], vocabulary_size=3)
    assert tokenizer.vocabulary == Vocabulary(["a", ".", "b"])
    ids = tokenizer.ragged(["a b c", b"\xff a. \xff"])
    assert ids.to_list() == [[3, 5, UNKNOWN_ID], [UNKNOWN_ID, 3, 4, END_ID, UNKNOWN_ID]]
    assert decoded(tokenizer.join(ids)) == ["a b <UNK>", "<UNK> a. <UNK>"]


def test_words_are_put_together_as_print_has_them(tokenizer):
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
    a, day, stop = tokenizer.vocabulary.ids(["a", "day", "."])
    rows = [[a, PADDING_ID, END_ID, day, stop, END_ID], [END_ID, END_ID, a, *[PADDING_ID] * 3]]
    assert decoded(tokenizer.join(np.array(rows))) == ["a day.", "a"]
