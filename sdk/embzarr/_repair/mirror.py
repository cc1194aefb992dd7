"""The store that a repair takes bytes from: what it cannot give is passed over, and told of."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from embzarr._verify import Problem
from embzarr.errors import AccessDeniedError, DamagedError, NotFoundError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embzarr._storage import Data, ObjectInfo, Readable
    from embzarr.errors import EmbzarrError

T = TypeVar("T")

_FAILURES = 3
"""Requests that fail one after the other: a source that is down is no source, and is said to be."""


class Mirror:
    """Reads another store; one object that cannot be read is as good as one that is not there.

    A mirror may hold links, pipes and files that this user may not read; they stand for nothing,
    and what they stand in the place of may be had elsewhere.
    """

    def __init__(self, store: Readable) -> None:
        """Nothing is passed over yet."""
        self._store = store
        self._skipped: dict[str, Problem] = {}
        self._failures = 0

    @property
    def skipped(self) -> tuple[Problem, ...]:
        """What could not be read, and why."""
        return tuple(self._skipped.values())

    def get(self, key: str) -> Data:
        """Return all bytes of the object."""
        return self._ask(key, lambda: self._store.get(key))

    def get_range(self, key: str, start: int, length: int) -> Data:
        """Return the bytes from `start`."""
        return self._ask(key, lambda: self._store.get_range(key, start, length))

    def head(self, key: str) -> ObjectInfo:
        """Return the size without the bytes."""
        return self._ask(key, lambda: self._store.head(key))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object below the folder `prefix`; none of one that leads elsewhere.

        Raises:
            AccessDeniedError: the source may not be read at all.
            StoreError: it does not answer.
        """
        try:
            yield from self._store.list(prefix)
        except DamagedError as error:
            self._skip(prefix, error)

    def _ask(self, key: str, request: Callable[[], T]) -> T:
        """Ask for an object.

        Raises:
            NotFoundError: it is not there, or cannot be read.
            StoreError: the third time in sequence that the source fails.
        """
        try:
            answer = request()
        except NotFoundError:
            self._failures = 0
            raise
        except (DamagedError, AccessDeniedError) as error:
            self._failures = 0
            raise self._skip(key, error) from error
        except StoreError as error:
            self._failures += 1
            if self._failures >= _FAILURES:
                raise
            raise self._skip(key, error) from error
        self._failures = 0
        return answer

    def _skip(self, key: str, error: EmbzarrError) -> NotFoundError:
        message = str(error.args[0])
        self._skipped.setdefault(key, Problem(code=error.code, key=key, message=message))
        return NotFoundError("object-missing", message)
