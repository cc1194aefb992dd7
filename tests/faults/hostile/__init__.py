"""Stores that an enemy wrote, by class; `cases` makes them all.

The broken stores of ``spec/v1/invalid`` show one case of each rule. These try many values against
each, all wrong, with every digest and checksum right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from faults.hostile import chunks, contents, documents, numbers, places, shapes, split, words
from faults.hostile.register import CLASSES, Hostile

if TYPE_CHECKING:
    from collections.abc import Iterator

REGISTERED = (chunks, contents, documents, numbers, places, shapes, split, words)
"""Modules that fill `CLASSES` when they are imported."""


def cases() -> Iterator[Hostile]:
    """Yield every hostile store."""
    for kind, (make, of) in CLASSES.items():
        for name, objects in make():
            yield Hostile(kind=kind, name=name, objects=objects, of=of)
