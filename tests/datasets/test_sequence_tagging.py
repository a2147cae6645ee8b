"""Tagged sentences: their tags, and corpora of TensorFlow Datasets."""

import zlib

import numpy as np
import pytest
import tensorflow_datasets as tfds
from support.corpus_case import CASES, tfds_corpus
from support.refusals import refused

from zoo.datasets import sequence_tagging
from zoo.datasets.sequence_tagging import TaggedSentences, carve, from_file, from_files, load


@pytest.fixture
def write_rows(tmp_path):
    def write(name, sentences):
        rows = [tuple(zip(*pairs, strict=True)) for pairs in sentences]
        return CASES["sequence_tagging"].write(tmp_path, rows, name)

    return write


def numbered(sentences, tag="B-PER"):
    """So many sentences, every other one with an entity."""
    return [[("Mr", "O"), (f"{i}", (tag, "O")[i % 2])] for i in range(sentences)]


def tagged(sentences):
    return TaggedSentences(*([[pair[i] for pair in pairs] for pairs in sentences] for i in (0, 1)))


def test_files_of_three_schemes_with_the_tags_of_training_in_order(write_rows):
    train = [[("Ann", "B-b"), ("Lee", "E-b"), ("Bo", "S-a-b")], [("Rome", "S-LOC")]]
    data = from_files(
        write_rows("train", train),
        write_rows("validation", [[("Ann", "I-b"), ("Bob", "B-b")]]),
        write_rows("test", [[("Ann", "B-b"), ("ran", "O")], [("Ann", "B-b")]]),
    )
    assert data.tag_names == ("O", *(f"{p}-{kind}" for kind in ("LOC", "a-b", "b") for p in "BI"))
    assert data.train.tokens == [["Ann", "Lee", "Bo"], ["Rome"]]
    assert data.train.tags == [["B-b", "I-b", "B-a-b"], ["B-LOC"]]
    assert data.validation == TaggedSentences([["Ann", "Bob"]], [["B-b", "B-b"]])
    assert data.test == TaggedSentences([["Ann", "ran"], ["Ann"]], [["B-b", "O"], ["B-b"]])


def test_borders_of_documents_give_sentences_their_places(tmp_path):
    path = tmp_path / "documents.txt"
    path.write_text("-DOCSTART- O\n\na O\n\nb O\n-DOCSTART- O\n\n# title\nc B-X\n")
    data = from_file(path)
    assert data.tokens == [["a"], ["b"], ["c"]]
    assert data.places == [(1, 0), (1, 1), (2, 2)]
    assert data.take([2, 0]).places == [(2, 2), (1, 0)]


def test_equal_sentences_are_on_one_side_and_no_tag_leaves_training():
    # Rare tags in the very sentences that would be the first to be set aside.
    rest, aside = carve(tagged(numbered(40) + numbered(40, "B-LOC")))  # equal but for tags
    assert (len(rest), len(aside)) == (72, 8)
    assert not set(map(tuple, rest.tokens)) & set(map(tuple, aside.tokens))
    sentences = numbered(100)
    sentences.sort(key=lambda pairs: zlib.crc32(" ".join(token for token, _ in pairs).encode()))
    for i, tag in enumerate(("B-A", "B-B", "B-B", "B-B")):
        sentences[i] = [(token, tag) for token, _ in sentences[i]]
    again = [(token, "O") for token, _ in sentences[0]]  # must not hide its tags above
    rest, aside = carve(tagged([*sentences, again]))
    assert len(aside) == 10
    tags = [{tag for row in data.tags for tag in row} for data in (rest, aside)]
    assert tags[0] >= {"O", "B-PER", "B-A", "B-B"}
    assert "B-A" not in tags[1]
    assert sum("B-B" in row for row in aside.tags) == 2


def test_tags_that_cannot_be_learnt_or_are_unknown(write_rows):
    refused(r"train\.txt: every tag is O", from_files, write_rows("train", [[("a", "O")]] * 30))
    other = write_rows("other", [[("a", "O"), ("b", "B-ORG")], [("c", "B-LOC"), ("d", "I-LOC")]])
    message = r"other\.txt: the tags 'B-ORG' \(line 2\), 'B-LOC' \(line 4\), 'I-LOC' \(line 5\) are"
    refused(message, from_files, write_rows("train", numbered(40)), other)
    refused(message, from_file, other, ("O", "B-PER", "I-PER"))


def sequence(*names):
    inner = tfds.features.ClassLabel(names=names) if names else tfds.features.Text()
    return tfds.features.Sequence(inner)


def examples(number, hidden=False):
    """IOB1, now and then a sentence without tokens."""
    for i in range(number):
        tokens = ["Zoé", str(i), "ran"][: i % 4]
        tags = [-1] * len(tokens) if hidden else [2, 1, 4][: len(tokens)]
        others = {"pos": [0] * len(tokens), "chunks": [1] * len(tokens), "spans": ["x"], "id": i}
        others["place"] = np.array([i // 10, i], "int32")
        yield {"tokens": tokens, "ner": tags, **others}


NER, PARTS = sequence("O", "B-PER", "I-PER", "B-LOC", "I-LOC"), sequence("O", "NN")
PLACE = {"place": tfds.features.Tensor(shape=(2,), dtype=np.int32)}
OTHERS = PLACE | {
    "id": np.int32,
    "spans": sequence(),
    "pos": PARTS,
    "chunks": sequence("O", "B-NP"),
}
tfds_corpus(
    "TaggedCorpusOfTests",
    OTHERS | {"tokens": sequence(), "ner": NER},
    {"train": examples(100), "dev": examples(20), "test": examples(10, hidden=True)},
)
tfds_corpus("TwoTaggingsOfTests", {"words": sequence(), "inner": NER, "outer": NER}, {"train": []})
tfds_corpus("PartsOfSpeechOfTests", {"tokens": sequence(), "tags": PARTS}, {"train": []})


def test_any_tfds_name_with_tokens_and_entity_tags(tfds_folder):
    data = load("tagged_corpus_of_tests")
    assert data.tag_names == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert len(data.validation) == 15  # of the 20 of `dev` a quarter is empty
    assert len(data.train) + len(data.test) == 75
    for split in (data.train, data.validation, data.test):
        assert len(split)
        for tokens, tags in zip(split.tokens, split.tags, strict=True):
            assert tokens[0] == "Zoé"
            assert tags == ["B-PER", "B-PER", "B-LOC"][: len(tokens)]
        for tokens, (document, sentence) in zip(split.tokens, split.places, strict=True):
            assert document == sentence // 10
            assert len(tokens) == sentence % 4
            assert tokens[1:2] in ([], [str(sentence)])


def test_the_features_of_corpora_are_told_apart(tfds_folder):
    """CoNLL-2003 has three taggings, WikiANN more texts than its tokens: no network is needed."""
    for name, tags in (("conll2003", "ner"), ("wikiann/en", "tags")):
        assert sequence_tagging._KIND._keys(tfds.builder(name)) == ("tokens", tags)
    for name, hint in (
        ("two_taggings_of_tests", r"'outer' \(Sequence of ClassLabel\)"),
        ("parts_of_speech_of_tests", r"'tokens' \(Sequence of Text\), 'tags' \(Sequence of Class"),
        ("movie_snippets", r"'text' \(Text\), 'label' \(ClassLabel\)"),
    ):
        refused(f"'{name}' is not one sequence of tokens.*{hint}", load, name)
