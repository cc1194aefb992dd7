"""Has a trainer go on from what an enemy wrote; a program that reads its task from standard input.

Each state meets a forked child of its own, so that a crash is seen; the parent has the kernel
loaded.
"""

from __future__ import annotations

import itertools
import json
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import embzarr
import embzarr_trainer
from embzarr._storage.backends.memory import MemoryStore
from embzarr_tools.fixtures._plain import Objects
from faults.forking import Child
from faults.hostile import caches, training
from faults.hostile.training import SETTINGS, State
from faults.killing_training import digest_of, load_kernel

MOST_SECONDS = 2.0
MOST_BYTES = 64 * 2**20
_HANGS_AFTER = 60
"""Seconds of the clock, on a machine that others use too."""


def main(task: dict[str, Any]) -> dict[str, Any]:
    """Meet every so many states, and tell how many there were, and what was not as promised."""
    load_kernel()
    with tempfile.TemporaryDirectory() as folder:
        plain, most = _heard(partial(_measured, partial(_resume, _sound(), Path(folder))))
        assert plain[0] == "trained", plain
        counts, failures = _meet(task["every"], Path(folder), most[1] + MOST_BYTES)
    return {"counts": counts, "failures": failures, "plain MiB": most[1] >> 20}


def _meet(every: int, folder: Path, most_bytes: int) -> tuple[Counter[str], list[str]]:
    counts: Counter[str] = Counter()
    failures: list[str] = []
    for number, (kind, name, work) in enumerate(itertools.islice(_jobs(), 0, None, every)):
        place = folder / f"{number}"
        place.mkdir()
        counts[kind] += 1
        heard = _heard(partial(_measured, partial(work, place)))
        failures += [f"{kind}: {name}: {fault}" for fault in _faults(heard, most_bytes)]
    return counts, failures


def _jobs() -> Iterator[tuple[str, str, Callable[[Path], list[str]]]]:
    for state in training.states():
        yield state.kind, state.name, partial(_resume, state)
    for cache in caches.caches():
        yield cache.kind, cache.name, partial(_reuse, cache)


def _faults(heard: Any, most_bytes: int) -> list[str]:
    if heard is None:
        return ["it crashed, or hung"]
    (outcome, *told), (seconds, grown) = heard
    faults = [] if outcome in {"refused", "made anew"} else [f"{outcome} {told}"]
    if seconds > MOST_SECONDS:
        faults.append(f"{seconds:.1f} seconds")
    if grown > most_bytes:
        faults.append(f"{grown >> 20} MiB")
    return faults


def _heard(work: Callable[[], object]) -> Any:
    def bounded(_: object) -> object:
        signal.alarm(_HANGS_AFTER)
        return work()

    child = Child(bounded)
    try:
        return child.hear()
    except AssertionError as exc:
        return [["untyped", str(exc)], [0, 0]]
    finally:
        child.end()


def _measured(work: Callable[[], list[str]]) -> tuple[list[str], tuple[float, int]]:
    """Return what work says, with the seconds of CPU and the bytes of memory that it took."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, begun = _peak(), time.process_time()
    said = work()
    return said, (time.process_time() - begun, _peak() - before)


def _peak() -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"^VmHWM:\s+(\d+)", text, re.MULTILINE)[0]) * 1024


def _sound() -> State:
    return State(kind="", name="sound", objects=training.sound())


def _resume(state: State, folder: Path) -> list[str]:
    text = folder / "text.txt"
    text.write_text(state.text, encoding="utf-8")
    store = _stored(state.objects)
    begin: dict[str, Any] = (
        {"url": MemoryStore("memory://"), "init": embzarr.open(store)} if state.init else {}
    )
    begin = begin or {"url": store, "resume": True}
    try:
        end = embzarr_trainer.train(text, **begin, **SETTINGS)
    except embzarr.EmbzarrError as exc:
        found = str(exc)
        readable = found.isprintable() and len(found) < 2000
        return ["refused", exc.code] if readable else ["refused in an unreadable way", found[:200]]
    return ["trained", f"to step {end.step}"]


def _stored(objects: Objects) -> MemoryStore:
    client = MemoryStore("memory://")
    for key, data in objects.items():
        client.put(key, data)
    return client


def _reuse(cache: caches.Cache, folder: Path) -> list[str]:
    """Train twice by a cache, which was changed in between; the end is the same."""
    text, kept = folder / "text.txt", folder / "cache"
    text.write_text(training.TEXT, encoding="utf-8")
    settings = {**SETTINGS, "corpus_cache": kept}
    plain = digest_of(embzarr_trainer.train(text, MemoryStore("memory://"), **settings))
    (entry,) = kept.iterdir()
    sound = {file.name: file.read_bytes() for file in entry.iterdir()}
    cache.spoil(entry)
    if digest_of(embzarr_trainer.train(text, MemoryStore("memory://"), **settings)) != plain:
        return ["trained on something else"]
    if {file.name: file.read_bytes() for file in entry.iterdir()} != sound or entry.is_symlink():
        return ["left as it was"]
    if [path.name for path in kept.iterdir()] != [entry.name]:
        return ["left more than was there"]
    return ["made anew"]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.load(sys.stdin))))
