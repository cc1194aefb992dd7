"""What `identity` promises: who answers decides what a store is called, and no secret is in it."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]
from obstore.store import MemoryStore, S3Store

from embzarr._storage import CountingStore, ReadOnlyStore, identity_of, open_store
from embzarr._storage import identity as identity_module
from embzarr._storage.identity import Identity
from faulty import PassThrough

if TYPE_CHECKING:
    from collections.abc import Mapping

_S3 = {"endpoint_url": "http://one:9000", "key": "alice", "secret": "s3cr3t"}


def of(url: object, **options: Any) -> Identity:
    return identity_of(open_store(url, storage_options=options or None))


OTHERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "prefix": ("s3://bucket/other", _S3),
    "bucket": ("s3://other/run", _S3),
    "server": ("s3://bucket/run", {**_S3, "endpoint_url": "http://two:9000"}),
    "port": ("s3://bucket/run", {**_S3, "endpoint_url": "http://one:9001"}),
    "scheme": ("s3://bucket/run", {**_S3, "endpoint_url": "https://one:9000"}),
    "amazon": ("s3://bucket/run", {"key": "alice", "secret": "s3cr3t"}),
    "tenant": ("s3://bucket/run", {**_S3, "key": "bob"}),
    "anonymous": ("s3://bucket/run", {"endpoint_url": "http://one:9000", "anon": True}),
    "proxy": ("s3://bucket/run", {**_S3, "client_options": {"proxy_url": "http://proxy:1"}}),
    "certificates": (
        "s3://bucket/run",
        {**_S3, "client_options": {"allow_invalid_certificates": True}},
    ),
    "headers": ("s3://bucket/run", {**_S3, "client_options": {"default_headers": {"pragma": "b"}}}),
    "google": ("gs://bucket/run", {"skip_signature": True}),
    "azure": ("az://bucket/run", {"account_name": "one", "skip_signature": True}),
    "azure account": ("az://bucket/run", {"account_name": "two", "skip_signature": True}),
    "web": ("http://one:9000/bucket/run", {}),
    "web host": ("http://two:9000/bucket/run", {}),
    "web port": ("http://one:9001/bucket/run", {}),
    "web path": ("http://one:9000/bucket/other", {}),
    "web scheme": ("https://one:9000/bucket/run", {}),
    "web user": ("http://alice:pw@one:9000/bucket/run", {}),
    "another user": ("http://bob:pw@one:9000/bucket/run", {}),
    "memory": ("memory://bucket/run", {}),
    "another memory": ("memory://bucket/other", {}),
}


def test_whatever_decides_who_answers_makes_another_store() -> None:
    """Server, port, bucket, prefix, tenant, user, proxy and certificates: each makes another."""
    places = OTHERS.values()
    found = [of("s3://bucket/run", **_S3), *(of(url, **options) for url, options in places)]
    assert len({identity.text for identity in found}) == len(found)


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("s3://bucket/run/", _S3),
        ("s3a://bucket/run", _S3),
        ("s3://bucket/run", {**_S3, "secret": "rotated"}),
        ("s3://bucket/run", {**_S3, "token": "of today"}),
    ],
)
def test_spelling_and_secrets_make_no_other_store(url: str, options: dict[str, Any]) -> None:
    """A slash more, a key that was rotated: the same store is asked."""
    assert of(url, **options) == of("s3://bucket/run", **_S3)


def test_a_password_is_not_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the name of a file would let one try passwords: of no two it is told apart."""
    told: list[str] = []

    def hashed(text: str) -> str:
        told.append(text)
        return ""

    monkeypatch.setattr(identity_module, "_hashed", hashed)
    monkeypatch.setenv("https_proxy", "http://user:hunter2@proxy:1")
    proxy = {"client_options": {"proxy_url": "http://user:hunter2@proxy:1"}}
    places: list[tuple[str, dict[str, Any]]] = [
        ("http://alice:hunter2@one/run", {}),
        ("s3://bucket/run", {**_S3, "secret": "hunter2", "token": "hunter2", **proxy}),
        ("az://bucket/run", {"account_name": "one", "account_key": "aHVudGVyMg=="}),
    ]
    for url, options in places:
        assert of(url, **options).lasting
    assert len(told) == 3
    assert not any(secret in str(told) for secret in ("hunter2", "aHVudGVyMg", "aHVudGVyMg=="))


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy", "GOOGLE_BASE_URL"])
def test_the_environment_decides_too(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Libraries take proxies and servers from it."""
    before = of("gs://bucket/run", skip_signature=True)
    monkeypatch.setenv(name, "http://elsewhere:1")
    assert of("gs://bucket/run", skip_signature=True) != before


def test_other_processes_call_a_store_the_same() -> None:
    """What is found by its address is one store in all processes; memory is not."""
    code = (
        "from embzarr._storage import open_store, identity_of\n"
        f"print(identity_of(open_store('s3://bucket/run', storage_options={_S3!r})).text)"
    )
    told = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert Identity(text=told.stdout.strip(), lasting=True) == of("s3://bucket/run", **_S3)
    assert not of("memory://one").lasting


def test_a_folder_is_known_behind_its_links(tmp_path: Path) -> None:
    """A link to a folder is that folder; led to another one, or made anew, it is another."""
    one, two, link = tmp_path / "one", tmp_path / "two", tmp_path / "link"
    one.mkdir()
    two.mkdir()
    link.symlink_to(one)
    assert of(link) == of(one)
    link.unlink()
    link.symlink_to(two)
    assert of(link) == of(two) != of(one)
    before = of(one)
    one.rename(tmp_path / "away")
    two.rename(one)
    assert of(one) != before


@pytest.mark.parametrize("make", [MemoryStore, lambda: S3Store("b", region="us-east-1")])
def test_an_object_is_known_by_itself_while_it_lives(make: Any) -> None:
    """Where a client that was handed in connects to is not known: it is like no other."""
    client = make()
    known = of(client)
    assert known == of(client)
    assert not known.lasting
    assert known != of(make())
    del client
    gc.collect()
    assert all(known != of(make()) for _ in range(20))


def test_a_filesystem_is_known_by_itself_and_its_folder() -> None:
    """What fsspec's options decide is not known."""
    one = MemoryFileSystem(skip_instance_cache=True)
    two = MemoryFileSystem(skip_instance_cache=True)
    assert of(one) == of(one) != of(two)
    assert not of(one).lasting
    assert of(open_store("memory://x")) != of(one)


def test_wrappers_ask_whom_they_wrap() -> None:
    """Counting and read-only stores are the store underneath; what says nothing is another."""
    store = open_store("memory://wrapped")
    assert identity_of(CountingStore(ReadOnlyStore(store))) == identity_of(store)
    strange = PassThrough(store)
    assert identity_of(strange) == identity_of(strange) != identity_of(store)
