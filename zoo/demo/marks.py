"""Answers as HTML: bars, coloured words, tables and pictures, each with words for who hears it."""

import base64
import html
import io
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
from matplotlib.figure import Figure

MOST_SHOWN = 5_000  # tokens, or rows: more would make the page slow, and nobody looks at them

STYLE = """
.marks { color: #1b1f24; background: #fff; padding: .8em 1em; border-radius: .5em;
  border: 1px solid #c9ced6; overflow-wrap: anywhere; line-height: 1.9; }
.marks.text { white-space: pre-wrap; }
.marks mark { color: #1b1f24; background: #e4eaf4; padding: .1em .15em; border-radius: .2em; }
.marks mark small { font: bold .7em sans-serif; margin-left: .3em; color: #1b1f24; }
.marks img { max-width: 100%; height: auto; display: block; }
.marks audio { width: 100%; }
.marks a { color: #1d4e74; text-decoration: underline; margin-right: 1em;
  white-space: nowrap; }
.marks .wide { overflow-x: auto; }
.marks .wide img { max-width: none; }
.marks + .marks { margin-top: .6em; }
.marks, .marks p, textarea { unicode-bidi: plaintext; }
.marks th { overflow-wrap: normal; }
.marks table { border-collapse: collapse; width: 100%; border: 0 !important; }
.marks tr { border: 0 !important; }
.marks th, .marks td { text-align: left; padding: .15em .8em .15em 0 !important; color: #1b1f24;
  overflow-wrap: break-word; vertical-align: middle; border: 0 !important; background: none; }
.marks td.number { text-align: right; font-variant-numeric: tabular-nums; width: 5em; }
.marks .bar { display: block; height: .9em; min-width: 1px; background: #2a6f97;
  border-radius: .2em; }
.marks caption, .marks b { color: #1b1f24; }
.marks caption { text-align: left; font-weight: 600; padding-bottom: .3em; }
.failed { color: #8c1c13; background: #fff; border: 2px solid #8c1c13; border-radius: .5em;
  padding: .6em .9em; }
.dark button[role=tab].selected { color: #8ab8f5; }
.note { color: #3d444d; background: #fff; padding: .2em 0; margin: 0; }
.marks p { margin: .2em 0; color: #1b1f24; }
"""


def failure(message: str) -> str:
    """What went wrong, announced where it appears, the second time too."""
    at = time.monotonic_ns()
    return f'<p class="failed" role="alert" data-at="{at}">{html.escape(message)}</p>'


def note(message: str) -> str:
    """A remark beside an answer."""
    return f'<p class="note">{html.escape(message)}</p>'


def unlike_training(answer: Mapping[str, Any], why: str) -> str:
    """A remark beside an answer to what is not `familiar`, else nothing; `why` goes on with it."""
    return "" if answer["familiar"] else note(f"Unlike the training data{why}.")


def box(*parts: str, text: bool = False) -> str:
    """A frame around pieces of HTML; of a text, its spaces and lines count."""
    return f'<div class="marks{" text" if text else ""}">{"".join(parts)}</div>'


def bars(shares: Mapping[str, float], caption: str, most: int = 20) -> str:
    """Probabilities as bars, in the order given, the first `most` of them."""
    rows = [
        f'<tr><th scope="row">{html.escape(name)}</th>'
        f'<td class="number">{share:.3f}</td><td style="width: 60%">'
        f'<span class="bar" style="width: {100 * min(max(share, 0), 1):.1f}%"></span></td></tr>'
        for name, share in list(shares.items())[:most]
    ]
    return f"<table><caption>{html.escape(caption)}</caption>{''.join(rows)}</table>"


def table(rows: Iterable[Sequence[Any]], head: Sequence[str], caption: str) -> str:
    """Rows of texts and numbers."""
    heads = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_shown(cell))}</td>" for cell in row) + "</tr>"
        for row in list(rows)[:MOST_SHOWN]
    )
    return f"<table><caption>{html.escape(caption)}</caption><tr>{heads}</tr>{body}</table>"


def tinted(
    tokens: Sequence[str], strengths: Sequence[float], titles: Sequence[str], spaced: bool
) -> str:
    """Tokens one after the other, each on a colour of its strength.

    Args:
        tokens: of a text.
        strengths: from -1, violet, over 0, white, to 1, orange.
        titles: what the pointer finds of each.
        spaced: whether a space stands between two tokens.
    """
    parts = [
        f'<mark style="background: {_tint(strength)}" title="{html.escape(title)}">'
        f"{html.escape(token)}</mark>"
        for token, strength, title in zip(tokens, strengths, titles, strict=True)
    ]
    cut = len(parts) - MOST_SHOWN
    end = f" ... and {cut:,} more" if cut > 0 else ""
    return (" " if spaced else "").join(parts[:MOST_SHOWN]) + end


def _tint(strength: float) -> str:
    strength = float(np.clip(np.nan_to_num(strength), -1, 1))
    far = (245, 150, 60) if strength > 0 else (150, 140, 235)
    mixed = (round(255 + (part - 255) * abs(strength)) for part in far)
    return "rgb({}, {}, {})".format(*mixed)


def picture(drawn: Figure | bytes, words: str, wide: bool = False) -> str:
    """A figure, or a PNG, and what it shows in words; a `wide` one is scrolled, not shrunk."""
    if isinstance(drawn, Figure):
        file = io.BytesIO()
        drawn.savefig(file, format="png", dpi=100)
        drawn = file.getvalue()
    data = base64.b64encode(drawn).decode()
    image = f'<img alt="{html.escape(words)}" src="data:image/png;base64,{data}">'
    if wide:
        return f'<div class="wide" tabindex="0" role="region" aria-label="Picture">{image}</div>'
    return image


def drawing(draw: Callable[[BinaryIO], None], words: str, wide: bool = False) -> str:
    """What a function draws into a file, a PNG, as a `picture`."""
    file = io.BytesIO()
    draw(file)
    return picture(file.getvalue(), words, wide)


def sound(wav: bytes, words: str) -> str:
    """A player of a WAV file."""
    data = base64.b64encode(wav).decode()
    source = f"data:audio/wav;base64,{data}"
    return f'<audio controls aria-label="{html.escape(words)}" src="{source}"></audio>'


def download(content: bytes, name: str, kind: str) -> str:
    """A link that saves a file of this name and MIME type; the page holds its content."""
    data = base64.b64encode(content).decode()
    name = html.escape(name)
    return f'<a download="{name}" href="data:{kind};base64,{data}">Download {name}</a>'


def _shown(cell: Any) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)
