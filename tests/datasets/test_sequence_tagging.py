"""Tagged sentences by name and from users' files."""

import zlib

import numpy as np
import pytest
import tensorflow_datasets as tfds

from zoo.datasets import text_classification
from zoo.datasets.sequence_tagging import TaggedSentences, carve, from_file, from_files, load
from zoo.errors import UserError


@pytest.fixture
def write(tmp_path):
    def write(name, sentences):
        path = tmp_path / name
        blocks = ("".join(f"{token} {tag}\n" for token, tag in pairs) for pairs in sentences)
        path.write_text("\n".join(blocks), encoding="utf-8")
        return path

    return write


def numbered(sentences, tag="B-PER"):
    """So many sentences, every other one with an entity."""
    return [[("Mr", "O"), (f"{i}", (tag, "O")[i % 2])] for i in range(sentences)]


def words(data):
    splits = (data.train, data.validation, data.test)
    return [{tuple(tokens) for tokens in split.tokens} for split in splits]


def test_take_keeps_tokens_and_tags_together():
    data = TaggedSentences([["a"], ["b", "c"], ["d"]], [["O"], ["B-X", "I-X"], ["B-Y"]])
    taken = data.take(np.array([2, 1]))
    assert taken == TaggedSentences([["d"], ["b", "c"]], [["B-Y"], ["B-X", "I-X"]])
    assert (len(data), len(taken)) == (3, 2)


def test_three_files_of_three_schemes(write):
    data = from_files(
        write("train.txt", [[("Ann", "B-PER"), ("Lee", "E-PER")], [("Rome", "S-LOC")]]),
        write("validation.txt", [[("Ann", "I-PER"), ("Bob", "B-PER")]]),
        write("test.txt", [[("Ann", "B-PER"), ("ran", "O")], [("Ann", "B-PER")]]),
    )
    assert data.name == "train.txt"
    assert data.tag_names == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert data.train == TaggedSentences(
        [["Ann", "Lee"], ["Rome"]], [["B-PER", "I-PER"], ["B-LOC"]]
    )
    assert data.validation == TaggedSentences([["Ann", "Bob"]], [["B-PER", "B-PER"]])
    assert data.test == TaggedSentences([["Ann", "ran"], ["Ann"]], [["B-PER", "O"], ["B-PER"]])


def test_tag_names_are_in_order_and_both_for_each_type(write):
    sentences = (
        numbered(40) + numbered(40, "B-LOC") + [[("x", "B-b"), ("y", "I-b")], [("z", "B-a-b")]]
    )
    data = from_files(write("train.txt", sentences))
    kinds = ("LOC", "PER", "a-b", "b")
    assert data.tag_names == ("O", *(f"{prefix}-{kind}" for kind in kinds for prefix in "BI"))


def test_splits_that_are_not_given_are_set_aside(write):
    data = from_files(write("train.txt", numbered(1000)))
    assert [len(data.train), len(data.validation), len(data.test)] == [810, 90, 100]
    assert len(set.union(*words(data))) == 1000

    given = from_files(write("train.txt", numbered(1000)), test=write("test.txt", numbered(10)))
    assert [len(given.train), len(given.validation), len(given.test)] == [900, 100, 10]


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_that_leaves_nothing(write, limit):
    with pytest.raises(UserError, match=f"limit of {limit}"):
        from_files(write("train.txt", numbered(40)), limit=limit)


def test_limit_keeps_so_many_of_each_split(write):
    path = write("train.txt", numbered(1000))
    data, whole = from_files(path, limit=30), from_files(path)
    assert [len(data.train), len(data.validation), len(data.test)] == [30, 30, 30]
    for few, every in zip(words(data), words(whole), strict=True):
        assert few < every


def tagged(sentences):
    return TaggedSentences(
        [[token for token, _ in pairs] for pairs in sentences],
        [[tag for _, tag in pairs] for pairs in sentences],
    )


def test_what_is_set_aside_depends_on_the_sentences_alone():
    once = tagged(numbered(100))
    twice = tagged(numbered(100) * 2)
    shuffled = twice.take(np.random.default_rng(0).permutation(200))
    expected = sorted(once.tokens, key=lambda tokens: zlib.crc32(" ".join(tokens).encode()))[:10]
    assert sorted(carve(once)[1].tokens) == sorted(expected)
    for data in (twice, shuffled):
        rest, aside = carve(data)
        assert sorted(aside.tokens) == sorted(expected * 2)
        assert len(rest) == 180


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


def test_too_few_sentences_to_set_any_aside(write):
    path = write("train.txt", [[("Ann", "B-PER")], [("Rome", "B-LOC")]])
    with pytest.raises(UserError, match=r"train\.txt: too few examples to set a test split aside"):
        from_files(path)


def test_no_entity_to_learn(write):
    with pytest.raises(UserError, match=r"train\.txt: every tag is O"):
        from_files(write("train.txt", [[("a", "O")]] * 40))


def test_tags_that_training_does_not_have_are_named_with_their_lines(write):
    other = write("test.txt", [[("a", "O"), ("b", "B-GPE")], [("c", "B-PER"), ("d", "B-LAW")]])
    with pytest.raises(UserError) as raised:
        from_files(write("train.txt", numbered(40)), test=other)
    found = "'B-GPE' (line 2), 'B-LAW' (line 5) are not among 'O', 'B-PER', 'I-PER'"
    assert str(raised.value) == f"{other}: the tags {found}"


