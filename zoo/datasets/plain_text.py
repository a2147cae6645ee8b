"""Plain text to learn a language from: a packaged corpus, a TensorFlow Datasets name, or files."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.datasets import corpora
from zoo.datasets.corpora.packaged import SPLITS
from zoo.datasets.corpus import CARVED, Builder, Corpus, Examples, Kind
from zoo.datasets.readers.tables import read_text
from zoo.errors import UserError

_MANY = 100  # so many documents, or more, are set aside whole
_SHORTEST = 100  # characters that a part set aside must have: fewer say nothing of a model
# Where to cut a text, the best place first; the first character of the latter part comes after.
_BREAKS = tuple(map(re.compile, (r"\n\s*\n", r"\n", r"\s")))


@dataclass(frozen=True)
class Documents(Examples):
    """Texts that stand each for itself: plays, articles or single sentences. None is blank."""

    texts: tuple[str, ...]

    @property
    def characters(self) -> int:
        """The length of all texts together, in code points."""
        return sum(map(len, self.texts))

    @property
    def amount(self) -> str:
        documents = f" in {len(self):,} documents" if len(self) > 1 else ""
        return f"{self.characters:,} characters{documents}"


PlainTextData = Corpus[Documents]


class _PlainText(Kind[Documents, PlainTextData]):
    """Corpora with a text feature, each example being a document ("tiny_shakespeare", "lm1b").

    Files are UTF-8, gzipped if their name ends in `.gz`, and one document each; however lines end,
    in the document they end with a line feed.
    """

    name = "plain_text"
    corpus = PlainTextData
    too_small = (
        "the text is too short to set a part of it aside: "
        f"give {2 * CARVED * _SHORTEST} characters or more, or a file for each split"
    )

    def carve(self, data: Documents) -> tuple[Documents, Documents]:
        """Sets the last tenth of the characters aside, in one piece.

        The cut is made between two documents where there is such a place within a fortieth of the
        text; else at a blank line, the end of a line, or white space, whichever of these is found
        first within that distance, as near as it can be. Of a text that is too short nothing is set
        aside.
        """
        aside = data.characters // CARVED
        position, index = data.characters - aside, 0  # of the cut: a character of one of the texts
        while position > len(data.texts[index]):
            position -= len(data.texts[index])
            index += 1
        if aside >= _SHORTEST:
            text = data.texts[index]
            cut = _place_to_cut(text, position, reach=aside // 4)
            before = _without_blank((*data.texts[:index], text[:cut]))
            after = _without_blank((text[cut:], *data.texts[index + 1 :]))
            if before and after:
                return before, after
        return data, Documents(())

    def _keys(self, builder: Builder) -> tuple[str, ...]:
        """The text: of the supervised pair, else the only one, else the one named `text`."""
        kinds = corpora.tensorflow_datasets.supervised_kinds(builder)
        texts = [key for key, kind in kinds.items() if kind == "Text"]
        if len(texts) != 1 and "text" not in texts:
            raise corpora.tensorflow_datasets.refusal(builder, "one text for each example")
        return (texts[0] if len(texts) == 1 else "text",)

    def _read_splits(
        self, builder: Builder, present: dict[str, str], keys: tuple[str, ...], limit: int | None
    ) -> Mapping[str, Documents | None]:
        """The splits; of many documents, whole ones make those that are missing."""
        train = present.get("train")
        if train and builder.info.splits[train].num_examples >= _MANY:
            missing = [split for split in SPLITS if split not in present]
            part = 100 // CARVED  # per cent
            kept = 100 - part * len(missing)
            for split, start in zip(missing, range(kept, 100, part), strict=True):
                present |= {split: f"{train}[{start}%:{start + part}%]"}
            present |= {"train": f"{train}[:{kept}%]"}
        return super()._read_splits(builder, present, keys, limit)

    def _read(
        self, builder: Builder, split: str, keys: tuple[str, ...], enough: int | None
    ) -> Documents:
        texts: list[str] = []
        characters = 0
        for some in builder.as_dataset(split=split).map(lambda e: e[keys[0]]).batch(256):
            texts += corpora.tensorflow_datasets.decode(some.numpy())
            characters += sum(map(len, texts[-len(some) :]))
            if enough is not None and characters >= enough:
                break
        documents = _without_blank(texts)
        if not documents:
            raise UserError(f"the dataset '{builder.name}' has no text in its split '{split}'")
        return documents

    def _read_file(self, path: str | Path, labels: Sequence[str] | None) -> Documents:
        text = read_text(path)
        if not text.strip():
            raise UserError(f"{path}: there is no text, only white space")
        return Documents((text,))

    def _limited(self, data: Documents, limit: int | None) -> Documents:
        """The first `limit` characters, the last document being cut; all, if it is None."""
        if limit is None:
            return data
        begins = itertools.accumulate(map(len, data.texts), initial=0)
        pairs = zip(data.texts, begins, strict=False)
        kept = _without_blank([text[: max(limit - begin, 0)] for text, begin in pairs])
        if not kept:
            raise UserError(f"a limit of {limit} characters leaves no text: give more")
        return kept


def _place_to_cut(text: str, position: int, reach: int) -> int:
    """The best place to cut a text, no further than `reach` from a position."""
    for end in (0, len(text)):
        if abs(end - position) <= reach:
            return end
    start = position - reach
    around = text[start : position + reach]
    for pattern in _BREAKS:
        if places := [start + found.end() for found in pattern.finditer(around)]:
            return min(places, key=lambda place: abs(place - position))
    return position


def _without_blank(texts: Iterable[str]) -> Documents:
    return Documents(tuple(text for text in texts if text.strip()))


_KIND = _PlainText()
load, from_files, from_file, carve = _KIND.load, _KIND.from_files, _KIND.from_file, _KIND.carve
