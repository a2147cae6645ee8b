"""Tag schemes: against seqeval, and over all short sequences."""

import itertools

import numpy as np
import pytest
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

from zoo.text.tags import SCHEMES, Span, allowed_transitions, may_follow, repair, spans, tag_set

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
# Person, two neighbouring places, and a person of four tokens.
EXAMPLE = [Span("PER", 0, 1), Span("LOC", 2, 4), Span("LOC", 4, 5), Span("PER", 5, 9)]
WRITTEN = {
    "IOB1": "I-PER O I-LOC I-LOC B-LOC I-PER I-PER I-PER I-PER O",
    "IOB2": "B-PER O B-LOC I-LOC B-LOC B-PER I-PER I-PER I-PER O",
    "BIOES": "S-PER O B-LOC E-LOC S-LOC B-PER I-PER I-PER E-PER O",
}
EVERY_SCHEME = pytest.mark.parametrize("scheme", SCHEMES)


def all_sequences(scheme):
    """Every short sequence of a scheme's tags, well-formed or not."""
    in_bioes = scheme == "BIOES"
    tags = [*TAGS, "E-PER", "S-PER", "E-LOC", "S-LOC"] if in_bioes else TAGS
    for length in range(4 if in_bioes else 5):
        yield from (list(s) for s in itertools.product(tags, repeat=length))


def lenient(tags):
    return [Span(kind, start, last + 1) for kind, start, last in get_entities(tags)]


def written(found, length, scheme):
    """The tags that a scheme has for spans, by its definition."""
    tags, before = ["O"] * length, Span("", 0, 0)
    for span in found:
        inner = span.end - span.start - 1
        first = "BI"[scheme == "IOB1" and (before.end, before.type) != (span.start, span.type)]
        prefixes = first + "I" * inner
        if scheme == "BIOES":
            prefixes = "B" + "I" * (inner - 1) + "E" if inner else "S"
        tags[span.start : span.end] = [f"{prefix}-{span.type}" for prefix in prefixes]
        before = span
    return tags


@EVERY_SCHEME
def test_every_scheme_becomes_iob2_as_conll_reads_it(scheme):
    """As seqeval does when it is not strict, and the script it follows."""
    tags = WRITTEN[scheme].split()
    assert written(EXAMPLE, 10, scheme) == tags
    assert repair(tags) == WRITTEN["IOB2"].split()
    for tags in all_sequences(scheme):
        assert repair(tags) == written(lenient(tags), len(tags), "IOB2")


def test_strict_spans_are_those_of_seqeval():
    assert spans(WRITTEN["IOB2"].split()) == EXAMPLE
    for tags in all_sequences("IOB2"):
        (entities,) = Entities([tags], scheme=IOB2).entities
        assert spans(tags) == [Span(entity.tag, entity.start, entity.end) for entity in entities]


@EVERY_SCHEME
def test_tags_that_may_follow_each_other_make_the_well_formed_sequences(scheme):
    """No more and no fewer, and no two tags that none of these sequences has."""
    start, transitions, end = allowed_transitions(TAGS)
    assert start.dtype == transitions.dtype == end.dtype == bool
    seen = np.zeros_like(transitions)
    for tags in all_sequences(scheme):
        well_formed = written(lenient(tags), len(tags), scheme) == tags
        pairs = itertools.pairwise(["O", *tags, "O"])
        assert all(may_follow(*pair, scheme) for pair in pairs) == well_formed, tags
        if scheme == "IOB2":
            ids = [TAGS.index(tag) for tag in tags]
            allowed = not ids or (start[ids[0]] and end[ids[-1]])
            assert (allowed and transitions[ids[:-1], ids[1:]].all()) == well_formed, tags
            if well_formed:
                seen[ids[:-1], ids[1:]] = True
    if scheme == "IOB2":
        np.testing.assert_array_equal(seen, transitions)


@pytest.mark.parametrize("tag", ["", "X-PER", "PER", "B-", "O-PER", "o", "-PER", "BI-PER", "I_PER"])
def test_what_is_no_tag(tag):
    for function in (spans, repair, allowed_transitions):
        with pytest.raises(ValueError, match=f"tag 1 is {tag!r}"):
            function(["O", tag])
    with pytest.raises(ValueError, match="a tag is"):
        may_follow("O", tag)
    with pytest.raises(ValueError, match="one of IOB1, IOB2, BIOES"):
        may_follow("O", "O", "BILOU")
    with pytest.raises(ValueError, match="'E-PER' is no tag of IOB2"):
        allowed_transitions(["O", "E-PER"])


def test_tag_sets_and_types_with_hyphens():
    assert tag_set(["PER", "LOC"]) == TAGS
    assert tag_set([]) == ["O"]
    assert spans(["B-work-of-art", "I-work-of-art"]) == [Span("work-of-art", 0, 2)]
