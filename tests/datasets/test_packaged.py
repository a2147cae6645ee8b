"""What holds of every packaged corpus: as large as is told, fetched once, and nothing leaks."""

import pytest
from support.corpus_case import KINDS, SPLITS
from support.refusals import refused

from zoo.datasets.corpora import PACKAGED, bible_en_fr, dates, package_index

# Examples in each split, as the descriptions tell them.
SIZES = {
    "movie_snippets": (7_263, 810, 1_997),
    "conll2003_english": (14_041, 3_250, 3_453),
    "shakespeare": (34, 4, 4),
    "dates": (40_000, 2_000, 4_000),
    "bible_en_fr": (8_687, 1_155, 1_349),
    "bach_chorales": (287, 35, 39),
}
QUICK = ("movie_snippets", "shakespeare")  # to prepare; the others have tests of their own
CORPORA = [pytest.param(n, marks=() if n in QUICK else pytest.mark.long) for n in PACKAGED]
LICENCES = {"movie_snippets": "MIT", "conll2003_english": "for research use only", "dates": "BSD"}


def texts(split):
    """What a model would know again, by example."""
    for name in ("texts", "sources", "pieces"):
        if hasattr(split, name):
            return {getattr(text, "name", text) for text in getattr(split, name)}
    return {" ".join(tokens) for tokens in split.tokens}


@pytest.mark.parametrize("name", CORPORA)
def test_a_corpus_is_what_is_told(name, packaged):
    data = packaged(name)
    splits = [getattr(data, split) for split in SPLITS]
    assert (data.name, *map(len, splits)) == (name, *SIZES[name])
    if name != "conll2003_english":  # where the shared task itself repeats sentences
        train, validation, test = map(texts, splits)
        assert not train & validation
        assert not (train | validation) & test
    assert LICENCES.get(name, "Public domain") in data.licence
    assert data.citation.startswith("@")
    assert data.homepage.startswith("https://")


def test_a_package_is_read_once_and_a_limit_keeps_the_same(packaged, shared_cache, monkeypatch):
    snippets, works = packaged("movie_snippets"), packaged("shakespeare")
    monkeypatch.setattr(package_index, "fetch", None)
    few = KINDS["text_classification"].load(limit=50)
    labels = dict(zip(snippets.train.texts, snippets.train.labels, strict=True))
    assert [labels[text] for text in few.train.texts] == few.train.labels.tolist()
    begun = KINDS["plain_text"].load(limit=300_000)
    assert [getattr(begun, split).characters for split in SPLITS] == [300_000] * 3
    assert begun.train.texts[0] == works.train.texts[0][:300_000]


def test_without_network_one_line_says_so(empty_cache, monkeypatch):
    configuration = {"index-url": "http://127.0.0.1:9/simple"}
    monkeypatch.setattr(package_index, "_pip_configuration", lambda: configuration)
    for name in PACKAGED.keys() - {"dates"}:
        refused("^cannot fetch .*could not be reached", KINDS[PACKAGED[name].kind].load, name)


def test_the_first_of_a_kind_is_its_default_and_sizes_are_told():
    firsts = {kind: next(n for n in PACKAGED if PACKAGED[n].kind == kind) for kind in KINDS}
    assert {kind: module._KIND.packaged[0] for kind, module in KINDS.items()} == firsts
    assert firsts["parallel_text"] == "dates"
    for corpus, name in ((dates.Dates, "dates"), (bible_en_fr.BibleEnFr, "bible_en_fr")):
        assert all(f"{size:,}" in corpus.__doc__ for size in SIZES[name])
    assert tuple(dates.SIZES.values()) == SIZES["dates"]
    assert PACKAGED["dates"].contents.startswith(f"{sum(SIZES['dates']):,} ")
