"""Texts and numbers of a store as a page may have them: they show as they are, and are not long."""

from __future__ import annotations

import json
import math
from typing import Any, Final

import embzarr

LONGEST: Final = 200
"""Characters of a word or a name."""
LONGEST_DOCUMENT: Final = 100_000
"""Characters of metadata."""


def shown(text: object, most: int = LONGEST) -> str:
    """Return a text with what does not show spelled out, cut behind `most` characters."""
    whole = str(text)
    cut = embzarr.errors.printable(whole[:most])
    return f"{cut}…" if len(whole) > most else cut


def number(value: Any) -> float | None:  # noqa: ANN401 - any number, of numpy too
    """Return a number that JSON can hold, in seven digits; None of one that is not finite."""
    found = float(value)
    return float(f"{found:.7g}") if math.isfinite(found) else None


def document(value: object) -> str:
    """Return JSON as lines of text, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    lines = text[:LONGEST_DOCUMENT].split("\n")  # printable would spell out the ends of lines
    cut = "\n".join(embzarr.errors.printable(line) for line in lines)
    return f"{cut}…" if len(text) > LONGEST_DOCUMENT else cut
