"""Waiting for a server that has answered before and does not now."""

from __future__ import annotations

import itertools
import random
import time
from typing import TYPE_CHECKING, TypeVar

# By its module, which shows a forked child's own copy: see `embzarr._storage.libraries.library`.
from obstore import exceptions as obstore_errors

from embzarr._storage import forks, interrupts
from embzarr._storage.requests.failures import is_unanswered

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds for which a server that has answered before is waited for."""
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 3.0
_DOUBLINGS = 5

_known: dict[str, Outage] = {}
"""By the identities of stores: what one store has seen holds for the next one of its server."""


class Outage:
    """What is known of whether a server answers, shared by all that ask it.

    A server that never answered is likely a wrong address, and is given up by the library's own
    tries. One that did is waited for, all requests together no longer than `seconds` after the
    first that failed: those that come later fail at once until one is answered.
    """

    def __init__(self, seconds: float = PATIENCE, *, answered: bool = False) -> None:
        """Know nothing yet; `answered` is for a server that is to be waited for from the start."""
        self._seconds = seconds
        self._answered = answered
        self._since: float | None = None
        self._lock = forks.Lock()

    def outlast(self, request: Callable[[], T]) -> T:
        """Return the answer of a request, asking again through an outage.

        Pauses double, give or take a half, so that many clients of a server that has just come back
        do not ask all at once.

        Raises:
            Exception: what the request raised, where that is an answer or time is up.
        """
        begun = time.monotonic()
        for attempt in itertools.count():
            try:
                answer = request()
            except obstore_errors.BaseError as exc:
                if self._is_final(exc, begun):
                    raise
            else:
                self._end()
                return answer
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(attempt, _DOUBLINGS))
            interrupts.pause(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
        raise AssertionError  # a count has no end

    def _is_final(self, exc: obstore_errors.BaseError, begun: float) -> bool:
        if is_unanswered(exc):
            return not self._has_time(begun)
        self._end()
        return True

    def _end(self) -> None:
        if self._answered and self._since is None:
            return
        with self._lock:
            self._answered = True
            self._since = None

    def _has_time(self, begun: float) -> bool:
        with self._lock:
            if not self._answered:
                return False
            if self._since is None:
                self._since = begun
            return time.monotonic() - min(begun, self._since) < self._seconds


def outage_of(identity: str) -> Outage:
    """Return what this process knows of a server, by the identity of a store."""
    return _known.setdefault(identity, Outage())
