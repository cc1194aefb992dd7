"""Readers that are wrong in one place each: alterations of the reader beside the specification.

Each is a mistake that somebody who reads the text in a hurry could make, named by the requirement
that it breaks. They stand in ``wrong_readers.json``: of each file its requirement, what the reader
does, what stands in the file, and what stands there instead.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

_TABLE = Path(__file__).with_suffix(".json")


@dataclass(frozen=True, slots=True)
class Wrong:
    """One alteration of one file."""

    file: str
    requirement: str
    what: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.requirement} {self.what}"

    def of(self, source: str) -> str:
        """Return the file with the mistake."""
        assert source.count(self.old) == 1, f"{self}: {self.old!r} does not stand once"
        return source.replace(self.old, self.new)


def wrong_readers() -> list[Wrong]:
    """Return all of them."""
    table: dict[str, list[list[str]]] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return [Wrong(file, *mistake) for file, mistakes in table.items() for mistake in mistakes]
