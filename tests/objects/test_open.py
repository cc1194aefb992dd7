"""What can be opened, as what, and what is said about the rest."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import fsspec  # type: ignore[import-untyped]
import obstore.store
import pytest
from fsspec.implementations.asyn_wrapper import (  # type: ignore[import-untyped]
    AsyncFileSystemWrapper,
)
from fsspec.implementations.dirfs import DirFileSystem  # type: ignore[import-untyped]

from embzarr._storage.open import open_store
from embzarr._storage.wrappers.counting import CountingStore
from embzarr.convert import import_vectors
from embzarr.errors import InvalidInputError, NotFoundError, UnsupportedError
from objects.fake_s3 import Answers, running_fake_s3
from objects.places import OBJECTS, fill, fill_folder, zipped

if TYPE_CHECKING:
    from embzarr._storage.port import Store
    from servers.s3 import S3Server

NO_KEYS = {"anon": True}


def keys(store: Store) -> list[str]:
    return sorted(item.key for item in store.list(""))


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "options", "shown"),
        [
            ("s3://bucket/runs/x/", NO_KEYS, "s3://bucket/runs/x"),
            ("s3://bucket/me@lab/a:b", NO_KEYS, "s3://bucket/me@lab/a:b"),
            ("s3a://bucket", NO_KEYS, "s3a://bucket"),
            ("S3://bucket", NO_KEYS, "S3://bucket"),
            ("gs://bucket/x", {"skip_signature": True}, "gs://bucket/x"),
            ("az://container/x", {"account_name": "a", "account_key": "YWJjZA=="}, None),
            ("abfss://c@acct.dfs.core.windows.net/x", {"account_key": "YWJjZA=="}, None),
            ("https://example.org/runs/x/", {}, "https://example.org/runs/x"),
            ("http://me:pass@127.0.0.1:1/x", {}, "http://127.0.0.1:1/x"),
            ("memory://a/b", {}, "memory://a/b"),
        ],
    )
    def test_a_store_shows_where_it_is(
        self, url: str, options: dict[str, Any], shown: str | None
    ) -> None:
        assert open_store(url, storage_options=options).url == (shown or url)

    def test_memory_stores_meet_by_their_url(self) -> None:
        open_store("memory://meeting/run").put("a", b"1")
        assert bytes(open_store("memory://meeting/run/").get("a")) == b"1"
        assert keys(open_store("memory://meeting")) == []
        assert keys(open_store("memory://meeting/run/a")) == []

    def test_an_archive_is_read_as_it_is_now(self, tmp_path: Path) -> None:
        folder = fill_folder(tmp_path / "run")
        assert len(keys(open_store(f"zip://run::{zipped(folder)}"))) == len(OBJECTS)
        (folder / "latest.json").write_bytes(b"{}")
        assert len(keys(open_store(f"zip://run::{zipped(folder)}"))) == len(OBJECTS) + 1

    def test_a_missing_archive_is_not_found(self, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError):
            open_store(f"zip://run::{tmp_path}/absent.zip")

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("quux://host/x", "quux"),
            ("simplecache::quux://host/x", "quux"),
            ("sftp://me:CANARY@host/x", "paramiko"),
            ("hdfs://host/x", "embzarr[hdfs]"),
        ],
    )
    def test_what_is_missing_for_a_scheme_is_named(
        self, url: str, says: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for package in ("paramiko", "hdfs_native", "pyarrow"):
            monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(UnsupportedError) as caught:
            open_store(url)
        assert caught.value.code == "url-unsupported"
        assert says in str(caught.value)
        assert "CANARY" not in str(caught.value)

    @pytest.mark.parametrize(
        "url",
        [
            "",
            b"runs/x",
            7,
            None,
            Path("s3://bucket/x"),
            "s3://",
            "s3:///x",
            "s3://key:CANARY@bucket/x",
            "s3://key:CAN/CANARY@bucket/x",
            "s3://CANARY@bucket/x",
            "s3://bucket/x?secret=CANARY",
            "s3://bucket/x#CANARY",
            "https://host/x?sig=CANARY",
            "az://container/x?sig=CANARY",
        ],
    )
    def test_what_cannot_be_opened_is_refused_without_repeating_it(self, url: object) -> None:
        with pytest.raises(InvalidInputError) as caught:
            open_store(url)
        assert caught.value.code == "input-argument"
        assert "CANARY" not in f"{caught.value}{caught.value!r}"


class TestOptions:
    @pytest.mark.parametrize(
        ("url", "options", "says"),
        [
            ("s3://b", {"endpiont": "x"}, ("endpiont", "endpoint_url", "virtual_hosted")),
            ("gs://b", {"nonsense": "x"}, ("nonsense",)),
            ("az://c", {"account_name": "a", "nonsense": "x"}, ("nonsense",)),
            ("https://host/x", {"key": "CANARY"}, ("key", "client_options")),
            ("memory://x", {"key": "CANARY"}, ("key", "none")),
            ("runs/x", {"auto_mkdir": True}, ("auto_mkdir", "none")),
            ("s3://b", {**NO_KEYS, "client_options": {"tmeout": "3s"}}, ("tmeout",)),
            ("s3://b", {**NO_KEYS, "client_options": {"timeout": "soon"}}, ("soon",)),
            ("s3://b", {**NO_KEYS, "retry_config": {"max_retry": 3}}, ("max_retry", "max_retries")),
            ("s3://b", {**NO_KEYS, "retry_config": 3}, ("retry_config",)),
            ("s3://b", {**NO_KEYS, "key": 3}, ("access_key_id",)),
            ("s3://b", {"key": "CANARY"}, ("secret",)),
            ("s3://b", {"key": "CANARY-1", "access_key_id": "CANARY-2"}, ("twice",)),
            ("s3://b", {**NO_KEYS, "endpoint_url": "me:CANARY@host:9000"}, ("endpoint_url",)),
            ("s3://b", {**NO_KEYS, "endpoint": "http://me:CANARY@host"}, ("endpoint_url",)),
            ("s3://b", {**NO_KEYS, "request_payer": 3}, ("request_payer",)),
        ],
    )
    def test_a_wrong_option_is_named(
        self, url: str, options: dict[str, Any], says: tuple[str, ...]
    ) -> None:
        with pytest.raises(InvalidInputError) as caught:
            open_store(url, storage_options=options)
        assert caught.value.code == "input-argument"
        assert all(text in str(caught.value) for text in says)
        assert "CANARY" not in str(caught.value)

    def test_an_object_takes_none(self) -> None:
        with pytest.raises(InvalidInputError):
            open_store(obstore.store.MemoryStore(), storage_options={"region": "x"})


class TestNative:
    def test_it_can_be_sent_to_another_process(self, moto_s3: S3Server, moto_bucket: str) -> None:
        options = {**moto_s3.options, "session_token": "CANARY"}
        store = open_store(moto_s3.url(moto_bucket, "run"), storage_options=options)
        store.put("a", b"1")
        sent: Any = pickle.loads(pickle.dumps(store.native))  # noqa: S301 - our own bytes
        assert bytes(sent.get("a").bytes()) == b"1"
        assert "CANARY" not in repr(sent)

    def test_a_web_servers_user_is_sent_as_a_header(self) -> None:
        answers = Answers(statuses=(200,))
        with running_fake_s3(answers) as url:
            open_store(url.replace("//", "//me:w%2Frd@")).get("a")
        assert answers.headers[0]["authorization"] == "Basic bWU6dy9yZA=="


class TestObjects:
    def test_an_obstore_store(self, tmp_path: Path) -> None:
        for given in (obstore.store.MemoryStore(), obstore.store.LocalStore(tmp_path)):
            assert keys(fill(open_store(given))) == sorted(OBJECTS)

    def test_an_obstore_store_is_named(self) -> None:
        s3 = obstore.store.S3Store("bucket", prefix="x", region="r", skip_signature=True)
        gs = obstore.store.GCSStore("bucket", skip_signature=True)
        az = obstore.store.AzureStore("container", account_name="a", account_key="Q0FOQVJZ")
        web = obstore.store.HTTPStore("https://me:CANARY@example.org/x")
        shown = [open_store(given).url for given in (s3, gs, az, web)]
        assert shown == ["s3://bucket/x", "gs://bucket", "az://container", "https://example.org/x"]
        assert open_store(s3).native is s3

    def test_a_web_store_is_read_only(self) -> None:
        with pytest.raises(UnsupportedError):
            open_store(obstore.store.HTTPStore("https://example.org/x")).put("a", b"")

    def test_fsspec_filesystems_and_mappers(self, tmp_path: Path) -> None:
        memory = fsspec.filesystem("memory")
        given = (
            DirFileSystem("/given/run", memory),
            DirFileSystem("run", DirFileSystem("/given", memory)),
            memory.get_mapper("/given/run"),
            AsyncFileSystemWrapper(DirFileSystem("/given/run", memory), asynchronous=True),
        )
        fill(open_store(given[0]))
        for other in given:
            assert keys(open_store(other)) == sorted(OBJECTS)
            assert open_store(other).url == "memory:///given/run"
        archive = zipped(fill_folder(tmp_path / "run"))
        assert len(keys(open_store(fsspec.filesystem("zip", fo=str(archive))))) == len(OBJECTS)

    def test_the_whole_of_a_filesystem(self) -> None:
        store = open_store(fsspec.filesystem("memory"))
        store.put("whole/a", b"1")
        assert bytes(store.get("whole/a")) == b"1"
        assert [item.key for item in store.list("whole/")] == ["whole/a"]

    def test_a_local_filesystem_of_fsspec_is_a_folder_of_ours(self, tmp_path: Path) -> None:
        given = DirFileSystem(str(tmp_path), fsspec.filesystem("file"))
        assert open_store(given).url == tmp_path.as_uri()

    def test_a_store_is_returned_as_it_is(self) -> None:
        store = CountingStore(open_store("memory://as-it-is"))
        assert open_store(store) is store


@pytest.mark.parametrize(("given", "found"), [(None, "None"), (5, "int"), (["a"], "list")])
def test_what_is_no_place_is_refused_by_name(given: object, found: str) -> None:
    """A caller reads which argument it was, and what belongs there."""
    with pytest.raises(InvalidInputError, match=f"^url: expected a URL or a path.* found {found}"):
        open_store(given)


@pytest.mark.parametrize("options", [["a"], "key", [("key", "secret"), 5], 5])
def test_options_that_are_no_mapping_are_refused_by_name(options: Any, tmp_path: Path) -> None:
    """Whoever gives them reads what belongs there, and no value, which may be a key."""
    refused = "^storage_options: expected a mapping of names to values, found (list|str|int)"
    with pytest.raises(InvalidInputError, match=refused) as caught:
        open_store("s3://bucket/run", storage_options=options)
    assert "secret" not in str(caught.value)
    with pytest.raises(InvalidInputError, match=r"^source_options: expected a mapping"):
        import_vectors(tmp_path / "x.txt", tmp_path / "run", source_options=options)


def test_opening_imports_only_what_it_needs() -> None:
    program = (
        "import os, sys; from embzarr._storage import open_store;"
        "open_store('/nowhere'); open_store('memory://x');"
        "open_store('s3://b', storage_options={'key': 'k', 'secret': 's', 'endpoint': 'http://h'});"
        "os.environ.update(AWS_ACCESS_KEY_ID='k', AWS_SECRET_ACCESS_KEY='s');"
        "os.environ.update(AWS_ENDPOINT_URL='http://h', HOME='/nowhere');"
        "open_store('s3://b');"
        "print({'boto3', 'botocore', 'fsspec'} & set(sys.modules))"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_threads_that_upload_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client takes milliseconds to make, and each has connections of its own: two are made."""
    made: list[obstore.store.S3Store] = []

    def slowly(*args: Any, **options: Any) -> obstore.store.S3Store:
        time.sleep(0.05)
        made.append(obstore.store.S3Store(*args, **options))
        return made[-1]

    classes = SimpleNamespace(S3Store=slowly)
    monkeypatch.setattr("embzarr._storage.backends.cloud.obstore_stores", classes)
    with running_fake_s3(Answers(statuses=(200,))) as url, ThreadPoolExecutor(4) as pool:
        store = open_store(
            "s3://bucket/run", storage_options={"endpoint_url": url, "key": "k", "secret": "s"}
        )
        list(pool.map(lambda n: store.put(f"a{n}", bytes(2**21)), range(4)))

    assert len(made) == 2  # one for reads and small objects
