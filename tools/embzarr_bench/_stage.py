"""What a run needs around it: a server, ways to it, and a process for each peer."""

from __future__ import annotations

import re
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from embzarr_bench import _links
from embzarr_bench._errors import BenchError, WrongResultError
from embzarr_bench._figures import Measurement
from embzarr_bench._job import Job, MatrixTask
from embzarr_bench._place import Place
from embzarr_bench._worker import working
from embzarr_bench.servers.minio import MISSING, find_minio, running_minio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from embzarr_bench._cases import Case, Request, Work
    from embzarr_bench._job import Outcome
    from embzarr_bench._links import Link
    from embzarr_bench._matrix import MatrixFiles
    from embzarr_bench._worker import Task, Worker
    from embzarr_bench.servers.minio import Minio


class Advance(Protocol):
    """Shows how far a run is."""

    def __call__(self, done: int, total: int, label: str | None = None) -> None:
        """Show that `done` of `total` is done."""
        ...


class PeerFailure(Exception):  # noqa: N818 - no error of the benchmark's
    """A peer could not do a piece of work."""


@dataclass(slots=True)
class Stage:
    """A running server, and who works on it."""

    server: Minio
    bucket: str
    addresses: Mapping[Link, str]
    workers: dict[str, Worker]
    skipped: dict[str, str]
    """Peers whose packages are missing, and why."""
    lock: bool
    """Whether to measure for how long reads hold the interpreter's lock."""
    saved: int = 0
    """Saves so far: each goes to a place of its own."""

    def store(self, peer: str, case: Work) -> None:
        """Let a peer store what `case` reads.

        Raises:
            PeerFailure: it cannot.
        """
        link = next(iter(self.addresses))
        job = Job(case=case, place=self._kept(peer, case, link), setup=True)
        failure = self.workers[peer].run(job).failure
        if failure:
            raise PeerFailure(failure)

    def measure(self, peer: str, case: Work, link: Link) -> Measurement:
        """Let a peer do a piece of work once.

        Raises:
            PeerFailure: it cannot.
            WrongResultError: it gives something else than it should.
        """
        place = self._new(peer, link) if case.saves else self._kept(peer, case, link)
        before = self.server.counts()
        outcome = self._run(peer, Job(case=case, place=place), link)
        counts = self.server.counts() - before
        if case.saves:
            self._run(peer, Job(case=case, place=place, check=True), link)
            self.server.remove_objects(self.bucket, place.prefix)
        return Measurement(
            link=str(link),
            case=case,
            peer=peer,
            seconds=outcome.seconds,
            requests=counts.requests,
            fetched=counts.sent,
            sent=counts.received,
            peak=outcome.peak,
            held=self._held(peer, case, link) if self.lock and not case.saves else None,
            notes=outcome.notes,
        )

    def _held(self, peer: str, case: Work, link: Link) -> float | None:
        """Return for how long a read holds the lock, once its requests are counted."""
        job = Job(case=case, place=self._kept(peer, case, link), lock=True)
        return self._run(peer, job, link).held

    def _run(self, peer: str, job: Job, link: Link) -> Outcome:
        outcome = self.workers[peer].run(job)
        if outcome.failure:
            raise PeerFailure(outcome.failure)
        if outcome.wrong:
            raise WrongResultError(
                f"{peer}, {job.case} over {link}: the result is not what was stored"
            )
        return outcome

    def _kept(self, peer: str, case: Work, link: Link) -> Place:
        return self._place(peer, link).below("compressed" if case.compressed else "plain")

    def _new(self, peer: str, link: Link) -> Place:
        self.saved += 1
        return self._place(peer, link).below(f"saved-{self.saved}")

    def _place(self, peer: str, link: Link) -> Place:
        return Place(
            endpoint_url=self.addresses[link],
            access_key=self.server.access_key,
            secret_key=self.server.secret_key,
            bucket=self.bucket,
            prefix=re.sub(r"[^a-z0-9]+", "-", peer.lower()),
        )


@contextmanager
def staged(
    peers: Sequence[str],
    links: Sequence[Link],
    *,
    task: Callable[[str, Mapping[str, str]], Task],
    lock: bool = False,
    stays: bool = False,
) -> Iterator[Stage]:
    """Start a server, the ways to it and a process for each peer; end them with the block.

    Args:
        peers: their names.
        links: the ways.
        task: returns what a peer's process needs to know, of its name and its environment.
        lock: whether to measure for how long reads hold the interpreter's lock.
        stays: whether a peer's process does all its measurements itself.

    Raises:
        BenchError: a server's program is missing.
    """
    program = find_minio()
    if program is None:
        raise BenchError(MISSING)
    with ExitStack() as stack:
        server = stack.enter_context(running_minio(program))
        bucket = server.new_bucket()  # it goes with the server
        addresses = stack.enter_context(_links.addresses(server.endpoint_url, links))
        environment = {k: v for k, v in server.environment.items() if k != "AWS_ENDPOINT_URL"}
        environment["AWS_EC2_METADATA_DISABLED"] = "true"
        started = {
            peer: stack.enter_context(working(task(peer, environment), stays=stays))
            for peer in peers
        }
        missing = {peer: worker.ready() for peer, worker in started.items()}
        yield Stage(
            server=server,
            bucket=bucket,
            addresses=addresses,
            workers={peer: worker for peer, worker in started.items() if not missing[peer]},
            skipped={peer: reason for peer, reason in missing.items() if reason},
            lock=lock,
        )


def matrix_tasks(
    files: MatrixFiles, requests: Mapping[Case, Request]
) -> Callable[[str, Mapping[str, str]], Task]:
    """Return what makes the tasks of peers that store and read a matrix."""
    return lambda peer, environment: MatrixTask(
        peer=peer, files=files, requests=requests, environment=environment
    )
