"""Interrupts at any moment, and ends of the process: nothing hangs, is torn, or is lost unsaid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from faults.programs import carry_out

if TYPE_CHECKING:
    from faults.tally import Effort, Tally
    from servers.s3 import S3Server

pytestmark = pytest.mark.faults

HOWS = ("by bytecode", "by SIGINT", "by SIGTERM")


def interrupt(
    url: str, options: Mapping[str, Any] | None, count: int, seed: int, tally: Tally, where: str
) -> None:
    """Interrupt calls in a process of its own, and count what came of it."""
    task = {"url": url, "options": options, "count": count, "seed": seed}
    answer = carry_out("interrupting.py", task)
    how = {kind: number for kind, number in answer["how"].items() if kind != "wrong"}
    tally(f"interrupts of calls {where}", answer["run"], failures=answer["wrong"], of_which=how)


@pytest.mark.parts(6)
def test_interrupts_of_calls_on_a_folder(ram: Path, tally: Tally, *, full: Effort) -> None:
    """No call hangs or tears a commit, only the interrupt surfaces, and the next call works."""
    count = full.times(1500, 25)
    interrupt(str(ram / "run"), None, count, full.part, tally, "on a folder")


@pytest.mark.parts(2)
def test_interrupts_of_calls_on_moto(
    moto_s3: S3Server, moto_bucket: str, tally: Tally, *, full: Effort
) -> None:
    """The same over HTTP, where requests are under way for longer."""
    url, count = moto_s3.url(moto_bucket, "run"), full.times(200, 6)
    interrupt(url, moto_s3.options, count, full.part, tally, "on moto")


@pytest.mark.servers
@pytest.mark.parts(3)
def test_interrupts_of_calls_on_minio(
    minio: S3Server, minio_bucket: str, tally: Tally, *, full: Effort
) -> None:
    """The same on a server that refuses what it should not have been sent."""
    url, count = minio.url(minio_bucket, "run"), full.times(500, 15)
    interrupt(url, minio.options, count, full.part, tally, "on MinIO")


@pytest.mark.parts(2)
def test_interrupts_of_training(ram: Path, tally: Tally, *, full: Effort) -> None:
    """No thread goes on, every commit is whole, and resumed it ends as if left alone."""
    corpus, count = ram / "corpus.txt", full.times(100, 3)
    words = "the w{0}a w{0}b w{0}a w{0}b w{0}c w{0}c w{0}a"
    corpus.write_text("\n".join(words.format(line) for line in range(1000)))
    task = {"corpus": str(corpus), "url": str(ram / "run"), "count": count, "seed": full.part}
    answer = carry_out("interrupting_training.py", task)
    tally(
        "interrupts of training",
        answer["run"],
        failures=answer["wrong"],
        of_which={kind: answer["how"].get(kind, 0) for kind in HOWS},
    )


@pytest.mark.parts(2)
def test_ends_of_processes_that_save_in_the_background(
    ram: Path, tally: Tally, *, full: Effort
) -> None:
    """In whichever way a process ends, its last save is there, or standard error names it."""
    count = full.times(200, 8)
    task = {"folder": str(ram), "count": count, "seed": full.part}
    answer = carry_out("exiting.py", task)
    how = {kind: number for kind, number in answer["how"].items() if kind != "wrong"}
    tally("ends right after save_async", answer["run"], failures=answer["wrong"], of_which=how)
