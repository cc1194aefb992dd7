"""Stores of an enemy: refused with a typed error, at once, in little memory, and nothing opened."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from obstore.store import MemoryStore

from embzarr._storage.open import open_store
from embzarr._storage.port import Data, ObjectInfo
from embzarr_tools.fixtures._plain_commit import commit
from embzarr_tools.fixtures._samples import plain_store
from faults.exercise import exercise, refusals
from faults.hostile import cases
from faults.hostile.register import Hostile, Sound
from faults.tally import Effort, Tally
from faulty import PassThrough

pytestmark = pytest.mark.faults

MOST_SECONDS = 2.0
MOST_BYTES = 64 * 2**20
_PLAIN = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*/?")
_OUTSIDE = ("open", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "exec")

seen: list[tuple[str, object]] | None = None


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if seen is not None and event in _OUTSIDE:
        seen.append((event, args[0] if args else None))


sys.addaudithook(_hook)


class Watched(PassThrough):
    """Notes every key that is asked for."""

    asked: set[str]

    def get(self, key: str) -> Data:
        self.asked.add(key)
        return super().get(key)

    def get_range(self, key: str, start: int, length: int) -> Data:
        self.asked.add(key)
        return super().get_range(key, start, length)

    def head(self, key: str) -> ObjectInfo:
        self.asked.add(key)
        return super().head(key)


@contextmanager
def watching() -> Iterator[list[tuple[str, object]]]:
    """Yield what files and sockets the interpreter opens, in any thread."""
    global seen  # noqa: PLW0603 - an audit hook cannot be taken away again
    events: list[tuple[str, object]] = []
    seen = events
    try:
        yield events
    finally:
        seen = None


def _peak() -> int:
    return _status("VmHWM")


def _status(field: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(rf"^{field}:\s+(\d+)", text, re.MULTILINE)[0]) * 1024


@cache
def honest(of: Sound) -> dict[str, str]:
    """What is refused of a sound store: words, tags or a table that it does not have."""
    client = MemoryStore()
    for key, data in commit(of()).items():
        client.put(key, data)
    return refusals(exercise(client))


def faults_of(case: Hostile) -> Iterator[str]:
    """Yield what a reader did wrong with a hostile store."""
    client = MemoryStore()
    for key, data in case.objects.items():
        client.put(key, data)
    store = Watched(open_store(client))
    store.asked = set()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, begun = _peak(), time.process_time()
    with watching() as events:
        try:
            outcomes = exercise(store)
        except Exception as exc:  # noqa: BLE001 - an untyped error is the finding
            yield f"untyped {exc!r}"
            return
    spent, added = time.process_time() - begun, _peak() - before
    if refusals(outcomes).items() <= honest(case.of).items():
        yield "nothing was refused"
    if spent > MOST_SECONDS:
        yield f"took {spent:.1f} s"
    if added > MOST_BYTES:
        yield f"took {added / 2**20:.0f} MiB"
    yield from (f"asked for {key!r}" for key in store.asked if not _PLAIN.fullmatch(key))
    yield from (f"opened {event}" for event in events if not _is_ours(event))


def _is_ours(event: tuple[str, object]) -> bool:
    """Tell whether this is Python importing a module, and not a file of the store's choice."""
    name, what = event
    return name == "open" and str(what).startswith((sys.prefix, sys.base_prefix))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by way of /proc")
def test_hostile_stores(tally: Tally, *, full: Effort) -> None:
    """Hundreds of stores, each wrong in one way; by default one in eight."""
    counts: dict[str, int] = defaultdict(int)
    failures: list[str] = []
    honest(plain_store)  # imports what is imported late
    for case in full.some(cases(), 8):
        counts[case.kind] += 1
        failures += [f"{case.kind}: {case.name}: {fault}" for fault in faults_of(case)]

    tally(
        "hostile stores", sum(counts.values()), failures=failures, of_which={"classes": len(counts)}
    )
    assert sum(counts.values()) >= (200 if full.share == 1 else 100)
    assert len(counts) >= 24
    assert threading.active_count() < 200
