"""Tag schemes: against seqeval, over all short sequences, and there and back again."""

import itertools

import numpy as np
import pytest
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB1, IOB2, IOBES, Entities

from zoo.text.tags import (
    SCHEMES,
    Span,
    allowed_transitions,
    from_spans,
    may_follow,
    repair,
    spans,
    tag_set,
)

TYPES = ("PER", "LOC")
SEQEVAL = {"IOB1": IOB1, "IOB2": IOB2, "BIOES": IOBES}
# Person, two neighbouring places, and a person of three tokens.
EXAMPLE = [Span("PER", 0, 1), Span("LOC", 2, 4), Span("LOC", 4, 5), Span("PER", 5, 8)]
WRITTEN = {
    "IOB1": "I-PER O I-LOC I-LOC B-LOC I-PER I-PER I-PER O",
    "IOB2": "B-PER O B-LOC I-LOC B-LOC B-PER I-PER I-PER O",
    "BIOES": "S-PER O B-LOC E-LOC S-LOC B-PER I-PER E-PER O",
}
EVERY_SCHEME = pytest.mark.parametrize("scheme", SCHEMES)


def all_sequences(scheme, longest=4):
    """Every sequence of a scheme's tags up to a length, well-formed or not."""
    tags = tag_set(TYPES, scheme)
    for length in range(longest + 1):
        yield from (list(s) for s in itertools.product(tags, repeat=length))


def random_spans(cases=200, longest=12):
    """Random spans, often neighbours, and the number of tokens they lie in."""
    generator = np.random.default_rng(8)
    for _ in range(cases):
        position, found = 0, []
        while position < longest:
            length = int(generator.integers(1, 4))
            if generator.random() < 0.7 and position + length <= longest:
                found.append(Span(str(generator.choice(TYPES)), position, position + length))
            position += length
        yield found, longest


def well_formed(tags, scheme):
    """By the definition: these are the tags that some spans have."""
    return from_spans(spans(repair(tags)), len(tags), scheme) == tags


def strict(tags, scheme):
    (entities,) = Entities([tags], scheme=SEQEVAL[scheme]).entities
    return [Span(entity.tag, entity.start, entity.end) for entity in entities]


def lenient(tags):
    return [Span(kind, start, last + 1) for kind, start, last in get_entities(tags)]


@EVERY_SCHEME
def test_an_example_in_every_scheme(scheme):
    tags = WRITTEN[scheme].split()
    assert from_spans(EXAMPLE, 9, scheme) == tags
    assert from_spans(EXAMPLE[::-1], 9, scheme) == tags
    assert spans(tags, scheme) == EXAMPLE


@pytest.mark.parametrize("scheme", ["IOB2", "BIOES"])
def test_strict_spans_are_those_of_seqeval(scheme):
    for tags in all_sequences(scheme):
        assert spans(tags, scheme) == strict(tags, scheme), tags


def test_well_formed_iob1_as_seqeval_has_it():
    """It reads others otherwise: of I-X B-X B-Y not even the second."""
    checked = 0
    for tags in all_sequences("IOB1"):
        if well_formed(tags, "IOB1"):
            assert spans(tags, "IOB1") == strict(tags, "IOB1"), tags
            checked += 1
    assert checked > 100


@EVERY_SCHEME
def test_repair_reads_as_conll_does(scheme):
    """As seqeval does when it is not strict, and the script it follows."""
    for tags in all_sequences(scheme):
        for to in SCHEMES:
            repaired = repair(tags, to)
            assert spans(repaired, to) == lenient(tags), tags
            assert well_formed(repaired, to)
        if well_formed(tags, scheme):
            assert repair(tags, scheme) == tags


def test_repaired_by_hand():
    assert repair(["O", "I-PER", "I-PER", "I-LOC", "O"]) == ["O", "B-PER", "I-PER", "B-LOC", "O"]
    assert repair(["B-PER", "I-LOC"]) == ["B-PER", "B-LOC"]
    assert repair(["I-PER", "B-PER", "S-PER", "E-PER"]) == ["B-PER"] * 4


