"""The page of entities: the text as it was, marked where it should be, and never as markup."""

from html.parser import HTMLParser

import pytest
from support.refusals import refused

from zoo.evaluation.highlights import page, recorded

HOSTILE = "</p><script>alert('1')</script>&amp;<!-- {0} {paragraphs} %s \"' onclick=x"


class Reader(HTMLParser):
    """What a browser finds between the paragraphs' tags: texts, marks, and every tag."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.texts, self.marks, self.tags, self.attributes, self.within = [], [], set(), [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag == "p":
            self.texts.append("")
        if tag == "mark":
            self.marks.append(["", "", dict(attributes)])
        elif tag in ("p", "small"):
            assert not attributes
        self.within.append(tag)

    def handle_endtag(self, tag):
        while self.within and self.within.pop() != tag:
            pass

    def handle_data(self, data):
        if "p" not in self.within:
            return
        if "small" in self.within:
            self.marks[-1][1] += data
            return
        self.texts[-1] += data
        if "mark" in self.within:
            self.marks[-1][0] += data


def prediction(text, *entities):
    """Of a text and the parts of it that are entities, each with its type."""
    rows, at = [], 0
    for part, kind in entities:
        start = text.index(part, at)
        at = start + len(part)
        rows.append({"type": kind, "start": start, "end": at, "probability": 0.75})
    return {"input": text, "entities": rows}


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("", []),
        ("No entity, 1 < 2 & 3 > 2.", []),
        ("Rome", [("Rome", "LOC")]),
        ("In Rome and Paris.", [("Rome", "LOC"), ("Paris", "PER")]),
        ("RomeParis", [("Rome", "LOC"), ("Paris", "LOC")]),
        ("\U0001f600\U0001f468\u200d\U0001f469 e\u0301 Zoé\U0001f600!", [("Zoé", "PER")]),
        ("  two  spaces\n\nand\tlines \u200f", [("lines", "MISC")]),
        (HOSTILE, []),
        (HOSTILE, [("<script>alert('1')", "X"), ("<!-- {0}", "Y"), ("' onclick=x", "Z")]),
        ("Rome", [("Rome", HOSTILE)]),
        ("Rome", [("Rome", '" style="position: fixed')]),
    ],
)
def test_text_and_marks_are_what_they_were(text, entities):
    reader = Reader(page([prediction(text, *entities), prediction("b")]))
    assert reader.texts == [text, "b"]
    assert [(part, kind) for part, kind, _ in reader.marks] == entities
    assert reader.tags <= {"html", "meta", "title", "style", "p", "mark", "small"}
    for (_, kind), (_, _, attributes) in zip(entities, reader.marks, strict=True):
        assert attributes.keys() == {"style", "title"}
        assert attributes["title"] == f"{kind} 0.750"
        assert attributes["style"].startswith("background: rgb(")
        assert not set(attributes["style"]) & set("<>&;\"'{}")


def test_a_type_has_one_pale_colour():
    source = page([prediction("a b a", ("a", "LOC"), ("b", "PER"), ("a", "LOC"))])
    one, two, three = (attributes["style"] for *_, attributes in Reader(source).marks)
    assert one == three != two
    for style in (one, two):
        colours = style.removeprefix("background: rgb(").removesuffix(")").split(", ")
        assert sum(map(int, colours)) > 3 * 192


def test_predictions_pass_and_the_page_is_written_at_the_end(tmp_path):
    predictions = [prediction("Zoé \U0001f600", ("Zoé", "PER")), prediction("b")]
    path = tmp_path / "page.html"
    passing = recorded(iter(predictions), path)
    assert next(passing) is predictions[0]
    assert not path.exists()
    assert list(passing) == predictions[1:]
    assert path.read_text(encoding="utf-8") == page(predictions)


def test_a_page_that_cannot_be_written_is_an_error_of_one_line(tmp_path):
    for path in (tmp_path / "none" / "page.html", tmp_path):
        refused("cannot write the page", list, recorded([prediction("a")], path))
