"""Where the words end that begin with a text."""

from __future__ import annotations

import sys
from typing import Final

_SURROGATES: Final = range(0xD800, 0xE000)
_AFTER_SURROGATES: Final = 0xE000


def end_of_prefix(text: str) -> str | None:
    """Return the least text after all that begin with a text; None where there is none."""
    least = text.rstrip(chr(sys.maxunicode))
    if not least:
        return None
    after = ord(least[-1]) + 1
    after = _AFTER_SURROGATES if after in _SURROGATES else after
    return least[:-1] + chr(after)
