"""SIGKILL at random moments of a save: the commit before stands, nothing of the new one shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from servers.minio import Minio

TESTS = Path(__file__).parents[1]
Record = Callable[[str, object], None]


def kill(url: str, options: Mapping[str, Any] | None, count: int) -> dict[str, int]:
    """Save and kill in a process of its own, whose children are what is killed."""
    task = json.dumps({"url": url, "options": options, "count": count, "seed": count})
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(TESTS / "faults/killing.py")],
        input=task,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    landed: dict[str, int] = json.loads(done.stdout)
    return landed


def report(record: Record, where: str, landed: dict[str, int]) -> None:
    line = ", ".join(f"{count} {moment}" for moment, count in sorted(landed.items()))
    record("kills", f"{where}: {line}")
    print(f"\n{sum(landed.values())} kills of a save on {where}: {line}")  # noqa: T201 - its point


def test_kills_on_a_local_store(tmp_path: Path, record_property: Record, capsys: Any) -> None:
    """Three hundred kills on a local folder lose nothing and show nothing half-written."""
    landed = kill(str(tmp_path / "run"), None, 300)

    with capsys.disabled():
        report(record_property, "a local store", landed)
    assert landed["between first and last write"] >= 30


@pytest.mark.servers
def test_kills_on_minio(
    minio: Minio, minio_bucket_url: str, record_property: Record, capsys: Any
) -> None:
    """Fifty kills of a save to MinIO lose nothing and show nothing half-written."""
    landed = kill(minio_bucket_url, minio.options, 50)

    with capsys.disabled():
        report(record_property, "MinIO", landed)
    assert landed["between first and last write"] >= 5
