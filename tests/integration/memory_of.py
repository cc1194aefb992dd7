"""Measures one job's peak of resident memory above the interpreter's; run as a program.

Reads ``{job, url, options, rows, dim, file}`` from standard input and prints the bytes.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any


def peak() -> int:
    """Return the largest resident memory of this program so far, in bytes.

    Not `getrusage`: Linux lets a child begin with the peak of the process that it was forked from.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


BARE = peak()


def create(url: str, options: Any, rows: int, dim: int) -> None:
    """Stream `rows` vectors through a writer, in blocks of 10,000."""
    import numpy as np  # noqa: PLC0415 - what it costs is part of the measure

    import embzarr  # noqa: PLC0415

    chance = np.random.default_rng(0)
    with embzarr.create(url, dim, storage_options=options) as writer:
        for start in range(0, rows, 10_000):
            words = [f"{number:x}-word" for number in range(start, start + 10_000)]
            writer.append(words, chance.standard_normal((10_000, dim), dtype=np.float32))


def part(url: str, options: Any, rows: int, dim: int) -> None:
    """Write a part: a range of a tensor in blocks, as many numbers in whole tensors, small ones."""
    import numpy as np  # noqa: PLC0415 - what it costs is part of the measure

    import embzarr  # noqa: PLC0415

    shared = {"shared": ("float32", (rows, dim))}
    plan = embzarr.plan_step(
        url, parts=1, tensors=shared, compression="none", storage_options=options
    )
    with embzarr.write_part(url, plan, 0, storage_options=options) as writer:
        for start in range(0, rows, 10_000):
            block = np.full((10_000, dim), start, np.float32)
            writer.append_tensor("shared", block)
            small = {f"{start}.{at}": np.ones(100, np.float32) for at in range(100)}
            writer.add(tensors={f"{start}": -block, **small})


def shares(url: str, options: Any, rows: int, dim: int) -> None:
    """Store rows in 16 shares, as tasks of an engine do, and tell what they are in a file."""
    import numpy as np  # noqa: PLC0415 - what it costs is part of the measure

    from embzarr._history import Target  # noqa: PLC0415
    from embzarr._parts import ShareWriter, plan_shares  # noqa: PLC0415

    target = Target(url=url, options=options, single_writer=False)
    plan = plan_shares(target, dtype="float32", columns={})
    chance, found = np.random.default_rng(0), []
    for first in range(0, rows, rows // 16):
        with ShareWriter(target, plan) as writer:
            for start in range(first, first + rows // 16, rows // 160):
                words = [f"{number:x}-word" for number in range(start, start + rows // 160)]
                vectors = chance.standard_normal((rows // 160, dim), dtype=np.float32)
                writer.append(words, {"vectors": vectors})
        found.append(writer.share)
    Path(f"{url}.shares").write_bytes(pickle.dumps((target, plan, found)))


def gather(url: str, _: Any, rows: int, __: int) -> None:
    """Make one commit of the shares, as a driver does."""
    from embzarr._parts import gather  # noqa: PLC0415 - what it costs is part of the measure

    told = pickle.loads(Path(f"{url}.shares").read_bytes())  # noqa: S301 - our own
    assert len(gather(*told, metadata={})) == rows


def load(url: str, options: Any, rows: int, _: int) -> None:
    """Load a thousand words spread over all rows."""
    import embzarr  # noqa: PLC0415 - what it costs is part of the measure

    words = [f"{number:x}-word" for number in range(0, rows, rows // 1000)]
    assert len(embzarr.open(url, storage_options=options).load(words)) == 1000


def stream(url: str, options: Any, rows: int, _: int) -> None:
    """Stream all rows within 64 MiB."""
    import embzarr  # noqa: PLC0415 - what it costs is part of the measure

    batches = embzarr.open(url, storage_options=options).stream(memory_limit=64 * 2**20)
    assert sum(len(batch) for batch in batches) == rows


def take_in(file: str, url: str, options: Any) -> None:
    """Import a file."""
    from embzarr.convert import import_vectors  # noqa: PLC0415 - what it costs is part

    import_vectors(file, url, storage_options=options)


if __name__ == "__main__":
    task = json.load(sys.stdin)
    if task["job"] == "import":
        take_in(task["file"], task["url"], task["options"])
    else:
        jobs = (create, part, shares, gather, load, stream)
        job = {job.__name__: job for job in jobs}[task["job"]]
        job(task["url"], task["options"], task["rows"], task["dim"])
    sys.stdout.write(str(peak() - BARE))
