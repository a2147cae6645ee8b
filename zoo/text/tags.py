"""Tags of spans: the schemes IOB1, IOB2 and BIOES, and what a model may say in IOB2.

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
SCHEMES = ("IOB1", "IOB2", "BIOES")


class Span(NamedTuple):
    """Tokens `start` to `end`, without `end`, and their type."""

    type: str
    start: int
    end: int


def spans(tags: Sequence[str]) -> list[Span]:
    """The spans of a sequence, strictly: those that are written exactly as IOB2 writes them."""
    read, well_formed = _read(tags), repair(tags)
    return [s for s in read if list(tags[s.start : s.end]) == well_formed[s.start : s.end]]


def repair(tags: Sequence[str]) -> list[str]:
    """The spans that CoNLL's evaluation reads from tags of any scheme, well-formed in IOB2.

    Tags that are well-formed in a scheme keep their spans, whichever scheme it is.
    """
    repaired = [OUTSIDE] * len(tags)
    for kind, start, end in _read(tags):
        repaired[start:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - start - 1)]
    return repaired


def tag_set(types: Iterable[str]) -> list[str]:
    """All tags of IOB2 for these types of spans: `O` first, then type by type."""
    return [OUTSIDE, *(f"{prefix}-{kind}" for kind in types for prefix in "BI")]


def allowed_transitions(tag_names: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What may stand where in well-formed IOB2, as `zoo.layers.LinearChainCRF` takes it.

    Given are the K tags, in the order of their ids; one that is not of IOB2 is a ValueError.

    Returns:
        Boolean arrays: tags that may begin a sequence (K,), tags (columns) that may follow a tag
        (rows) (K, K), tags that may end a sequence (K,).
    """
    for position, tag in enumerate(tag_names):
        if _split(tag, position)[0] not in "BIO":
            raise ValueError(f"{tag!r} is no tag of IOB2")
    start = [may_follow(OUTSIDE, tag) for tag in tag_names]
    transitions = [[may_follow(before, tag) for tag in tag_names] for before in tag_names]
    end = [may_follow(tag, OUTSIDE) for tag in tag_names]
    return np.array(start), np.array(transitions), np.array(end)


def may_follow(before: str, tag: str, scheme: str = "IOB2") -> bool:
    """Whether a tag may stand after another; before and after a sequence is as good as `O`.

    A sequence of a scheme's tags is well-formed if each may follow the one before.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"scheme is {scheme!r}; it must be one of {', '.join(SCHEMES)}")
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


def _split(tag: str, position: int | None = None) -> tuple[str, str]:
    prefix, _, kind = tag.partition("-")
    if tag == OUTSIDE or (prefix in tuple("BIES") and kind):
        return prefix, kind
    place = "a tag" if position is None else f"tag {position}"
    raise ValueError(f"{place} is {tag!r}, not O, nor B-, I-, E- or S- and a type")
