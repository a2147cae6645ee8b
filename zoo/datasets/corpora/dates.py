"""Dates as people write them in twenty languages, and in the form of ISO 8601."""

import dataclasses
import itertools
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds
from babel import Locale, UnknownLocaleError
from babel.dates import format_date

from zoo.datasets.corpora.builder import Examples, PackagedBuilder
from zoo.datasets.corpora.package_index import cache_folder
from zoo.errors import UserError

LOCALES = (
    *("cs", "de", "el", "en_GB", "en_US", "es", "fi", "fr", "he", "hu"),
    *("it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "tr", "zh"),
)
SIZES = {"train": 40_000, "validation": 2_000, "test": 4_000}
YEARS = range(1900, 2100)

_STYLES = ("full", "long", "medium", "short")
_SKELETONS = ("yMMMEd", "yMd")  # CLDR's short forms with a weekday, and with digits alone
_SHORT_YEAR = re.compile(r"(?<!y)yy(?!y)")
_WEEKDAY = re.compile("E+|[ce]{3,}")
_LEAP_YEAR = 2000
_LONGEST_NAME = 100  # characters of a configuration, which names a folder


@dataclasses.dataclass(frozen=True)
class Form:
    """One way to write a date: a locale, and a pattern of CLDR such as `d MMMM y`."""

    locale: str
    pattern: str

    def write(self, day: date) -> str:
        """The day in this form, every space in it a plain one."""
        text = format_date(day, self.pattern, self.locale)
        return text.replace("\u00a0", " ").replace("\u202f", " ")


def forms(locale: str) -> tuple[Form, ...]:
    """The distinct forms of a locale that write the year in full.

    They are CLDR's four styles, an abbreviated one with the weekday, and one of digits alone. A
    UserError tells that CLDR has no such locale.
    """
    known = _known(locale)
    patterns = [known.date_formats[style].pattern for style in _STYLES]
    patterns += [known.datetime_skeletons[s].pattern for s in _SKELETONS]
    return tuple(Form(locale, p) for p in dict.fromkeys(patterns) if not _SHORT_YEAR.search(p))


def ambiguous(locales: Iterable[str]) -> set[tuple[Form, int, int]]:
    """The (form, month, day) that one of the locales would read as another date.

    So 7/5/2009 is, among en_GB and en_US, and 05/07/2009 too, for leading zeros and capitals tell
    no reader which number is the month. 17/5/2009 is not, nor 5/5/2009. A weekday does not count.
    """
    readings, writings = defaultdict(set), []
    days = [date.fromordinal(date(_LEAP_YEAR, 1, 1).toordinal() + i) for i in range(366)]
    for form in itertools.chain.from_iterable(map(forms, locales)):
        without_weekday = Form(form.locale, _WEEKDAY.sub("'*'", form.pattern))
        for day in days:
            key = re.sub(r"\b0+", "", without_weekday.write(day).casefold())
            readings[key].add(day)
            writings.append((key, (form, day.month, day.day)))
    return {writing for key, writing in writings if len(readings[key]) > 1}


def pairs(locales: Iterable[str] = LOCALES) -> Iterator[tuple[str, str, str]]:
    """Yields (source, target, locale) in an order that is always the same, each day once at most.

    Days of two centuries come in a random order; the locales take turns; the form is drawn from
    those of the locale that no other locale would read otherwise. A day that has none is left out.
    """
    locales = tuple(locales)
    misread, forms_of = ambiguous(locales), {locale: forms(locale) for locale in locales}
    generator = np.random.default_rng(0)
    first, after = date(YEARS.start, 1, 1).toordinal(), date(YEARS.stop, 1, 1).toordinal()
    days = map(date.fromordinal, generator.permutation(np.arange(first, after)).tolist())
    for day, locale in zip(days, itertools.cycle(locales), strict=False):
        clear = [form for form in forms_of[locale] if (form, day.month, day.day) not in misread]
        if clear:
            form = clear[generator.integers(len(clear))]
            yield form.write(day), day.isoformat(), locale


@dataclasses.dataclass
class DatesConfig(tfds.core.BuilderConfig):
    """Which locales the dates are written in."""

    locales: tuple[str, ...] = LOCALES


class Dates(PackagedBuilder):
    """Dates from 1900 to 2099 as people write them in many locales, and as ISO 8601 has them.

    `5 juillet 2009`, `Sun, Jul 5, 2009` or `2009年7月5日日曜日`, and `2009-07-05`. Made with Babel
    2.18.0 from the formats of the Unicode CLDR, by a fixed seed. Features: `source`, `target` and
    `locale`, the same number of examples for each locale, whose forms are equally likely. The year
    always has four digits, and no example has another reading in another of the locales: digits
    alone occur where they leave no doubt which is the month, as in `2009/07/05` or `17/7/2009`.

    40,000 pairs to train on, 2,000 for validation and 4,000 for the test, each of another day: what
    a model is tested on it has seen in no language.
    """

    RELEASE_NOTES: ClassVar = {"1.0.0": "Babel 2.18.0."}
    BUILDER_CONFIGS: ClassVar = [
        DatesConfig(name="20_locales", description="In " + ", ".join(LOCALES) + ".")
    ]
    FEATURES: ClassVar = dict.fromkeys(("source", "target", "locale"), tfds.features.Text())
    SUPERVISED = ("source", "target")
    HOMEPAGE = "https://babel.pocoo.org"
    LICENCE = "BSD 3-Clause (Babel); Unicode License v3 (the locale data)"
    CITATION = """@misc{cldr,
  title = {{Unicode} Common Locale Data Repository},
  author = {{The Unicode Consortium}},
  howpublished = {\\url{https://cldr.unicode.org}},
}"""

    @classmethod
    def of(cls, locales: Iterable[str]) -> "Dates":
        """The builder for locales by their CLDR names, such as "zh_Hant"; a UserError if none."""
        locales = tuple(sorted({name.replace("-", "_") for name in locales}))
        if not locales:
            raise UserError("no locale to write dates in: give one or more, such as de and en_US")
        for locale in locales:
            _known(locale)
        name = "-".join(locales)
        if len(name) > _LONGEST_NAME:
            name = f"{len(locales)}_locales_{zlib.crc32(name.encode()):08x}"
        config = DatesConfig(name=name, description=f"In {', '.join(locales)}.", locales=locales)
        return cls(config=config, data_dir=cache_folder() / "tensorflow_datasets")

    def _splits(self) -> dict[str, list[tuple[str, str, str]]]:
        every = pairs(self.builder_config.locales)
        return {split: list(itertools.islice(every, size)) for split, size in SIZES.items()}

    def _generate_examples(self, part: Iterable[tuple[str, str, str]]) -> Examples:
        for key, row in enumerate(part):
            yield key, dict(zip(self.FEATURES, row, strict=True))


def _known(locale: str) -> Locale:
    try:
        return Locale.parse(locale)
    except (UnknownLocaleError, ValueError) as error:
        raise UserError(
            f"unknown locale '{locale}': give a name of the CLDR, such as {', '.join(LOCALES[:5])}"
        ) from error
