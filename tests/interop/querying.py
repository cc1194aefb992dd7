"""Reads a whole checkpoint through one library, and prints the peak of memory; run as a program.

Arguments: the library, and where the checkpoint is.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def peak() -> int:
    """Return the largest resident memory of this program so far, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def reader(url: str) -> Any:
    from embzarr.interop.arrow import to_reader  # noqa: PLC0415 - what is measured begins later

    return sum(batch.num_rows for batch in to_reader(url))


def duckdb(url: str) -> Any:
    import duckdb as library  # noqa: PLC0415 - as above

    from embzarr.interop.arrow import dataset  # noqa: PLC0415

    with library.connect(config={"threads": 2}) as connection:
        connection.register("t", dataset(url))
        query = "SELECT count(*) FROM t WHERE vector[1] < 100"
        return connection.sql(query).fetchall()[0][0]


def polars(url: str) -> Any:
    import polars as pl  # noqa: PLC0415 - as above

    from embzarr.interop.polars import scan  # noqa: PLC0415

    low = pl.col("vector").arr.get(0) < 100
    return scan(url).filter(low).select(pl.len()).collect(engine="streaming").item()


def gensim(url: str) -> Any:
    from embzarr.interop.gensim import LazyKeyedVectors  # noqa: PLC0415 - as above

    lazy = LazyKeyedVectors(url, memory_bytes=2**20)
    lazy.most_similar("w7")
    return len(lazy)


if __name__ == "__main__":
    job = {"reader": reader, "duckdb": duckdb, "polars": polars, "gensim": gensim}[sys.argv[1]]
    job(sys.argv[3])  # a small checkpoint, by which all is imported
    before = peak()
    rows = job(sys.argv[2])
    sys.stdout.write(f"{rows} {peak() - before}")
