"""Uploads go without a signature of their bytes only where the server compares a CRC-64/NVME."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from crc32c import crc32c as crc32c_of

from embzarr._storage.access import guards
from embzarr._storage.libraries import client
from embzarr._storage.open import open_store
from embzarr.errors import StoreError
from objects.fake_s3 import Answers, running_fake_s3
from servers.minio import Minio

LARGE = bytes(2 * 2**20)
SMALL = bytes(1000)
WRONG = "<Error><Code>XAmzContentChecksumMismatch</Code><Message>no</Message></Error>"
UNSIGNED = "UNSIGNED-PAYLOAD"


def crc64nvme(data: bytes) -> str:
    """Return the CRC-64/NVME as S3 has it, byte by byte (Rocksoft's polynomial, reflected)."""
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0x9A6C9329AC4BC9B5 if value & 1 else 0)
        table.append(value)
    crc = 2**64 - 1
    for byte in data:
        crc = table[crc & 0xFF ^ byte] ^ crc >> 8
    return base64.b64encode((crc ^ 2**64 - 1).to_bytes(8)).decode()


def test_the_checksum_of_these_tests_is_the_one_of_the_catalogue() -> None:
    """Its check value, of Williams' catalogue of parametrised CRCs."""
    assert base64.b64decode(crc64nvme(b"123456789")).hex() == "ae8b14860a799888"


@pytest.fixture(autouse=True)
def _nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(guards, "_found", {})
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    client._shared.clear()
    yield
    client._shared.clear()


def put(answers: Answers, data: bytes, times: int = 1, **options: Any) -> list[str]:
    """Put something at a server that answers so; return how the bytes of each put were signed."""
    with running_fake_s3(answers) as url:
        more = {"key": "k", "secret": "s", "region": "us-east-1", **options}
        store = open_store("s3://bucket/run", storage_options={"endpoint_url": url, **more})
        for number in range(times):
            store.put(f"steps/{number}", data)
    return [
        one.get("x-amz-content-sha256", "asked by a URL that is signed") for one in answers.headers
    ]


def test_a_server_that_refuses_a_wrong_checksum_gets_bytes_unsigned() -> None:
    """It is asked once, for the very key, and only if nothing is there; then it is trusted.

    This one says nothing of a CRC-32C, so that once is enough, too, to send something with it.
    """
    answers = Answers(statuses=(400, 200), body=WRONG)

    signed = put(answers, LARGE, times=2)

    assert signed == [*["asked by a URL that is signed"] * 2, UNSIGNED, UNSIGNED]
    assert answers.asked[0].startswith("PUT /bucket/run/steps/0?X-Amz-")
    assert answers.headers[0]["if-none-match"] == "*"
    assert answers.headers[0]["x-amz-checksum-crc64nvme"] == "AAAAAAAAAAA="
    assert [one["x-amz-checksum-crc64nvme"] for one in answers.headers[2:]] == [
        crc64nvme(LARGE)
    ] * 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, ""),  # stored, and at once overwritten
        (412, "<Error><Code>PreconditionFailed</Code></Error>"),  # something is there
        (403, "<Error><Code>SignatureDoesNotMatch</Code></Error>"),
        (400, "<Error><Code>InvalidRequest</Code></Error>"),
        (400, ""),
        (500, WRONG),
        (None, ""),
    ],
)
def test_any_other_answer_leaves_bytes_signed(status: int | None, body: str) -> None:
    """Whatever it says of the wrong checksum: what is sent is never trusted to nobody."""
    signed = put(Answers(statuses=(status, 200), body=body), LARGE)

    assert len(signed) == 2
    assert len(signed[1]) == 64


def test_small_objects_are_signed_and_no_question_is_asked() -> None:
    """Among them all that makes a commit."""
    assert [len(one) for one in put(Answers(statuses=(200,)), SMALL)] == [64]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"unsigned_payload": False}, 64),
        ({"checksum_algorithm": "SHA256"}, 64),
        ({"unsigned_payload": True}, len(UNSIGNED)),
    ],
)
def test_what_the_caller_says_is_done(options: dict[str, Any], expected: int) -> None:
    """Without a question."""
    assert [len(one) for one in put(Answers(statuses=(200,)), LARGE, **options)] == [expected]


