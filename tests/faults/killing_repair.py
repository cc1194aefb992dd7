"""Damages a run, repairs and kills, until a repair gets through; run as a program.

Its task comes from standard input, see `faults.forking`.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import embzarr
from damage import DAMAGES, contents, flipped, make_run
from embzarr._storage.open import open_store
from faults.forking import in_child

_OBJECTS = 12
"""Damaged in each run: a repair then takes long enough to be killed in the middle."""
_KILLS = 10
"""On one run; after that the repair may end."""
WINDOW, OUTSIDE = "between first and last write", "before the first write"


def lay_out(folder: str) -> None:
    """Write a sound run below a folder."""
    for key, data in make_run().items():
        path = Path(folder, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def damage(folder: Path, chance: random.Random) -> None:
    """Damage some objects of a run, and swap two pairs."""
    paths = sorted(path for path in folder.glob("steps/*-*/**/*") if path.is_file())
    hit = chance.sample(paths, _OBJECTS)
    for one, other in ((hit[0], hit[1]), (hit[2], hit[3])):
        first, second = one.read_bytes(), other.read_bytes()
        one.write_bytes(second)
        other.write_bytes(first)
    for path in hit[4:]:
        changed = DAMAGES[chance.choice(sorted(DAMAGES))](path.read_bytes())
        path.unlink()
        if changed is not None:
            path.write_bytes(changed)
    newest = max(folder.glob("commits/*.json"))
    newest.write_bytes(flipped(newest.read_bytes(), 0))


def repair(run: str, mirror: str) -> str:
    """Repair a run; return whether there was something to do."""
    report = embzarr.repair(run, source=mirror, dry_run=False)
    assert report.ok, report.lost
    return "mended" if report.actions else "nothing to do"


def files(folder: str) -> dict[str, bytes]:
    """Return everything that lies below a folder."""
    found = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def same(run: str, expected: Mapping[str, bytes]) -> int:
    """Return how many objects are as they were."""
    found = files(run)
    return sum(found.get(key) == data for key, data in expected.items())


def is_whole(run: str, mirror: str) -> bool:
    """Tell whether a run holds what the mirror holds, and nothing else that a store lists."""
    return contents(open_store(run)) == contents(open_store(mirror))


def rounds(folder: Path, count: int, *, seed: int) -> Counter[str]:
    """Kill `count` repairs; none may leave less that is sound than it found."""
    chance, landed = random.Random(seed), Counter[str]()
    mirror = str(folder / "mirror")
    in_child(partial(lay_out, mirror))
    expected = files(mirror)
    whole = 0.2
    while landed.total() < count:
        run = str(folder / f"run-{landed.total()}")
        shutil.copytree(mirror, run)
        damage(Path(run), chance)
        work = partial(repair, run, mirror)
        before = same(run, expected)
        for _ in range(_KILLS):
            done = in_child(work, chance.uniform(0.2 * whole, whole))
            after = same(run, expected)
            assert after >= before, f"{before} objects were sound, then {after}"
            landed["after the end" if done else WINDOW if before < after else OUTSIDE] += 1
            before = after
            if done:
                break
        begun = time.perf_counter()
        in_child(work)
        whole = (whole + 1.5 * (time.perf_counter() - begun)) / 2
        assert in_child(partial(is_whole, run, mirror)), "it is not as it was"
        assert in_child(work) == "nothing to do"
        shutil.rmtree(run)
    return landed


if __name__ == "__main__":
    task = json.load(sys.stdin)
    found = rounds(Path(task["url"]), task["count"], seed=task["seed"])
    sys.stdout.write(json.dumps(found))
