"""Texts and their translations: a packaged corpus, a TensorFlow Datasets name, or users' files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.datasets import corpora
from zoo.datasets.corpus import Builder, Corpus, Examples, Kind, lowest_tenth, parted
from zoo.datasets.readers.left_out import ROWS, LeftOut
from zoo.datasets.readers.tables import numbered_lines, read_text
from zoo.errors import UserError
from zoo.text.normalization import tidy

_GROUPS = {"dates": "locale"}  # the features that tell pairs apart


@dataclass(frozen=True)
class Pairs(Examples):
    """Source texts and, for each, the target text; neither is blank.

    `groups`, where a corpus has them, name what each pair belongs to, for figures of each group:
    the locale of a date.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    groups: tuple[str, ...] | None = None


ParallelData = Corpus[Pairs]


class _ParallelText(Kind[Pairs, ParallelData]):
    """Corpora of texts in two languages ("ted_hrlr_translate/pt_to_en", "wmt14_translate/fr-en").

    The direction is that of the supervised pair. A pair with a blank side is passed over, for
    nobody can mend a published corpus. Files have on each line a source text, a tab, and its target
    text: UTF-8 without a header, gzipped if their name ends in `.gz`; lines may end as on any
    system, and blank ones are passed over. A line that is no pair
    is left out, which is logged (`readers.left_out`). All texts are made `tidy`.
    """

    name = "parallel_text"
    corpus = ParallelData

    def load(
        self,
        name: str | None = None,
        *,
        limit: int | None = None,
        locales: Sequence[str] | None = None,
    ) -> ParallelData:
        """Loads a corpus by name, as `Kind.load` does.

        "dates" can be written in other `locales` than the usual twenty; an unknown one is a
        UserError.
        """
        if locales is None:
            return super().load(name, limit=limit)
        if name != "dates":
            raise UserError(f"the dataset '{name}' has no locales to choose from: only 'dates' has")
        return self._load(name, corpora.dates.Dates.of(locales), limit)

    def carve(self, data: Pairs) -> tuple[Pairs, Pairs]:
        """Sets a tenth aside: the distinct sources whose CRC-32 is lowest, rounded up.

        Equal sources are on one side, so that none is tested that has been trained on.
        """
        aside = set(lowest_tenth(source.encode() for source in data.sources))
        return parted(data, [source.encode() in aside for source in data.sources])

    def _keys(self, builder: Builder) -> tuple[str, ...]:
        """The source and the target, the supervised pair or else the only two texts; the group."""
        kinds = corpora.tensorflow_datasets.supervised_kinds(builder)
        texts = [key for key, kind in kinds.items() if kind == "Text"]
        if len(texts) != 2:
            raise corpora.tensorflow_datasets.refusal(builder, "a text with its translation")
        return (*texts, *([_GROUPS[builder.name]] if builder.name in _GROUPS else []))

    def _read(
        self, builder: Builder, split: str, keys: tuple[str, ...], enough: int | None
    ) -> Pairs:
        rows: list[tuple[str, ...]] = []
        examples = builder.as_dataset(split=split).map(lambda e: tuple(e[key] for key in keys))
        for some in examples.batch(1024).as_numpy_iterator():
            columns = (map(tidy, corpora.tensorflow_datasets.decode(column)) for column in some)
            rows += [row for row in zip(*columns, strict=True) if row[0] and row[1]]
            if enough is not None and len(rows) >= enough:
                break
        if not rows:
            raise UserError(f"the dataset '{builder.name}' has no pair in its split '{split}'")
        return Pairs(*zip(*rows, strict=True))

    def _read_file(self, path: str | Path, labels: Sequence[str] | None) -> Pairs:
        lines = [(n, line) for n, line in numbered_lines(read_text(path)) if line.strip()]
        if not lines:
            raise UserError(f"{path}: there is no pair, only white space")
        left_out, pairs = LeftOut("lines", len(lines), ROWS), []
        for number, line in lines:
            try:
                pairs.append(_pair(f"{path}: line {number}", line))
            except UserError as error:
                left_out.add(error)
        left_out.tell()
        return Pairs(*zip(*pairs, strict=True))


def _pair(place: str, line: str) -> tuple[str, str]:
    """The source and the target of a line; a UserError, if it has not both."""
    columns = line.split("\t")
    if len(columns) != 2:
        hint = "keep these two (cut -f 1,2)" if columns[2:] else "put a tab between them"
        raise UserError(
            f"{place} has {len(columns) - 1 or 'no'} tabs where one stands between the source "
            f"text and the target text: {hint}"
        )
    source, target = map(tidy, columns)
    if not source or not target:
        side = "target" if source else "source"
        raise UserError(f"{place} has no {side} text: give it one, or drop it")
    return source, target


_KIND = _ParallelText()
load, from_files, from_file, carve = _KIND.load, _KIND.from_files, _KIND.from_file, _KIND.carve
