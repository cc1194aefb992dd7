"""Answers of hostile servers: whatever they say, time and memory are bounded by what was asked."""

from __future__ import annotations

import faulthandler
import json
import os
import re
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest
from fsspec.implementations.dirfs import DirFileSystem  # type: ignore[import-untyped]

from embzarr._storage import Store, open_store
from embzarr._storage.libraries import deadline
from embzarr._storage.requests import listing, retry
from embzarr.errors import EmbzarrError
from faults.scripted_server import LISTINGS, READS, WRITES, running_scripted_server
from faults.tally import Effort, Tally

pytestmark = pytest.mark.faults

MOST_BYTES = 64 * 2**20
TIMEOUT = 1.0
"""Seconds that a request may take here; by default it is a minute, or five where much is asked."""
MOST_SECONDS = 6.0
"""No more than four such requests and what a busy machine adds."""
CLIENT: dict[str, str] = {}
"""Timeouts of obstore, see `wait_for`."""
ONCE = {"client_options": CLIENT, "retry_config": {"max_retries": 0}}
LITTLE, LARGE = 2**16, 4 * 2**20
OBSTORE_ENDS_THE_PROCESS = {
    *("error-2to40", "missing-2to40", "list-2to40", "list-error-2to40", "write-error-2to40"),
}
"""obstore takes memory for the body of an error, and of a page of a listing, by the length that is
claimed, before we hear of it; `test_what_obstore_does_not_bound` notices when it no longer does."""
OBSTORE_TAKES_IT_ALL = {"error-endless", "list-endless", "write-error-endless"}
"""It takes such a body up to the deadline, however long it is."""
OBSTORE_READS_ON = {
    "partial-length-2to40",
    "partial-length-2to62",
    "partial-chunked",
}
"""obstore takes a large body to where the server ends it, or to the deadline."""


def over_http(url: str, name: str) -> Store:
    return open_store(f"{url}/{name}/run", storage_options=ONCE)


def over_s3(url: str, name: str) -> Store:
    options = {"endpoint_url": f"{url}/{name}", "key": "key", "secret": "secret", **ONCE}
    return open_store("s3://bucket/run", storage_options=options)


