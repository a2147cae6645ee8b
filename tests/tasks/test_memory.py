"""The command line of what networks remember, on tiny networks."""

import matplotlib.image
import pytest
from support.command_lines import assert_refused

from tasks.memory import Memory

TINY = ("--units=4", "--updates=3", "--batch-size=4")


def test_gradients_before_and_after_with_gates_of_both_kinds(call, tmp_path):
    out = tmp_path / "gradients.png"
    words = ("gradients", *TINY, "--steps=12", "--cell=gru", "--out", out)
    told = call(Memory, *words, "--json").json
    for row in told["networks"]:
        assert row["distance"] == [*range(13)]
        assert (len(row["gradient"]), row["gradient"][0]) == (13, 1.0)
        assert (row["accuracy"] is None) == (row["weights"] == "initial")
        assert row["bound_of_a_norm"] is None
    by = {(row["gates"], row["weights"]): row for row in told["networks"]}
    assert len(by) == len(told["networks"]) == 4
    assert by["default", "initial"]["gradient"][12] < 0.05
    assert by["remembering", "initial"]["gradient"][12] > 0.5
    assert matplotlib.image.imread(out).std() > 0


def test_without_a_verb_gradients_are_shown_and_a_gain_explodes_them(call):
    result = call(Memory, "--cell=rnn", "--updates=0", "--steps=5", "--gain=3", "--units=4")
    assert result.code == 0
    head, *rows = result.out.splitlines()[2:]
    assert head.split()[:5] == ["cell", "gates", "weights", "1", "<1%"]
    (row,) = (line.split() for line in rows)
    assert row[:3] == ["rnn", "default", "initial"]
    assert float(row[-2]) == pytest.approx(3**5, rel=0.2)  # the bound, in one digit


def test_a_bound_beyond_all_numbers_is_said_to_be_infinite(call):
    words = ("--cell=rnn", "--updates=0", "--units=4", "--steps=20", "--gain=1e30")
    assert call(Memory, *words).out.split()[-2:] == ["inf", "-"]
    (row,) = call(Memory, *words, "--json").json["networks"]
    assert (len(row["gradient"]), row["bound_of_a_norm"]) == (21, pytest.approx(1e30))


def test_agreement_by_cell_gates_training_and_length(call, tmp_path):
    out = tmp_path / "agreement.png"
    words = ("agreement", *TINY, "--cell=gru", "--short=7", "--long=12", "--examples=20")
    told = call(Memory, *words, "--words=6", "--words=20", "--out", out, "--json").json
    assert told["chance"] == 0.5
    assert told["example"].endswith((" was full.", " were full."))
    rows = {(row["gates"], row["trained_on"]): row for row in told["networks"]}
    assert {*rows} == {(g, t) for g in ("default", "remembering") for t in ("6-7", "12")}
    for row in rows.values():
        assert row["words"] == [6, 20]
        assert all(0 <= share <= 1 for share in row["accuracy"])
    assert out.exists()


@pytest.mark.parametrize(
    ("verb", "figure", "said"),
    [("adding", "squared_error", "0.167"), ("copy", "accuracy", "0.125")],
)
def test_classic_problems_say_what_chance_is_and_when_nothing_was_solved(
    call, tmp_path, verb, figure, said
):
    words = (verb, *TINY, "--steps=6", "--cell=simplified_gru", "--gates=default")
    shown = call(Memory, *words, "--out", tmp_path / "curves.png")
    assert shown.code == 0
    assert said in shown.out
    assert shown.out.endswith("none of them in 3 updates\n")
    (row,) = call(Memory, *words, "--json").json["networks"]
    assert (row["solved"], row["updates"], len(row[figure])) == (False, [3], 1)
    assert (tmp_path / "curves.png").exists()


def test_explosions_are_told_and_are_valid_json(call, tmp_path):
    out = tmp_path / "explode.png"
    words = ("explode", "--updates=4", "--out", out)
    told = call(Memory, *words, "--json").json
    free, *clipped = told["runs"]
    assert (free["clipping"], free["last_loss"]) == ("none", None)
    assert free["broken_at"] == 1 + next(i for i, v in enumerate(free["losses"]) if v is None)
    assert [run["clipping"] for run in clipped] == ["L2 at 1", "L1 at 50"]
    assert all(run["broken_at"] is None and run["last_loss"] > 0 for run in clipped)
    assert free["outcome"] == f"not a number from update {free['broken_at']} on"
    assert all(run["outcome"].startswith("finite; nothing is learnt: ") for run in clipped)
    assert out.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("gradients --steps=0", "'--steps': 0 is not in the range"),
        ("adding --steps=1", "'--steps': 1 is not in the range"),
        ("copy --cell=elman", "'--cell': 'elman' is not one of 'rnn'"),
        ("agreement --words=5", "'--words': 5 is not in the range"),
        ("explode --out=nowhere/curves.png", "nowhere/curves.png cannot be written"),
        ("explode --gain=0", "'--gain': 0.0 is not in the range"),
        ("adding --seed=-1", "'--seed'"),
        ("copy --cell=rnn --gates=remembering", "rnn has no gate that keeps"),
        ("train", "unknown verb 'train': one of gradients, agreement, explode, adding, copy"),
    ],
)
def test_wrong_input_is_one_line(call, words, said):
    assert_refused(call(Memory, *words.split()), said)
