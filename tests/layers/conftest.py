import pytest

from zoo.layers import recurrence


@pytest.fixture(autouse=True)
def _halves_of_small_batches(monkeypatch):
    """Lets the small cells of these tests run as two loops, as large ones do."""
    monkeypatch.setattr(recurrence, "_WEIGHTS_FOR_HALVES", 0)