@EVERY_SCHEME
def test_allowed_transitions_make_the_well_formed_sequences(scheme):
    """No more and no fewer, and no two tags that none of these sequences has."""
    names = tag_set(TYPES, scheme)
    start, transitions, end = allowed_transitions(names, scheme)
    assert start.dtype == transitions.dtype == end.dtype == bool
    seen = np.zeros_like(transitions)
    for tags in all_sequences(scheme):
        ids = [names.index(tag) for tag in tags]
        allowed = transitions[ids[:-1], ids[1:]].all()
        allowed = allowed and (not ids or (start[ids[0]] and end[ids[-1]]))
        assert allowed == well_formed(tags, scheme), tags
        ends = ["O", *tags, "O"]
        assert allowed == all(may_follow(*pair, scheme) for pair in itertools.pairwise(ends))
        if allowed:
            seen[ids[:-1], ids[1:]] = True
    np.testing.assert_array_equal(seen, transitions)


def test_allowed_transitions_keep_the_order_of_the_tags():
    names = tag_set(TYPES)
    order = [3, 0, 4, 2, 1]
    start, transitions, end = allowed_transitions(names)
    shuffled = allowed_transitions([names[i] for i in order])
    np.testing.assert_array_equal(shuffled[0], start[order])
    np.testing.assert_array_equal(shuffled[1], transitions[order][:, order])
    np.testing.assert_array_equal(shuffled[2], end[order])


@EVERY_SCHEME
def test_there_and_back_again(scheme):
    for found, length in random_spans():
        tags = from_spans(found, length, scheme)
        assert spans(tags, scheme) == found
        assert len(tags) == length
        for to in SCHEMES:
            assert repair(repair(tags, to), scheme) == tags


@pytest.mark.parametrize("tag", ["", "X-PER", "PER", "B-", "O-PER", "o", "-PER", "BI-PER", "I_PER"])
def test_what_is_no_tag(tag):
    for function in (spans, repair, allowed_transitions):
        with pytest.raises(ValueError, match=f"tag 1 is {tag!r}"):
            function(["O", tag])
    with pytest.raises(ValueError, match="a tag is"):
        may_follow("O", tag)


def test_types_may_hold_hyphens_or_be_absent():
    for kind in ("work-of-art", "", "B-PER"):
        for scheme in SCHEMES:
            tags = from_spans([Span(kind, 1, 3), Span(kind, 3, 4)], 5, scheme)
            assert set(tags) <= set(tag_set([kind], scheme))
            assert spans(tags, scheme) == [Span(kind, 1, 3), Span(kind, 3, 4)]


def test_tag_sets():
    assert tag_set(["PER"]) == tag_set(["PER"], "IOB1") == ["O", "B-PER", "I-PER"]
    assert tag_set(["PER", "LOC"], "BIOES")[:6] == [
        "O",
        "B-PER",
        "I-PER",
        "E-PER",
        "S-PER",
        "B-LOC",
    ]
    assert tag_set([]) == ["O"]


@pytest.mark.parametrize(
    "wrong",
    [[Span("A", 0, 0)], [Span("A", 2, 4)], [Span("A", 0, 2), Span("B", 1, 3)], [Span("A", -1, 1)]],
)
def test_spans_that_cannot_be_written(wrong):
    with pytest.raises(ValueError, match="Span"):
        from_spans(wrong, 3)


def test_schemes_by_other_names_and_unknown_ones():
    assert repair(["B-PER", "I-PER"], "IOBES") == ["B-PER", "E-PER"]
    assert tag_set(["PER"], "BIO") == tag_set(["PER"])
    for function in (
        lambda: spans([], "IOE2"),
        lambda: repair(["O"], "BILOU"),
        lambda: tag_set(["PER"], "iob"),
        lambda: allowed_transitions(["O"], ""),
        lambda: may_follow("O", "O", "IOB3"),
    ):
        with pytest.raises(ValueError, match="one of IOB1, IOB2, BIOES"):
            function()
    with pytest.raises(ValueError, match="'E-PER' is no tag of IOB2"):
        allowed_transitions(["O", "E-PER"])
