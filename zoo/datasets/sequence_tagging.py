"""Sentences with a tag for each token: a packaged corpus, a TensorFlow Datasets name, or files."""

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from zoo.datasets import corpora
from zoo.datasets.corpus import CARVED, Builder, Corpus, Examples, Kind, parted
from zoo.datasets.readers.columns import Sentence, is_tag, read_columns
from zoo.datasets.readers.tables import quoted
from zoo.errors import UserError
from zoo.text.tags import OUTSIDE, repair, tag_set

# Names that corpora give to the features in question, the most telling first, where types do not
# tell them from others: CoNLL-2003 has chunks that are tagged as entities are.
_TOKENS = ("tokens", "words")
_TAGS = ("ner_tags", "ner", "tags")
_PLACE = "place"  # a feature of packaged corpora


@dataclass(frozen=True)
class TaggedSentences(Examples):
    """Sentences as tokens, none empty, and the tags of the tokens: IOB2, as many as tokens.

    Where the borders of documents are known, `places` are for each sentence the number of its
    document and its own, by which the sentences of a document follow each other.
    """

    tokens: list[list[str]]
    tags: list[list[str]]
    places: list[tuple[int, int]] | None = None


@dataclass(frozen=True)
class SequenceTaggingData(Corpus[TaggedSentences]):
    """A corpus; `tag_names` are O and then, by type in alphabetic order, B- and I- of each type."""

    tag_names: tuple[str, ...] = field(kw_only=True)


class _SequenceTagging(Kind[TaggedSentences, SequenceTaggingData]):
    """Corpora with a feature of tokens and one of entity tags ("conll2003", "wikiann/en").

    Files have a token and its tag to a line (`readers.columns`).
    """

    name = "sequence_tagging"
    corpus = SequenceTaggingData
    labels = "tag_names"

    def carve(self, data: TaggedSentences) -> tuple[TaggedSentences, TaggedSentences]:
        """Sets a tenth aside: the distinct sentences whose CRC-32 is lowest, rounded up.

        Equal sentences are on one side. One stays if a tag would otherwise be left without any.
        """
        tags_of: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for tokens, tags in zip(data.tokens, data.tags, strict=True):
            tags_of[tuple(tokens)].update(tags)
        left = Counter(tag for tags in tags_of.values() for tag in tags)  # sentences with each tag
        wanted = -(-len(tags_of) // CARVED)
        aside: set[tuple[str, ...]] = set()
        for words in sorted(tags_of, key=lambda some: (zlib.crc32(" ".join(some).encode()), some)):
            if len(aside) < wanted and all(left[tag] > 1 for tag in tags_of[words]):
                aside.add(words)
                left.subtract(tags_of[words])
        return parted(data, [tuple(tokens) in aside for tokens in data.tokens])

    def _keys(self, builder: Builder) -> tuple[str, ...]:
        """The features that hold tokens and entity tags, by type and then by name."""
        kinds = corpora.tensorflow_datasets.feature_kinds(builder)
        texts = [key for key, kind in kinds.items() if kind == "Sequence of Text"]
        tags = [key for key, kind in kinds.items() if kind == "Sequence of ClassLabel"]
        tags = [key for key in tags if all(map(is_tag, _names(builder, key) or [""]))]
        chosen = _the_one(texts, _TOKENS), _the_one(tags, _TAGS)
        if chosen[0] is None or chosen[1] is None:
            kind = "one sequence of tokens with one of entity tags"
            raise corpora.tensorflow_datasets.refusal(builder, kind)
        return chosen[0], chosen[1]

    def _labels(self, builder: Builder, keys: tuple[str, ...]) -> tuple[str, ...]:
        return _tag_names(_names(builder, keys[1]))

    def _read(
        self, builder: Builder, split: str, keys: tuple[str, ...], enough: int | None
    ) -> TaggedSentences | None:
        # `enough` is no matter: a sentence more or less is cheap here.
        names = _names(builder, keys[1])
        placed = _PLACE in builder.info.features
        wanted = (*keys, _PLACE) if placed else keys
        examples = builder.as_dataset(split=split).map(lambda e: tuple(e[key] for key in wanted))
        data = TaggedSentences([], [], [] if placed else None)
        for tokens, tags, *places in examples.ragged_batch(1024):
            words = corpora.tensorflow_datasets.decode(tokens.flat_values.numpy())
            indices = tags.flat_values.numpy()
            if (indices < 0).any():
                return None
            labels = [names[index] for index in indices]
            for row, (start, end) in enumerate(pairwise(tokens.row_splits.numpy())):
                if start < end:
                    data.tokens.append(words[start:end])
                    # TFDS does not promise well-formed tags.
                    data.tags.append(repair(labels[start:end]))
                    if data.places is not None:
                        document, sentence = places[0][row].numpy().tolist()
                        data.places.append((document, sentence))
        return data

    def _read_file(self, path: str | Path, labels: Sequence[str] | None) -> TaggedSentences:
        sentences = read_columns(path)
        if labels is not None:
            _check_known(path, sentences, labels)
        places = [(s.document, number) for number, s in enumerate(sentences)]
        known = any(s.document for s in sentences)
        return TaggedSentences(
            [s.tokens for s in sentences], [s.tags for s in sentences], places if known else None
        )

    def _read_training_file(self, path: str | Path) -> tuple[TaggedSentences, tuple[str, ...]]:
        data = self._read_file(path, None)
        names = _tag_names(tag for tags in data.tags for tag in tags)
        if names == (OUTSIDE,):
            raise UserError(
                f"{path}: every tag is {OUTSIDE}: a tagger needs entities, such as B-PER, to learn"
            )
        return data, names


def _check_known(path: str | Path, sentences: list[Sentence], tag_names: Sequence[str]) -> None:
    lines: dict[str, int] = {}  # where each tag occurs first
    for sentence in sentences:
        for line, tag in zip(sentence.lines, sentence.tags, strict=True):
            lines.setdefault(tag, line)
    unknown = [f"'{tag}' (line {line})" for tag, line in lines.items() if tag not in tag_names]
    if unknown:
        shown = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        raise UserError(f"{path}: the tags {shown} are not among {quoted(tag_names)}")


def _tag_names(tags: Iterable[str]) -> tuple[str, ...]:
    """The IOB2 tags for the types that occur in `tags`, of any scheme, by alphabet."""
    return tuple(tag_set(sorted({tag[2:] for tag in tags if tag != OUTSIDE})))


def _names(builder: Builder, key: str) -> list[str]:
    """The classes of a feature that is a sequence of class labels; none if they have no names."""
    return builder.info.features[key].feature.names or []


def _the_one(keys: list[str], preferred: Sequence[str]) -> str | None:
    if len(keys) == 1:
        return keys[0]
    return next((name for name in preferred if name in keys), None)


_KIND = _SequenceTagging()
load, from_files, from_file, carve = _KIND.load, _KIND.from_files, _KIND.from_file, _KIND.carve
