"""Sentences with a tag for each token: a packaged corpus, a TensorFlow Datasets name, or files."""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from zoo.datasets.corpora import of_kind, tensorflow_datasets
from zoo.datasets.readers.columns import Sentence, is_tag, read_columns
from zoo.datasets.splits import CARVED, completed, limited, parted
from zoo.errors import UserError
from zoo.text.tags import OUTSIDE, repair, tag_set

PACKAGED = of_kind("sequence_tagging")

# Names that corpora give to the features in question, the most telling first, where types do not
# tell them from others: CoNLL-2003 has chunks that are tagged as entities are.
_TOKENS = ("tokens", "words")
_TAGS = ("ner_tags", "ner", "tags")


@dataclass(frozen=True)
class TaggedSentences:
    """Sentences as tokens, none empty, and the tags of the tokens: IOB2, as many as tokens."""

    tokens: list[list[str]]
    tags: list[list[str]]

    def __len__(self) -> int:
        return len(self.tokens)

    def take(self, indices: Sequence[int] | np.ndarray) -> "TaggedSentences":
        return TaggedSentences([self.tokens[i] for i in indices], [self.tags[i] for i in indices])


@dataclass(frozen=True)
class SequenceTaggingData:
    """A corpus in its three splits, with what a model card says of it.

    `tag_names` are O and then, by type in alphabetic order, B- and I- of each type.
    """

    name: str
    tag_names: tuple[str, ...]
    train: TaggedSentences
    validation: TaggedSentences
    test: TaggedSentences
    description: str = ""
    homepage: str = ""
    licence: str = ""
    citation: str = ""


def load(name: str = "conll2003_english", *, limit: int | None = None) -> SequenceTaggingData:
    """Loads a corpus by name, downloading and preparing it on first use.

    A validation or test split that the corpus lacks, or whose tags are hidden (negative), is set
    aside from the training split: see `carve`.

    Args:
        name: a packaged corpus, or any TensorFlow Datasets name ("conll2003", "wikiann/en") with a
            feature of tokens and one of entity tags.
        limit: keep so many sentences of each split, drawn once and for all.

    Raises:
        UserError: the name is unknown, has no tokens or no entity tags, or cannot be prepared, for
            want of a network for example.
    """
    builder = tensorflow_datasets.builder(name, PACKAGED)
    tokens, tags = _tokens_and_tags(builder)
    tensorflow_datasets.prepare(builder, PACKAGED)
    present = tensorflow_datasets.splits(builder)
    given = {split: _read(builder, own, tokens, tags) for split, own in present.items()}
    given = {split: data for split, data in given.items() if data is not None}
    if "train" not in given:
        raise UserError(f"the dataset '{name}' has no tagged split named 'train'")
    names = _tag_names(builder.info.features[tags].feature.names)
    given = completed(given, carve, limit, name)
    return SequenceTaggingData(name, names, **given, **tensorflow_datasets.about(builder))


def from_files(
    train: str | Path,
    validation: str | Path | None = None,
    test: str | Path | None = None,
    *,
    limit: int | None = None,
) -> SequenceTaggingData:
    """Reads users' files: a token and its tag to a line (`readers.columns.read_columns`).

    The tags are those of the training file. A file that is not given is replaced by a part of the
    training file: see `carve`.

    Raises:
        UserError: a file cannot be read, the training file has no entity or too few sentences to
            set some aside, or another file has a tag that the training file does not have.
    """
    data = from_file(train)
    names = _tag_names(tag for tags in data.tags for tag in tags)
    if names == (OUTSIDE,):
        raise UserError(
            f"{train}: every tag is {OUTSIDE}: a tagger needs entities, such as B-PER, to learn"
        )
    given = {"train": data}
    for split, path in (("validation", validation), ("test", test)):
        if path is not None:
            given[split] = from_file(path, names)
    name = Path(train).name
    return SequenceTaggingData(name, names, **completed(given, carve, limit, name))


def from_file(
    path: str | Path, tag_names: Sequence[str] | None = None, *, limit: int | None = None
) -> TaggedSentences:
    """Reads one file, for example to evaluate a model on it.

    Args:
        path: a token and its tag to a line (`readers.columns.read_columns`).
        tag_names: the tags that the model knows (IOB2), None to take any.
        limit: keep so many sentences, drawn once and for all.

    Raises:
        UserError: the file cannot be read, or has other tags; the message names their lines.
    """
    sentences = read_columns(path)
    if tag_names is not None:
        _check_known(path, sentences, tag_names)
    tokens = [sentence.tokens for sentence in sentences]
    return limited(TaggedSentences(tokens, [sentence.tags for sentence in sentences]), limit)


