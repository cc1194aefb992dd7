"""An abstract store, and everybody who works on it, as one value that can be compared.

A store is its history, the folders that have objects, the names of commits, and requests that are
under way although their sender was told nothing. It knows no time: whatever may happen next, does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from embzarr._history.protocol import Entry

PARTS = 2
"""Of a step in parts."""


class World(NamedTuple):
    """One state of everything."""

    log: tuple[Entry | None, ...]
    """What stands at number 1, 2, ...; None only where a mutant deletes what should be buried."""
    data: frozenset[str]
    """Folders whose objects are there; of a step in parts, each part by itself: ``w#0``."""
    tags: frozenset[int]
    late: frozenset[Entry]
    """Manifests that may arrive yet."""
    faults: int
    """How many answers may still be lost."""
    actors: tuple[Any, ...]

    @property
    def folders(self) -> frozenset[str]:
        """The folders in which there is any object."""
        return frozenset(item.partition("#")[0] for item in self.data)

    def holds(self, folder: str) -> bool:
        """Tell whether all objects of a folder are there."""
        return folder in self.data or {f"{folder}#{part}" for part in range(PARTS)} <= self.data

    def clear(self, folder: str) -> World:
        """Return the world without the objects of a folder."""
        kept = frozenset(item for item in self.data if item.partition("#")[0] != folder)
        return self._replace(data=kept)

    def at(self, number: int) -> Entry | None:
        """Return what stands at a number."""
        return self.log[number - 1] if number <= len(self.log) else None

    def create(self, entry: Entry) -> World | None:
        """Return the world with a manifest created; None where its number is taken."""
        if self.at(entry.number) is not None:
            return None
        log = [*self.log, *[None] * (entry.number - len(self.log))]
        log[entry.number - 1] = entry
        return self._replace(log=tuple(log))

    def bury(self, number: int) -> World:
        """Return the world with a tombstone at a number."""
        entry = self.log[number - 1]
        assert entry is not None
        stone = replace(
            entry,
            expired=True,
            folders=frozenset(),
            revokes=frozenset(),
            expires=frozenset(),
        )
        return self._replace(log=(*self.log[: number - 1], stone, *self.log[number:]))

    def arrivals(self) -> Iterator[World]:
        """Yield the worlds in which a request that was under way has been carried out."""
        for entry in self.late:
            rest = self._replace(late=self.late - {entry})
            yield rest.create(entry) or rest

    def standing(self) -> list[Entry]:
        """Return what is in the history, tombstones included."""
        return [entry for entry in self.log if entry is not None]
