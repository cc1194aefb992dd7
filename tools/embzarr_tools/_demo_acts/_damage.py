"""The demo's last acts: all is sound; one bit is flipped in a copy; the bit is found."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

import embzarr
from embzarr_tools._demo_acts._stage import claim, seconds, tell
from embzarr_tools._screen import size

if TYPE_CHECKING:
    from pathlib import Path

    from embzarr_tools._demo_acts._stage import Stage


def verify(stage: Stage, commits: list[embzarr.CommitInfo]) -> None:
    """Verify all that was saved."""
    stage.begin("Verify")
    begin = time.perf_counter()
    reports = [stage.run.open(commit=commit.commit).verify() for commit in commits]
    for report in reports:
        claim(report.ok, f"step {report.step} is damaged: {report.problems}")
    tell(
        f"All {len(reports)} steps are sound: {sum(r.chunks for r in reports)} chunks in "
        f"{sum(r.objects for r in reports)} objects, {size(sum(r.bytes for r in reports))}; each "
        f"chunk's CRC-32C and each object's SHA-256 as written. {seconds(begin)}"
    )


def damage(stage: Stage, full: embzarr.Loaded) -> None:
    """Flip one bit in a copy and see what verify and reads say."""
    stage.begin("Damage a copy, and find the damage")
    folder = stage.folder / "damaged"
    embzarr.save(folder, full.words, full.vectors, step=1)
    place = _flip_one_bit(folder)
    tell(f"One bit flipped in a copy: {place}.")
    copy = embzarr.open(folder)
    problems = copy.verify().problems
    claim(len(problems) == 1, f"verify names {len(problems)} problems, not one")
    (found,) = problems
    claim(found.chunk is not None and found.rows is not None, "verify does not name the chunk")
    start, stop = found.rows or (0, 0)
    tell(
        f"verify names chunk {found.chunk}, rows {start}:{stop}, words {full.words[start]} to "
        f"{full.words[min(stop, len(full)) - 1]}: {found.message} [{found.code}]"
    )
    claim(_refuses(copy, start, stop), "the damaged rows can be read")
    sound = np.array_equal(copy.load_rows(0, start).vectors, full.vectors[:start])
    claim(sound, "rows beside the damage cannot be read")
    tell(f"Reading those rows is refused; rows 0:{start} are read as before.")


def _flip_one_bit(folder: Path) -> str:
    """Change the middle of the first shard of vectors; return which byte that is."""
    shard = min(path for path in folder.glob("steps/*/vectors/c/**/*") if path.is_file())
    data = bytearray(shard.read_bytes())
    at = len(data) // 2
    data[at] ^= 1
    shard.write_bytes(data)
    return f"byte {at:,} of {shard.relative_to(folder)}"


def _refuses(copy: embzarr.Checkpoint, start: int, stop: int) -> bool:
    try:
        copy.load_rows(start, min(stop, len(copy)))
    except embzarr.DamagedError:
        return True
    return False
