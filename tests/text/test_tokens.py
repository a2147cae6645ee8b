"""Raw text to tokens in their places, their ids, and the schemes of their tags."""

import itertools
import re
import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

from zoo.text.special_tokens import PADDING_ID, UNKNOWN_ID
from zoo.text.tags import SCHEMES, Span, allowed_transitions, may_follow, repair, spans, tag_set
from zoo.text.token_features import SHAPES, TokenEncoder, normalized
from zoo.text.token_spans import tokenize
from zoo.text.vocabularies import Vocabulary

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


WORDS = Vocabulary(["rome", "0000", "it's", "été"])
CHARACTERS = Vocabulary(["R", "o", "m", "e", "1", "\U0001f600"])
SHAPE_NAMES = ["padding", *(name for name, _ in SHAPES), "symbol"]
FIRST = 3  # the id of the first word


def encoder(longest_word=6):
    return TokenEncoder(WORDS, CHARACTERS, longest_word)


def ragged(rows):
    return tf.ragged.constant(rows, tf.string, ragged_rank=1)


def test_ids_of_words_characters_and_shapes():
    ids = encoder()(ragged([["Rome", "1996", "\U0001f600"], [], ["ROME"]]))
    assert {tensor.dtype for tensor in ids.values()} == {tf.int32}
    assert ids["words"].numpy().tolist() == [[3, 4, UNKNOWN_ID], [0, 0, 0], [3, 0, 0]]
    assert ids["characters"].numpy().tolist() == [
        [[3, 4, 5, 6, 0, 0], [7, 1, 1, 1, 0, 0], [8, 0, 0, 0, 0, 0]],
        [[0] * 6] * 3,
        [[3, 1, 1, 1, 0, 0], [0] * 6, [0] * 6],
    ]
    names = [[SHAPE_NAMES[i] for i in row] for row in ids["shapes"].numpy()]
    assert names == [["initial", "number", "symbol"], ["padding"] * 3, ["upper"] + ["padding"] * 2]


def test_words_are_known_however_they_are_written():
    words = ["Été", "ÉTÉ", "rOME", "2024", "１９９６", "It's", "It’s", "It＇s"]
    assert (encoder()(ragged([words]))["words"].numpy() >= FIRST).all()
    assert {*normalized(words)} <= {*WORDS.tokens}
    assert normalized([]) == []
    assert normalized(["1,000.5", "ΣΑ", "II-2", "½"]) == ["0,000.0", "σα", "ii-0", "0"]


def test_shapes():
    for name, tokens in {
        "lower": "rome it's 's n't été e\u0301 saint-denis",
        "initial": "Rome I É E\u0301t O'brien Saint-denis",
        "upper": "ROME U.N. AT&T NEW-YORK ÉTÉ J.",
        "number": "7 1996 1,000.5 +3 -2 10:30 1/2 ½ ٣",
        "alphanumeric": "1996-08-22 1st B2 A-1 10.5m",
        "mixed": "McDonald O'Brien Saint-Denis 你好 iPhone a_b",
        "symbol": ". , -- - ' ’ ... & $ \U0001f600 \u200d \u0301",
    }.items():
        ids = encoder().ragged(ragged([tokens.split(" ")]))["shapes"].flat_values.numpy()
        assert {SHAPE_NAMES[i] for i in ids} == {name}


def test_a_character_or_word_is_never_padding():
    ids = encoder()(ragged([["<PAD>", "<pad>", "<EOS>", "\0", "R\0", ""]]))
    assert (ids["words"].numpy() == UNKNOWN_ID).all()
    lengths = [5, 5, 5, 1, 2, 0]
    np.testing.assert_array_equal((ids["characters"].numpy()[0] > 0).sum(axis=1), lengths)


def test_words_are_cut_at_the_end():
    for longest in (1, 4, 9):
        ids = encoder(longest)(ragged([["Romeo" * 100, "Ro"]]))["characters"].numpy()
        assert ids[0, 0].tolist() == CHARACTERS.ids(("Romeo" * 100)[:longest])
        assert ids[0, 1].tolist() == (CHARACTERS.ids("Ro") + [PADDING_ID] * 9)[:longest]
    for rows in ([], [[]], [[], []]):
        ids = encoder()(ragged(rows))
        assert ids["words"].shape == ids["shapes"].shape == (len(rows), 0)
        assert ids["characters"].shape == (len(rows), 0, 6)


def test_same_ids_and_places_in_a_graph_of_any_batch_size(tmp_path):
    files = {}
    for name, vocabulary in (("word_file", WORDS), ("character_file", CHARACTERS)):
        files[name] = tmp_path / name
        vocabulary.save(files[name])
    from_files = TokenEncoder(WORDS, CHARACTERS, 6, **files)

    def parts(texts, encode=from_files):
        found = tokenize(texts)
        places = {"starts": found.starts.to_tensor(), "ends": found.ends.to_tensor()}
        return encode(found.tokens) | places

    graph = tf.function(parts, input_signature=[tf.TensorSpec([None], tf.string)])
    for texts in (["Rome, 1996: ROME", "", "é \U0001f600", *random_texts(40)], [" \n\u200b\0"], []):
        texts = tf.constant(texts, tf.string)
        expected = parts(texts, encoder())
        tf.nest.map_structure(np.testing.assert_array_equal, graph(texts), expected)


