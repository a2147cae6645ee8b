"""The ids of tokens: words, characters and shapes, in Python and in graphs."""

import numpy as np
import tensorflow as tf

from zoo.text.special_tokens import PADDING_ID, UNKNOWN_ID
from zoo.text.token_features import SHAPES, TokenEncoder, normalized
from zoo.text.token_spans import tokenize
from zoo.text.vocabularies import Vocabulary

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


def test_same_ids_in_a_graph_of_any_batch_size(tmp_path):
    files = {}
    for name, vocabulary in (("word_file", WORDS), ("character_file", CHARACTERS)):
        files[name] = tmp_path / name
        vocabulary.save(files[name])
    from_files = TokenEncoder(WORDS, CHARACTERS, 6, **files)
    signature = [tf.TensorSpec([None], tf.string)]
    graph = tf.function(lambda texts: from_files(tokenize(texts).tokens), signature)
    for texts in (["Rome, 1996: ROME", "", "é \U0001f600"], ["Rome"], [""]):
        expected = encoder()(tokenize(texts).tokens)
        tf.nest.map_structure(np.testing.assert_array_equal, graph(tf.constant(texts)), expected)


def test_from_sentences():
    sentences = [["Rome", "rome", "B1", "B2"], ["ROME", "B3", ".", "", "\n", "a\rb"], []]
    made = TokenEncoder.from_sentences(sentences, longest_word=5, more_words=["", "\n"])
    assert made.words.tokens[FIRST:] == ("b0", "rome", ".")  # what a vocabulary can hold
    assert set(made.characters.tokens[FIRST:]) == set("RomerOMEB123.ab")
    assert made.characters.tokens[FIRST] == "B"  # the same three times; "e" and "m" come twice
    assert made.get_config() == {"longest_word": 5}
    assert (made(ragged([["", "\n", "a\rb"]]))["words"].numpy() == UNKNOWN_ID).all()
    more, of_a = ["paris", "a", "b", "paris", "<PAD>"], [["a", "a", "b", "c"]]
    made = TokenEncoder.from_sentences(of_a, vocabulary_size=1, more_words=more)
    assert made.words == Vocabulary(["a", "paris", "b"])
