"""Texts with their translations, by name and from users' files."""

import gzip

import pytest
import tensorflow_datasets as tfds

from zoo.datasets import parallel_text
from zoo.datasets.parallel_text import Pairs, carve, from_file, from_files, load
from zoo.errors import UserError
from zoo.text.normalization import tidy

SPLITS = ("train", "validation", "test")
LINES = [f"source {i}\ttarget {i} é" for i in range(200)]


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def splits(data):
    return [getattr(data, split) for split in SPLITS]


def rows(pairs):
    return list(zip(pairs.sources, pairs.targets, strict=True))


def test_three_files_are_three_splits(write):
    data = from_files(*(write(f"{name}.tsv", f"{name}\tx {name}\n") for name in SPLITS))
    assert data.name == "train.tsv"
    assert [rows(split) for split in splits(data)] == [[(name, f"x {name}")] for name in SPLITS]
    assert data.train.groups is None


def test_texts_are_composed_and_have_single_spaces(write):
    content = '\ufeffe\u0301te\u0301\tsummer\r\n\n \t \n a\u00a0 \x07b\x0b \td\u2028d\r\n"q"\t\''
    expected = [("été", "summer"), ("a b", "d d"), ('"q"', "'")]
    assert rows(from_file(write("a.txt", content))) == expected
    assert rows(from_file(write("a.tsv.gz", gzip.compress(content.encode())))) == expected
    assert tidy(" \u3000x\r\x85y\x1f\n") == "x y"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        ("\u00a0\n\u2003\n", "only white space"),
        ("a\tb\n\nno tab\n", "line 3 has no tabs.*put a tab"),
        ("a\tb\nc\td\tCC-BY\n", r"line 2 has 2 tabs.*cut -f 1,2"),
        ("a\tb\n\tb\n", "line 2 has no source text"),
        ("a\t \x01\n", "line 1 has no target text"),
        (b"a\tb\ncaf\xe9\tc\n", r"\(line 2\) is not UTF-8"),
        (b"PK\x00\x01", "binary file"),
    ],
)
def test_a_file_that_is_no_pairs(write, content, message):
    path = write("a.tsv", content)
    for read in (from_file, from_files):
        with pytest.raises(UserError, match=rf"a\.tsv: .*{message}") as raised:
            read(path)
        assert "\n" not in str(raised.value)


def test_splits_that_are_not_given_are_set_aside(write):
    path = write("train.tsv", "\n".join(LINES))
    data = from_files(path)
    assert [len(split) for split in splits(data)] == [162, 18, 20]
    everything = sorted(pair for split in splits(data) for pair in rows(split))
    assert everything == sorted(tuple(line.split("\t")) for line in LINES)
    assert from_files(path).test == data.test
    given = from_files(path, test=write("test.tsv", "a\tb"))
    assert rows(given.test) == [("a", "b")]
    assert len(given.train) == 180


def test_a_source_is_in_one_split_only(write):
    many = [f"source {i % 50}\ttarget {i}" for i in range(200)]
    data = from_files(write("train.tsv", "\n".join(many)))
    sources = [set(split.sources) for split in splits(data)]
    assert [len(some) for some in sources] == [40, 5, 5]
    assert len(set.union(*sources)) == 50
    assert sum(len(split) for split in splits(data)) == 200


def test_what_is_set_aside_depends_on_the_sources_alone():
    pairs = Pairs(tuple("abcdefghijklmnop"), tuple("ABCDEFGHIJKLMNOP"), tuple("1234567812345678"))
    backwards = pairs.take(range(15, -1, -1))
    aside = carve(pairs)[1]
    assert {*aside.sources} == {*carve(backwards)[1].sources}
    assert [source.upper() for source in aside.sources] == list(aside.targets)
    assert aside.groups == tuple(pairs.groups[pairs.sources.index(s)] for s in aside.sources)


def test_too_few_pairs_to_set_some_aside(write):
    path = write("few.tsv", "a\tb\na\tc\n")
    with pytest.raises(UserError, match=r"few\.tsv: too few examples"):
        from_files(path)
    assert len(from_files(path, path, path).test) == 2


