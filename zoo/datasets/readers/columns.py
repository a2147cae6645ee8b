"""Reads sentences in columns, a token and its tag to a line, as CoNLL's shared tasks have them."""

import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from zoo.datasets.readers.left_out import ROWS, LeftOut
from zoo.datasets.readers.tables import numbered_lines, read_text
from zoo.errors import UserError
from zoo.text.tags import OUTSIDE, may_follow, repair

_SEPARATORS = re.compile("[ \t]+")  # other white space, such as a no-break space, is text
_DOCUMENT = re.compile("-DOCSTART-|#(begin|end) document")
_NO_TOKEN = re.compile(r"\d+[-.]\d+")  # how CoNLL-U numbers words of several tokens, or of none
_TAG = re.compile(r"O|[BIES]-\S+")  # a bare B would be an entity of no type


@dataclass(frozen=True)
class Sentence:
    """Tokens and their tags (IOB2), the lines of the file where they stand, and in which document.

    Documents are counted by their borders, from 1 on; 0 is above the first of them.
    """

    lines: list[int]
    tokens: list[str]
    tags: list[str]
    document: int = 0


def read_columns(path: str | Path) -> list[Sentence]:
    """Reads a file of sentences in columns, UTF-8, gzipped if its name ends in `.gz`.

    Each line has a token in its first column and the tag in its last, separated by spaces or tabs;
    columns between them are passed over, as are comments (`# ...`) above a sentence. Borders of
    documents (`-DOCSTART-`) are counted. Where the first column counts the tokens of each sentence,
    as CoNLL-U does, the token is in the second. A blank line ends a sentence. The tags are all
    IOB1, IOB2 or BIOES, whichever fits, and become IOB2.

    A sentence where a line has no tag, one that is none, or another number of columns than the
    lines before it, or whose tags do not fit the scheme of the others, is left out, which is logged
    (`readers.left_out`).

    Raises:
        UserError: the file is missing, empty, binary or not UTF-8, or more than a tenth of its
            sentences are wrong. The message names the line.
    """
    return parse(path, read_text(path))


def parse(source: str | Path, text: str) -> list[Sentence]:
    """The sentences of a text in columns: see `read_columns`; `source` is for messages."""
    every: list[list[Any]] = [
        [*rows] for inside, rows in groupby(_rows(source, text), key=bool) if inside
    ]
    left_out, found = LeftOut("sentences", len(every), ROWS), []
    for rows in every:
        if wrong := next((of for _, of in rows if isinstance(of, UserError)), None):
            left_out.add(wrong)
        else:
            found.append(rows)
    counted = _without_counts(source, found)
    found, column = counted or found, int(counted is not None)
    borders = [line for line, content in numbered_lines(text) if _DOCUMENT.match(content)]
    sentences = []
    for rows in found:
        lines, fields = zip(*rows, strict=True)
        tokens, tags = ([f[i] for f in fields] for i in (column, -1))
        sentences.append(Sentence([*lines], tokens, tags, bisect(borders, lines[0])))
    if not sentences:
        raise UserError(f"{source}: there is no sentence, only comments or borders of documents")
    sentences = _of_one_scheme(source, sentences, left_out)
    left_out.tell()
    return [replace(sentence, tags=repair(sentence.tags)) for sentence in sentences]


def is_tag(tag: str) -> bool:
    """Whether a tag is O, or B-, I-, E- or S- and a type."""
    return _TAG.fullmatch(tag) is not None


def _without_counts(source: str | Path, found: list[list[Any]]) -> list[list[Any]] | None:
    """The rows of sentences whose first column counts their tokens; None if it does not.

    It does where it counts in most of the sentences; what breaks the count elsewhere is an error.
    CoNLL-U has rows besides for several tokens as they are written in one word, 1-2, and for words
    that are not there, 1.1: these are left out.
    """
    kept = [[row for row in rows if not _NO_TOKEN.fullmatch(row[1][0])] for rows in found]
    kept = [rows for rows in kept if rows]
    breaks = [_break(rows) for rows in kept]
    if max(map(len, kept), default=0) < 2 or 2 * sum(map(bool, breaks)) >= len(kept):
        return None
    if first := next(filter(None, breaks), None):
        raise UserError(
            f"{source}: line {first}: the first column counts the tokens elsewhere, but not here: "
            "mend the number, or take the column away"
        )
    return kept


