"""Dates in many locales: their forms, what is ambiguous, their splits."""

import itertools
import re
from collections import Counter
from datetime import date, timedelta

import pytest
from babel.dates import format_date, parse_pattern
from support.refusals import refused

from zoo.datasets.corpora import dates
from zoo.datasets.corpora.dates import LOCALES, YEARS, Dates, Form, ambiguous, forms, pairs
from zoo.datasets.parallel_text import load


@pytest.fixture(scope="module")
def every_pair():
    return list(pairs())


def test_forms_are_those_of_the_cldr_with_the_year_in_full():
    day = date(2009, 7, 5)
    for locale in LOCALES:
        written = [form.write(day) for form in forms(locale)]
        assert len(written) == len(set(forms(locale))) >= 3
        assert all("2009" in text for text in written)
        full = format_date(day, "full", locale)
        assert written[0] == full.replace("\u00a0", " ").replace("\u202f", " ")
        assert any(re.search("E|ccc", form.pattern) for form in forms(locale))
        for form in forms(locale):
            shown = parse_pattern(form.pattern).format
            assert all(re.search(part, shown) for part in (r"%\(d", r"%\(y", r"%\([ML]")), form


def test_what_another_locale_reads_otherwise_is_ambiguous(monkeypatch):
    british, american = Form("en_GB", "dd/MM/y"), Form("en_US", "M/d/y")
    days = [pair for pair in itertools.product(range(1, 13), repeat=2) if pair[0] != pair[1]]
    expected = {(form, month, day) for form in (british, american) for month, day in days}
    assert ambiguous(["en_GB", "en_US"]) == expected
    assert not ambiguous(["en_GB", "fr", "it"])
    # "Kas" is November in Turkish and May in Taita.
    misread = {(form.locale, month) for form, month, _ in ambiguous(["dav", "tr"])}
    assert misread == {("dav", 5), ("tr", 11)}
    patterns = {"en_GB": "E, d/M/y", "en_US": "E, M/d/y"}  # a weekday settles nothing
    monkeypatch.setattr(dates, "forms", lambda name: (Form(name, patterns[name]),))
    assert len(ambiguous(patterns)) == 2 * len(days)


def test_no_text_has_two_meanings_in_any_of_the_locales(every_pair):
    meaning = {source: target for source, target, _ in every_pair[:200]}
    days = {date.fromisoformat(target) for target in meaning.values()}
    swapped = {date(d.year, d.day, d.month) for d in days if d.day <= 12}
    readers = list(itertools.chain.from_iterable(map(forms, LOCALES)))
    for day, form in itertools.product(days | swapped, readers):
        text = form.write(day)
        assert meaning.get(text, day.isoformat()) == day.isoformat()
    for source, target, locale in every_pair:
        if source.count("/") == 2 and source[-4:].isdigit():
            day = date.fromisoformat(target)
            assert day.day > 12 or day.day == day.month, (source, locale)


def test_each_day_once_the_locales_in_turn(every_pair):
    assert list(itertools.islice(pairs(), 50)) == every_pair[:50]  # always the same order
    days = [date.fromisoformat(target) for _, target, _ in every_pair]
    century = date(YEARS[0], 1, 1)
    assert sorted(days) == [century + timedelta(i) for i in range(len(days))]
    assert len({source for source, _, _ in every_pair}) == len(days)
    for start in (0, len(LOCALES), 40_000):
        assert {locale for *_, locale in every_pair[start : start + len(LOCALES)]} == {*LOCALES}
    used = Counter()
    for source, target, locale in every_pair[:4000]:
        day = date.fromisoformat(target)
        used.update(form for form in forms(locale) if form.write(day) == source)
    assert {*used} == {form for locale in LOCALES for form in forms(locale)}


@pytest.fixture
def few_dates(empty_cache, monkeypatch):
    """A tenth of a second to prepare; in a cache of its own, lest others take it for the corpus."""
    sizes = {"train": 400, "validation": 20, "test": 40}
    monkeypatch.setattr(dates, "SIZES", sizes)
    return sizes


def test_loads_by_name_with_a_locale_for_each_pair(few_dates, every_pair):
    data = load()
    rest = iter(every_pair)
    for split, size in few_dates.items():
        part = getattr(data, split)
        found = sorted(zip(part.sources, part.targets, part.groups, strict=True))
        assert found == sorted(itertools.islice(rest, size))
    assert all(locale in data.description for locale in LOCALES)


def test_locales_can_be_chosen(few_dates):
    data = load("dates", locales=["pt-PT", "en_GB", "en_GB"], limit=50)
    assert {*data.train.groups} == {"en_GB", "pt_PT"}
    assert len(data.train) == 50
    assert data.description.endswith("In en_GB, pt_PT.")
    many = ["af", "bg", "ca", "da", "et", "eu", "gl", "hr", "id", "is", "lt", "lv", "mk", "nb"]
    assert len(Dates.of([*LOCALES, *many]).builder_config.name) < 100
    for locales in (["de", "xx"], ["1"], ["de/../x"], []):
        refused(r"unknown locale '(xx|1|de/\.\./x)'|no locale", load, "dates", locales=locales)
