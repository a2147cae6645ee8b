"""What holds of the benchmarks of all tasks: who is compared with the zoo, and how they fail."""

import importlib.util

import pytest
from click.testing import CliRunner
from support.benchmarking import PAIRS, SENTENCES, TEXT, spared_work

import zoo

EACH = pytest.mark.parametrize("case", [SENTENCES, TEXT, PAIRS], ids=lambda case: case.work)


def larger(case, candidate):
    return candidate._replace(parameters=candidate.parameters + 1)


def of_other_batches(case, candidate):
    batches = getattr(candidate, case.batches)
    return candidate._replace(**{case.batches: lambda: reversed(list(batches()))})


def of_fewer_batches(case, candidate):
    batches = getattr(candidate, case.batches)
    return candidate._replace(**{case.batches: lambda: list(batches())[:-1]})


@pytest.mark.parametrize(
    ("other", "error"),
    [
        (larger, "weights"),
        (of_other_batches, "keras.*: (characters|words|ids|source_ids)"),
        (of_fewer_batches, "longer"),
        (spared_work, None),
    ],
)
@EACH
def test_who_does_other_work_is_no_candidate(case, monkeypatch, other, error):
    def peer(*arguments):
        return other(case, case.idle(*arguments))

    case.patch(monkeypatch)
    candidates = dict(zip(case.peers, (case.idle, peer), strict=True))
    monkeypatch.setattr(case.module, "CANDIDATES", candidates)
    with pytest.raises((AssertionError, ValueError), match=error or case.spared):
        case.run("--rounds", "1")


@EACH
def test_says_once_that_pytorch_is_missing(case, monkeypatch):
    def fails(*arguments):
        raise AssertionError("built without PyTorch")

    case.patch(monkeypatch)
    mine = [name for name in case.module.CANDIDATES if name.startswith("zoo")]
    candidates = dict.fromkeys(mine, case.idle) | {"torch_softmax": fails}
    monkeypatch.setattr(case.module, "CANDIDATES", candidates)
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find_spec(name)
    )
    output = case.run("--rounds", "1", "--limit", "9").output
    assert output.count("PyTorch is not installed") == 1


@EACH
def test_an_unknown_dataset_is_one_line(case, monkeypatch):
    def unknown(*arguments, **options):
        raise zoo.errors.UserError("there is no dataset 'nothing'")

    monkeypatch.setattr(getattr(zoo.datasets, case.corpus), "load", unknown)
    result = CliRunner().invoke(case.module.main, ["--dataset", "nothing"])
    assert result.exit_code == 2
    assert "there is no dataset 'nothing'" in result.output