@pytest.mark.parametrize("by_a_variable", [True, False])
def test_what_is_to_be_encrypted_goes_by_the_library(
    monkeypatch: pytest.MonkeyPatch, *, by_a_variable: bool
) -> None:
    """A signed URL says nothing of that, and the server would keep it as it came."""
    options: dict[str, Any] = {}
    if by_a_variable:
        monkeypatch.setenv("AWS_SERVER_SIDE_ENCRYPTION", "AES256")
    else:
        options = {"server_side_encryption": "AES256"}
    answers = Answers(statuses=(400, 200), body=WRONG)

    put(answers, LARGE, **options)

    assert [one.get("x-amz-server-side-encryption") for one in answers.headers] == [None, "AES256"]


@pytest.mark.parametrize(
    "options", [{"allow_http": False}, {"client_options": {"allow_http": False}}]
)
def test_nothing_goes_without_tls_where_the_caller_forbids_that(options: dict[str, Any]) -> None:
    answers = Answers(statuses=(400, 200), body=WRONG)
    with pytest.raises(StoreError):
        put(answers, LARGE, **options)
    assert answers.asked == []


def guard(endpoint: str, *, known: bool = False, **trusted: object) -> guards.Guard:
    def sign(key: str) -> str:
        raise AssertionError(f"{key} is asked for")

    return guards.Guard(endpoint=endpoint, known=known, sign=sign, trusted=trusted)


def test_amazon_over_tls_is_known() -> None:
    """It is not asked."""
    assert guard("https://s3.eu-west-1.amazonaws.com", known=True).holds("key")


@pytest.mark.parametrize(
    ("endpoint", "trusted"),
    [
        ("http://s3.eu-west-1.amazonaws.com", {}),
        ("http://10.0.0.7:9000", {}),
        ("http://127.0.0.1.example.org", {}),
        ("https://s3.eu-west-1.amazonaws.com", {"allow_invalid_certificates": True}),
        ("https://s3.eu-west-1.amazonaws.com", {"proxy_url": "http://10.0.0.1"}),
    ],
)
def test_where_somebody_may_be_on_the_way_bytes_are_signed(
    endpoint: str, trusted: dict[str, object]
) -> None:
    """A checksum keeps out no attacker; no question is asked either."""
    assert not guard(endpoint, known=True, **trusted).holds("key")


def test_a_proxy_of_the_environment_is_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who stands there is not known."""
    monkeypatch.setenv("https_proxy", "http://10.0.0.1")

    assert not guard("https://s3.eu-west-1.amazonaws.com", known=True).holds("key")


@pytest.mark.servers
@pytest.mark.parametrize("by_the_library", [True, False])
def test_minio_is_found_to_compare(
    minio: Minio, minio_bucket: str, *, by_the_library: bool
) -> None:
    """It keeps the checksum that it compared beside the object."""
    # Only the library knows what to do with a caller's wishes.
    wishes = {"client_options": {"user_agent": "ours"}} if by_the_library else {}
    store = open_store(f"s3://{minio_bucket}/run", storage_options={**minio.options, **wishes})
    store.put("large", LARGE)

    assert guards._found == {minio.endpoint_url: True}
    assert bytes(store.get("large")) == LARGE
    s3 = boto3.client(
        "s3",
        endpoint_url=minio.endpoint_url,
        aws_access_key_id=minio.access_key,
        aws_secret_access_key=minio.secret_key,
        region_name="us-east-1",
    )
    head = s3.head_object(Bucket=minio_bucket, Key="run/large", ChecksumMode="ENABLED")
    crc32c = base64.b64encode(crc32c_of(LARGE).to_bytes(4, "big")).decode()
    known = {"ChecksumCRC64NVME": crc64nvme(LARGE), "ChecksumCRC32C": crc32c}
    name = "ChecksumCRC64NVME" if by_the_library else "ChecksumCRC32C"
    assert head[name] == known[name]
