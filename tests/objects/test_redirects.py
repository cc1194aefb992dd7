"""Redirects: what was meant for one host is not told to another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest
from fsspec.implementations.dirfs import DirFileSystem  # type: ignore[import-untyped]

from embzarr._storage.open import open_store
from embzarr.errors import EmbzarrError, InvalidInputError, StoreError
from objects.places import running

DATA = b"0123456789"


class Two:
    """A server that sends everybody to another one, and what that one heard."""

    url: str
    other: str
    heard: list[dict[str, str]]


@contextmanager
def running_two(*, same: bool = False) -> Iterator[Two]:
    """Run both; `same` redirects to another path of the first itself."""
    two = Two()
    two.heard = []

    class Second(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            two.heard.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(206)
            self.send_header("Content-Range", f"bytes 0-3/{len(DATA)}")
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(DATA[:4])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    class First(Second):
        def do_GET(self) -> None:
            if same and self.path.startswith("/moved"):
                super().do_GET()
                return
            self.send_response(307)
            there = "/moved" if same else two.other
            self.send_header("Location", f"{there}{self.path}?signature=CANARY-QUERY")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_PUT = do_GET  # noqa: N815 - http.server's name

    with running(Second) as other, running(First) as url:
        two.other, two.url = other, url
        yield two


def over_fsspec(url: str, **how: Any) -> Any:
    web = fsspec.filesystem("http", skip_instance_cache=True, **how)
    return open_store(DirFileSystem(f"{url}/run", web))


class TestObstore:
    def test_a_public_folder_may_lie_elsewhere(self) -> None:
        """As on most archives of data: the redirect is followed."""
        with running_two() as two:
            assert bytes(open_store(f"{two.url}/run").get_range("a", 0, 4)) == DATA[:4]

    def test_a_user_and_what_stands_for_one_stay(self) -> None:
        """A password, a token and a cookie are dropped where another port, too, is another host."""
        headers = {"Cookie": "CANARY=1", "User-Agent": "us"}
        options = {"client_options": {"default_headers": headers}}
        with running_two() as two:
            store = open_store(
                f"{two.url.replace('//', '//me:CANARY@')}/run", storage_options=options
            )
            assert bytes(store.get_range("a", 0, 4)) == DATA[:4]
            assert len(two.heard) == 1
            assert "authorization" not in two.heard[0]
            assert "CANARY" not in "".join(two.heard[0].values())

    def test_another_header_is_refused_unless_any_host_may_know_it(self) -> None:
        """obstore takes it along and cannot be told, so that the caller has to say so."""
        options = {"client_options": {"default_headers": {"X-Api-Key": "CANARY"}}}
        with running_two() as two:
            with pytest.raises(InvalidInputError, match="X-Api-Key") as caught:
                open_store(f"{two.url}/run", storage_options=options)
            assert "CANARY" not in str(caught.value)
            assert two.heard == []

            store = open_store(
                f"{two.url}/run", storage_options={**options, "headers_follow_redirects": True}
            )
            assert bytes(store.get_range("a", 0, 4)) == DATA[:4]

    def test_an_s3_signature_stays(self) -> None:
        """A server that sends a signed request elsewhere takes no signature along."""
        with running_two() as two:
            keys = {"key": "key", "secret": "secret"}
            once = {"retry_config": {"max_retries": 0}}
            store = open_store(
                "s3://bucket/run", storage_options={"endpoint_url": two.url, **keys, **once}
            )
            store.get_range("a", 0, 4)
            with pytest.raises(EmbzarrError):
                store.put("a", b"1")
            assert all("authorization" not in heard for heard in two.heard)


class TestFsspec:
    SECRET = {"headers": {"X-Api-Key": "CANARY"}}  # noqa: RUF012 - a constant

    @pytest.mark.parametrize("how", [SECRET, {"client_kwargs": SECRET}])
    def test_a_header_stays_and_the_other_host_is_named(self, how: dict[str, Any]) -> None:
        """Wherever it was given, and whichever verb it is."""
        with running_two() as two:
            store = over_fsspec(two.url, **how)
            with pytest.raises(StoreError, match=two.other) as caught:
                store.get_range("a", 0, 4)
            assert "CANARY" not in str(caught.value)
            with pytest.raises(StoreError, match=two.other):
                store.head("a")
            assert two.heard == []

    def test_without_headers_it_is_followed(self) -> None:
        """Nothing is told that nobody may know."""
        with running_two() as two:
            assert bytes(over_fsspec(two.url).get_range("a", 0, 4)) == DATA[:4]

    def test_on_the_same_host_it_is_followed(self) -> None:
        """With its headers."""
        with running_two(same=True) as two:
            store = over_fsspec(two.url, **self.SECRET)
            assert bytes(store.get_range("a", 0, 4)) == DATA[:4]
            assert two.heard[0]["x-api-key"] == "CANARY"
