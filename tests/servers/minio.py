"""A real MinIO as a child process."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from servers.s3 import S3Server

if TYPE_CHECKING:
    from collections.abc import Iterator

READY_WITHIN = 60.0
"""Seconds from start until the health check must answer."""
ENDS_WITHIN = 15.0
"""Seconds that the server gets to end by itself."""
STARTS = 3
"""Tries, since another program may take the free port before MinIO does."""
MISSING = (
    "no `minio` program on PATH, in $EMBZARR_SERVERS_BIN or in .ci/cache/bin "
    "(`bash .ci/run` builds one)"
)


class Minio(S3Server):
    """A running MinIO."""


def find_minio() -> Path | None:
    """Return the program, or None where this machine has none."""
    checkout = Path(__file__).resolve().parents[2]
    folders = [os.environ.get("EMBZARR_SERVERS_BIN", ""), str(checkout / ".ci" / "cache" / "bin")]
    found = shutil.which("minio", path=os.pathsep.join(filter(None, folders)))
    found = found or shutil.which("minio")
    return Path(found) if found else None


@contextmanager
def running_minio(program: Path) -> Iterator[Minio]:
    """Run `program` until the block ends, then end that process and remove its data."""
    with tempfile.TemporaryDirectory(prefix="embzarr-minio-", ignore_cleanup_errors=True) as place:
        process, server = _started(program, Path(place))
        try:
            yield server
        finally:
            _end(process)


def _started(program: Path, place: Path) -> tuple[subprocess.Popen[bytes], Minio]:
    """Start until one process is ready; raise what the last one said if none gets there."""
    for attempt in range(STARTS):
        log = place / f"log-{attempt}.txt"
        process, server = _start(program, place, log)
        try:
            if _ready(process, server):
                return process, server
        except BaseException:
            _end(process)
            raise
        _end(process)
    raise RuntimeError(f"MinIO does not answer; it said:\n{log.read_text(errors='replace')}")


def _start(program: Path, place: Path, log: Path) -> tuple[subprocess.Popen[bytes], Minio]:
    """Start one process on a port that is free now."""
    address = f"127.0.0.1:{free_port()}"
    server = Minio(
        endpoint_url=f"http://{address}",
        access_key=f"key{secrets.token_hex(8)}",
        secret_key=secrets.token_hex(20),
    )
    folders = ["--certs-dir", str(place / "certs"), str(place / "data")]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the program is the one that the tester named
            [str(program), "server", "--quiet", "--address", address, *folders],
            env=_environment(server, place),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=place,
        )
    return process, server


def _environment(server: Minio, place: Path) -> dict[str, str]:
    """Return all that the server sees of ours: it inherits nothing else."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(place),
        "MINIO_ROOT_USER": server.access_key,
        "MINIO_ROOT_PASSWORD": server.secret_key,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
    }


def _ready(process: subprocess.Popen[bytes], server: Minio) -> bool:
    """Wait for the health check; False when the process ended or the deadline passed."""
    deadline = time.monotonic() + READY_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        try:
            _open_locally(f"{server.endpoint_url}/minio/health/live")
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return process.poll() is None
    return False


def _open_locally(url: str) -> None:
    """Fetch a loopback address, past any proxy that the machine uses."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=2):
        pass


def _end(process: subprocess.Popen[bytes]) -> None:
    """End this process and no other."""
    process.terminate()
    try:
        process.wait(ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a loopback port that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
