"""Tags of spans: the schemes IOB1, IOB2 and BIOES, and what a model may say in them.

A tag is `O`, outside of any span, or a prefix and the type of a span, such as `B-PER`. The schemes
write the same spans in three ways:

- IOB1 (Ramshaw & Marcus 1995; the English and German files of CoNLL 2003): `I-` on every token of a
  span, except that `B-` begins a span right after another one of its type;
- IOB2 (Tjong Kim Sang & Veenstra 1999; CoNLL 2002; "BIO"): `B-` on the first token, `I-` on the
  others;
- BIOES ("IOBES"): like IOB2, with `E-` on the last token, and `S-` on a span of one.

Tags that a scheme would not write, such as `I-PER` after `O` in IOB2, have no one meaning. The
evaluation script of CoNLL reads a span from them wherever a new one could begin: after `O`, after
the end of a span, and where the type changes. That is what `repair` does. Strictly, such a span
does not count; that is what `spans` does, as does seqeval in its strict mode.

Sequences of tags are sequences of str. Whatever is no tag (`X-PER`, an empty string) raises a
`ValueError` that names it and its position.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

OUTSIDE = "O"
# The prefixes of each scheme, in the order of `tag_set`.
_PREFIXES = {"IOB1": "BI", "IOB2": "BI", "BIOES": "BIES"}
SCHEMES = tuple(_PREFIXES)
_OTHER_NAMES = {"BIO": "IOB2", "IOBES": "BIOES"}


class Span(NamedTuple):
    """Tokens `start` to `end`, without `end`, and their type."""

    type: str
    start: int
    end: int


def spans(tags: Sequence[str], scheme: str = "IOB2") -> list[Span]:
    """The spans of a sequence, strictly: those written exactly as the scheme writes them.

    For what CoNLL's evaluation reads, take `spans(repair(tags))`.
    """
    read = _read(tags)
    written = from_spans(read, len(tags), scheme)
    return [span for span in read if _same(tags, written, span)]


def from_spans(spans: Iterable[Span], length: int, scheme: str = "IOB2") -> list[str]:
    """The tags of `length` tokens with these spans.

    Raises:
        ValueError: if spans overlap, are empty, or reach beyond the tokens; or there is no such
            scheme.
    """
    scheme = _scheme(scheme)
    tags = [OUTSIDE] * length
    before = Span("", 0, 0)
    for span in sorted((Span(*span) for span in spans), key=lambda span: span.start):
        if not before.end <= span.start < span.end <= length:
            raise ValueError(f"{span} is empty, overlaps {before}, or ends after token {length}")
        after_its_like = span.start == before.end > 0 and span.type == before.type
        prefixes = _prefixes_of_span(span.end - span.start, scheme, after_its_like)
        tags[span.start : span.end] = [_join(prefix, span.type) for prefix in prefixes]
        before = span
    return tags


def repair(tags: Sequence[str], scheme: str = "IOB2") -> list[str]:
    """The spans that CoNLL's evaluation reads from tags of any scheme, well-formed in `scheme`.

    Tags that are well-formed in a scheme keep their spans, whichever scheme it is.
    """
    return from_spans(_read(tags), len(tags), scheme)


def tag_set(types: Iterable[str], scheme: str = "IOB2") -> list[str]:
    """All tags of a scheme for these types of spans: `O` first, then type by type."""
    prefixes = _PREFIXES[_scheme(scheme)]
    return [OUTSIDE, *(_join(prefix, kind) for kind in types for prefix in prefixes)]


def allowed_transitions(
    tag_names: Sequence[str], scheme: str = "IOB2"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What may stand where in well-formed sequences, as `zoo.layers.LinearChainCRF` takes it.

    Args:
        tag_names: the K tags, in the order of their ids.
        scheme: the scheme they are meant in; IOB1 and IOB2 have the same tags.

    Returns:
        Boolean arrays: tags that may begin a sequence (K,), tags (columns) that may follow a tag
        (rows) (K, K), tags that may end a sequence (K,).

    Raises:
        ValueError: if a tag is not one of the scheme, or there is no such scheme.
    """
    scheme = _scheme(scheme)
    for position, tag in enumerate(tag_names):
        if _split(tag, position)[0] not in _PREFIXES[scheme] + OUTSIDE:
            raise ValueError(f"{tag!r} is no tag of {scheme}")
    start = [may_follow(OUTSIDE, tag, scheme) for tag in tag_names]
    transitions = [[may_follow(before, tag, scheme) for tag in tag_names] for before in tag_names]
    end = [may_follow(tag, OUTSIDE, scheme) for tag in tag_names]
    return np.array(start), np.array(transitions), np.array(end)


def may_follow(before: str, tag: str, scheme: str = "IOB2") -> bool:
    """Whether a tag may stand after another; before and after a sequence is as good as `O`.

    A sequence of a scheme's tags is well-formed if each may follow the one before.
    """
    scheme = _scheme(scheme)
    (prefix_before, kind_before), (prefix, kind) = _split(before), _split(tag)
    goes_on = prefix_before in "BI" and kind_before == kind  # that span can take this token in
    if scheme == "IOB1":
        return goes_on or prefix != "B"
    if scheme == "IOB2":
        return goes_on or prefix != "I"
    if prefix_before in "BI":
        return goes_on and prefix in "IE"
    return prefix not in "IE"


def _read(tags: Sequence[str]) -> list[Span]:
    """The spans as CoNLL's evaluation reads them."""
    found = []
    start, previous, kind_before = 0, OUTSIDE, ""
    for position, tag in enumerate([*tags, OUTSIDE]):
        prefix, kind = _split(tag, position)
        begins = prefix in "BS" or previous in "OES" or kind != kind_before
        if previous != OUTSIDE and (begins or prefix == OUTSIDE):
            found.append(Span(kind_before, start, position))
        if begins:
            start = position
        previous, kind_before = prefix, kind
    return found


def _same(tags: Sequence[str], written: list[str], span: Span) -> bool:
    return list(tags[span.start : span.end]) == written[span.start : span.end]


def _prefixes_of_span(length: int, scheme: str, after_its_like: bool) -> str:
    if scheme == "BIOES":
        return "S" if length == 1 else "B" + "I" * (length - 2) + "E"
    first = "B" if scheme == "IOB2" or after_its_like else "I"
    return first + "I" * (length - 1)


def _split(tag: str, position: int | None = None) -> tuple[str, str]:
    """The prefix and the type; the type of a bare prefix is the empty string."""
    prefix, hyphen, kind = tag.partition("-")
    within = prefix in tuple("BIES") and bool(hyphen) == bool(kind)
    if within or tag == OUTSIDE:
        return prefix, kind
    place = "a tag" if position is None else f"tag {position}"
    raise ValueError(f"{place} is {tag!r}, not O, nor B-, I-, E- or S- and a type")


def _join(prefix: str, kind: str) -> str:
    return f"{prefix}-{kind}" if kind else prefix


def _scheme(scheme: str) -> str:
    """The scheme by its first name; ValueError if there is none."""
    scheme = _OTHER_NAMES.get(scheme, scheme)
    if scheme not in SCHEMES:
        raise ValueError(f"scheme is {scheme!r}; it must be one of {', '.join(SCHEMES)}")
    return scheme
