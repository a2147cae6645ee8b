"""Corpora that the zoo makes: dates in many locales, and chorales by Bach with their tunes."""

import importlib.util
import itertools
import re
import zipfile
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from babel.dates import format_date, parse_pattern
from support.corpus_case import SPLITS
from support.music_pieces import assert_same_music
from support.refusals import refused

from zoo.datasets import music
from zoo.datasets.corpora import bach_chorales, dates, package_index
from zoo.datasets.corpora.bach_chorales import read_chorales, split_by_tune
from zoo.datasets.corpora.dates import LOCALES, YEARS, Dates, Form, ambiguous, forms, pairs
from zoo.datasets.parallel_text import load
from zoo.music import KEYS, Score


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


LEFT_OUT = ("bwv1.6", "bwv18.5-w", "bwv62.6")  # of five parts, and with the pitches of others
ONE_TUNE = ("bwv227.1", "bwv358", "bwv64.8")  # Jesu, meine Freude
KEPT = {*ONE_TUNE, "bwv18.5-lz", "bwv274", "bwv66.6", "bwv269", "bwv336", "bwv351"}


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Few chorales, read from where the package would be fetched: those of the installed one."""
    music21 = Path(importlib.util.find_spec("music21").origin).parent
    path = tmp_path_factory.mktemp("package") / "few.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in (*LEFT_OUT, *KEPT):
            member = f"corpus/bach/{name}.mxl"
            archive.write(music21 / member, f"music21/{member}")
        archive.writestr("music21/corpus/bach/choraleAnalyses/a.txt", "text")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package_index, "fetch", lambda **_: path)
        return {score.name: score for score in read_chorales()}


def test_pieces_have_four_parts_and_are_there_once(few):
    assert few.keys() == KEPT
    for score in few.values():
        assert (score.voices, score.steps_per_quarter, score.ranked) == (4, 4, False)
        assert score.key in KEYS
        means = [np.mean(voice[voice > 0]) for voice in score.pitches.T]
        assert means == sorted(means, reverse=True)
    score = few["bwv66.6"]
    assert (score.key, len(score)) == ("F# minor", 9 * 16)
    assert score.positions[:6].tolist() == [12, 13, 14, 15, 0, 1]  # it begins with a pickup
    assert score.pitches[0].tolist() == [73, 64, 57, 57]  # C#5 E4 A3 A3
    assert [note.pitch for note in score.notes(0)][:5] == [73, 71, 69, 71, 73]
    assert score.pitches[-1].tolist() == [66, 61, 58, 54]  # a major chord on F#


def test_loads_by_name_in_three_splits_by_tune(few, empty_cache, monkeypatch):
    monkeypatch.setattr(bach_chorales, "read_chorales", lambda: list(few.values()))
    data = music.load()
    splits = [getattr(data, split).pieces for split in SPLITS]
    assert all(splits)
    assert sorted(piece.name for pieces in splits for piece in pieces) == sorted(KEPT)
    for piece in (piece for pieces in splits for piece in pieces):
        assert_same_music(piece, few[piece.name])
    together = [{piece.name for piece in pieces} & set(ONE_TUNE) for pieces in splits]
    assert sorted(map(len, together)) == [0, 0, len(ONE_TUNE)]


def tune(*steps, name):
    """A soprano of quarters that goes by intervals, with a bass that stands."""
    soprano = np.repeat(60 + np.cumsum(steps), 4)
    pitches = np.stack([soprano, *[np.full(len(soprano), 48)] * 3], axis=1)
    onsets = np.zeros(pitches.shape, bool)
    onsets[::4] = True
    return Score(pitches, onsets, 4, np.arange(len(soprano)) % 16, name=name)


def test_settings_of_one_tune_are_in_one_split():
    generator, scores = np.random.default_rng(0), []
    for number in range(30):
        steps = generator.integers(-6, 7, size=40)
        for setting in range(2):
            changed = steps.copy()
            changed[setting * 7 : setting * 7 + 3] += 1  # as variants of a tune are
            scores.append(tune(*changed, name=f"{number}-{setting}"))
    splits = [{score.name for score in some} for some in split_by_tune(scores).values()]
    assert sorted(set().union(*splits)) == sorted(score.name for score in scores)
    tunes = [len({name.partition("-")[0] for name in names}) for names in splits]
    assert sum(tunes) == 30
    assert tunes == pytest.approx([24, 3, 3], abs=5)


def test_a_tune_is_known_in_another_key_and_with_passing_notes():
    steps = np.random.default_rng(1).choice([-3, 2, 4, -2, -4, 3], size=30)
    plain = tune(*steps, name="plain")
    passing = plain.transposed(5).pitches.copy()
    passing[2:-4:4, 0] += 1  # an eighth within each quarter
    passing[3:-4:4, 0] += 1
    ornate = Score(passing, passing > 0, 4, plain.positions, name="ornate")
    for order in ([plain, ornate], [ornate, plain]):
        assert sorted(map(len, split_by_tune(order).values())) == [0, 0, 2]