def test_from_sentences():
    sentences = [["Rome", "rome", "B1", "B2"], ["ROME", "B3", ".", "", "\n", "a\rb"], []]
    made = TokenEncoder.from_sentences(sentences, longest_word=5, more_words=["", "\n"])
    assert made.words.tokens[FIRST:] == ("b0", "rome", ".")  # what a vocabulary can hold
    assert set(made.characters.tokens[FIRST:]) == set("RomerOMEB123.ab")
    assert made.characters.tokens[FIRST] == "B"  # the same three times; "e" and "m" come twice
    assert made.get_config() == {"longest_word": 5}
    assert (made(ragged([["", "\r", "a\rb"]]))["words"].numpy() == UNKNOWN_ID).all()
    more, of_a = ["paris", "a", "b", "paris", "<PAD>"], [["a", "a", "b", "c"]]
    made = TokenEncoder.from_sentences(of_a, vocabulary_size=1, more_words=more)
    assert made.words == Vocabulary(["a", "paris", "b"])


TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
# Person, two neighbouring places, and a person of four tokens.
EXAMPLE = [Span("PER", 0, 1), Span("LOC", 2, 4), Span("LOC", 4, 5), Span("PER", 5, 9)]
WRITTEN = {
    "IOB1": "I-PER O I-LOC I-LOC B-LOC I-PER I-PER I-PER I-PER O",
    "IOB2": "B-PER O B-LOC I-LOC B-LOC B-PER I-PER I-PER I-PER O",
    "BIOES": "S-PER O B-LOC E-LOC S-LOC B-PER I-PER I-PER E-PER O",
}
EVERY_SCHEME = pytest.mark.parametrize("scheme", SCHEMES)


def all_sequences(scheme):
    """Every short sequence of a scheme's tags, well-formed or not."""
    in_bioes = scheme == "BIOES"
    tags = [*TAGS, "E-PER", "S-PER", "E-LOC", "S-LOC"] if in_bioes else TAGS
    for length in range(4 if in_bioes else 5):
        yield from (list(s) for s in itertools.product(tags, repeat=length))


def lenient(tags):
    return [Span(kind, start, last + 1) for kind, start, last in get_entities(tags)]


def written(found, length, scheme):
    """The tags that a scheme has for spans, by its definition."""
    tags, before = ["O"] * length, Span("", 0, 0)
    for span in found:
        inner = span.end - span.start - 1
        first = "BI"[scheme == "IOB1" and (before.end, before.type) != (span.start, span.type)]
        prefixes = first + "I" * inner
        if scheme == "BIOES":
            prefixes = "B" + "I" * (inner - 1) + "E" if inner else "S"
        tags[span.start : span.end] = [f"{prefix}-{span.type}" for prefix in prefixes]
        before = span
    return tags


@EVERY_SCHEME
def test_every_scheme_becomes_iob2_as_conll_reads_it(scheme):
    """As seqeval does when it is not strict, and the script it follows."""
    tags = WRITTEN[scheme].split()
    assert written(EXAMPLE, 10, scheme) == tags
    assert repair(tags) == WRITTEN["IOB2"].split()
    for tags in all_sequences(scheme):
        assert repair(tags) == written(lenient(tags), len(tags), "IOB2")


def test_strict_spans_are_those_of_seqeval():
    assert spans(WRITTEN["IOB2"].split()) == EXAMPLE
    for tags in all_sequences("IOB2"):
        (entities,) = Entities([tags], scheme=IOB2).entities
        assert spans(tags) == [Span(entity.tag, entity.start, entity.end) for entity in entities]


@EVERY_SCHEME
def test_tags_that_may_follow_each_other_make_the_well_formed_sequences(scheme):
    """No more and no fewer, and no two tags that none of these sequences has."""
    start, transitions, end = allowed_transitions(TAGS)
    assert start.dtype == transitions.dtype == end.dtype == bool
    seen = np.zeros_like(transitions)
    for tags in all_sequences(scheme):
        well_formed = written(lenient(tags), len(tags), scheme) == tags
        pairs = itertools.pairwise(["O", *tags, "O"])
        assert all(may_follow(*pair, scheme) for pair in pairs) == well_formed, tags
        if scheme == "IOB2":
            ids = [TAGS.index(tag) for tag in tags]
            allowed = not ids or (start[ids[0]] and end[ids[-1]])
            assert (allowed and transitions[ids[:-1], ids[1:]].all()) == well_formed, tags
            if well_formed:
                seen[ids[:-1], ids[1:]] = True
    if scheme == "IOB2":
        np.testing.assert_array_equal(seen, transitions)


@pytest.mark.parametrize("tag", ["", "X-PER", "PER", "B-", "O-PER", "o", "-PER", "BI-PER", "I_PER"])
def test_what_is_no_tag(tag):
    for function in (spans, repair, allowed_transitions):
        with pytest.raises(ValueError, match=f"tag 1 is {tag!r}"):
            function(["O", tag])
    with pytest.raises(ValueError, match="a tag is"):
        may_follow("O", tag)
    with pytest.raises(ValueError, match="one of IOB1, IOB2, BIOES"):
        may_follow("O", "O", "BILOU")
    with pytest.raises(ValueError, match="'E-PER' is no tag of IOB2"):
        allowed_transitions(["O", "E-PER"])


def test_tag_sets_and_types_with_hyphens():
    assert tag_set(["PER", "LOC"]) == TAGS
    assert tag_set([]) == ["O"]
    assert spans(["B-work-of-art", "I-work-of-art"]) == [Span("work-of-art", 0, 2)]
