"""Faults of an S3 server and of the way to it, in each phase of open, read, save and commit."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import embzarr
import oracle
from faults.faulty_proxy import Fault, Kind, running_faulty_proxy
from faults.tally import Effort, Tally

if TYPE_CHECKING:
    from servers.s3 import S3Server

pytestmark = pytest.mark.faults

WORDS = oracle.make_words(50)
DEADLINE = 40.0
"""Seconds within which every operation must end, with the timeouts below."""
IMPATIENT = {
    "client_options": {"timeout": "1s", "connect_timeout": "1s", "read_timeout": "1s"},
    "retry_config": {
        "max_retries": 2,
        "retry_timeout": timedelta(seconds=4),
        "backoff": {
            "init_backoff": timedelta(milliseconds=10),
            "max_backoff": timedelta(milliseconds=50),
            "base": 2,
        },
    },
}
READS = {
    "the hint": r"latest\.json",
    "the manifest": r"commits/0",
    "lookup blocks": r"lookup/blocks/c/",
    "vectors": r"vectors/c/",
    "word offsets": r"words/offsets/c/",
    "words": r"words/data/c/",
    "a tag": r"tags/best",
}
WRITES = {
    "the root": r"run/zarr\.json",
    "a shard": r"vectors/c/",
    "a document": r"steps/2-.*/zarr\.json",
    "the commit": r"commits/0",
    "the hint": r"latest\.json",
    "a tag": r"tags/new",
}
READ_FAULTS: tuple[Kind, ...] = (
    "reset", "busy", "stall", "corrupted", "cut", "wrong-range", "error-body",
)  # fmt: skip
LIST_FAULTS: tuple[Kind, ...] = ("reset", "busy", "stall", "cut", "error-body", "stale-list")
WRITE_FAULTS: tuple[Kind, ...] = ("reset", "busy", "stall", "lost-answer", "garbled", "twice")
BY_CRC64 = {"checksum_algorithm": "CRC64NVME", "unsigned_payload": True}
"""Uploads are checked by a CRC-64 instead of the SHA-256 that signs them."""
ALWAYS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One fault in one phase."""

    phase: str
    method: str
    path: str
    kind: Kind
    times: int

    def __str__(self) -> str:
        """Return what is shown of a failure."""
        often = "for ever" if self.times == ALWAYS else "once"
        return f"{self.kind} {often} at {self.method} of {self.phase}"


def _cells() -> Iterator[Cell]:
    for times in (1, ALWAYS):
        for phase, path in READS.items():
            for kind in READ_FAULTS:
                yield Cell(phase=phase, method="GET", path=path, kind=kind, times=times)
        for kind in LIST_FAULTS:
            yield Cell(phase="the listing", method="GET", path="list-type", kind=kind, times=times)
        for phase, path in WRITES.items():
            for kind in WRITE_FAULTS:
                yield Cell(phase=phase, method="PUT", path=path, kind=kind, times=times)


def vectors(step: int) -> Any:
    """The vectors of a step."""
    return oracle.make_vectors(len(WORDS), 8, seed=step)


def broken_promise(server: S3Server, cell: Cell, how: Mapping[str, Any]) -> str | None:
    """Return what went wrong in a cell; None where the result is right or the error typed."""
    with server.bucket() as bucket:
        url = server.url(bucket, "run")
        first = cell.phase == "the root"
        if not first:
            embzarr.save(url, WORDS, vectors(1), step=1, storage_options=server.options)
            embzarr.Run(url, storage_options=server.options).tag("best")
        fault = Fault(method=cell.method, path=cell.path, kind=cell.kind, times=cell.times)
        with running_faulty_proxy(server.endpoint_url, fault) as proxy:
            options = {**server.options, **IMPATIENT, **how, "endpoint_url": proxy}
            begun = time.monotonic()
            try:
                said = _act(cell, url, options)
            except embzarr.EmbzarrError as exc:
                said = exc.code
            except Exception as exc:  # noqa: BLE001 - the finding
                return f"{cell}: untyped {exc!r}"
            spent = time.monotonic() - begun
        if spent > DEADLINE:
            return f"{cell}: {spent:.0f} s"
        if not fault.hits:
            return f"{cell}: the fault did not take place"
        wrong = said if said.startswith("wrong") else _state(cell, url, server.options, said)
        return f"{cell}: {wrong}" if wrong else None


def _act(cell: Cell, url: str, options: dict[str, Any]) -> str:
    if cell.method == "PUT":
        embzarr.save(url, WORDS, vectors(2), step=2, storage_options=options)
        embzarr.Run(url, storage_options=options).tag("new")
        return "done"
    read = embzarr.open(url, storage_options=options)
    if cell.phase == "the manifest":
        read = embzarr.open(url, commit=1, storage_options=options)
    if cell.phase == "a tag":
        read = embzarr.open(url, tag="best", storage_options=options)
    expected = vectors(1)
    right = (
        read.step == 1
        and np.array_equal(read[[WORDS[7], WORDS[3]]], expected[[7, 3]])
        and np.array_equal(read.to_numpy(), expected)
        and read.words == WORDS
    )
    return "done" if right else "wrong: read something else"


def _state(cell: Cell, url: str, options: dict[str, Any], said: str) -> str | None:
    """Look, past the proxy, whether what was said is true, and all that was there still is."""
    run = embzarr.Run(url, storage_options=options)
    steps = [commit.step for commit in reversed(run.commits())] if run.numbers() else []
    before = [] if cell.phase == "the root" else [1]
    if steps not in (before, [*before, 2]):
        return f"steps {steps} after {said}"
    if cell.method == "PUT" and said == "done" and steps != [*before, 2]:
        return "told of a commit that is not there"
    for step in steps:
        checkpoint = run.open(step=step)
        if not checkpoint.verify().ok or not np.array_equal(checkpoint.to_numpy(), vectors(step)):
            return f"step {step} is damaged after {said}"
    return None


def try_cells(
    server: S3Server, where: str, tried: Sequence[Cell], tally: Tally, **how: object
) -> None:
    """Look at each cell, several at once, with these options of the store."""
    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(lambda cell: broken_promise(server, cell, how), tried))
    failures = [failure for failure in found if failure]

    of_which = Counter(f"of {cell.kind}" for cell in tried)
    tally(
        f"HTTP faults by a proxy before {where}", len(tried), failures=failures, of_which=of_which
    )


def test_http_faults_before_moto(moto_s3: S3Server, tally: Tally) -> None:
    """The result is right, or the error is typed, in time; and what was committed stands."""
    # moto does not look whether what arrives is what was signed.
    tried = [cell for cell in _cells() if cell.kind not in {"stall", "garbled"}][::16]

    try_cells(moto_s3, "moto", tried, tally)


@pytest.mark.servers
@pytest.mark.parts(4)
def test_http_faults_before_minio(minio: S3Server, tally: Tally, *, full: Effort) -> None:
    """The same before a real server, which takes a fraction of the time: every cell there is."""
    assert len(list(_cells())) >= 150

    try_cells(minio, "MinIO", full.some(_cells(), 8), tally)


@pytest.mark.servers
def test_uploads_that_a_crc64_guards(minio: S3Server, tally: Tally) -> None:
    """What changes on the way is refused as it is where uploads are signed with their SHA-256."""
    tried = [cell for cell in _cells() if cell.kind in {"garbled", "twice"}]

    try_cells(minio, "MinIO, by CRC-64", tried, tally, **BY_CRC64)
