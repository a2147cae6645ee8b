"""What holds for every layer; `support.layer_case` says what, and for which."""

import pytest
from support.layer_case import CASES, CHECKS

from zoo import layers


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_layer(case, check, tmp_path):
    check(case, tmp_path)


def test_every_layer_has_a_case():
    assert {name.split()[0] for name in CASES} == set(layers.__all__)