def test_many_unknown_tags_are_cut_short(write):
    path = write("test.txt", [[(f"{i}", f"B-{i}") for i in range(100)]])
    with pytest.raises(UserError, match=r"'B-4' \(line 5\), \.\.\. are not among 'O'$"):
        from_file(path, ("O",))


def test_a_file_with_the_tags_of_a_model(write):
    path = write("a.txt", [[("Ann", "S-PER")], [("b", "O"), ("c", "O")]])
    expected = TaggedSentences([["Ann"], ["b", "c"]], [["B-PER"], ["O", "O"]])
    assert from_file(path) == from_file(path, ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")) == expected
    assert len(from_file(path, limit=1)) == 1


class TaggedCorpusOfTests(tfds.core.GeneratorBasedBuilder):
    """Chunks and entities tagged alike, IOB1, a `dev` split, hidden tags and an empty sentence."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
        of_class = tfds.features.ClassLabel
        features = {
            "id": np.int32,
            "spans": tfds.features.Sequence(tfds.features.Text()),
            "tokens": tfds.features.Sequence(tfds.features.Text()),
            "pos": tfds.features.Sequence(of_class(names=["NN", "O"])),
            "chunks": tfds.features.Sequence(of_class(names=["O", "B-NP", "I-NP"])),
            "ner": tfds.features.Sequence(of_class(names=names)),
        }
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features), description="Of tests."
        )

    def _split_generators(self, dl_manager):
        return {
            "train": self._generate_examples(100),
            "dev": self._generate_examples(20),
            "test": self._generate_examples(10, hidden=True),
        }

    def _generate_examples(self, examples, hidden=False):
        for i in range(examples):
            tokens = ["Zoé", str(i), "ran"][: i % 4]
            tags = [-1] * len(tokens) if hidden else [2, 1, 4][: len(tokens)]
            others = {
                "pos": [0] * len(tokens),
                "chunks": [1] * len(tokens),
                "spans": ["x"],
                "id": i,
            }
            yield i, {"tokens": tokens, "ner": tags, **others}


class TwoTaggingsOfTests(TaggedCorpusOfTests):
    """Two sequences of tags, neither of a name that tells which has the entities."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        of_tags = tfds.features.Sequence(tfds.features.ClassLabel(names=["O", "B-X", "I-X"]))
        words = tfds.features.Sequence(tfds.features.Text())
        features = {"words": words, "inner": of_tags, "outer": of_tags}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))


class PartsOfSpeechOfTests(TaggedCorpusOfTests):
    """Tags that are not of entities."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        tags = tfds.features.Sequence(tfds.features.ClassLabel(names=["O", "NN"]))
        features = {"tokens": tfds.features.Sequence(tfds.features.Text()), "tags": tags}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))


@pytest.fixture
def tfds_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "tfds"))


def test_any_tfds_name_with_tokens_and_entity_tags(tfds_folder):
    data = load("tagged_corpus_of_tests")
    assert data.tag_names == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert data.description == "Of tests."
    assert len(data.validation) == 15  # of the 20 of `dev` a quarter is empty
    for split in (data.train, data.validation, data.test):
        assert len(split)
        for tokens, tags in zip(split.tokens, split.tags, strict=True):
            assert tokens[0] == "Zoé"
            assert tags == ["B-PER", "B-PER", "B-LOC"][: len(tokens)]
    train, _, test = words(data)
    assert not train & test
    assert len(data.train) + len(data.test) == 75


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("two_taggings_of_tests", "'outer' (Sequence of ClassLabel)"),
        (
            "parts_of_speech_of_tests",
            "'tokens' (Sequence of Text), 'tags' (Sequence of ClassLabel)",
        ),
        ("movie_snippets", "'text' (Text), 'label' (ClassLabel)"),
    ],
)
def test_a_tfds_name_of_another_kind_lists_its_features(tfds_folder, name, hint):
    with pytest.raises(UserError, match=f"'{name}' is not one sequence of tokens") as raised:
        load(name)
    assert hint in str(raised.value)


def test_the_features_of_published_corpora_are_told_apart(tfds_folder, monkeypatch):
    """CoNLL-2003 has three taggings, WikiANN more texts than its tokens: no network is needed."""
    chosen = []
    module = "zoo.datasets.sequence_tagging"
    monkeypatch.setattr("zoo.datasets.corpora.tensorflow_datasets.prepare_splits", lambda *_: {"train": "train"})
    monkeypatch.setattr(f"{module}._KIND._read", lambda *arguments: chosen.append(arguments[2]))
    for name in ("conll2003", "wikiann/en"):
        with pytest.raises(UserError, match="no split named .train. whose"):
            load(name)
    assert chosen == [("tokens", "ner"), ("tokens", "tags")]


def test_tagged_sentences_are_no_labelled_texts(shared_cache):
    with pytest.raises(UserError, match=r"'tokens' \(Sequence of Text\), 'tags' \(Sequence of Cla"):
        text_classification.load("conll2003_english")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("conll2003_englsh", "did you mean 'conll2003_english'"),
        ("conll2003_english/de", "'conll2003_english' has the configurations of its name only"),
        ("a.txt", "read a file of your own with --data"),
        ("", "give a packaged corpus (conll2003_english)"),
    ],
)
def test_unknown_name(tfds_folder, name, hint):
    with pytest.raises(UserError, match=f"unknown dataset '{name}'") as raised:
        load(name)
    assert hint in str(raised.value)
