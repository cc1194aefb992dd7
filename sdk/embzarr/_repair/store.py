"""A store as it is once it is repaired: what a dry run would write is read back from memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr._repair.report import RepairAction
from embzarr._storage import ObjectInfo, known_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr._repair.report import Kind
    from embzarr._storage import Capabilities, Data, Store


class RepairStore:
    """Reads a store, writes to it unless this is a dry run, and notes every write."""

    def __init__(self, store: Store, *, dry_run: bool) -> None:
        """Note nothing yet."""
        self.dry_run = dry_run
        self.actions: list[RepairAction] = []
        self._store = store
        self._held: dict[str, Data] = {}

    @property
    def url(self) -> str:
        """Where the store is."""
        return self._store.url

    @property
    def capabilities(self) -> Capabilities:
        """What is known of the store."""
        return known_of(self._store)

    @property
    def native(self) -> object:
        """What the store stands on."""
        return self._store.native

    def get(self, key: str) -> Data:
        """Return all bytes of the object."""
        held = self._held.get(key)
        return self._store.get(key) if held is None else held

    def get_range(self, key: str, start: int, length: int) -> Data:
        """Return the bytes from `start`."""
        held = self._held.get(key)
        if held is None:
            return self._store.get_range(key, start, length)
        return memoryview(held)[start : start + length]

    def head(self, key: str) -> ObjectInfo:
        """Return the size without the bytes."""
        held = self._held.get(key)
        return self._store.head(key) if held is None else ObjectInfo(key=key, size=len(held))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object below `prefix`, those that a dry run would write included."""
        listed = {info.key: info for info in self._store.list(prefix)}
        held = [key for key in self._held if key.startswith(prefix)]
        yield from (listed | {key: self.head(key) for key in held}).values()

    def restore(self, key: str, data: Data, message: str, *, hold: bool = True) -> None:
        """Give an object its bytes.

        Args:
            key: the object.
            data: the bytes whose digest is recorded.
            message: where they come from.
            hold: whether later steps of a dry run read it.
        """
        self.write("restore", key, data, message, hold=hold)

    def write(self, kind: Kind, key: str, data: Data, message: str, *, hold: bool = True) -> None:
        """Put an object."""
        if not self.dry_run:
            self._store.put(key, data)
        elif hold:
            self._held[key] = data
        self.note(kind, key, message)

    def create(self, kind: Kind, key: str, data: Data, message: str) -> None:
        """Create an object.

        Raises:
            ConflictError: it is there.
        """
        if self.dry_run:
            self._held[key] = data
        else:
            self._store.create(key, data)
        self.note(kind, key, message)

    def remove(self, kind: Kind, key: str, message: str) -> None:
        """Delete an object of quarantine."""
        if not self.dry_run:
            self._store.delete(key)
        self.note(kind, key, message)

    def note(self, kind: Kind, key: str, message: str) -> None:
        """Note what was done."""
        self.actions.append(RepairAction(kind=kind, key=key, message=message))
