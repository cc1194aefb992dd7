"""A server that has answered is waited for, by one deadline; one that never did is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from obstore import exceptions as obstore_errors

from embzarr._storage.backends.cloud import _outage
from embzarr._storage.identity import of_place
from embzarr._storage.requests.outage import PATIENCE, Outage

REFUSED = "Generic S3 error: HTTP error: error sending request\n\nDebug source: ConnectionRefused"
UNTRUSTED = f"{REFUSED} InvalidCertificate(UnknownIssuer)"
BUSY = "Generic S3 error: Server returned error response: status code: 503 Service Unavailable"
DENIED = "Generic S3 error: Server returned error response: status code: 400 Bad Request"


class Server:
    """Answers from a moment on, on a clock that only pauses move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.back_at = 0.0
        self.says = REFUSED
        self.asked = 0
        monkeypatch.setattr("embzarr._storage.requests.outage.time.monotonic", lambda: self.now)
        monkeypatch.setattr("embzarr._storage.requests.outage.interrupts.pause", self._pass)

    def _pass(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> str:
        self.asked += 1
        if self.now < self.back_at:
            raise obstore_errors.GenericError(self.says)
        return "answer"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """One that answers."""
    return Server(monkeypatch)


@pytest.mark.parametrize("says", [REFUSED, BUSY, f"{REFUSED} dns error"])
def test_an_outage_of_30_seconds_is_seen_through(server: Server, says: str) -> None:
    """Whether nobody listens, the name is gone, or the server is only just starting."""
    known = Outage()
    known.outlast(server)
    server.back_at, server.says = 30, says
    assert known.outlast(server) == "answer"


def test_a_server_that_never_answered_is_not_waited_for(server: Server) -> None:
    """Its address is likely wrong: the library's own tries must do."""
    server.back_at = 30
    with pytest.raises(obstore_errors.GenericError):
        Outage().outlast(server)
    assert (server.asked, server.now) == (1, 0)


@pytest.mark.parametrize("says", [DENIED, UNTRUSTED])
def test_a_refusal_is_an_answer(server: Server, says: str) -> None:
    """Asking again would be answered alike."""
    known = Outage(answered=True)
    server.back_at, server.says = 30, says
    with pytest.raises(obstore_errors.GenericError):
        known.outlast(server)
    assert server.asked == 1


def test_one_deadline_holds_for_all_requests(server: Server) -> None:
    """Once it has passed each request is tried, and none waits, until one is answered."""
    known = Outage(answered=True)
    server.back_at = 10 * PATIENCE
    with pytest.raises(obstore_errors.GenericError):
        known.outlast(server)
    assert PATIENCE <= server.now < PATIENCE + 5
    server.asked, passed = 0, server.now
    for _ in range(7):
        with pytest.raises(obstore_errors.GenericError):
            known.outlast(server)
    assert (server.asked, server.now) == (7, passed)
    server.back_at = 0
    known.outlast(server)
    server.back_at = server.now + 30
    assert known.outlast(server) == "answer"


@pytest.mark.parametrize(
    ("retry", "waits"),
    [
        ({"retry_timeout": timedelta(seconds=5)}, 5),
        ({"retry_timeout": timedelta(seconds=200), "max_retries": 3}, 200),
        ({"max_retries": 0}, 0),
    ],
)
def test_the_deadline_is_the_callers(
    server: Server, retry: dict[str, object], waits: float
) -> None:
    """From the first request on, where the caller sets one; no retries are none at all."""
    server.back_at = 1000
    known = _outage({"retry_config": retry}, of_place("s3", "of this test"))
    with pytest.raises(obstore_errors.GenericError):
        known.outlast(server)
    assert waits <= server.now <= waits + 5


def test_what_one_store_saw_holds_for_the_next(server: Server) -> None:
    """A save that opens the store anew waits for the server that the last one reached."""
    identity = of_place("s3", "one that is opened twice")
    first: Callable[[Callable[[], str]], str] = _outage({}, identity).outlast
    first(server)
    server.back_at = 30
    assert _outage({}, identity).outlast(server) == "answer"
