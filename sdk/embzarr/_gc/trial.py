"""Tries what a collector needs before anything is given up: the right to delete, time, and room.

What is given up stays given up: a collector without the right to delete would expire commits and
free nothing. And a clock that is days ahead, the collector's own, would take for abandoned what a
writer is at: ages are told by the store's clock, which has stamped what a listing shows.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, TypeVar

from embzarr._format import keys, spec
from embzarr._storage import get_at_most
from embzarr.errors import DamagedError, EmbzarrError, NotFoundError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from embzarr._storage import Data, Store

T = TypeVar("T")

_BYTES = b"embzarr"


def store_time(store: Store) -> float | None:
    """Return the time by the store's clock, in seconds since 1970; None where it tells none.

    An object below ``probe/`` is written, listed and removed.

    Raises:
        AccessDeniedError: nothing may be written, or nothing deleted; nothing was given up.
    """
    key = keys.probe_key(secrets.token_hex(16))
    store.delete(key)  # most stores refuse who may not, whether anything is there or not
    try:
        store.put(key, _BYTES)
    except StoreError as exc:
        if exc.code != "store-full":
            raise
        return None  # to make room is what a collector is for
    try:
        listed = [info for info in store.list(f"{spec.PROBES}/") if info.key == key]
    finally:
        store.delete(key)
    return listed[0].modified if listed else None


class Room:
    """What a full store can do without: ``latest.json``, a copy of the newest manifest.

    A reader without it needs a round trip more. In its place goes what tells that something is
    given up; what is deleted then makes room for it again.
    """

    def __init__(self, store: Store) -> None:
        """Take nothing away yet."""
        self._store = store
        self._taken: Data | None = None

    def make(self, work: Callable[[], T]) -> T:
        """Do what needs a little room, a second time without the copy if there is none.

        Raises:
            StoreError: code ``store-full``: that was not enough.
        """
        try:
            return work()
        except StoreError as exc:
            if exc.code != "store-full":
                raise
        with contextlib.suppress(NotFoundError, DamagedError):
            self._taken = get_at_most(self._store, spec.LATEST, spec.MAX_MANIFEST_BYTES)
        self._store.delete(spec.LATEST)
        return work()

    def give_back(self) -> None:
        """Put the copy where it was, unless a writer has put a newer one meanwhile."""
        if self._taken is None:
            return
        with contextlib.suppress(EmbzarrError):  # readers do without
            self._store.create(spec.LATEST, self._taken)