def test_limit_keeps_the_same_pairs(write):
    path = write("train.tsv", "\n".join(LINES))
    whole, few = from_files(path), from_files(path, limit=7)
    for every, some in zip(splits(whole), splits(few), strict=True):
        assert len(some) == 7
        assert {*rows(some)} < {*rows(every)}
    assert from_file(path, limit=7) == from_file(path, limit=7)
    with pytest.raises(UserError, match="limit of 0"):
        from_file(path, limit=0)


def _builder(class_name, features, examples, keys=None):
    """A corpus of tests, registered with TFDS under its name in snake case."""

    class Corpus(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self, features=features, supervised_keys=keys, description="Tests."
            )

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(split) for split in examples}

        def _generate_examples(self, split):
            yield from enumerate(examples[split])

    return type(class_name, (Corpus,), {"VERSION": Corpus.VERSION, "__module__": __name__})


TEXT = tfds.features.Text()
ENGLISH = [{"en": f"Word {i}", "fr": f"Mot  {i}"} for i in range(2000)]
ENGLISH += [{"en": "No answer", "fr": " "}]
TRANSLATION = tfds.features.Translation(languages=("en", "fr"))
_builder("TranslationOfTests", TRANSLATION, {"train": ENGLISH}, ("fr", "en"))
_builder("SplitTranslationOfTests", TRANSLATION, dict.fromkeys(SPLITS, ENGLISH), ("en", "fr"))
TWO = tfds.features.FeaturesDict({"question": TEXT, "answer": TEXT})
QUESTIONS = [{"question": f"q{i}", "answer": f"a{i}"} for i in range(50)]
_builder("QuestionsOfTests", TWO, {"train": QUESTIONS})
_builder("UnansweredOfTests", TWO, {"train": [{"question": "q", "answer": ""}]})
_builder("OnlyQuestionsInATestOfTests", TWO, {"test": QUESTIONS})


@pytest.fixture
def tfds_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "tfds"))


def test_a_tfds_name_is_read_in_the_direction_of_its_supervised_pair(tfds_folder):
    data = load("translation_of_tests")
    assert data.description == "Tests."
    assert [len(split) for split in splits(data)] == [1620, 180, 200]
    everything = sorted(pair for split in splits(data) for pair in rows(split))
    assert everything == sorted((f"Mot {i}", f"Word {i}") for i in range(2000))


def test_a_limit_is_kept_after_splits_are_set_aside(tfds_folder):
    whole, few = load("translation_of_tests"), load("translation_of_tests", limit=150)
    for every, some in zip(splits(whole), splits(few), strict=True):
        assert len(some) == 150
        assert {*rows(some)} < {*rows(every)}


def test_two_texts_of_a_tfds_name(tfds_folder):
    data = load("questions_of_tests", limit=3)
    assert [len(split) for split in splits(data)] == [3, 3, 3]
    assert all(s[0] + t[0] == "qa" and s[1:] == t[1:] for s, t in rows(data.train))


def test_with_a_limit_no_more_is_read_than_needed(tfds_folder, monkeypatch):
    read = []
    monkeypatch.setattr(parallel_text, "tidy", lambda text: read.append(text) or text)
    data = load("split_translation_of_tests", limit=5)
    assert [len(split) for split in splits(data)] == [5, 5, 5]
    assert len(read) < 3 * 2 * 2000


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("only_questions_in_a_test_of_tests", {}, "no split named 'train'"),
        ("unanswered_of_tests", {}, "no pair in its split 'train'"),
        ("shakespeare", {}, r"not a text with its translation; it has 'title' \(Text\)"),
        ("date", {}, "did you mean 'dates'"),
        ("pairs.tsv", {}, "--data"),
        ("questions_of_tests", {"limit": 0}, "limit of 0"),
        ("questions_of_tests", {"locales": ["de"]}, "no locales to choose from"),
        ("wmt14_translate/xx-en", {}, "fr-en"),
    ],
)
def test_a_name_without_pairs(tfds_folder, shared_cache, name, options, message):
    with pytest.raises(UserError, match=message) as raised:
        load(name, **options)
    assert "\n" not in str(raised.value)


def test_translations_of_tfds_itself_have_the_features_that_are_read():
    for name, direction in (
        ("ted_hrlr_translate/pt_to_en", ("pt", "en")),
        ("wmt14_translate/fr-en", ("fr", "en")),
    ):
        builder = parallel_text.corpora.tensorflow_datasets.find_builder(name, ())
        assert parallel_text._KIND._keys(builder) == direction
