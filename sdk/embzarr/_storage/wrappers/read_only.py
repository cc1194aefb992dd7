"""A store that is read and never written to, whatever is asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from embzarr._storage.wrappers.around import StoreAround
from embzarr.errors import UnsupportedError

if TYPE_CHECKING:
    from embzarr._storage.port import Body, Leftover


class ReadOnlyStore(StoreAround):
    """Passes on what reads, and refuses the rest with code ``store-read-only``."""

    def put(self, key: str, data: Body) -> NoReturn:
        """Refuse."""
        del data
        self._refuse(key)

    def create(self, key: str, data: Body) -> NoReturn:
        """Refuse."""
        del data
        self._refuse(key)

    def delete(self, key: str) -> NoReturn:
        """Refuse."""
        self._refuse(key)

    def discard(self, leftover: Leftover) -> NoReturn:
        """Refuse."""
        self._refuse(leftover.file.key)

    def _refuse(self, key: str) -> NoReturn:
        message = f"cannot write {key}: {self.url} was opened to be read only"
        raise UnsupportedError("store-read-only", message)
