"""SIGKILL at random moments of training: resumed, it ends with the bits of a run left alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from faults.programs import carry_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from faults.tally import Effort, Tally
    from servers.minio import Minio

pytestmark = pytest.mark.faults


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """1,000 lines, each with words that come in no other and one that comes in all."""
    path = tmp_path / "corpus.txt"
    words = "the w{0}a w{0}b w{0}a w{0}b w{0}c w{0}c w{0}a"
    path.write_text("\n".join(words.format(line) for line in range(1000)))
    return path


def kill(
    url: str, options: Mapping[str, Any] | None, corpus: Path, count: int, seed: int
) -> tuple[dict[str, int], list[str]]:
    """Train and kill in a process of its own, whose children are what is killed."""
    task = {"url": url, "options": options, "corpus": str(corpus), "count": count, "seed": seed}
    landed, failures = carry_out("killing_training.py", task)
    return landed, failures


@pytest.mark.parts(2)
def test_kills_of_training_on_a_local_store(
    ram: Path, corpus: Path, tally: Tally, *, full: Effort
) -> None:
    """Kills of a run that saves full steps, deltas, and gives up old ones, on a local folder."""
    landed, failures = kill(str(ram / "run"), None, corpus, full.times(100, 4), full.part)

    what = "kills of training on a local store"
    tally(what, sum(landed.values()), of_which=landed, failures=failures)
    # Every other kill comes when a write was begun; not all of those are of data.
    assert landed.get("in a save", 0) + landed.get("in the first save", 0) >= 1


@pytest.mark.servers
def test_kills_of_training_on_minio(
    minio: Minio, minio_bucket_url: str, corpus: Path, tally: Tally, *, full: Effort
) -> None:
    """Kills of a run that saves to MinIO."""
    landed, failures = kill(minio_bucket_url, minio.options, corpus, full.times(20, 6), 0)

    what = "kills of training on MinIO"
    tally(what, sum(landed.values()), of_which=landed, failures=failures)
