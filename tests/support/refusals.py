"""Errors that users see."""

import pytest

from zoo.errors import UserError


def refused(message, call, *arguments, **options):
    """The call fails with a message that matches, and says what is wrong in one short line."""
    with pytest.raises(UserError, match=message) as raised:
        call(*arguments, **options)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 600
