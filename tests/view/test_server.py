"""Who may ask the page's server, and what it says to others."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema  # type: ignore[import-untyped]  # its types are a package of their own
import numpy as np
import pytest

import embzarr
import embzarr_tools
import embzarr_view
from servers.http_folder import running_http_folder
from servers.untrusted import running_untrusted
from tools.asking import Ask
from view.conftest import Serving

pytestmark = pytest.mark.peers


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Server:
    """Asks the page's server as anybody could."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port, self.path = str(parts.hostname), int(parts.port or 0), parts.path

    def ask(self, path: str, *, method: str = "GET", host: str | None = None) -> Answer:
        """Ask for a path, the token left to the caller, by any name of a host."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True)
            if host != "":
                connection.putheader("Host", host or f"{self.host}:{self.port}")
            connection.endheaders()
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, headers, answer.read())
        finally:
            connection.close()


@pytest.fixture
def server(serving: Serving, looked_at: Path) -> Iterator[Server]:
    with serving(looked_at) as url:
        yield Server(url)


def test_the_page_is_given_to_who_has_the_token(server: Server) -> None:
    """Page, scripts, styles and answers, each with a policy that lets no other script run."""
    for path in ("", "main.js", "views/runs.js", "base.css", "plotly.js", "api/history"):
        answer = server.ask(server.path + path)
        assert answer.status == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "'unsafe-inline'" not in policy.replace("style-src-attr 'unsafe-inline'", "")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert server.ask(f"{server.path}api/history").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/", "/api/history", "/x/api/history", "//", "/%2e%2e/", "/%C3%A9/"]
)
def test_nothing_is_given_without_the_token(server: Server, path: str) -> None:
    """A wrong token, one letter of it or none: the same answer."""
    answer = server.ask(path)
    assert answer.status == 403
    assert b"token" in answer.body
    assert server.ask(f"{server.path[:-2]}/").status == 403
    assert server.ask(f"{server.path[:-1]}x/").status == 403
    assert server.ask(server.path[:-1]).status == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", ""]
)
def test_a_name_of_somebody_else_is_refused(server: Server, host: str) -> None:
    """As a page does whose name was made to lead here: the token does not help it."""
    answer = server.ask(f"{server.path}api/history", host=host.format(port=server.port))
    assert answer.status in {400, 421}
    assert b"steps" not in answer.body
    assert server.ask(f"{server.path}api/newest", host=f"LOCALHOST:{server.port}").status == 200


def test_nothing_but_reading_is_done(server: Server) -> None:
    """A question is no order, an order no question, and nothing else is known."""
    for path, method in (("api/verify", "GET"), ("api/history", "POST"), ("api/history", "DELETE")):
        assert server.ask(f"{server.path}{path}?commit=1", method=method).status in {404, 405}
    assert json.loads(server.ask(f"{server.path}api/job?kind=verify").body) is None
    assert server.ask(f"{server.path}api/nothing").status in {404, 405}
    assert server.ask(f"{server.path}../_server.py").status == 404
    assert server.ask(f"{server.path}%2e%2e/_server.py").status == 404


@pytest.mark.parametrize(
    ("question", "status", "code"),
    [
        ("word?row=x", 400, "input-argument"),
        ("word?word=nobody", 404, "word-missing"),
        ("word?row=0&commit=99", 404, "commit-missing"),
        ("tensor?at=99", 404, "member-missing"),
        ("map?count=1&method=x", 400, "input-argument"),
    ],
)
def test_errors_are_json_with_their_code(
    server: Server, question: str, status: int, code: str
) -> None:
    """So that the page can tell them, and no trace of where."""
    answer = server.ask(f"{server.path}api/{question}")
    assert answer.status == status
    found = json.loads(answer.body)["error"]
    assert found["code"] == code
    assert "Traceback" not in found["message"]


def test_a_store_without_listing_is_looked_at(serving: Serving, looked_at: Path) -> None:
    """As a web server is: steps are walked, and tags are not known."""
    with running_http_folder(looked_at) as place, serving(place) as url:
        server = Server(url)
        found = json.loads(server.ask(f"{server.path}api/history").body)
        assert len(found["steps"]) == 20
        assert found["listed"] is False
        assert json.loads(server.ask(f"{server.path}api/word?row=0").body)["word"] == "king"


def test_damage_is_told_as_such(serving: Serving, tmp_path: Path) -> None:
    """A chunk that was changed is an error with its code, and the server goes on."""
    embzarr.save(tmp_path, ["a", "b"], np.ones((2, 4), "f4"), step=1)
    (shard,) = tmp_path.glob("steps/*/vectors/c/0/0")
    shard.write_bytes(bytes(len(shard.read_bytes())))  # before it is read ahead
    with serving(tmp_path) as url:
        server = Server(url)
        answer = server.ask(f"{server.path}api/word?row=0")
        assert answer.status == 422
        assert json.loads(answer.body)["error"]["code"].startswith("chunk-")
        assert server.ask(f"{server.path}api/newest").status == 200


def test_a_damaged_run_is_looked_at(serving: Serving, looked_at: Path, tmp_path: Path) -> None:
    """Also where the newest manifest cannot be read: it is told of, beside the other steps."""
    run = Path(shutil.copytree(looked_at, tmp_path / "run"))
    max((run / "commits").iterdir()).write_text("{")
    (run / "latest.json").unlink()
    with serving(run) as url:
        server = Server(url)
        steps = json.loads(server.ask(f"{server.path}api/history").body)["steps"]
        assert len(steps) == 20
        assert "error" in steps[0]
        assert server.ask(f"{server.path}api/word?row=0&commit=19").status == 200


def test_an_address_is_told_in_json(ask: Ask, serving: Serving, looked_at: Path) -> None:
    """In the shape that the schema tells, with a token that is new each time."""
    schema = json.loads((Path(embzarr_tools.__file__).parent / "schemas/view.json").read_text())
    found = set()
    for _ in range(2):
        with serving(looked_at) as url:
            jsonschema.validate({"url": url}, schema)
            assert url.startswith("http://127.0.0.1:")
            found.add(urlsplit(url).path)
    assert len(found) == 2
    assert min(map(len, found)) > 24
    assert ask("view", looked_at, "--eval", looked_at / "nothing").code == 2


@pytest.mark.parametrize("place", ["nothing", "bucket"])
def test_a_place_that_is_no_store_is_one_line(ask: Ask, tmp_path: Path, place: str) -> None:
    """At once, with its code: nothing is served of it."""
    embzarr.save(tmp_path / "bucket" / "mine", ["a"], np.ones((1, 2)))
    answer = ask("view", tmp_path / place)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines()[0].endswith("[checkpoint-missing]")
    assert ("mine" in answer.err) == (place == "bucket")


def test_a_certificate_that_nobody_vouches_for_is_one_line(ask: Ask, tmp_path: Path) -> None:
    """At once, and it says what is wrong and what would mend it."""
    with running_untrusted(tmp_path) as url:
        answer = ask("view", f"{url}/run")
    assert (answer.code, answer.out) == (2, "")
    assert len(answer.err.splitlines()) == 1
    assert "certificate is not trusted" in answer.err


def test_a_port_that_is_taken_is_one_line(ask: Ask, serving: Serving, looked_at: Path) -> None:
    """With its number."""
    with serving(looked_at) as url:
        answer = ask("view", looked_at, "--port", urlsplit(url).port)
    assert answer.code == 2
    assert f":{urlsplit(url).port}: Address already in use [system]" in answer.err


def test_another_host_is_told_of(ask: Ask, looked_at: Path) -> None:
    """Listening to other machines is said aloud, since nothing is encrypted."""
    answer = ask("view", looked_at, "--host", "203.0.113.9")
    assert answer.code == 2
    assert "without encryption" in answer.err


def test_what_the_page_lacks_is_told(
    ask: Ask, looked_at: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra the error names it."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    answer = ask("view", looked_at)
    assert answer.code == 2
    assert "pip install 'embzarr[view]'" in answer.err


def test_it_ends_by_an_interrupt(looked_at: Path) -> None:
    """Ctrl-C ends it at once, without a word of complaint."""
    command = [sys.executable, "-m", "embzarr", "view", str(looked_at)]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(2)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) in {(0, ""), (130, "")}
    assert err in {"", "embzarr: interrupted\n"}


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("198.51.100.1", False)],
)
def test_loopback_is_known(host: str, expected: object) -> None:
    """And a repr shows no token."""
    address = embzarr_view.Address(host=host)
    assert address.is_loopback is expected
    assert address.token not in repr(address)
    assert embzarr_view.Address(host="198.51.100.1", names=("box",)).hosts(80) == {
        "198.51.100.1:80",
        "box:80",
    }
