"""Sentences of a document in one row, and blank lines of raw text as the breaks between them."""

import tensorflow as tf

from zoo.text import documents, token_features, token_spans
from zoo.text.documents import Documents
from zoo.text.special_tokens import END_ID
from zoo.text.vocabularies import Vocabulary

SENTENCES = [["Ann", "ran", "."], ["ROME"], ["It", "rains"], ["Why", "?"], ["a"] * 9, ["."]]
PLACES = [(7, 2), (7, 0), (3, 1), (7, 1), (7, 3), (7, 4)]


def test_rows_are_documents_in_their_order_with_breaks_where_no_stop_is(monkeypatch):
    made = Documents(SENTENCES, PLACES)
    assert made.tokens(SENTENCES) == [
        ["It", "rains"],
        ["ROME", "\n", "Why", "?", "Ann", "ran", ".", *["a"] * 9, "\n", "."],
    ]
    columns = [[i] * len(tokens) for i, tokens in enumerate(SENTENCES)]
    rows = [[*row, None, None] for row in made.join(columns, None)]  # as if padded
    assert made.part(rows) == columns
    monkeypatch.setattr(documents, "LONGEST_ROW", 7)
    cut = Documents(SENTENCES, PLACES)
    assert cut.rows == [[2], [1, 3, 0], [4], [5]]
    assert cut.part(cut.tokens(SENTENCES)) == SENTENCES
    assert Documents(SENTENCES, None).tokens(SENTENCES) == SENTENCES
    assert Documents([], []).part([]) == []


def test_a_blank_line_is_a_break_unless_a_stop_says_so_already():
    text = " ROME \n \n Why?\n\nAnn\nran.\n\n\n"
    found = token_spans.tokenize([text], breaks=True)
    tokens = [token.decode() for token in found.tokens.to_list()[0]]
    assert [token.strip(" ") for token in tokens] == (
        ["ROME", "\n \n", "Why", "?", "Ann", "ran", "."]
    )
    for token, start, end in zip(
        tokens, found.starts.to_list()[0], found.ends.to_list()[0], strict=True
    ):
        assert text[start:end] == token
    encoder = token_features.TokenEncoder(Vocabulary(["a"]), Vocabulary(["a"]), 3)
    own, raw = (
        {name: ids[:, 1] for name, ids in encoder(tf.ragged.constant([row])).items()}
        for row in (["ROME", "\n", "a"], tokens)
    )
    for name, ids in own.items():
        assert (ids == raw[name]).numpy().all()
    assert own["words"] == END_ID
    assert token_spans.tokenize([text]).tokens.to_list() == [
        [b"ROME", b"Why", b"?", b"Ann", b"ran", b"."]
    ]
