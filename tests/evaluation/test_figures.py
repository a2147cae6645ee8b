"""Figures of merit; pictures; the page of entities, which is never taken for markup."""

import random
import warnings
from html.parser import HTMLParser
from itertools import product

import numpy as np
import pytest
from matplotlib import image
from support.refusals import refused

from zoo.evaluation import figures, logos
from zoo.evaluation.classification import (
    classification_metrics,
    matthews_correlation,
    ranking_metrics,
)
from zoo.evaluation.highlights import page, recorded
from zoo.evaluation.tagging import tagging_metrics
from zoo.evaluation.translation import source_lengths, translation_metrics


def test_figures_of_labels():
    draw = np.random.default_rng(0)
    probabilities = draw.dirichlet(np.ones(3), size=50)
    labels, predicted = draw.integers(3, size=50), probabilities.argmax(axis=1)
    found = classification_metrics(labels, probabilities)
    matrix = np.zeros((3, 3), int)
    np.add.at(matrix, (labels, predicted), 1)
    assert found["confusion_matrix"] == matrix.tolist()
    assert found["accuracy"] == pytest.approx(np.trace(matrix) / 50)
    assert found["loss"] == pytest.approx(-np.log(probabilities[range(50), labels]).mean())
    assert found["examples"] == 50
    one_hot = [np.eye(3)[labels], np.eye(3)[predicted]]
    covariances = [np.cov(a.T, b.T)[:3, 3:].trace() for a, b in product(one_hot, repeat=2)]
    expected = covariances[1] / np.sqrt(covariances[0] * covariances[3])
    assert found["mcc"] == pytest.approx(expected)
    assert classification_metrics([0], np.array([[0.0, 1.0]]))["loss"] < 30  # not infinite


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [([[3, 0], [0, 1]], 1), ([[0, 2], [2, 0]], -1), ([[2, 0], [2, 0]], 0), ([[1]], 0)],
)
def test_matthews_correlation_of_few_labels(matrix, expected):
    assert matthews_correlation(np.array(matrix)) == expected


def test_ranks_of_labels_by_counting_pairs():
    draw = np.random.default_rng(1)
    probabilities = draw.dirichlet(np.ones(3), size=40).round(1)  # with ties
    probabilities = np.concatenate([probabilities, np.zeros((40, 1))], axis=1)
    labels = draw.integers(3, size=40)  # none is the fourth
    found = ranking_metrics(labels, probabilities)
    for label, row in enumerate(found["per_label"][:3]):
        inside, outside = (probabilities[(labels == label) == is_so, label] for is_so in (1, 0))
        pairs = np.sign(inside[:, None] - outside)
        assert row["auroc"] == pytest.approx((pairs.mean() + 1) / 2)
        precisions = [(inside >= s).sum() / (probabilities[:, label] >= s).sum() for s in inside]
        assert row["auprc"] == pytest.approx(np.mean(precisions))
        assert row["examples"] == len(inside)
    assert found["per_label"][3] == {"auroc": None, "auprc": None, "examples": 0}
    for name in ("auroc", "auprc"):
        rows = [row[name] for row in found["per_label"][:3]]
        assert found[name] == pytest.approx(np.mean(rows))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ranking_metrics([1], np.array([[0.5, 0.5]]))["auroc"] is None


@pytest.mark.parametrize(
    ("true", "found"), [("O O", "O O"), ("O O", "B-A I-A"), ("B-A I-A", "O O"), ("B-A", "B-a-b")]
)
def test_figures_of_no_right_span_are_0(true, found):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = tagging_metrics([true.split()], [found.split()])
    assert (figures["f1"], figures["precision"], figures["recall"]) == (0, 0, 0)
    kinds = {tag[2:] for tag in (*true.split(), *found.split()) if tag != "O"}
    assert figures["per_type"].keys() == kinds
    assert figures["token_accuracy"] == (true == found)


def test_figures_of_translations():
    texts = (("a", "b", "c"), ("x y z w", "1 2 3 4", "k"), ("one", "one", "two"))
    found = translation_metrics(["x y z w", "1 2 3 5", "k"], *texts)
    assert found["exact_match"] == pytest.approx(2 / 3)
    assert found["exact_match_by_group"] == {"one": 0.5, "two": 1.0}
    assert (found["sentences"], found["examples"]) == (3, 3)
    assert 0 < found["bleu"] < 100
    assert "version" in found["bleu_signature"]
    assert "by_source_length" not in found
    assert translation_metrics(list(texts[1]), *texts)["chrf"] == pytest.approx(100)
    assert "exact_match_by_group" not in translation_metrics(list(texts[1]), *texts[:2])


def texts_of(lengths):
    return [" ".join(["word"] * length) for length in lengths]


def test_each_text_is_in_the_group_of_its_length():
    lengths = random.Random(1).choices(range(1, 25), k=900)
    groups = source_lengths(texts_of(lengths))
    assert [(g.least, g.most) for g in groups] == [(1, 5), (6, 10), (11, 15), (16, 20), (21, 25)]
    assert sorted(place for group in groups for place in group.places) == list(range(900))
    for group in groups:
        assert all(group.least <= lengths[place] <= group.most for place in group.places)
        assert len(group.places) >= 50


