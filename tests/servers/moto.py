"""moto's S3 in this process: the embedded default; it checks no checksums and judges no races."""

from __future__ import annotations

import logging
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moto.server import ThreadedMotoServer

from servers.s3 import S3Server

if TYPE_CHECKING:
    from collections.abc import Iterator


class Moto(S3Server):
    """A running moto server."""


@contextmanager
def running_moto() -> Iterator[Moto]:
    """Answer S3 requests from a thread until the block ends."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # else each request is a line
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Moto(
            endpoint_url=f"http://{host}:{port}",
            access_key=f"key{secrets.token_hex(8)}",
            secret_key=secrets.token_hex(20),
        )
    finally:
        server.stop()
