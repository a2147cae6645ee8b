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


def test_it_is_short_and_has_a_row_for_every_model_that_ships():
    assert len(README.read_bytes()) < 8192
    assert set(ROWS) == {card.parent.name for card in CARDS}


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.parent.name)
def test_a_row_says_what_was_measured(card):
    measured = json.loads((card.parent / "metrics.json").read_text())
    data, result, baseline, published = ROWS[card.parent.name]
    metric = "exact_match" if "exactly right" in result else measured["metric"]
    expected = [metric, *(["bits_per_token"] if "bits" in result else [])]
    for place, name in enumerate(expected):
        assert_rounded(NUMBER.findall(result)[place], measured[name])
        assert_rounded(NUMBER.findall(baseline)[place], measured[f"baseline_{name}"])
    assert measured["task"] == "language_model" or f"{measured['examples']:,} " in data
    known = task_of(f"tasks.{measured['task']}").card.published.get(measured["dataset"], ())
    assert set(NUMBER.findall(published)) <= {one.figure for one in known}


def assert_rounded(number, value):
    assert number == f"{value:.{len(number.partition('.')[2])}f}"