def _break(rows: list[Any]) -> int | None:
    """The line where the first column of a sentence does not count on."""
    before: int | None = None
    for line, fields in rows:
        number = int(fields[0]) if len(fields) > 2 and fields[0].isdecimal() else None
        if number is None or before not in (None, number - 1):
            return line
        before = number
    return None


def _rows(source: str | Path, text: str) -> Iterator[tuple[int, list[str] | UserError] | None]:
    """Yields the line and the fields of each token, or what is wrong; None after a sentence."""
    first, inside = 0, False
    width: int | None = None
    for number, line in numbered_lines(text):
        begun = line[:1] in " \t"  # with a separator, so that the first column is empty
        line = line.strip(" \t")
        fields = _SEPARATORS.split(line)
        if not line.strip() or _DOCUMENT.match(line):
            inside = False
            yield None
        elif _NO_TOKEN.fullmatch(fields[0]) and fields[-1] == "_":
            continue  # CoNLL-U, without a tag
        elif inside or not _is_comment(fields, width):
            if width is None:
                first, width = number, len(fields)
            inside = True
            if begun and len(fields) == 1 and is_tag(line):
                wrong = UserError(f"{source}: line {number} has the tag {line} and no token")
                yield number, wrong
            else:
                yield number, _wrong(source, number, fields, first, width) or fields


def _is_comment(fields: list[str], width: int | None) -> bool:
    """Whether a line above a sentence is a comment, rather than the token `#`."""
    has_tag = len(fields) > 1 and is_tag(fields[-1])
    return fields[0].startswith("#") and not (has_tag and width in (None, len(fields)))


def _wrong(
    source: str | Path, number: int, fields: list[str], first: int, width: int
) -> UserError | None:
    """What is wrong in a line: no tag, or another number of columns than line `first` has."""
    place, tag = f"{source}: line {number}", fields[-1]
    if len(fields) == 1:
        return UserError(
            f"{place} has no tag: give each token a line, with the token first and its tag last, "
            "separated by spaces or tabs"
        )
    if len(fields) != width:
        return UserError(
            f"{place} has {len(fields)} columns where line {first} has {width}: "
            "only spaces and tabs separate columns, and no token may hold one"
        )
    if not is_tag(tag):
        header = "; take a header away" if number == first else ""
        return UserError(
            f"{place}: '{tag:.40}' is no tag: give O, or B-, I-, E- or S- before a type, "
            f"as in B-PER{header}"
        )
    return None


def _of_one_scheme(
    source: str | Path, sentences: list[Sentence], left_out: LeftOut
) -> list[Sentence]:
    """The sentences whose tags fit the scheme that fits most; without an entity they fit any.

    A UserError refuses tags that no scheme explains.
    """
    prefixes = {tag[0] for sentence in sentences for tag in sentence.tags}
    schemes = ("BIOES",) if prefixes & {"E", "S"} else ("IOB2", "IOB1")
    misfits = {scheme: [_misfit(sentence, scheme) for sentence in sentences] for scheme in schemes}
    first = {scheme: next(filter(None, of), None) for scheme, of in misfits.items()}
    found = " nor ".join(f"{scheme} ({misfit})" for scheme, misfit in first.items())
    reason = (
        f"{source}: the tags fit {'neither ' if len(misfits) > 1 else 'not '}{found}: "
        "mend these lines, so that all tags are of one scheme"
    )
    best = min(misfits.values(), key=lambda of: sum(map(bool, of)))
    for misfit in filter(None, best):
        left_out.add(reason if misfit in first.values() else f"{source}: {misfit}")
    return [sentence for sentence, misfit in zip(sentences, best, strict=True) if not misfit]


def _misfit(sentence: Sentence, scheme: str) -> str | None:
    """Where a tag does not fit the one before it, in words."""
    for offset, (previous, tag) in enumerate(pairwise([OUTSIDE, *sentence.tags, OUTSIDE])):
        if not may_follow(previous, tag, scheme):
            last = offset == len(sentence.tags)
            before = f"after {previous}" if offset else "at the beginning of a sentence"
            what = "a sentence ends" if last else tag
            return f"line {sentence.lines[offset - last]}: {what} {before}"
    return None
