"""A real versitygw as a child process: a second S3 server, over a folder of this machine."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from embzarr_bench.servers import _program
from servers.s3 import REGION, S3Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MISSING = (
    "no `versitygw` program on PATH or in $EMBZARR_SERVERS_BIN (`bash .ci/run` builds one; or "
    "`go install github.com/versity/versitygw/cmd/versitygw@v1.8.0`)"
)


class Versitygw(S3Server):
    """A running versitygw."""


def find_versitygw() -> Path | None:
    """Return the program, or None where this machine has none."""
    return _program.find("versitygw")


@contextmanager
def running_versitygw(program: Path) -> Iterator[Versitygw]:
    """Run `program` until the block ends, then end that process and remove its data."""
    with _program.running("versitygw", lambda place: _launch(program, place)) as server:
        yield server


def _launch(program: Path, place: Path) -> _program.Launch[Versitygw]:
    """Plan a start on a port that is free now."""
    address = f"127.0.0.1:{_program.free_port()}"
    server = Versitygw(
        endpoint_url=f"http://{address}",
        access_key=f"key{secrets.token_hex(8)}",
        secret_key=secrets.token_hex(20),
    )
    for name in ("data", "sidecar"):
        (place / name).mkdir(exist_ok=True)
    # Metadata beside the data: not every file system of a tester has extended attributes.
    backend = ("posix", "--sidecar", str(place / "sidecar"), str(place / "data"))
    return _program.Launch(
        command=(str(program), "--quiet", "--port", address, "--health", "/health", *backend),
        environment={
            "HOME": str(place),
            "ROOT_ACCESS_KEY": server.access_key,
            "ROOT_SECRET_KEY": server.secret_key,
            "VGW_REGION": REGION,
        },
        health=f"{server.endpoint_url}/health",
        server=server,
    )