def over_fsspec(url: str, name: str) -> Store:
    web = fsspec.filesystem("http", skip_instance_cache=True)
    return open_store(DirFileSystem(f"{url}/{name}/run", web))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question that is answered in one way."""

    answer: str
    over: Callable[[str, str], Store]
    verb: str

    def __str__(self) -> str:
        return f"{self.answer} {self.over.__name__} to {self.verb}"

    @property
    def is_ours(self) -> bool:
        """Whether it is for us to bound."""
        by_obstore = self.over is not over_fsspec
        if by_obstore and self.answer in OBSTORE_ENDS_THE_PROCESS | OBSTORE_TAKES_IT_ALL:
            return False
        large = self.over is over_s3 and self.verb == "read 4 MiB"
        return not (large and self.answer in OBSTORE_READS_ON)


ASK: dict[str, Callable[[Store], Any]] = {
    "read 64 KiB": lambda store: (LITTLE, store.get_range("c/a", 0, LITTLE)),
    "read 4 MiB": lambda store: (LARGE, store.get_range("c/a", 0, LARGE)),
    "read from 1000": lambda store: (LITTLE, store.get_range("c/a", 1000, LITTLE)),
    "list": lambda store: sum(1 for _ in store.list("c/")),
    "put": lambda store: store.put("c/a", b"1"),
    "create": lambda store: store.create("c/a", b"1"),
    "delete": lambda store: store.delete("c/a"),
}


def cases() -> Iterator[Case]:
    for verb in ("read 64 KiB", "read 4 MiB", "read from 1000"):
        for over in (over_http, over_s3, over_fsspec):
            yield from (Case(answer=answer, over=over, verb=verb) for answer in READS)
    yield from (Case(answer=answer, over=over_s3, verb="list") for answer in LISTINGS)
    for verb in ("put", "create", "delete"):
        yield from (Case(answer=answer, over=over_s3, verb=verb) for answer in WRITES)


def peak() -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"^VmHWM:\s+(\d+)", text, re.MULTILINE)[0]) * 1024


def faults_of(case: Case, url: str, most_bytes: int = MOST_BYTES) -> Iterator[str]:
    """Yield what was wrong; an answer is fine that is no longer than what was asked for."""
    store = case.over(url, case.answer)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, begun = peak(), time.monotonic()
    try:
        found = ASK[case.verb](store)
        if isinstance(found, tuple) and memoryview(found[1]).nbytes > found[0]:
            yield f"{case}: more came than was asked for"
    except EmbzarrError as exc:
        if store.url not in str(exc):
            yield f"{case}: {exc} does not say where"
        if len(str(exc)) > 1000:
            yield f"{case}: {len(str(exc))} characters of message"
    except BaseException as exc:  # noqa: BLE001 - a panic of Rust's is one, too
        yield f"{case}: untyped {exc!r:.300}"
    spent, added = time.monotonic() - begun, peak() - before
    if spent > MOST_SECONDS:
        yield f"{case}: {spent:.1f} s"
    if added > most_bytes:
        yield f"{case}: {added / 2**20:.0f} MiB"


UNBOUNDED = [
    Case(answer="error-2to40", over=over_http, verb="read 64 KiB"),
    Case(answer="error-2to40", over=over_s3, verb="read 64 KiB"),
    Case(answer="missing-2to40", over=over_s3, verb="read 64 KiB"),
    Case(answer="error-endless", over=over_http, verb="read 64 KiB"),
    Case(answer="error-endless", over=over_s3, verb="read 64 KiB"),
    Case(answer="list-2to40", over=over_s3, verb="list"),
    Case(answer="list-endless", over=over_s3, verb="list"),
    Case(answer="list-error-2to40", over=over_s3, verb="list"),
    Case(answer="write-error-2to40", over=over_s3, verb="put"),
    Case(answer="write-error-2to40", over=over_s3, verb="create"),
    Case(answer="write-error-2to40", over=over_s3, verb="delete"),
    Case(answer="write-error-endless", over=over_s3, verb="put"),
]
ADDRESS_SPACE = 32 * 2**30
"""Of a child: less than what is claimed, and far more than what comes."""
FEW_BYTES = 4 * 2**20
"""Of an answer without end: less than comes in a second on a busy machine, more than any error."""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by way of /proc")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("case", UNBOUNDED, ids=str)
def test_what_obstore_does_not_bound(
    case: Case, scripted_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A known limit: once this fails, obstore bounds the answer, and the case may be ours."""

    def ask() -> list[str]:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        return list(faults_of(case, scripted_server, FEW_BYTES))

    for seconds in (TIMEOUT, 10 * TIMEOUT):  # a busy machine has not begun to answer in one
        wait_for(seconds, monkeypatch)
        told = told_by_child(ask)
        if is_unbounded(case, told):
            return
    pytest.fail(f"{case}: {told}")


def is_unbounded(case: Case, told: list[str] | int) -> bool:
    """Tell whether a child ended, or took memory, as obstore has it do."""
    if case.answer in OBSTORE_ENDS_THE_PROCESS:
        return told == -signal.SIGABRT
    return isinstance(told, list) and any("MiB" in fault for fault in told)


def told_by_child(ask: Callable[[], list[str]]) -> list[str] | int:
    """Return what a forked child found, or minus the signal that ended it; it says nothing."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        faulthandler.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # Rust prints where it ran out of memory
        os.write(writer, json.dumps(ask()).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else list(json.loads(said))


@pytest.fixture(scope="module")
def scripted_server() -> Iterator[str]:
    """The server, for all tests of this module."""
    with running_scripted_server() as url:
        yield url


def wait_for(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have requests take so long: what scales with a caller's timeout is set by that."""
    for name, share in (("timeout", 1), ("read_timeout", 0.5), ("connect_timeout", 0.5)):
        monkeypatch.setitem(CLIENT, name, f"{round(1000 * share * seconds)}ms")
    monkeypatch.setattr(deadline, "LITTLE_SECONDS", seconds)
    monkeypatch.setattr(deadline, "LARGE_SECONDS", seconds)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rules with smaller numbers."""
    wait_for(TIMEOUT, monkeypatch)
    monkeypatch.setattr(listing, "MOST_LISTED", 50_000)
    monkeypatch.setattr(retry, "_TRIES", 1)


@pytest.mark.parts(4)
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by way of /proc")
@pytest.mark.usefixtures("_impatient")
def test_hostile_answers(scripted_server: str, tally: Tally, *, full: Effort) -> None:
    """Every answer ends in a typed error or in no more than was asked for, soon and in little."""
    tried = full.some((case for case in cases() if case.is_ours), 32)
    over_http(scripted_server, "no-answer")  # imports what is imported late
    failures = [fault for case in tried for fault in faults_of(case, scripted_server)]

    of_which = Counter(f"{case.over.__name__.replace('_', ' ')}" for case in tried)
    tally("hostile answers of servers", len(tried), failures=failures, of_which=of_which)
