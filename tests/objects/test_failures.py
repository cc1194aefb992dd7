"""What a store's failures are called."""

from __future__ import annotations

import errno
import itertools
import time
import traceback
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from obstore.exceptions import GenericError

from embzarr._redact import Redactor
from embzarr._storage import open_store
from embzarr._storage.backends import connecting
from embzarr._storage.requests.failures import Place
from embzarr.errors import (
    AccessDeniedError,
    ConflictError,
    EmbzarrError,
    NotFoundError,
    StoreError,
    UnsupportedError,
)
from objects.fake_s3 import Answers, running_fake_s3
from servers.untrusted import running_untrusted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from embzarr._storage.port import Store
    from embzarr._storage.requests.failures import Verb
    from servers.s3 import S3Server

ONCE = {"retry_config": {"max_retries": 0}}
DENIALS = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken")


def s3(url: str, *, single_writer: bool = False, **options: Any) -> Store:
    keys = {"endpoint_url": url, "key": "key", "secret": "secret"}
    every = {**keys, **ONCE, **options}
    return open_store("s3://bucket/run", storage_options=every, single_writer=single_writer)


def verbs(store: Store) -> dict[str, Callable[[], object]]:
    return {
        "get": lambda: store.get("a"),
        "get_range": lambda: store.get_range("a", 0, 4),
        "head": lambda: store.head("a"),
        "list": lambda: list(store.list("")),
        "put": lambda: store.put("a", b"1"),
        "create": lambda: store.create("a", b"1"),
        "delete": lambda: store.delete("a"),
    }


def failures(store: Store, *without: str) -> set[tuple[type[EmbzarrError], str]]:
    """What each verb raises."""
    raised = set()
    for name, verb in verbs(store).items():
        if name not in without:
            with pytest.raises(EmbzarrError) as caught:
                verb()
            raised.add((type(caught.value), caught.value.code))
    return raised


def body(code: str) -> str:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>because</Message></Error>"


class TestS3Answers:
    @pytest.mark.parametrize(
        ("status", "code"), [(403, code) for code in DENIALS] + [(400, "ExpiredToken"), (401, "x")]
    )
    def test_denied(self, status: int, code: str) -> None:
        with running_fake_s3(Answers(statuses=(status,), body=body(code))) as url:
            # A HEAD has no body that could say more than 400.
            without = ("head",) if status == 400 else ()
            assert failures(s3(url), *without) == {(AccessDeniedError, "access-denied")}

    def test_no_bucket(self) -> None:
        with running_fake_s3(Answers(statuses=(404,), body=body("NoSuchBucket"))) as url:
            assert failures(s3(url), "head") == {(NotFoundError, "bucket-missing")}

    @pytest.mark.parametrize("status", [500, 503, 400, None])
    def test_failed(self, status: int | None) -> None:
        with running_fake_s3(Answers(statuses=(status,), body=body("SlowDown"))) as url:
            assert failures(s3(url)) == {(StoreError, "store-failed")}

    def test_a_server_without_conditional_writes(self) -> None:
        with running_fake_s3(Answers(statuses=(501,), body=body("NotImplemented"))) as url:
            with pytest.raises(UnsupportedError) as caught:
                s3(url).create("a", b"1")
            assert caught.value.code == "create-not-exclusive"

    @pytest.mark.parametrize(
        ("found", "asked"), [(200, ["PUT", "HEAD"]), (404, ["PUT", "HEAD", "PUT"])]
    )
    def test_a_single_writer_may_create_there(self, found: int, asked: list[str]) -> None:
        answers = Answers(statuses=(501, found, 200), body=body("NotImplemented"))
        with running_fake_s3(answers) as url:
            store = s3(url, single_writer=True)
            if found == 200:
                with pytest.raises(ConflictError):
                    store.create("a", b"1")
            else:
                store.create("a", b"1")
        assert [line.split()[0] for line in answers.asked] == asked

    def test_a_gateway_without_writes(self) -> None:
        with running_fake_s3(Answers(statuses=(405,), body=body("MethodNotAllowed"))) as url:
            reads = ("get", "get_range", "head", "list")
            assert failures(s3(url), *reads) == {(UnsupportedError, "store-read-only")}

    def test_the_servers_own_words_are_told(self) -> None:
        with running_fake_s3(Answers(statuses=(400,), body=body("KeyTooLong"))) as url:
            with pytest.raises(StoreError) as caught:
                s3(url).get("steps/a")
            told = "cannot read steps/a in s3://bucket/run: KeyTooLong: because [store-failed]"
            assert str(caught.value) == told

    def test_a_wrong_region_is_guessed(self) -> None:
        with running_fake_s3(
            Answers(statuses=(400,), body=body("AuthorizationHeaderMalformed"))
        ) as url:
            with pytest.raises(StoreError) as caught:
                s3(url).get("a")
            assert "region" in str(caught.value)

    def test_a_busy_server_is_asked_again(self) -> None:
        answers = Answers(statuses=(503, 503, 200), body=body("SlowDown"))
        with running_fake_s3(answers) as url:
            s3(url, retry_config={}).put("a", b"1")
        assert len(answers.asked) == 3

    def test_a_range_within_the_object_is_one_request(self) -> None:
        answers = Answers(statuses=(500,))
        with running_fake_s3(answers) as url, pytest.raises(StoreError):
            s3(url).get_range("a", 0, 4)
        assert len(answers.asked) == 1


