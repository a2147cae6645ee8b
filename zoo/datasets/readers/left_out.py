"""What of many files or rows cannot be used: named once, and refused if it is too much."""

import logging
from dataclasses import dataclass, field

from zoo.errors import UserError

_LOG = logging.getLogger(__name__)
_NAMED = 5


@dataclass
class LeftOut:
    """Collects why files or rows are left out, which must concern nothing but themselves.

    Args:
        what: what they are, in the plural.
        total: how many there are, those of use included.
        most: the greatest share that may be left out. Half of the files of a folder may be of
            another kind; a table where more than a tenth of the rows are wrong has another form.
        hint: what to do if it is more.
    """

    what: str
    total: int
    most: float
    hint: str = ""
    reasons: list[str] = field(default_factory=list)

    def add(self, reason: object) -> None:
        """Takes a reason, which names the file or the row; a UserError if there are too many."""
        self.reasons.append(str(reason))
        if len(self.reasons) > self.most * self.total:
            self.refuse()

    def refuse(self) -> None:
        """Raises the UserError."""
        first, count = self.reasons[0], len(self.reasons)
        more = f" (and so on: {count:,} of the {self.total:,} {self.what})" if count > 1 else ""
        raise UserError(f"{first}{more}{self.hint}")

    def tell(self) -> None:
        """Logs the first reasons, and how many there are besides."""
        for reason in self.reasons[:_NAMED]:
            _LOG.warning("left out: %s", reason)
        if more := len(self.reasons[_NAMED:]):
            _LOG.warning("left out: %s more %s", f"{more:,}", self.what)


FILES, ROWS = 0.5, 0.1
"""The greatest shares of files and of rows that may be left out."""
