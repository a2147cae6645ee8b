"""Tagged sentences: their tags, and corpora of TensorFlow Datasets."""

import zlib

import numpy as np
import pytest
import tensorflow_datasets as tfds
from support.corpus_case import CASES, tfds_corpus

from zoo.datasets import sequence_tagging
from zoo.datasets.sequence_tagging import TaggedSentences, carve, from_file, from_files, load
from zoo.errors import UserError


@pytest.fixture
def write(tmp_path):
    def write(name, sentences):
        rows = [tuple(zip(*pairs, strict=True)) for pairs in sentences]
        return CASES["sequence_tagging"].write(tmp_path, rows, name)

    return write


def numbered(sentences, tag="B-PER"):
    """So many sentences, every other one with an entity."""
    return [[("Mr", "O"), (f"{i}", (tag, "O")[i % 2])] for i in range(sentences)]


def tagged(sentences):
    return TaggedSentences(
        [[token for token, _ in pairs] for pairs in sentences],
        [[tag for _, tag in pairs] for pairs in sentences],
    )


def test_three_files_of_three_schemes(write):
    data = from_files(
        write("train", [[("Ann", "B-PER"), ("Lee", "E-PER")], [("Rome", "S-LOC")]]),
        write("validation", [[("Ann", "I-PER"), ("Bob", "B-PER")]]),
        write("test", [[("Ann", "B-PER"), ("ran", "O")], [("Ann", "B-PER")]]),
    )
    assert data.tag_names == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert data.train == TaggedSentences(
        [["Ann", "Lee"], ["Rome"]], [["B-PER", "I-PER"], ["B-LOC"]]
    )
    assert data.validation == TaggedSentences([["Ann", "Bob"]], [["B-PER", "B-PER"]])
    assert data.test == TaggedSentences([["Ann", "ran"], ["Ann"]], [["B-PER", "O"], ["B-PER"]])


def test_tag_names_are_in_order_and_both_for_each_type(write):
    more = [[("x", "B-b"), ("y", "I-b")], [("z", "B-a-b")]]
    data = from_files(write("train", numbered(40) + numbered(40, "B-LOC") + more))
    kinds = ("LOC", "PER", "a-b", "b")
    assert data.tag_names == ("O", *(f"{prefix}-{kind}" for kind in kinds for prefix in "BI"))


def test_equal_sentences_with_other_tags_land_on_one_side():
    rest, aside = carve(tagged(numbered(40) + numbered(40, "B-LOC")))
    assert (len(rest), len(aside)) == (72, 8)
    assert not set(map(tuple, rest.tokens)) & set(map(tuple, aside.tokens))


def test_no_tag_leaves_training():
    # Rare tags in the very sentences that would be the first to be set aside.
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


def test_tags_that_cannot_be_learnt_or_are_unknown(write):
    with pytest.raises(UserError, match=r"train\.txt: every tag is O"):
        from_files(write("train", [[("a", "O")]] * 30))
    other = write("other", [[("a", "O"), ("b", "B-ORG")], [("c", "B-LOC"), ("d", "I-LOC")]])
    message = r"other\.txt: the tags 'B-ORG' \(line 2\), 'B-LOC' \(line 4\), 'I-LOC' \(line 5\) are"
    with pytest.raises(UserError, match=message):
        from_files(write("train", numbered(40)), other)
    with pytest.raises(UserError, match=message):
        from_file(other, ("O", "B-PER", "I-PER"))
    assert from_file(other).tags == [["O", "B-ORG"], ["B-LOC", "I-LOC"]]


def sequence(names=None):
    inner = tfds.features.ClassLabel(names=names) if names else tfds.features.Text()
    return tfds.features.Sequence(inner)


def examples(number, hidden=False):
    """IOB1, now and then a sentence without tokens."""
    for i in range(number):
        tokens = ["Zoé", str(i), "ran"][: i % 4]
        tags = [-1] * len(tokens) if hidden else [2, 1, 4][: len(tokens)]
        others = {"pos": [0] * len(tokens), "chunks": [1] * len(tokens), "spans": ["x"], "id": i}
        yield {"tokens": tokens, "ner": tags, **others}


tfds_corpus(
    "TaggedCorpusOfTests",
    {
        "id": np.int32,
        "spans": sequence(),
        "tokens": sequence(),
        "pos": sequence(["NN", "O"]),
        "chunks": sequence(["O", "B-NP", "I-NP"]),
        "ner": sequence(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]),
    },
    {"train": examples(100), "dev": examples(20), "test": examples(10, hidden=True)},
)
XS = sequence(["O", "B-X", "I-X"])
tfds_corpus("TwoTaggingsOfTests", {"words": sequence(), "inner": XS, "outer": XS}, {"train": []})
PARTS = {"tokens": sequence(), "tags": sequence(["O", "NN"])}
tfds_corpus("PartsOfSpeechOfTests", PARTS, {"train": []})


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


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("two_taggings_of_tests", r"'outer' \(Sequence of ClassLabel\)"),
        ("parts_of_speech_of_tests", r"'tokens' \(Sequence of Text\), 'tags' \(Sequence of Class"),
        ("movie_snippets", r"'text' \(Text\), 'label' \(ClassLabel\)"),
    ],
)
def test_a_tfds_name_of_another_kind_lists_its_features(tfds_folder, name, hint):
    with pytest.raises(UserError, match=f"'{name}' is not one sequence of tokens.*{hint}"):
        load(name)


def test_the_features_of_published_corpora_are_told_apart(tfds_folder):
    """CoNLL-2003 has three taggings, WikiANN more texts than its tokens: no network is needed."""
    for name, tags in (("conll2003", "ner"), ("wikiann/en", "tags")):
        assert sequence_tagging._KIND._keys(tfds.builder(name)) == ("tokens", tags)
