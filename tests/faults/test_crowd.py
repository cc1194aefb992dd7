"""A crowd on one store: nothing that was acknowledged is lost, and nothing reads wrong."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from faults.faulty_proxy import Kind, Weather, running_faulty_proxy
from faults.programs import carry_out

if TYPE_CHECKING:
    from faults.tally import Effort, Tally
    from servers.minio import Minio

pytestmark = pytest.mark.faults

CROWD = [
    *["save"] * 4, *["delta"] * 2, *["async"] * 2, "gc", "compact", "repair", *["read"] * 3,
]  # fmt: skip
"""Eight savers of three kinds, and who comes between them."""
LOSSY: Mapping[Kind, float] = {
    "reset": 0.01,
    "lost-answer": 0.01,
    "busy": 0.01,
    "cut": 0.005,
    "twice": 0.005,
}
"""Of all requests."""


def gather(url: str, seconds: float, **ways: Mapping[str, Any] | None) -> dict[str, Any]:
    """Have a crowd work on a store for a while; return what it did, and what went wrong."""
    task = {"url": url, "crowd": CROWD, "seconds": seconds, "seed": 7, **ways}
    found: dict[str, Any] = carry_out("crowding.py", task)
    return found


def test_a_crowd_on_a_local_store(ram: Path, tally: Tally, *, full: Effort) -> None:
    """Savers, collectors, repairers and readers, interrupted and killed, lose nothing."""
    found = gather(str(ram / "run"), full.times(30, 4), options=None, calm=None)

    did = found["did"]
    run = sum(did.get(what, 0) for what in ("save", "delta", "async", "compact"))
    tally("commits of a crowd on a local store", run, failures=found["failures"], of_which=did)


@pytest.mark.servers
def test_a_crowd_over_a_lossy_way(
    minio: Minio, minio_bucket: str, tally: Tally, *, full: Effort
) -> None:
    """The same on MinIO, through a proxy that loses requests and answers."""
    weather = Weather(shares=LOSSY, chance=random.Random(11))
    with running_faulty_proxy(minio.endpoint_url, weather) as lossy:
        options = {**minio.options, "endpoint_url": lossy}
        url, seconds = minio.url(minio_bucket, "run"), full.times(180, 10)
        found = gather(url, seconds, options=options, calm=minio.options)

    did = {**found["did"], **{f"answers {kind}": hits for kind, hits in weather.hits.items()}}
    run = sum(did.get(what, 0) for what in ("save", "delta", "async", "compact"))
    tally("commits of a crowd over a lossy way", run, failures=found["failures"], of_which=did)
