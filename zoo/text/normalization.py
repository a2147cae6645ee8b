"""Text as readers and predictors take it: one form of Unicode, plain spaces."""

import re
import unicodedata

_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def tidy(text: str) -> str:
    """The text in Unicode's composed form, NFC, with single plain spaces, and none at its ends.

    Any run of white space and control characters is one space: what breaks lines could not be
    written to a file of pairs, and no metric of translation tells spaces apart.
    """
    return _SPACE.sub(" ", unicodedata.normalize("NFC", text)).strip()