class TestSystemErrors:
    """What the system says, as obstore writes it; no test can take rights from root."""

    place = Place(url="file:///run", redactor=Redactor())

    @pytest.mark.parametrize(
        ("number", "verb", "kind", "code"),
        [
            (errno.EACCES, "write", AccessDeniedError, "access-denied"),
            (errno.EPERM, "delete", AccessDeniedError, "access-denied"),
            (errno.EROFS, "create", UnsupportedError, "store-read-only"),
            (errno.ENOSPC, "write", StoreError, "store-full"),
            (errno.EDQUOT, "create", StoreError, "store-full"),
            (errno.ENOSPC, "read", StoreError, "store-failed"),
            (errno.ENOTDIR, "write", StoreError, "store-failed"),
            (errno.ENOTDIR, "read", NotFoundError, "object-missing"),
        ],
    )
    def test_number(self, number: int, verb: Verb, kind: type[EmbzarrError], code: str) -> None:
        said = f'Os {{ code: {number},\n kind: Other,\n message: "the system\'s words",\n }}'
        for exc in (GenericError(f"Generic\n\nDebug source:\n{said}"), OSError(number, "x")):
            error = self.place.translate(exc, verb, "a")
            assert (type(error), error.code) == (kind, code)
            is_trace = code == "object-missing" and isinstance(exc, GenericError)
            assert error.__cause__ is (None if is_trace else exc)


def test_a_file_in_the_way_on_hdfs_is_no_denial() -> None:
    """HDFS calls it AccessControlException when a file stands where a folder is asked for."""
    said = 'RPCError("org.apache.hadoop.security.AccessControlException", "'
    place = Place(url="hdfs://host/run", redactor=Redactor())

    missing = place.translate(RuntimeError(said + '/c/0 (is not a directory)")'), "read", "c/0/1")
    denied = place.translate(RuntimeError(said + 'Permission denied: user=eve")'), "read", "c/0/1")

    assert (missing.code, denied.code) == ("object-missing", "access-denied")


@pytest.mark.parametrize(("status", "code"), [(404, "NoSuchBucket"), (404, "NoSuchKey")])
def test_what_is_said_in_one_line_is_not_said_again(status: int, code: str) -> None:
    """Of a wrong bucket an uncaught error shows our line, and not the library's 78."""
    answers = Answers(statuses=(status,), body=f"<Error><Code>{code}</Code></Error>")
    with running_fake_s3(answers) as url, pytest.raises(NotFoundError) as caught:
        s3(url).get("a")
    told = "".join(traceback.format_exception(caught.value))
    assert "Debug source" not in told
    assert len(traceback.format_exception_only(caught.value)) == 1


@pytest.mark.parametrize("code", ["InvalidObjectState", "BlobArchived", "BlobBeingRehydrated"])
def test_what_is_archived_is_told_as_that(code: str) -> None:
    """And not as a denial or a conflict, whose statuses it comes with."""
    answers = Answers(statuses=(403,), body=f"<Error><Code>{code}</Code></Error>")
    with running_fake_s3(answers) as url:
        with pytest.raises(StoreError, match="it is in an archive") as caught:
            s3(url).get("a")
        assert caught.value.code == "object-archived"


