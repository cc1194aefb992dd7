"""One client for one place and one who asks, in a process; and what makes another one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any, Self

import pytest
from obstore import store as obstore_stores

import embzarr
from embzarr._storage.backends import connecting
from embzarr._storage.libraries import client
from embzarr._storage.open import open_store

URL = "s3://shelf/run"
OPTIONS = {"endpoint_url": "http://127.0.0.1:9", "key": "k", "secret": "s", "region": "us-east-1"}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Return a list of how each S3 client is made from here on, none being there yet."""
    found: list[dict[str, Any]] = []

    class Noting(obstore_stores.S3Store):
        def __new__(cls, bucket: str, **how: Any) -> Self:
            found.append({"bucket": bucket, **how})
            return super().__new__(cls, bucket, **how)  # type: ignore[call-arg]  # a class in Rust

    monkeypatch.setattr(obstore_stores, "S3Store", Noting)
    read = connecting._READ
    for name in [name for name in os.environ if read.match(name) or "CA_BUNDLE" in name]:
        monkeypatch.delenv(name)
    client._shared.clear()
    yield found
    client._shared.clear()


def test_the_second_open_of_a_place_makes_no_client(made: list[dict[str, Any]]) -> None:
    """It takes the first one's, with its connections."""
    first = open_store(URL, storage_options=OPTIONS)
    again = open_store(URL, storage_options=dict(OPTIONS))

    assert len(made) == 1
    assert again.native is first.native


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("s3://other/run", {}),
        ("s3://shelf/other", {}),
        (URL, {"endpoint_url": "http://127.0.0.1:10"}),
        (URL, {"key": "another"}),
        (URL, {"secret": "another"}),
        (URL, {"token": "another"}),
        (URL, {"region": "eu-west-1"}),
        (URL, {"anon": True, "key": None, "secret": None}),
        (URL, {"client_options": {"timeout": "7s"}}),
        (URL, {"client_options": {"default_headers": {"user-agent": "another"}}}),
        (URL, {"retry_config": {"max_retries": 1}}),
        (URL, {"unsigned_payload": True}),
    ],
)
def test_whatever_differs_makes_another_client(
    made: list[dict[str, Any]], url: str, options: dict[str, object]
) -> None:
    """Nobody asks by another one's keys, or for longer than was said."""
    open_store(URL, storage_options=OPTIONS)
    open_store(url, storage_options={**OPTIONS, **options})

    assert len(made) == 2
    assert made[0] != made[1]


@pytest.mark.parametrize("name", ["http_proxy", "SSL_CERT_FILE", "AWS_SERVER_SIDE_ENCRYPTION"])
def test_what_the_environment_says_by_then_makes_another_client(
    made: list[dict[str, Any]], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """obstore reads these when a client is made."""
    open_store(URL, storage_options=OPTIONS)
    monkeypatch.setenv(name, "AES256" if name.startswith("AWS") else "http://127.0.0.1:1")
    open_store(URL, storage_options=OPTIONS)

    assert len(made) == 2


def test_only_so_many_clients_are_kept(made: list[dict[str, Any]]) -> None:
    """A program that goes through many buckets does not hold all their connections."""
    for number in range(client._MOST_SHARED + 5):
        open_store(f"s3://shelf/{number}", storage_options=OPTIONS)

    assert len(client._shared) == client._MOST_SHARED
    before = len(made)
    open_store(f"s3://shelf/{number}", storage_options=OPTIONS)
    assert len(made) == before
    open_store("s3://shelf/0", storage_options=OPTIONS)
    assert len(made) == before + 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
@pytest.mark.usefixtures("made")
def test_a_forked_child_shares_none_of_its_parents_clients() -> None:
    """It makes one, which then all in it share."""
    open_store(URL, storage_options=OPTIONS)
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        status = 1
        try:
            for _ in range(2):
                open_store(URL, storage_options=OPTIONS)
            status = 0 if client._shared and _is_alone() else 3
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


def _is_alone() -> bool:
    """Tell whether the one client here was made by the copy of obstore that this process has."""
    little = next(iter(client._shared.values()))
    return type(little()) is obstore_stores.S3Store


def test_plain_http_reads_no_certificates(
    made: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system has none, a server without TLS is reached all the same."""
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    open_store(URL, storage_options=OPTIONS)

    with pytest.raises(embzarr.InvalidInputError, match="builder error"):
        open_store(URL, storage_options={**OPTIONS, "endpoint_url": "https://127.0.0.1:9"})
    assert [one["client_options"].get("allow_invalid_certificates") for one in made] == [True, None]


@pytest.mark.parametrize("name", ["http_proxy", "ALL_PROXY"])
def test_a_proxy_may_speak_tls_and_must_show_its_certificate(
    made: list[dict[str, Any]], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then certificates are read and judged, though the server behind it has none."""
    monkeypatch.setenv(name, "https://127.0.0.1:1")
    open_store(URL, storage_options=OPTIONS)
    option = {"client_options": {"proxy_url": "https://127.0.0.1:1"}}
    monkeypatch.delenv(name)
    open_store(URL, storage_options={**OPTIONS, **option})

    assert len(made) == 2
    assert not any("allow_invalid_certificates" in one["client_options"] for one in made)
