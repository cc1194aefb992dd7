"""Who may read and write, and what is said of it to whom."""

from __future__ import annotations

import datetime as dt
import ipaddress
import logging
import ssl
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from obstore.store import MemoryStore

import embzarr
from embzarr._storage.open import open_store
from embzarr._storage.wrappers.read_only import ReadOnlyStore
from objects.fake_s3 import Answers, running_fake_s3

if TYPE_CHECKING:
    from servers.moto import Moto

VECTORS = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.fixture
def written() -> MemoryStore:
    """A store with a tagged checkpoint."""
    client = MemoryStore()
    embzarr.save(client, ["a", "b", "c"], VECTORS)
    embzarr.Run(client).tag("best")
    return client


class TestReadOnly:
    def test_no_read_writes(self, written: MemoryStore) -> None:
        """Everything that reads works on a store that refuses all writes."""
        store = ReadOnlyStore(open_store(written))
        checkpoint = embzarr.open(store, tag="best")
        run = embzarr.Run(store)

        np.testing.assert_array_equal(checkpoint.to_numpy(), VECTORS)
        assert checkpoint.words == ["a", "b", "c"]
        assert checkpoint.most_similar("a", topn=1)
        assert checkpoint.verify().ok
        assert checkpoint.group()["vectors"].shape == (3, 2)  # type: ignore[union-attr]
        assert [commit.commit for commit in run.commits()] == [1]
        assert run.tags() == {"best": 1}

    @pytest.mark.parametrize(
        "write",
        [
            lambda run: run.tag("new"),
            lambda run: run.save_delta([0], VECTORS[:1]),
            lambda run: run.gc(keep_last=1, older_than=0),
        ],
        ids=["tag", "save_delta", "gc"],
    )
    def test_a_run_opened_to_read_writes_nothing(
        self, written: MemoryStore, write: Callable[[embzarr.Run], object]
    ) -> None:
        """What would write is refused, and the store stays as it was."""
        embzarr.save(written, ["a"], VECTORS[:1])
        embzarr.save(written, ["a"], VECTORS[:1])
        before = _objects(written)

        with pytest.raises(embzarr.UnsupportedError) as caught:
            write(embzarr.Run(written, read_only=True))

        assert caught.value.code == "store-read-only"
        assert _objects(written) == before


def _objects(client: MemoryStore) -> dict[str, bytes]:
    listed = [item["path"] for page in client.list() for item in page]
    return {key: bytes(client.get(key).bytes()) for key in listed}


def test_no_secret_is_stored_logged_or_shown(
    moto_s3: Moto, moto_bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in an object, a log line, a repr or an error, of what worked and what did not."""
    caplog.set_level(logging.DEBUG)
    url, options = moto_s3.url(moto_bucket, "run"), moto_s3.options
    run = embzarr.Run(url, storage_options=options)
    checkpoint = embzarr.save(url, ["a", "b", "c"], VECTORS, storage_options=options)
    with pytest.raises(embzarr.NotFoundError) as missing:
        run.open(step=7)
    nowhere = {**options, "endpoint_url": "http://127.0.0.1:1", "retry_config": {"max_retries": 0}}
    with pytest.raises(embzarr.StoreError) as failed:
        embzarr.open(url, storage_options=nowhere)

    said = [repr(run), repr(checkpoint), repr(checkpoint.info()), repr(checkpoint.traffic)]
    said += [repr(missing.value), repr(failed.value), caplog.text]
    said += [repr(vars(error.value)) for error in (missing, failed)]
    keys = moto_s3.keys(moto_bucket)
    bodies = [moto_s3.client.get_object(Bucket=moto_bucket, Key=key)["Body"].read() for key in keys]
    assert keys
    for secret in (moto_s3.secret_key, moto_s3.access_key):
        assert not [text for text in said if secret in text]
        assert not [body for body in bodies if secret.encode() in body]


def test_uploads_ask_for_no_checksum_that_the_server_need_not_know() -> None:
    """As ``request_checksum_calculation=when_required``: servers that are not AWS refuse others."""
    answers = Answers(statuses=(200,))
    with running_fake_s3(answers) as url:
        store = open_store(
            "s3://bucket/run", storage_options={"endpoint_url": url, "key": "k", "secret": "s"}
        )
        store.put("a", b"1")
        store.create("b", b"1")

    for headers in answers.headers:
        assert not [name for name in headers if "checksum" in name or name == "x-amz-trailer"]
        assert "content-encoding" not in headers  # aws-chunked carries a checksum behind the body


@pytest.fixture
def self_signed(tmp_path: Path) -> Iterator[str]:
    """A web server with a certificate that nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.send_header("Last-Modified", "Sun, 22 Nov 2026 00:00:00 GMT")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


def _options(**client: Any) -> dict[str, Any]:
    return {"retry_config": {"max_retries": 0}, "client_options": client}


def test_a_certificate_that_nobody_vouches_for_is_refused(self_signed: str) -> None:
    """TLS is verified unless the caller says otherwise."""
    with pytest.raises(embzarr.StoreError):
        open_store(self_signed, storage_options=_options()).get("a")
    with pytest.raises(embzarr.StoreError):
        open_store(
            "s3://bucket/run",
            storage_options={"endpoint_url": self_signed, "key": "k", "secret": "s", **_options()},
        ).get("a")

    trusting = open_store(self_signed, storage_options=_options(allow_invalid_certificates=True))

    assert bytes(trusting.get("a")) == b"hello"
