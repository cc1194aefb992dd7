"""What is sent to another process: where things are and how they were opened, and no secret."""

from __future__ import annotations

import copy
import pickle
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec  # type: ignore[import-untyped]
import numpy as np
import obstore
import pytest
from fsspec.implementations.dirfs import DirFileSystem  # type: ignore[import-untyped]

import embzarr
from embzarr._storage.open import open_store
from embzarr._storage.port import Store
from embzarr._storage.wrappers.counting import CountingStore
from embzarr._storage.wrappers.read_only import ReadOnlyStore
from servers.http_folder import running_http_folder

if TYPE_CHECKING:
    from servers.s3 import S3Server

WORDS = [f"word{row}" for row in range(300)]
VECTORS = np.random.default_rng(5).normal(size=(300, 8)).astype("f4")
KEYS = {"key": "CANARY-key", "secret": "CANARY-secret", "session_token": "CANARY-token"}


def sent(thing: Any) -> Any:
    """Return what another process gets, which holds no secret of the tests."""
    data = pickle.dumps(thing)
    assert b"CANARY" not in data
    return pickle.loads(data)  # noqa: S301 - our own bytes


@pytest.fixture
def url(moto_s3: S3Server, moto_bucket: str) -> str:
    """The address of a saved run on S3."""
    place = moto_s3.url(moto_bucket, "run")
    embzarr.save(place, WORDS, VECTORS, storage_options=moto_s3.options)
    return place


@pytest.fixture
def options(moto_s3: S3Server) -> dict[str, Any]:
    """What opens it, with secrets to look for."""
    return {"endpoint_url": moto_s3.endpoint_url, **KEYS}


@pytest.fixture
def _keys_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys that the other process has in its environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "theirs")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "theirs-too")


