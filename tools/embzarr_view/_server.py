"""The page's server: thin routes around the answers, on loopback unless told otherwise."""

from __future__ import annotations

import importlib
import importlib.util
import ipaddress
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import embzarr
from embzarr_view._memory import be_thrifty

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from embzarr_view._opened import Opened

_TOKEN_BYTES: Final = 24
_BACKLOG: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen, and by which names to be asked."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 for a free one."""
    names: tuple[str, ...] = ()
    """Further names of this machine in the header ``Host``."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(_TOKEN_BYTES), repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can ask."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def hosts(self, port: int) -> set[str]:
        """Return the values of the header ``Host`` that are ours."""
        names = {_bracketed(self.host), *map(_bracketed, self.names)}
        if self.is_loopback:
            names |= {"127.0.0.1", "localhost", "[::1]"}
        return {f"{name}:{port}" for name in names}

    def url(self, port: int) -> str:
        """Return the whole address, token and all."""
        return f"http://{_bracketed(self.host)}:{port}/{self.token}/"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def check_installed() -> None:
    """Refuse, before any work, a page that could not be served.

    Raises:
        embzarr.UnsupportedError: code ``feature-unsupported``: a library is not there.
    """
    lost = [name for name in ("plotly", "starlette", "uvicorn") if not _is_there(name)]
    if lost:
        raise embzarr.UnsupportedError(
            "feature-unsupported",
            f"the page needs {', '.join(lost)}: pip install 'embzarr[view]'",
        )


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # of a module that was hidden
        return False


def serve(
    opened: Opened,
    *,
    say: Callable[[str], None],
    address: Address | None = None,
    files: Sequence[Path] = (),
) -> None:
    """Serve the page until the program is interrupted.

    Args:
        opened: the run.
        say: is given the address when it answers.
        address: where to listen; by default a free port of loopback.
        files: of word pairs or analogies, on which steps may be scored.

    Raises:
        embzarr.UnsupportedError: code ``feature-unsupported``: the extra ``view`` is not there.
        embzarr.EmbzarrError: there is no checkpoint at the URL, or no way to it.
        OSError: the port is taken, or the host is not of this machine.
    """
    check_installed()
    be_thrifty()
    with suppress(embzarr.DamagedError):  # that is what people come to look at
        opened.checkpoint()
    place = address or Address()
    listening = _listening(place)
    port = listening.getsockname()[1]
    _server(opened, place, port, files, lambda: say(place.url(port))).run(sockets=[listening])


def _listening(place: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((place.host, place.port))
        listening.listen(_BACKLOG)
    except OSError as exc:
        listening.close()
        raise OSError(exc.errno, exc.strerror, f"{place.host}:{place.port}") from exc
    return listening


def _server(
    opened: Opened, place: Address, port: int, files: Sequence[Path], ready: Callable[[], None]
) -> Any:  # noqa: ANN401 - uvicorn's, which may not be there
    uvicorn = importlib.import_module("uvicorn")
    routes = importlib.import_module("embzarr_view._routes")
    app = routes.application(opened, files, ready, token=place.token, hosts=place.hosts(port))
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,  # it would hold the token
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
        ws="none",
    )
    return uvicorn.Server(config)