def test_few_texts_join_their_neighbours():
    """The first with the next, the last with the one before."""
    lengths = [2] * 49 + [9] * 60 + [12] * 50 + [40] * 3
    groups = source_lengths(texts_of(lengths))
    assert [(g.least, g.most, len(g.places)) for g in groups] == [(1, 10, 109), (11, 40, 53)]
    assert [(g.least, g.most) for g in source_lengths(texts_of([3, 30]))] == [(1, 30)]
    assert source_lengths([]) == []


CURVE = [
    {"least": 1, "most": 5, "words": 4.0, "bleu": 30.0},
    {"least": 6, "most": 12, "words": 8.5, "bleu": 20.0},
]
TOKENS = ["le", "chat", "<EOS>"]
DRAWN = {
    "learning_curves": (
        ({"loss": [3.0, 2.0], "val_loss": [3.0, 2.5]},),
        ({"loss": [3.0, 2.0], "val_loss": [2.0, 2.5]},),
    ),
    "confusion_matrix": (
        (np.diag([40, 60, 0]), ["negative", "positive", "never seen"]),
        ([[0, 40, 0], [60, 0, 0], [0, 0, 0]], ["negative", "positive", "never seen"]),
    ),
    "alignment": ((TOKENS, TOKENS, np.eye(3)), (TOKENS, TOKENS, np.eye(3)[::-1])),
    "bleu_by_source_length": (({"with": CURVE},), ({"with": CURVE[:1] + CURVE[:1]},)),
}


@pytest.mark.parametrize("name", DRAWN)
def test_pictures_differ_by_what_they_show(name, tmp_path):
    pictures = []
    for number, arguments in enumerate(DRAWN[name]):
        path = tmp_path / f"{number}.png"
        getattr(figures, name)(*arguments, path)
        pictures.append(image.imread(path))
        assert path.stat().st_size < 100_000
        assert max(pictures[-1].shape) < 2000
    one, other = pictures
    assert one.shape[:2] == other.shape[:2] or name == "bleu_by_source_length"
    assert one.shape != other.shape or (one != other).any()


def test_of_many_labels_the_most_confused_are_drawn(tmp_path, monkeypatch):
    matrix = np.diag(np.full(200, 9))
    matrix[7, 150] = matrix[150, 9] = 3
    drawn = []
    monkeypatch.setattr(figures, "save_figure", lambda figure, *_: drawn.append(figure))
    figures.confusion_matrix(matrix, [f"label {i}" for i in range(200)], tmp_path / "many.png")
    axes = drawn[0].axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert len(names) == 30
    assert {"label 7", "label 9", "label 150"} < set(names)
    assert axes.get_title() == "the 30 of 200 labels that are confused most"
    assert sorted(text.get_text() for text in axes.texts) == ["3"] * 2 + ["9"] * 30


def test_confusion_matrix_of_another_size(tmp_path):
    with pytest.raises(ValueError, match="3 label names"):
        figures.confusion_matrix(np.eye(2), ["a", "b", "c"], tmp_path / "matrix.png")
    assert not list(tmp_path.iterdir())


HOSTILE = "</p><script>alert('1')</script>&amp;<!-- {0} {paragraphs} %s \"' onclick=x"


class Reader(HTMLParser):
    """What a browser finds: the text of each paragraph, each mark, and every tag."""

    def __init__(self, source):
        super().__init__()
        self.texts, self.marks, self.tags, self.within = [], [], set(), []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.within.append(tag)
        if tag == "p":
            self.texts.append("")
        if tag == "mark":
            self.marks.append(["", "", dict(attributes)])
        assert not attributes or tag not in ("p", "small")

    def handle_endtag(self, tag):
        while self.within and self.within.pop() != tag:
            pass

    def handle_data(self, data):
        if "small" in self.within:
            self.marks[-1][1] += data
        elif "p" in self.within:
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


def test_letters_of_a_logo_are_as_high_as_they_matter(tmp_path, monkeypatch):
    saved, save = [], logos.save_figure
    monkeypatch.setattr(logos, "save_figure", lambda *given: (saved.append(given[0]), save(*given)))
    heights = np.resize([1.5, -0.5, 0.0, 2.0, 0.25], 130)
    sequence = ("ACGTN" * 26)[:130]
    drawn = [logos.Logo("one", sequence, heights), logos.Logo("none", "AC", [0, 0])]
    logos.sequence_logos(drawn, tmp_path / "logo.png")
    assert (tmp_path / "logo.png").read_bytes().startswith(b"\x89PNG")
    rows = saved[0].axes
    assert [len(row.patches) for row in rows] == [100, 30, 2]
    assert [row.get_title(loc="left") for row in rows] == ["one", "", "none"]
    places = [*range(100), *range(100, 130)]
    for place, letter in zip(places, [*rows[0].patches, *rows[1].patches], strict=True):
        left, bottom, right, top = letter.get_path().get_extents().extents
        low, high = sorted((0, heights[place]))
        assert (bottom, top) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))
        assert (left + right) / 2 == pytest.approx(place + 1)
    with pytest.raises(ValueError, match="for 2 letters"):
        logos.sequence_logos([logos.Logo("", "AC", [1])], tmp_path / "logo.png")
    with pytest.raises(ValueError, match="no sequence"):
        logos.sequence_logos([], tmp_path / "logo.png")
