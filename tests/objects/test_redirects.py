"""Redirects: what was meant for one host is not told to another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest
from fsspec.implementations.dirfs import DirFileSystem  # type: ignore[import-untyped]

from embzarr._storage.access import aws, redirects
from embzarr._storage.open import open_store
from embzarr.convert import import_vectors
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
            self.send_header("Last-Modified", "Sun, 29 Nov 2026 12:00:00 GMT")
            self.send_header("ETag", '"1"')
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
            self.send_header("x-amz-bucket-region", "eu-west-9")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_PUT = do_HEAD = do_GET  # noqa: N815 - http.server's name

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

    @pytest.mark.parametrize(
        ("url", "address"),
        [
            ("s3://bucket/run", {"endpoint_url": "{}", "key": "key", "secret": "secret"}),
            ("gs://bucket/run", {"base_url": "{}", "skip_signature": True}),
            ("az://bucket/run", {"endpoint": "{}", "account_name": "us", "access_key": "AAAA"}),
        ],
        ids=["s3", "google", "azure"],
    )
    def test_the_same_goes_for_a_service(self, url: str, address: dict[str, Any]) -> None:
        """A header of the caller's is refused at the door, or goes where he said that it may."""
        headers = {"client_options": {"default_headers": {"X-Api-Key": "CANARY"}}}
        with running_two() as two:
            there = {
                name: value.format(two.url) if isinstance(value, str) else value
                for name, value in address.items()
            }
            options = {**there, **headers, "allow_http": True}
            with pytest.raises(InvalidInputError, match="X-Api-Key") as caught:
                open_store(url, storage_options=options)
            assert "CANARY" not in str(caught.value)
            assert two.heard == []

            store = open_store(url, storage_options={**options, "headers_follow_redirects": True})
            assert bytes(store.get_range("a", 0, 4)) == DATA[:4]

    def test_nothing_of_s3_reaches_a_host_of_another_name(self) -> None:
        """Session tokens and keys of objects are headers that obstore would take along."""
        options = {"key": "key", "secret": "secret", "token": "CANARY"}
        with running_two() as two:
            two.other = two.other.replace("127.0.0.1", "localhost")
            store = open_store(
                "s3://bucket/run",
                storage_options={
                    **options,
                    "endpoint_url": two.url,
                    "retry_config": {"max_retries": 0},
                },
            )
            for ask in (
                lambda: store.get_range("a", 0, 4),
                lambda: [*store.list("")],
                lambda: store.put("a", b"1"),
            ):
                with pytest.raises(StoreError, match='"region": "eu-west-9"') as caught:
                    ask()
                assert caught.value.code == "store-failed"
                assert "CANARY" not in str(caught.value)
            assert two.heard == []

    def test_a_proxy_of_the_callers_is_left(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where all goes by a proxy, our own would keep the caller from his store."""
        for host in ("host", "s3.eu-west-9.amazonaws.com", "127.0.0.1", "a_b.x"):
            assert redirects.only_to(f"https://{host}:9", {})["proxy_excludes"] == host
        for host in ("127.1", "0x7f.0.0.1", "2130706433", "0x7f", "b\u00fccher.example", "a..b"):
            assert redirects.only_to(f"https://{host}:9", {}) == {}, "obstore spells it otherwise"
        assert redirects.only_to("https://host:9", {"proxy_url": "http://proxy"}) == {}
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
        assert redirects.only_to("https://host:9", {}) == {}

    @pytest.mark.parametrize("told", ["", "x" * 41, "eu west", 'eu"'])
    def test_a_region_that_is_none_is_not_told(self, told: str) -> None:
        """What a server says of a region is shown only where it can be one."""

        class Server(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(301)
                self.send_header("x-amz-bucket-region", told)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
                """Say nothing."""

        with running(Server) as url:
            assert aws.region_of(url, "bucket") is None
        assert aws.region_of(url, "bucket") is None, "where nobody answers any more"

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

    def test_nor_does_a_cache_around_it_tell(self, tmp_path: Path) -> None:
        """Which reads by the filesystem's own methods."""
        with running_two() as two:
            cached = fsspec.filesystem(
                "simplecache",
                target_protocol="http",
                target_options={**self.SECRET, "skip_instance_cache": True},
                cache_storage=str(tmp_path),
            )
            store = open_store(DirFileSystem(f"{two.url}/run", cached))
            with pytest.raises(EmbzarrError) as caught:
                store.get_range("a", 0, 4)
            assert "CANARY" not in str(caught.value)
            assert two.heard == []

    def test_nor_does_an_import(self, tmp_path: Path) -> None:
        """Of a file that a server says is elsewhere; without headers it is followed there."""
        pytest.importorskip("aiohttp")
        with running_two() as two:
            url = f"{two.url}/vectors.txt"
            with pytest.raises(StoreError, match=two.other):
                import_vectors(url, tmp_path / "run", source_options=self.SECRET)
            assert two.heard == []
            with pytest.raises(EmbzarrError):  # what is there is no file of vectors
                import_vectors(url, tmp_path / "run")
            assert two.heard
