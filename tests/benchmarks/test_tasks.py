"""The benchmarks of whole tasks: what they report, and who is compared with the zoo."""

import importlib.util

import pytest
from support.benchmarking import (
    FRAMES,
    LETTERS,
    PAIRS,
    SENTENCES,
    SOUNDS,
    TEXT,
    assert_measured,
    report,
)

pytestmark = pytest.mark.more

CASES = [SENTENCES, TEXT, PAIRS, SOUNDS, LETTERS, FRAMES]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.corpus)


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
    output, reported = report(case.module.main, "--limit", "8", *case.options)
    assert output.count("PyTorch is not installed") == 1
    assert reported["parameters"].keys() == set(names)
    assert [row.pop("phase") for row in reported["rows"]] == list(case.phases)
    for row in reported["rows"]:
        assert_measured(row, ["/".join(case.peers)])


def changed(field, change):
    """What makes another candidate of one, by a change of what a field of it returns."""

    def other(case, candidate):
        name = getattr(case, field, field)
        do = getattr(candidate, name)
        return candidate._replace(**{name: lambda *arguments: change(case, do(*arguments))})

    return other


def larger(case, candidate):
    return candidate._replace(parameters=candidate.parameters + 1)


of_other_batches = changed("batches", lambda case, batches: reversed(list(batches)))
of_fewer_batches = changed("batches", lambda case, batches: list(batches)[:-1])
of_spared_work = changed("work", lambda case, done: case.spare(done))
of_other_logits = changed("logits", lambda case, logits: logits + 0.01)
of_other_probabilities = changed("work", lambda case, found: found + 0.01)
of_unshifted_targets = changed(
    "batches", lambda case, batches: (batch | {"target_ids": batch["targets"]} for batch in batches)
)


@pytest.mark.parametrize(
    ("case", "other", "error"),
    [
        *((case, larger, "weights") for case in CASES),
        *((case, of_fewer_batches, "longer") for case in CASES),
        *((case, of_spared_work, case.spared) for case in CASES),
        (SENTENCES, of_other_batches, "keras.*: (characters|words)"),
        (TEXT, of_other_batches, "keras.*: ids"),
        (PAIRS, of_other_batches, "keras.*: source_ids"),
        (SOUNDS, of_other_batches, "shapes|keras: (features|mask|labels)"),
        (LETTERS, of_other_batches, "keras: (inputs|labels)"),
        (FRAMES, of_other_batches, "keras: (inputs|labels)"),
        (LETTERS, of_other_probabilities, "keras: probabilities"),
        (PAIRS, of_unshifted_targets, "keras: target_ids"),
        (PAIRS, of_other_logits, "keras: logits"),
    ],
)
def test_who_does_other_work_is_no_candidate(case, monkeypatch, other, error):
    case.patch(monkeypatch)
    makers = case.idle, lambda *arguments: other(case, case.idle(*arguments))
    monkeypatch.setattr(case.module, "CANDIDATES", dict(zip(case.peers, makers, strict=True)))
    with pytest.raises((AssertionError, ValueError), match=error):
        report(case.module.main, *case.options)


@pytest.mark.long
@EACH
def test_all_candidates_do_the_same_work(case, monkeypatch):
    case.patch(monkeypatch)
    report(case.module.main, *case.options)
