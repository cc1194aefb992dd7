"""For how long reading holds the interpreter's lock, whatever the machine: on many cores it waits.

gilknocker asks for the lock from a thread of its own every 200 microseconds, and tells the share of
the time for which it waited.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from embzarr_bench._errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable

try:
    from gilknocker import KnockKnock
except ModuleNotFoundError:
    _INSTALLED = False
else:
    _INSTALLED = True

SECONDS = 4.0
"""For which a piece of work is repeated."""
_EVERY_MICROSECONDS = 200


def require() -> None:
    """Refuse where gilknocker is not installed.

    Raises:
        BenchError: it is not.
    """
    if not _INSTALLED:
        raise BenchError("no package 'gilknocker': pip install 'embzarr[bench]'")


def held(work: Callable[[], object], *, seconds: float = SECONDS) -> float:
    """Return for how many seconds others wait for the lock while `work` is done once.

    Where the machine is busy with something else, its waits count, too.
    """
    knocker = KnockKnock(_EVERY_MICROSECONDS)
    begun, times = time.perf_counter(), 0
    knocker.start()
    while time.perf_counter() - begun < seconds:
        work()
        times += 1
    took, share = time.perf_counter() - begun, float(knocker.contention_metric)
    knocker.stop()
    return share * took / times
