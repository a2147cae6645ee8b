"""A page that shows entities in their texts."""

import colorsys
import html
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from zoo.errors import UserError

_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Entities</title>
<style>
body {{ font: 1.1em/1.9 serif; max-width: 42em; margin: 2em auto; padding: 0 1em; }}
p {{ white-space: pre-wrap; }}
mark {{ padding: .15em .3em; border-radius: .3em; }}
mark small {{ font: bold .65em sans-serif; margin-left: .4em; }}
</style>
{paragraphs}
</html>
"""


def page(predictions: Iterable[Mapping[str, Any]]) -> str:
    """An HTML page of texts with their entities marked.

    Args:
        predictions: dicts of `input`, a string, and `entities`, each with `type`, `start`, `end`
            and `probability`, in the order of the text, none overlapping another.
    """
    paragraphs = "\n".join(f"<p>{marked(p['input'], p['entities'])}</p>" for p in predictions)
    return _PAGE.format(paragraphs=paragraphs)


def marked(text: str, entities: Iterable[Mapping[str, Any]]) -> str:
    """A text as HTML with its entities marked; see `page`."""
    parts: list[str] = []
    at = 0
    for entity in entities:
        start, end = entity["start"], entity["end"]
        kind = html.escape(entity["type"])
        parts += [
            html.escape(text[at:start]),
            f'<mark style="background: {_colour(entity["type"])}" '
            f'title="{kind} {entity["probability"]:.3f}">{html.escape(text[start:end])}'
            f"<small>{kind}</small></mark>",
        ]
        at = end
    return "".join((*parts, html.escape(text[at:])))


def _colour(kind: str) -> str:
    """A pale colour that a type has in every page."""
    hue = zlib.crc32(kind.encode()) % 360 / 360
    red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(hue, 0.85, 0.7))
    return f"rgb({red}, {green}, {blue})"


def recorded(predictions: Iterable[Any], path: str | Path) -> Iterator[Any]:
    """Passes predictions on, and writes their page at the end; a UserError if that cannot be."""
    shown = []
    for prediction in predictions:
        shown.append(prediction)
        yield prediction
    try:
        Path(path).write_text(page(shown), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot write the page ({error.strerror})") from error