class TestNoAnswer:
    def test_nobody_listens(self) -> None:
        assert failures(s3("http://127.0.0.1:1")) == {(StoreError, "store-failed")}
        with pytest.raises(StoreError, match=r"Connection refused: .*AWS_ENDPOINT_URL"):
            s3("http://127.0.0.1:1").get("a")

    def test_what_s3_alone_heeds_is_told_of_s3_alone(self) -> None:
        """A page, whose server is in its URL, has no endpoint to set."""
        with pytest.raises(StoreError) as caught:
            open_store("http://127.0.0.1:1/run", storage_options=ONCE).get("a")
        assert str(caught.value).endswith(": no server listens there [store-failed]")

    def test_a_name_that_is_not_resolved_is_told(self) -> None:
        """Not only that a request could not be sent."""
        with pytest.raises(StoreError, match="the server's name is not resolved"):
            s3("http://no-such-host.invalid:9").get("a")

    def test_a_certificate_that_is_not_trusted_is_told(self, tmp_path: Path) -> None:
        """And where a trusted one is named."""
        with running_untrusted(tmp_path) as url, pytest.raises(StoreError) as caught:
            s3(url).get("a")
        assert "certificate is not trusted" in str(caught.value)
        assert "AWS_CA_BUNDLE" in str(caught.value)

    def test_a_server_without_tls_is_told(self) -> None:
        """Where https is said of a server that speaks http."""
        with (
            running_fake_s3(Answers(statuses=(200,))) as url,
            pytest.raises(StoreError, match="the server speaks no TLS"),
        ):
            s3(url.replace("http:", "https:")).get("a")

    def test_silence_ends_by_the_callers_timeout(self) -> None:
        with running_fake_s3(Answers(statuses=(200,), delay=2.0)) as url:
            start = time.monotonic()
            with pytest.raises(StoreError):
                s3(url, client_options={"timeout": "200ms"}).get("a")
            assert time.monotonic() - start < 1.5

    def test_a_long_upload_is_no_silence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing comes down while a body goes up, however long a slow link takes."""
        monkeypatch.setitem(connecting._CLIENT, "read_timeout", "100ms")
        with running_fake_s3(Answers(statuses=(200,), delay=0.4)) as url:
            s3(url).put("large", bytes(2 * 2**20))
            for quick in (lambda: s3(url).get("a"), lambda: s3(url).put("small", b"")):
                with pytest.raises(StoreError, match="no answer within the timeout"):
                    quick()

    def test_retrying_ends_by_the_callers_timeout(self) -> None:
        retry = {"retry_timeout": timedelta(milliseconds=300), "max_retries": 1000}
        start = time.monotonic()
        with pytest.raises(StoreError):
            s3("http://127.0.0.1:1", retry_config=retry).get("a")
        assert time.monotonic() - start < 3

    @pytest.mark.slow
    @pytest.mark.parametrize("verb", ["list", "put"])
    def test_by_default_all_ends_within_15_s(self, verb: str) -> None:
        with running_fake_s3(Answers(statuses=(200,), delay=30.0)) as silent:
            for url in ("http://127.0.0.1:1", silent):
                start = time.monotonic()
                with pytest.raises(StoreError):
                    verbs(s3(url, retry_config={}))[verb]()
                assert time.monotonic() - start < 15


@pytest.mark.servers
class TestRealServers:
    @pytest.fixture(params=["minio", "versitygw"])
    def server(self, request: pytest.FixtureRequest) -> S3Server:
        server: S3Server = request.getfixturevalue(request.param)
        return server

    def test_wrong_keys(self, server: S3Server) -> None:
        for wrong in ("access_key_id", "secret_access_key"):
            options = {**server.options, wrong: "wrong-wrong-wrong"}
            with server.bucket() as bucket:
                store = open_store(server.url(bucket), storage_options=options)
                # versitygw says 404 to an unknown key id, and why only where there is a body.
                assert failures(store, "head") == {(AccessDeniedError, "access-denied")}

    def test_no_keys(self, server: S3Server) -> None:
        options = {"endpoint_url": server.endpoint_url, "anon": True}
        with server.bucket() as bucket:
            store = open_store(server.url(bucket), storage_options=options)
            assert failures(store) == {(AccessDeniedError, "access-denied")}

    def test_no_bucket(self, server: S3Server) -> None:
        store = open_store("s3://no-such-bucket/run", storage_options=server.options)
        assert failures(store, "head") == {(NotFoundError, "bucket-missing")}

    def test_anonymous_reading(self, minio: S3Server, minio_bucket: str) -> None:
        url = minio.url(minio_bucket, "run")
        open_store(url, storage_options=minio.options).put("a", b"123")
        minio.let_everyone_read(minio_bucket)
        options = {"endpoint_url": minio.endpoint_url, "anon": True}
        web = open_store(minio.http_url(minio_bucket, "run"))
        for store in (open_store(url, storage_options=options), web):
            assert bytes(store.get("a")) == b"123"
            assert bytes(store.get_range("a", 1, 9)) == b"23"
            assert bytes(store.get_range("a", 3, 9)) == b""


def test_no_bucket_in_moto(moto_s3: S3Server) -> None:
    store = open_store("s3://no-such-bucket/run", storage_options=moto_s3.options)
    assert failures(store, "head") == {(NotFoundError, "bucket-missing")}
    with pytest.raises(NotFoundError, match="no such bucket; embzarr makes none"):
        list(store.list(""))


def test_keys_that_differ_in_one_place_do_not_meet(moto_s3: S3Server, moto_bucket: str) -> None:
    """A prefix is a whole folder: ``run`` holds nothing of ``run2``."""
    stores = [
        open_store(moto_s3.url(moto_bucket, name), storage_options=moto_s3.options)
        for name in ("run", "run2", "run/x")
    ]
    for store, number in zip(stores, itertools.count(), strict=False):
        store.put("a", bytes(number))
    assert [[item.key for item in store.list("")] for store in stores] == [
        ["a", "x/a"],
        ["a"],
        ["a"],
    ]
