"""The table of the README against what was measured."""

import json
import re

import pytest
from support.pages import CARDS, README, task_of

NUMBER = re.compile(r"\d+\.\d+")
ROWS = {
    name: cells
    for name, *cells in re.findall(
        r"^\| \[`(\w+)`\]\(.*?\) \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", README.read_text(), re.M
    )
}


def test_it_is_short():
    assert len(README.read_bytes()) < 8192


def test_every_model_that_ships_has_a_row():
    assert set(ROWS) == {card.parent.name for card in CARDS}


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.parent.name)
def test_a_row_says_what_was_measured(card):
    measured = json.loads((card.parent / "metrics.json").read_text())
    data, result, baseline, published = ROWS[card.parent.name]
    metric = "exact_match" if "exactly right" in result else measured["metric"]
    assert rounded_in(result, measured[metric])
    assert rounded_in(baseline, measured[f"baseline_{metric}"])
    if "bits" in result:
        assert rounded_in(result, measured["bits_per_token"])
        assert rounded_in(baseline, measured["baseline_bits_per_token"])
    assert measured["task"] == "language_model" or f"{measured['examples']:,} " in data
    figures = {figure for _, figure in published_figures(measured)}
    assert set(NUMBER.findall(published)) <= figures


def rounded_in(text, value):
    """Whether one of the numbers of a text is this one, rounded."""
    return any(f"{value:.{len(n.partition('.')[2])}f}" == n for n in NUMBER.findall(text))


def published_figures(measured):
    """What the task knows to be published on the data of a model."""
    task = task_of(f"tasks.{measured['task']}")
    return task.card.published.get(measured["dataset"], ())
