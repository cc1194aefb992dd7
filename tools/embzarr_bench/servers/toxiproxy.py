"""toxiproxy as a child process: a way to a server that takes longer."""

from __future__ import annotations

import json
import secrets
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from embzarr_bench.servers import _program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MISSING = (
    "no `toxiproxy-server` (or `server`, as `go install` calls it) in $EMBZARR_SERVERS_BIN or on "
    "PATH: `go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0`"
)


class Toxiproxy:
    """A running toxiproxy."""

    def __init__(self, api: str) -> None:
        """Describe one whose control interface answers at `api`."""
        self._api = api

    def slowed(self, endpoint_url: str, *, latency_ms: int) -> str:
        """Return another address of a server, at which each answer comes `latency_ms` later.

        The way to the server is not slowed: one request and its answer take one latency, as a
        round trip does.
        """
        name = secrets.token_hex(4)
        proxy = {"name": name, "listen": "127.0.0.1:0", "upstream": urlsplit(endpoint_url).netloc}
        listen = self._post("/proxies", proxy)["listen"]
        toxic = {
            "type": "latency",
            "stream": "downstream",
            "attributes": {"latency": latency_ms, "jitter": 0},
        }
        self._post(f"/proxies/{name}/toxics", toxic)
        return f"http://{listen}"

    def _post(self, path: str, body: Mapping[str, object]) -> dict[str, str]:
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{self._api}{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            found: dict[str, str] = json.load(answer)
        return found


def find_toxiproxy() -> Path | None:
    """Return the program, or None where this machine has none."""
    return _program.find("toxiproxy-server", "server")


@contextmanager
def running_toxiproxy(program: Path) -> Iterator[Toxiproxy]:
    """Run `program` until the block ends, then end that process."""
    with _program.running("toxiproxy", lambda _: _launch(program)) as server:
        yield server


def _launch(program: Path) -> _program.Launch[Toxiproxy]:
    port = _program.free_port()
    api = f"http://127.0.0.1:{port}"
    return _program.Launch(
        command=(str(program), "-host", "127.0.0.1", "-port", str(port)),
        environment={"LOG_LEVEL": "warn"},
        health=f"{api}/version",
        server=Toxiproxy(api),
    )
