"""SIGKILL at random moments of a save: the commit before stands, nothing of the new one shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from faults.tally import Tally
    from servers.minio import Minio

pytestmark = pytest.mark.faults

TESTS = Path(__file__).parents[1]
WINDOW = "between first and last write"


def kill(url: str, options: Mapping[str, Any] | None, count: int) -> dict[str, int]:
    """Save and kill in a process of its own, whose children are what is killed."""
    task = json.dumps({"url": url, "options": options, "count": count, "seed": count})
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(TESTS / "faults/killing.py")],
        input=task,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    landed: dict[str, int] = json.loads(done.stdout)
    return landed


def test_kills_on_a_local_store(tmp_path: Path, tally: Tally, *, full: bool) -> None:
    """Kills of a save on a local folder lose nothing and show nothing half-written."""
    landed = kill(str(tmp_path / "run"), None, 3000 if full else 60)

    tally("kills of a save on a local store", sum(landed.values()), of_which=landed)
    assert landed[WINDOW] >= 5


@pytest.mark.servers
def test_kills_on_minio(minio: Minio, minio_bucket_url: str, tally: Tally, *, full: bool) -> None:
    """Kills of a save to MinIO lose nothing and show nothing half-written."""
    landed = kill(minio_bucket_url, minio.options, 300 if full else 50)

    tally("kills of a save on MinIO", sum(landed.values()), of_which=landed)
    assert landed[WINDOW] >= 5
