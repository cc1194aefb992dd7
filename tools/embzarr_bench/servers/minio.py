"""A real MinIO as a child process."""

from __future__ import annotations

import re
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embzarr_bench.servers import _program
from embzarr_bench.servers.s3 import S3Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MISSING = (
    "no `minio` program on PATH or in $EMBZARR_SERVERS_BIN (`bash .ci/run` builds one; or "
    "`go install github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c`)"
)
_METRICS = "/minio/metrics/v3/api/requests"
_PROCESS = "/minio/metrics/v3/system/process"
_CPU = re.compile(r"^minio_system_process_cpu_total_seconds(?:\{.*\})? (\S+)$", re.MULTILINE)
_METRIC = re.compile(r"^minio_api_(\w+?)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a server has answered since it started."""

    requests: int
    sent: int
    """Bytes of bodies sent to clients."""
    received: int
    """Bytes of bodies received from clients."""

    def __sub__(self, earlier: Counts) -> Counts:
        """Return what was answered since `earlier`."""
        return Counts(
            requests=self.requests - earlier.requests,
            sent=self.sent - earlier.sent,
            received=self.received - earlier.received,
        )


class Minio(S3Server):
    """A running MinIO."""

    def counts(self) -> Counts:
        """Return requests and bytes so far, as the server itself counts them."""
        text = _program.fetch(f"{self.endpoint_url}{_METRICS}", timeout=10).decode()
        totals: dict[str, float] = {}
        for name, labels, value in _METRIC.findall(text):
            if 'type="s3"' in labels:
                totals[name] = totals.get(name, 0) + float(value)
        return Counts(
            requests=int(totals.get("requests_total", 0)),
            sent=int(totals.get("requests_traffic_sent_bytes", 0)),
            received=int(totals.get("requests_traffic_received_bytes", 0)),
        )

    def cpu_seconds(self) -> float:
        """Return the processor seconds that it has used."""
        text = _program.fetch(f"{self.endpoint_url}{_PROCESS}", timeout=10).decode()
        return sum(float(value) for value in _CPU.findall(text))


def find_minio() -> Path | None:
    """Return the program, or None where this machine has none."""
    return _program.find("minio")


@contextmanager
def running_minio(program: Path) -> Iterator[Minio]:
    """Run `program` until the block ends, then end that process and remove its data."""
    with _program.running("minio", lambda place: _launch(program, place)) as server:
        yield server


def _launch(program: Path, place: Path) -> _program.Launch[Minio]:
    """Plan a start on a port that is free now."""
    address = f"127.0.0.1:{_program.free_port()}"
    server = Minio(
        endpoint_url=f"http://{address}",
        access_key=f"key{secrets.token_hex(8)}",
        secret_key=secrets.token_hex(20),
    )
    folders = ("--certs-dir", str(place / "certs"), str(place / "data"))
    return _program.Launch(
        command=(str(program), "server", "--quiet", "--address", address, *folders),
        environment={
            "HOME": str(place),
            "MINIO_ROOT_USER": server.access_key,
            "MINIO_ROOT_PASSWORD": server.secret_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            "MINIO_PROMETHEUS_AUTH_TYPE": "public",  # of a server that only this machine reaches
        },
        health=f"{server.endpoint_url}/minio/health/live",
        server=server,
    )
