"""Texts as characters, in Python, in graphs and in exports, and back again."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.text.characters import CharacterTokenizer
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID
from zoo.text.vocabularies import Vocabulary

TEXTS = [
    "To be, or not to be:\n  that is the question.\n",
    "",
    "\r\n\r \n\n\t\v\f\0\x1e\x85\u2028",
    "e\u0301te\u0301 été Straße İstanbul",
    "\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308\U0001f44d\U0001f3fd",
    "नमस्ते สวัสดี 你好 مرحبا שלום Привет",
    "\\n \\r <PAD> <UNK> <EOS> \ufeff\u200b\u00a0",
    " leading and trailing ",
]


@pytest.fixture
def tokenizer():
    return CharacterTokenizer.from_documents(TEXTS)


def decoded(strings):
    return [string.decode() for string in strings.numpy()]


def test_texts_of_any_script_come_back(tokenizer):
    ids = tokenizer.ragged(TEXTS)
    assert ids.dtype == tf.int32
    assert ids.row_lengths().numpy().tolist() == [len(text) for text in TEXTS]
    assert ids.flat_values.numpy().min() > END_ID
    assert decoded(tokenizer.join(ids)) == TEXTS
    assert decoded(tokenizer.join(ids.to_tensor())) == TEXTS


def test_random_code_points_come_back():
    generator = np.random.default_rng(0)
    points = generator.choice(0x110000, size=5000)
    text = "".join(chr(point) for point in points if not 0xD800 <= point < 0xE000)
    tokenizer = CharacterTokenizer.from_documents([text])
    assert decoded(tokenizer.join(tokenizer.ragged([text]))) == [text]


def test_the_vocabulary_holds_each_character_once_the_most_frequent_first():
    tokenizer = CharacterTokenizer.from_documents(["b a\na", "A a\r"])
    assert tokenizer.vocabulary == Vocabulary(["a", " ", "A", r"\n", r"\r", "b"])
    assert tokenizer.vocabulary.tokens[tokenizer.start_id] == r"\n"
    assert tokenizer.level == "character"


def test_the_line_break_is_always_there():
    tokenizer = CharacterTokenizer.from_documents(["ab", ""])
    assert decoded(tokenizer.join([[tokenizer.start_id]])) == ["\n"]
    assert tokenizer.ragged(["\n"]).to_list() == [[tokenizer.start_id]]
    assert len(CharacterTokenizer.from_documents([]).vocabulary) == 4
    with pytest.raises(ValueError, match="line break"):
        CharacterTokenizer(Vocabulary("ab"))


def test_a_stream_is_all_documents_each_with_its_end(tokenizer):
    ids = tokenizer.stream(TEXTS)
    assert ids.dtype == np.int32
    expected = [
        tokenizer.vocabulary.ids({"\n": r"\n", "\r": r"\r"}.get(c, c) for c in text)
        for text in TEXTS
    ]
    np.testing.assert_array_equal(ids, np.concatenate([[*row, END_ID] for row in expected]))
    assert tokenizer.stream(["", ""]).tolist() == [END_ID, END_ID]
    assert tokenizer.stream([]).shape == (0,)


def test_a_stream_of_long_documents_is_cut_nowhere(tokenizer):
    documents = ["\U0001f44d\nto be " * 20_000, "é"]
    ids = tokenizer.stream(documents)
    assert np.flatnonzero(ids == END_ID).tolist() == [160_000, 160_002]
    assert decoded(tokenizer.join(ids[None])) == ["".join(documents)]


def test_the_end_of_a_text_is_no_character(tokenizer):
    assert tokenizer.ragged(["be"], end=True).to_list() == tokenizer.ragged(["be"]).to_list()


def test_unknown_characters_and_broken_bytes(tokenizer):
    unknown = tokenizer.ragged(["ẞ", b"\xffb"])
    assert unknown.to_list() == [[UNKNOWN_ID], [UNKNOWN_ID, *tokenizer.vocabulary.ids("b")]]
    assert decoded(tokenizer.join(unknown)) == ["\ufffd", "\ufffdb"]


def test_special_tokens_give_no_text(tokenizer):
    a = tokenizer.vocabulary.ids("a")[0]
    rows = [[a, END_ID, a], [PADDING_ID, a, PADDING_ID], [PADDING_ID] * 3]
    assert decoded(tokenizer.join(np.array(rows, dtype=np.int64))) == ["aa", "a", ""]


def test_empty_batches(tokenizer):
    assert tokenizer.ragged([]).shape == (0, None)
    assert tokenizer.join(tf.zeros([0, 3], tf.int32)).shape == (0,)
    assert decoded(tokenizer.join(tf.zeros([2, 0], tf.int32))) == ["", ""]


def test_round_trip_through_a_file(tmp_path, tokenizer):
    tokenizer.vocabulary.save(tmp_path / "characters.txt")
    vocabulary = Vocabulary.load(tmp_path / "characters.txt")
    assert vocabulary == tokenizer.vocabulary
    for file in (None, tmp_path / "characters.txt"):
        again = CharacterTokenizer.from_config(tokenizer.get_config(), vocabulary, file)
        assert again.ragged(TEXTS).to_list() == tokenizer.ragged(TEXTS).to_list()
        assert again.start_id == tokenizer.start_id


def test_same_results_from_graphs_and_exports(tmp_path, tokenizer):
    tokenizer.vocabulary.save(tmp_path / "characters.txt")
    tokenizer = CharacterTokenizer(tokenizer.vocabulary, tmp_path / "characters.txt")

    def ids(texts):
        return tokenizer.ragged(texts).to_tensor()

    archive = keras.export.ExportArchive()
    archive.track(tokenizer)
    archive.add_endpoint("ids", ids, input_signature=[tf.TensorSpec([None], tf.string)])
    archive.add_endpoint(
        "join", tokenizer.join, input_signature=[tf.TensorSpec([None, None], tf.int32)]
    )
    archive.write_out(tmp_path / "export", verbose=False)
    (tmp_path / "characters.txt").unlink()
    restored = tf.saved_model.load(tmp_path / "export")
    assert (tmp_path / "export" / "assets" / "characters.txt").exists()
    for texts in (TEXTS, TEXTS[:1], [""]):
        expected = ids(texts)
        for graph in (tf.function(ids), restored.ids):
            np.testing.assert_array_equal(graph(tf.constant(texts)), expected)
        for graph in (tf.function(tokenizer.join), restored.join):
            assert decoded(graph(expected)) == texts
