"""Reads of a checkpoint that a garbage collection may give up meanwhile."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from embzarr._history import records
from embzarr._history.records import Expired
from embzarr.errors import EmbzarrError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr._storage import Data, Readable


class LivingStore:
    """The objects of one commit: where one is missing, whether the commit has expired is asked."""

    def __init__(self, store: Readable, number: int) -> None:
        """Read objects of the commit of this number."""
        self._store = store
        self._number = number

    def get_range(self, key: str, start: int, length: int) -> Data:
        """Return the bytes from `start`.

        Raises:
            NotFoundError: code ``commit-expired``, or ``object-missing``.
        """
        with self._asking():
            return self._store.get_range(key, start, length)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except NotFoundError as exc:
            expired = self._expired()
            if expired is None:
                raise
            raise expired from exc

    def _expired(self) -> NotFoundError | None:
        try:
            record = records.read(self._store, self._number)
        except EmbzarrError:
            return None  # what is missing is the news
        return record.error() if isinstance(record, Expired) else None
