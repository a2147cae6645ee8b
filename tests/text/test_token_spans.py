"""Raw text to tokens and their places: nothing is lost, nothing moves, and cut as corpora are."""

import re
import unicodedata

import numpy as np
import tensorflow as tf

from zoo.text.token_spans import tokenize

PIECES = [
    *"aZé9.,:/-&'’\"()_$<>",
    *" \t\n\r\u00a0\u2003\u2028\u200b\ufeff\0\x1f\x85",
    *"e\u0301\u200d\u200c\u00ad\ufe0f\ufffd\uffff\U0010ffff",
    *"你好מРß½\U0001f600\U0001f468",
    *["n't", "'s", "U.N.", "J. ", "1,0", "--", "...", "O'B", "\U0001f468\u200d\U0001f469"],
]


def is_space(character):
    category = unicodedata.category(character)
    return category[0] == "Z" or category == "Cc" or character in "\u200b\ufeff"


def cut(text):
    return [token.decode() for token in tokenize([text]).tokens[0].numpy()]


def assert_cut_rightly(texts, found):
    """Each token stands where it should, none holds white space, and nothing else lies between."""
    rows = zip(found.tokens.to_list(), found.starts.to_list(), found.ends.to_list(), strict=True)
    for text, (tokens, starts, ends) in zip(texts, rows, strict=True):
        at = 0
        for token, start, end in zip(tokens, starts, ends, strict=True):
            assert at <= start < end, repr(text)
            assert text[start:end] == token.decode(), repr(text)
            assert not any(map(is_space, text[start:end])), repr(text)
            assert all(map(is_space, text[at:start])), repr(text)
            at = end
        assert all(map(is_space, text[at:])), repr(text)


def random_texts(number=400):
    draw = np.random.default_rng(0)
    return ["".join(draw.choice(PIECES, size=draw.integers(30))) for _ in range(number)]


def test_any_text():
    texts = random_texts()
    assert "" in texts
    found = tokenize(texts)
    assert found.starts.dtype == found.ends.dtype == tf.int32
    assert_cut_rightly(texts, found)
    long = ["x" * 100_000, "é, " * 30_000, "J. it's " * 10_000, "'" * 50_000]
    found = tokenize(long)
    assert_cut_rightly(long, found)
    assert found.tokens.row_lengths().numpy().tolist() == [1, 60_000, 30_000, 50_000]
    draw = np.random.default_rng(0)  # bytes, read as Python reads them to replace what is no UTF-8
    telling = [b"a", b" ", b"\x80", b"\xbf", b"\xc2", b"\xe2", b"\xed\xa0", b"\xf0\x9f", b"\xff"]
    texts = [b"".join(draw.choice(telling, size=6)) for _ in range(300)]
    assert_cut_rightly([text.decode(errors="replace") for text in texts], tokenize(texts))


def test_cuts_as_corpora_are_cut():
    """The tokens between spaces are found with the spaces, and without those that text lacks."""
    for tokens in (
        "The European Commission said on Thursday it disagreed .",
        'Britain \'s " mad cow disease " ( BSE ) : 1996-08-22 , 10.5 % of $ 1,000,000 !',
        "W. Bush of the U.S. , of A. C. Milan , at 6 p.m. , by a U.S.-led force",
        "Welsh-born O'Brien of AT&T and D'Émile won 6-4 7-6 ( 7-5 ) in 2:10.5 on 1/2/1996",
        "We do n't ca n't WO N'T ; it 's he 'll they 've you 're I 'm she 'd BRITAIN 'S",
        "We do n’t ; it ’s",
        "wait ... no -- yes , l ' été , [ sic ] # 1 @ home _ _ a / b",
        "' début ' or ' Süd ' , Ankara ' dır",
    ):
        assert cut(tokens) == tokens.split()
        text = re.sub(r"(?i) (n['’]t|['’](?:s|ll|ve|re|m|d)\b)", r"\1", tokens)
        text = re.sub(r"([($[#@]) ", r"\1", re.sub(r" ([,;:.!%)\]])", r"\1", text))
        assert cut(text) == tokens.split()


def test_names_and_quotation_marks():
    for text, expected in (
        ("'début' 'Süd'", "' début ' ' Süd '"),
        ("Ankara'dır", "Ankara ' dır"),
        ("l'été 'til", "l ' été ' til"),
        ("J.K. Rowling", "J.K. Rowling"),
        ("J. K. Rowling", "J. K. Rowling"),
        ("E\u0301. Zola", "E\u0301. Zola"),
        ('in group C." ', 'in group C . "'),
        ("He came. So did I!", "He came . So did I !"),
        ("x@y.org", "x @ y . org"),
        ("\U0001f468\u200d\U0001f469 ok", "\U0001f468 \u200d \U0001f469 ok"),
        ("a\0b\x1fc\ufeff", "a b c"),
    ):
        assert cut(text) == expected.split()


def test_same_in_a_graph_of_any_batch_size():
    def parts(texts):
        found = tokenize(texts)
        return found.tokens, found.starts, found.ends

    graph = tf.function(parts, input_signature=[tf.TensorSpec([None], tf.string)])
    texts = [*random_texts(40), "\U0001f600 J. Smith's"]
    for some in (texts, texts[-1:], ["", " \t\n\u00a0\u200b\0"], []):
        for one, other in zip(graph(tf.constant(some, tf.string)), parts(some), strict=True):
            assert one.to_list() == other.to_list()
    assert [part.to_list() for part in parts(["", "\u200b"])] == [[[], []]] * 3