class TestSecrets:
    @pytest.mark.usefixtures("_keys_elsewhere")
    def test_keys_are_looked_for_where_it_is_unpickled(
        self, url: str, options: dict[str, Any]
    ) -> None:
        """A checkpoint, a run and what they stand on read and save by the keys found there."""
        checkpoint = embzarr.open(url, storage_options=options)
        run = sent(embzarr.Run(url, storage_options=options))
        again = sent(checkpoint)
        np.testing.assert_array_equal(again[WORDS], VECTORS)
        run.save_delta([1], VECTORS[[2]])
        np.testing.assert_array_equal(run.open()["word1"], VECTORS[2])
        np.testing.assert_array_equal(again["word1"], VECTORS[1])
        shown = repr(sent(again)), sent(again).url, again.commit
        assert shown == (repr(checkpoint), checkpoint.url, checkpoint.commit)

    def test_where_there_are_none_the_first_use_says_what_to_do(
        self, url: str, options: dict[str, Any]
    ) -> None:
        """Not unpickling itself: some pools lose a task for ever where that fails."""
        again = sent(embzarr.open(url, storage_options=options))
        for _ in range(2):
            with pytest.raises(embzarr.AccessDeniedError, match="pickle_secrets=True") as caught:
                again["word1"]
            assert caught.value.code == "access-denied"
            assert "CANARY" not in str(caught.value)

    def test_they_travel_where_the_caller_says_so(self, url: str, options: dict[str, Any]) -> None:
        """Once more from where they arrived, too."""
        data = pickle.dumps(embzarr.open(url, storage_options=options, pickle_secrets=True))
        again = pickle.loads(pickle.dumps(pickle.loads(data)))  # noqa: S301 - our own bytes
        np.testing.assert_array_equal(again[WORDS], VECTORS)
        run = embzarr.Run(url, storage_options=options, pickle_secrets=True)
        assert pickle.loads(pickle.dumps(run)).numbers() == [1]  # noqa: S301 - our own bytes

    def test_what_the_environment_gave_does_not_travel_but_the_place_does(
        self, url: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A process without the variable for the endpoint must not go to another server."""
        with monkeypatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", options["endpoint_url"])
            patch.setenv("AWS_ACCESS_KEY_ID", "CANARY-key")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "CANARY-secret")
            data = pickle.dumps(embzarr.open(url))
        assert b"CANARY" not in data
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "theirs")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "theirs-too")
        np.testing.assert_array_equal(pickle.loads(data)[WORDS], VECTORS)  # noqa: S301 - our own

    @pytest.mark.parametrize(
        ("place", "given", "says"),
        [
            ("https://me:CANARY@example.org/run", {}, "URL"),
            (
                "https://example.org/run",
                {
                    "client_options": {"default_headers": {"x-api": "CANARY"}},
                    "headers_follow_redirects": True,
                },
                "client_options.default_headers",
            ),
            (
                "s3://bucket/run",
                {**KEYS, "sse_customer_key_base64": "CANARY", "region": "r"},
                "sse_customer_key_base64",
            ),
            ("simplecache::https://me:CANARY@example.org/run", {}, "URL"),
            (
                "simplecache::https://example.org/run",
                {"https": {"client_kwargs": {"auth": "CANARY"}}},
                "https.client_kwargs.auth",
            ),
        ],
    )
    def test_what_no_environment_gives_is_told_by_name(
        self, place: str, given: dict[str, Any], says: str
    ) -> None:
        """It is not left out in silence, which would ask as somebody else."""
        again = sent(open_store(place, storage_options=given))
        with pytest.raises(embzarr.AccessDeniedError, match="pickle_secrets=True") as caught:
            again.get("a")
        assert says in str(caught.value)
        assert "CANARY" not in str(caught.value)

    def test_objects_of_other_libraries_keep_theirs_too(self) -> None:
        """By name, by position, and one inside of the other."""
        keys = {"access_key_id": "CANARY", "secret_access_key": "CANARY"}
        s3 = obstore.store.S3Store("bucket", region="r", **keys)  # type: ignore[arg-type]
        web = obstore.store.HTTPStore("https://me:CANARY@example.org/x")
        inner = fsspec.filesystem("http", client_kwargs={"headers": {"authorization": "CANARY"}})
        cached = fsspec.filesystem("simplecache", fs=inner, cache_storage="/nowhere")
        for given in (s3, web, inner, cached):
            store = sent(open_store(given))
            with pytest.raises(embzarr.AccessDeniedError, match="pickle_secrets=True"):
                store.get("a")


class TestWhatTravels:
    def test_a_folder_in_every_wrapper(self, tmp_path: Path) -> None:
        """Counts begin anew."""
        store = CountingStore(open_store(tmp_path))
        store.put("a", b"1")
        for given in (store, ReadOnlyStore(store)):
            again: Store = sent(given)
            assert bytes(again.get("a")) == b"1"
        assert sent(store).traffic().requests == 0

    def test_a_web_server_and_fsspec_over_it(self, tmp_path: Path) -> None:
        """The filesystem's own arguments go along."""
        (tmp_path / "a").write_bytes(b"1")
        with running_http_folder(tmp_path) as server:
            http = DirFileSystem(server, fsspec.filesystem("http"))
            for given in (server, http, fsspec.filesystem("http").get_mapper(server)):
                assert bytes(sent(open_store(given)).get("a")) == b"1"

    def test_the_same_commit_is_opened(self, tmp_path: Path) -> None:
        """Whatever was saved since."""
        old = embzarr.save(tmp_path, WORDS, VECTORS)
        embzarr.save(tmp_path, WORDS, VECTORS * 2)
        again = sent(old)
        assert (again.commit, again.traffic.requests) == (1, 0)
        np.testing.assert_array_equal(again.to_numpy(), VECTORS)

    def test_a_commit_that_was_given_up_meanwhile_says_so(self, tmp_path: Path) -> None:
        """As it does where it was opened."""
        data = pickle.dumps(embzarr.save(tmp_path, WORDS, VECTORS))
        embzarr.save(tmp_path, WORDS, VECTORS)
        embzarr.Run(tmp_path).gc(keep_last=1)
        again = pickle.loads(data)  # noqa: S301 - our own bytes
        with pytest.raises(embzarr.NotFoundError) as caught:
            again.to_numpy()
        assert caught.value.code == "commit-expired"

    def test_a_cache_travels_by_its_settings_and_stays_shared(self, tmp_path: Path) -> None:
        """What it keeps in memory does not; its folder serves all processes."""
        embzarr.save(tmp_path / "run", WORDS, VECTORS)
        cache = embzarr.Cache(12345, folder=tmp_path / "cache")
        both = [embzarr.open(tmp_path / "run", cache=cache) for _ in range(2)]
        np.testing.assert_array_equal(both[0].to_numpy(), VECTORS)
        first, second = sent(both)
        assert first._cache is second._cache
        assert repr(first._cache).startswith("Cache(0 of 12345 bytes")
        assert str(tmp_path / "cache") in repr(first._cache)

    def test_what_was_loaded_travels_with_its_words(self, tmp_path: Path) -> None:
        """Also where nobody had asked for them."""
        loaded = sent(embzarr.save(tmp_path, WORDS, VECTORS).load_rows(3, 9))
        assert loaded.words == tuple(WORDS[3:9])
        np.testing.assert_array_equal(loaded.vectors, VECTORS[3:9])
        np.testing.assert_array_equal(loaded.rows, range(3, 9))

    def test_a_run_travels_without_what_it_saves(self, tmp_path: Path) -> None:
        """The copy has nothing under way, and saves by itself."""
        with embzarr.Run(tmp_path) as run:
            run.save_async(WORDS, VECTORS).result()
            with sent(run) as again:
                assert not again.saving
                again.save_async(WORDS, VECTORS).result()
        assert run.numbers() == [2, 1]


class TestWhatDoesNot:
    def test_memory_stays_in_its_process(self) -> None:
        """Ours, obstore's and fsspec's: an empty one of that name there would be worse."""
        name = secrets.token_hex(6)
        for given in (
            f"memory://{name}",
            obstore.store.MemoryStore(),
            DirFileSystem(f"/{name}", fsspec.filesystem("memory")),
        ):
            checkpoint = embzarr.save(given, WORDS, VECTORS)
            for thing in (checkpoint, embzarr.Run(given), open_store(given)):
                with pytest.raises(embzarr.UnsupportedError, match="memory") as caught:
                    pickle.dumps(thing)
                assert caught.value.code == "url-unsupported"

    def test_a_copy_in_the_same_process_is_as_good(
        self, url: str, options: dict[str, Any], tmp_path: Path
    ) -> None:
        """Secrets, memory and all."""
        kept = embzarr.save("memory://copied", WORDS, VECTORS)
        folder = embzarr.save(tmp_path, WORDS, VECTORS)
        for checkpoint in (embzarr.open(url, storage_options=options), kept, folder):
            for copied in (copy.copy(checkpoint), copy.deepcopy(checkpoint)):
                np.testing.assert_array_equal(copied[WORDS[:9]], VECTORS[:9])
        run = copy.deepcopy(embzarr.Run(url, storage_options=options))
        assert run.numbers() == [1]
