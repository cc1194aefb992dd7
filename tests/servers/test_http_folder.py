from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

import pytest

from servers.http_folder import parse_range, running_http_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATA = bytes(range(256)) * 16


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[http.client.HTTPConnection]:
    """A connection that stays open to a folder with one file, beside a secret one."""
    folder = tmp_path / "public"
    (folder / "a b").mkdir(parents=True)
    (folder / "a b" / "data").write_bytes(DATA)
    (tmp_path / "secret").write_bytes(b"no")
    with running_http_folder(folder) as url:
        link = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
        yield link
        link.close()


def _ask(
    link: http.client.HTTPConnection, method: str, path: str, byte_range: str | None = None
) -> tuple[int, bytes, http.client.HTTPMessage]:
    link.request(method, path, headers={"Range": byte_range} if byte_range else {})
    answer = link.getresponse()
    return answer.status, answer.read(), answer.headers


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-0", range(1)),
        ("bytes=2-5", range(2, 6)),
        ("bytes=4-", range(4, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-30", range(10)),
        ("bytes=8-99", range(8, 10)),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,4-5", None),
        ("lines=0-1", None),
    ],
)
def test_a_range_header_means_what_rfc_9110_says(
    header: str | None, expected: range | None
) -> None:
    """Each form of the header names the bytes that the RFC gives it."""
    assert parse_range(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_outside_the_file_is_empty(header: str) -> None:
    """What begins at or after the end cannot be given."""
    part = parse_range(header, 10)

    assert part is not None
    assert not part


def test_a_part_of_a_file_is_sent(connection: http.client.HTTPConnection) -> None:
    """A range is answered by 206, those bytes and where they lie."""
    status, body, headers = _ask(connection, "GET", "/a%20b/data", "bytes=100-299")

    assert (status, body) == (206, DATA[100:300])
    assert headers["Content-Range"] == f"bytes 100-299/{len(DATA)}"


def test_one_connection_serves_many_requests(connection: http.client.HTTPConnection) -> None:
    """HEAD, a whole file, a missing one and an impossible range leave the connection usable."""
    head = _ask(connection, "HEAD", "/a%20b/data")
    whole = _ask(connection, "GET", "/a%20b/data")
    missing = _ask(connection, "GET", "/none")
    beyond = _ask(connection, "GET", "/a%20b/data", "bytes=4096-")
    again = _ask(connection, "GET", "/a%20b/data", "bytes=-1")

    assert (head[0], head[1], head[2]["Content-Length"]) == (200, b"", "4096")
    assert (whole[0], whole[1]) == (200, DATA)
    assert (missing[0], missing[1]) == (404, b"")
    assert (beyond[0], beyond[2]["Content-Range"]) == (416, "bytes */4096")
    assert again[1] == DATA[-1:]


@pytest.mark.parametrize("path", ["/../secret", "/%2e%2e/secret", "/a%20b/../../secret", "/"])
def test_nothing_outside_the_folder_is_served(
    connection: http.client.HTTPConnection, path: str
) -> None:
    """A path that climbs out, or names a folder, is not found."""
    assert _ask(connection, "GET", path)[0] == 404


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PROPFIND"])
def test_the_folder_is_read_only(connection: http.client.HTTPConnection, method: str) -> None:
    """Every method but GET and HEAD is refused for good, so that no client retries it."""
    assert _ask(connection, method, "/a%20b/data")[0] == 405
