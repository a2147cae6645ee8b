"""The benchmarks of whole tasks: what they report, and who is compared with the zoo."""

import importlib.util

import pytest
from support.benchmarking import (
    PAIRS,
    SENTENCES,
    TEXT,
    assert_measured,
    of_other_logits,
    of_unshifted_targets,
    spared_work,
)

CASES = [SENTENCES, TEXT, PAIRS]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.work)


@EACH
def test_report_and_what_is_said_where_pytorch_is_missing(case, monkeypatch):
    def fails(*arguments):
        raise AssertionError("built without PyTorch")

    case.patch(monkeypatch)
    names = [name for name in case.module.CANDIDATES if "torch" not in name]
    candidates = dict.fromkeys(case.module.CANDIDATES, fails) | dict.fromkeys(names, case.idle)
    monkeypatch.setattr(case.module, "CANDIDATES", candidates)
    find_spec = importlib.util.find_spec
    without_torch = lambda name: None if name == "torch" else find_spec(name)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", without_torch)
    result, reported = case.report("--rounds", "1", "--limit", "8", *case.options)
    assert result.output.count("PyTorch is not installed") == 1
    assert reported["parameters"].keys() == set(names)
    assert [reported[name] for name in case.counted] == [8] * len(case.counted)
    assert [row.pop("phase") for row in reported["rows"]] == list(case.phases)
    peer, ours = case.peers[1], case.peers[0]
    for row, unit in zip(reported["rows"], case.phases.values(), strict=True):
        assert row.keys() >= {f"{name}_{unit}_per_second" for name in names} | {f"{ours}/{peer}"}
        assert_measured(row, row)


def larger(case, candidate):
    return candidate._replace(parameters=candidate.parameters + 1)


def of_other_batches(case, candidate):
    batches = getattr(candidate, case.batches)
    return candidate._replace(**{case.batches: lambda: reversed(list(batches()))})


def of_fewer_batches(case, candidate):
    batches = getattr(candidate, case.batches)
    return candidate._replace(**{case.batches: lambda: list(batches())[:-1]})


OTHERS = {
    larger: "weights",
    of_other_batches: "keras.*: (characters|words|ids|source_ids)",
    of_fewer_batches: "longer",
    spared_work: "",
}


@pytest.mark.parametrize(
    ("case", "other", "error"),
    [
        *((case, other, error or case.spared) for case in CASES for other, error in OTHERS.items()),
        (PAIRS, of_unshifted_targets, "keras: target_ids"),
        (PAIRS, of_other_logits, "keras: logits"),
    ],
)
def test_who_does_other_work_is_no_candidate(case, monkeypatch, other, error):
    def peer(*arguments):
        return other(case, case.idle(*arguments))

    case.patch(monkeypatch)
    candidates = dict(zip(case.peers, (case.idle, peer), strict=True))
    monkeypatch.setattr(case.module, "CANDIDATES", candidates)
    with pytest.raises((AssertionError, ValueError), match=error):
        case.run("--rounds", "1")


@pytest.mark.long
@EACH
def test_all_candidates_do_the_same_work(case, monkeypatch):
    case.patch(monkeypatch)
    case.run("--rounds", "1", *case.options)
