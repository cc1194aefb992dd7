"""Asking again where a store failed for the moment; obstore does so itself."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, TypeVar

from embzarr._storage import interrupts
from embzarr.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_TRIES = 4
_FIRST_PAUSE = 0.1
_PATIENCE = 10.0
"""Seconds after which nothing is asked again: a library that waits long by itself waits once."""


def persistently(request: Callable[[], T]) -> T:
    """Return the answer of a request that may be sent any number of times.

    Between tries it pauses for twice as long each time, give or take a half, so that many readers
    of a store that has just come back do not ask all at once.

    Raises:
        StoreError: the last try's, code ``store-failed``. Other errors are answers, and final.
    """
    begin = time.monotonic()
    for attempt in range(_TRIES - 1):
        try:
            return request()
        except StoreError as error:
            if error.code != "store-failed" or time.monotonic() - begin > _PATIENCE:
                raise
        interrupts.pause(_FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
    return request()
