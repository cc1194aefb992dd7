"""A store as it is once it is repaired: what a dry run would write is read back from memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from embzarr._format import spec
from embzarr._repair.report import RepairAction
from embzarr._storage import ObjectInfo, known_of
from embzarr._verify import Problem
from embzarr.errors import ConflictError, DamagedError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embzarr._repair.report import Kind
    from embzarr._storage import Capabilities, Data, Store
    from embzarr.errors import EmbzarrError

T = TypeVar("T")

_LINK = "key-escapes-root"


class RepairStore:
    """Reads a store, writes to it unless this is a dry run, and notes every write."""

    def __init__(self, store: Store, *, dry_run: bool) -> None:
        """Note nothing yet."""
        self.dry_run = dry_run
        self.actions: list[RepairAction] = []
        self._store = store
        self._held: dict[str, Data] = {}
        self._linked: dict[str, Problem] = {}

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

    @property
    def linked(self) -> tuple[Problem, ...]:
        """What was asked for and leads out of the store: no link is followed, nor replaced."""
        return tuple(self._linked.values())

    def get(self, key: str) -> Data:
        """Return all bytes of the object."""
        held = self._held.get(key)
        return self._ask(key, lambda: self._store.get(key)) if held is None else held

    def get_range(self, key: str, start: int, length: int) -> Data:
        """Return the bytes from `start`."""
        held = self._held.get(key)
        if held is None:
            return self._ask(key, lambda: self._store.get_range(key, start, length))
        return memoryview(held)[start : start + length]

    def head(self, key: str) -> ObjectInfo:
        """Return the size without the bytes."""
        held = self._held.get(key)
        if held is None:
            return self._ask(key, lambda: self._store.head(key))
        return ObjectInfo(key=key, size=len(held))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object below `prefix`, those that a dry run would write included.

        Raises:
            DamagedError: the history as a whole lies elsewhere.
        """
        held = [key for key in self._held if key.startswith(prefix)]
        try:
            for info in self._store.list(prefix):
                if info.key not in held:
                    yield info
        except DamagedError as error:
            if prefix == f"{spec.COMMITS}/":
                raise
            self._note_link(prefix, error)
        for key in held:
            yield self.head(key)

    def restore(self, key: str, data: Data, message: str, *, hold: bool = True) -> bool:
        """Give an object its bytes; return whether it has got them: not where a link stands.

        Args:
            key: the object.
            data: the bytes whose digest is recorded.
            message: where they come from.
            hold: whether later steps of a dry run read it.
        """
        return self.write("restore", key, data, message, hold=hold)

    def write(self, kind: Kind, key: str, data: Data, message: str, *, hold: bool = True) -> bool:
        """Put an object; return whether it could be."""
        if not self._change(key, lambda: self._store.put(key, data)):
            return False
        if self.dry_run and hold:
            self._held[key] = data
        self.note(kind, key, message)
        return True

    def create(self, kind: Kind, key: str, data: Data, message: str) -> None:
        """Create an object, unless a link stands there.

        Raises:
            ConflictError: it is there.
        """
        try:
            is_made = self._change(key, lambda: self._store.create(key, data))
        except ConflictError as error:
            if self._is_there(key):
                raise
            self._note_link(key, error)
            return
        if is_made and self.dry_run:
            self._held[key] = data
        if is_made:
            self.note(kind, key, message)

    def remove(self, kind: Kind, key: str, message: str) -> None:
        """Delete an object of quarantine."""
        if self._change(key, lambda: self._store.delete(key)):
            self.note(kind, key, message)

    def make(self, key: str, change: Callable[[], T]) -> tuple[T] | None:
        """Return what comes of making something at a key; None where a link stands there."""
        try:
            return (change(),)
        except DamagedError as error:
            if error.code != _LINK:
                raise
            self._note_link(key, error)
            return None

    def _ask(self, key: str, request: Callable[[], T]) -> T:
        """Ask for an object.

        Raises:
            NotFoundError: it is not there; code ``key-escapes-root`` where a link is.
        """
        try:
            return request()
        except DamagedError as error:
            if error.code != _LINK:
                raise
            self._note_link(key, error)
            raise NotFoundError(_LINK, str(error.args[0])) from error

    def _change(self, key: str, change: Callable[[], None]) -> bool:
        """Make a change unless this is a dry run; return whether a real one is, or would be, made.

        Whatever is written was read before, so that a dry run knows of the links.
        """
        if key in self._linked:
            return False
        return self.dry_run or self.make(key, change) is not None

    def _is_there(self, key: str) -> bool:
        """Tell whether there is an object, and not only the name of one: a link to nothing."""
        try:
            self._store.head(key)
        except NotFoundError:
            return False
        return True

    def _note_link(self, key: str, error: EmbzarrError) -> None:
        problem = Problem(code=_LINK, key=key, message=str(error.args[0]))
        self._linked.setdefault(key, problem)

    def note(self, kind: Kind, key: str, message: str) -> None:
        """Note what was done."""
        self.actions.append(RepairAction(kind=kind, key=key, message=message))
