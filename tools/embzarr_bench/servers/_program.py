"""A server program as a child process: found, started on a free port, ended with its block."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")

READY_WITHIN = 60.0
"""Seconds from start until the health check must answer."""
ENDS_WITHIN = 15.0
"""Seconds that a server gets to end by itself."""
STARTS = 3
"""Tries, since another program may take the free port before the server does."""
FOLDERS = "EMBZARR_SERVERS_BIN"
"""The variable that names a folder of server programs, searched before PATH."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch(Generic[T]):
    """How to start a server once, and what it will be."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    """All that the server sees of ours: it inherits nothing else but PATH."""
    health: str
    """An address that answers once the server is ready."""
    server: T


def find(*names: str) -> Path | None:
    """Return the first program of these names, or None where this machine has none."""
    for folders in (os.environ.get(FOLDERS), os.environ.get("PATH", os.defpath)):
        for name in names:
            found = shutil.which(name, path=folders) if folders else None
            if found:
                return Path(found)
    return None


@contextmanager
def running(name: str, plan: Callable[[Path], Launch[T]]) -> Iterator[T]:
    """Run a server until the block ends, then end that process and remove its data.

    Args:
        name: what to call the program in messages.
        plan: says how to start it in an empty folder; called again where a start fails.

    Raises:
        RuntimeError: it did not get ready; with what it said.
    """
    prefix = f"embzarr-{name}-"
    with ExitStack() as ends:
        place = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
        yield _started(name, plan, Path(ends.enter_context(place)), ends)


def free_port() -> int:
    """Return a loopback port that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def fetch(url: str, *, timeout: float = 2) -> bytes:
    """Return what a loopback address answers, past any proxy that the machine uses."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=timeout) as answer:
        body: bytes = answer.read()
    return body


def _started(name: str, plan: Callable[[Path], Launch[T]], place: Path, ends: ExitStack) -> T:
    """Start until one process is ready; raise what the last one said if none gets there."""
    for attempt in range(STARTS):
        log = place / f"log-{attempt}.txt"
        launch = plan(place)
        with signals_held_back():
            process = _start(launch, place, log)
            ends.callback(_end, process)
        if _ready(process, launch.health):
            return launch.server
        _end(process)
    raise RuntimeError(f"{name} does not answer; it said:\n{log.read_text(errors='replace')}")


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Let a signal to end wait for the block, which starts what must be known to be ended."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread handles signals
        return
    came: list[int] = []
    ends = (signal.SIGINT, signal.SIGTERM)
    held = [number for number in ends if signal.getsignal(number) != signal.SIG_IGN]
    handlers = [signal.signal(number, lambda found, _: came.append(found)) for number in held]
    try:
        yield
    finally:
        for number, handler in zip(held, handlers, strict=True):
            signal.signal(number, handler)
        for first in came[:1]:
            signal.raise_signal(first)


def _start(launch: Launch[T], place: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - the program is the one that the caller named
            launch.command,
            env={"PATH": os.environ.get("PATH", os.defpath), **launch.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=place,
        )


def _ready(process: subprocess.Popen[bytes], health: str) -> bool:
    """Wait for the health check; False when the process ended or the deadline passed."""
    deadline = time.monotonic() + READY_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        try:
            fetch(health)
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return process.poll() is None
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End this process and no other."""
    process.terminate()
    try:
        process.wait(ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
