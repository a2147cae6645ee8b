"""Text as every reader and predictor takes it, whatever system and program it comes from."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

_LINE_END = re.compile("\r\n?")
_PLACES_TO_CUT = (r"[.!?][\"'”’»)\]]*\s+|\n\s*\n", r"\s+")  # the best first
_CONTROL = re.compile(r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def normalize(text: str) -> str:
    """The text in Unicode's composed form, NFC, its lines ended by line feeds, without a BOM."""
    return _normal(text.removeprefix("\ufeff"))


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", _LINE_END.sub("\n", text))


def places(text: str) -> list[int]:
    """Where each character of `normalize(text)`, and its end, stands in the text itself."""
    mark = len(text) - len(text.removeprefix("\ufeff"))
    if normalize(text) == text[mark:]:
        return list(range(mark, len(text) + 1))
    pieces: list[str] = []  # those that are normalised each for itself
    for character in text[mark:]:
        before = pieces[-1] if pieces else ""
        joined = unicodedata.combining(character) or (
            _normal(before + character) != _normal(before) + _normal(character)
        )
        if before and joined:
            pieces[-1] += character
        else:
            pieces.append(character)
    found, start = [], mark
    for piece in pieces:
        found += [start] * len(_normal(piece))
        start += len(piece)
    return [*found, start]


def cut(text: str, longest: int) -> Iterator[str]:
    """Yields a text in pieces of at most `longest` characters, which together are the text.

    They end after sentences; where there is none, between words; else anywhere.
    """
    while len(text) > longest:
        ends = (
            max((found.end() for found in re.finditer(pattern, text[:longest])), default=0)
            for pattern in _PLACES_TO_CUT
        )
        end = next(filter(None, ends), longest)
        yield text[:end]
        text = text[end:]
    yield text


def printable(value: Any) -> Any:
    """A text with U+FFFD for each control character that is no tab and ends no line.

    They move the cursor of a terminal, set its title, or hide what is printed next. Of a nest of
    dicts and lists all texts are made so.
    """
    if isinstance(value, str):
        return _CONTROL.sub("\ufffd", value)
    if isinstance(value, dict):
        return {key: printable(item) for key, item in value.items()}
    return [*map(printable, value)] if isinstance(value, list) else value


def tidy(text: str) -> str:
    """The text normalised, with single plain spaces, and none at its ends.

    Any run of white space and control characters is one space: what breaks lines could not be
    written to a file of pairs, and no metric of translation tells spaces apart.
    """
    return _SPACE.sub(" ", normalize(text)).strip()
