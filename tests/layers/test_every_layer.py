"""What holds for every layer; `support.layer_case` says what, and for which."""

from pathlib import Path

import pytest
from support.layer_case import CASES, CHECKS
from support.processes import run_script

from zoo import layers


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_layer(case, check, tmp_path):
    check(case, tmp_path)


def test_every_layer_has_a_case():
    assert {name.split()[0] for name in CASES} == set(layers.__all__)


def test_the_layers_bring_all_that_archives_name():
    """All cells and layers, with the networks what is shipped; no import needs matplotlib."""
    run_script(Path(__file__).parents[1] / "support" / "load_saved.py")