def carve(data: TaggedSentences) -> tuple[TaggedSentences, TaggedSentences]:
    """Sets a tenth aside: the distinct sentences whose CRC-32 is lowest, rounded up.

    It depends on nothing but the sentences and puts equal ones on one side. A sentence stays if a
    tag would otherwise be left without any.

    Returns:
        (the remainder, the part set aside), both in the order of `data`.
    """
    tags_of = {}
    for tokens, tags in zip(data.tokens, data.tags, strict=True):
        tags_of.setdefault(tuple(tokens), set()).update(tags)
    left = Counter(tag for tags in tags_of.values() for tag in tags)  # sentences with each tag
    wanted = -(-len(tags_of) // CARVED)
    aside = set()
    for tokens in sorted(
        tags_of, key=lambda tokens: (zlib.crc32(" ".join(tokens).encode()), tokens)
    ):
        if len(aside) < wanted and all(left[tag] > 1 for tag in tags_of[tokens]):
            aside.add(tokens)
            left.subtract(tags_of[tokens])
    return parted(data, [tuple(tokens) in aside for tokens in data.tokens])


def _check_known(path: str | Path, sentences: list[Sentence], tag_names: Sequence[str]) -> None:
    lines = {}  # where each tag occurs first
    for sentence in sentences:
        for line, tag in enumerate(sentence.tags, sentence.line):
            lines.setdefault(tag, line)
    unknown = [f"'{tag}' (line {line})" for tag, line in lines.items() if tag not in tag_names]
    if unknown:
        shown = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        known = ", ".join(f"'{name}'" for name in tag_names)
        raise UserError(f"{path}: the tags {shown} are not among {known}")


def _tag_names(tags: Iterable[str]) -> tuple[str, ...]:
    """The IOB2 tags for the types that occur in `tags`, of any scheme, by alphabet."""
    return tuple(tag_set(sorted({tag[2:] for tag in tags if tag != OUTSIDE})))


def _tokens_and_tags(builder: tfds.core.DatasetBuilder) -> tuple[str, str]:
    """Names of the features that hold tokens and entity tags, by type and then by name."""
    sequences = {
        key: feature.feature
        for key, feature in builder.info.features.items()
        if isinstance(feature, tfds.features.Sequence)
    }
    texts = [key for key, inner in sequences.items() if isinstance(inner, tfds.features.Text)]
    tags = [key for key, inner in sequences.items() if _is_tag(inner)]
    chosen = _the_one(texts, _TOKENS), _the_one(tags, _TAGS)
    if None in chosen:
        raise UserError(
            f"the dataset '{builder.name}' is not one sequence of tokens with one of entity tags; "
            f"it has {tensorflow_datasets.described(builder.info.features)}"
        )
    return chosen


def _is_tag(feature: tfds.features.FeatureConnector) -> bool:
    if not isinstance(feature, tfds.features.ClassLabel) or not feature.names:
        return False
    return all(map(is_tag, feature.names))


def _the_one(keys: list[str], preferred: Sequence[str]) -> str | None:
    if len(keys) == 1:
        return keys[0]
    return next((name for name in preferred if name in keys), None)


def _read(
    builder: tfds.core.DatasetBuilder, split: str, tokens: str, tags: str
) -> TaggedSentences | None:
    """The sentences of a split, without empty ones; None if the tags are hidden."""
    names = builder.info.features[tags].feature.names
    examples = builder.as_dataset(split=split).map(lambda example: (example[tokens], example[tags]))
    data = TaggedSentences([], [])
    for some_tokens, some_tags in examples.ragged_batch(1024):
        # TFDS promises neither UTF-8 nor well-formed tags, and nobody can mend a published corpus:
        # stray bytes are replaced, and tags are read as CoNLL's evaluation reads them.
        words = [token.decode(errors="replace") for token in some_tokens.flat_values.numpy()]
        indices = some_tags.flat_values.numpy()
        if (indices < 0).any():
            return None
        labels = [names[index] for index in indices]
        for start, end in pairwise(some_tokens.row_splits.numpy()):
            if start < end:
                data.tokens.append(words[start:end])
                data.tags.append(repair(labels[start:end]))
    return data
