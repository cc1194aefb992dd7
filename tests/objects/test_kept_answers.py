"""What botocore found is kept as long as nothing that it went by has changed, and no longer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from embzarr._storage.access import aws
from embzarr._storage.access.aws import Asked
from embzarr._storage.libraries import client
from embzarr._storage.open import open_store

ASKED = Asked(bucket="shelf", endpoint="http://127.0.0.1:9")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[Asked]]:
    """Return a list of what botocore is asked from here on, in an empty home."""
    found: list[Asked] = []
    ask = aws._ask

    def noting(one: Asked) -> aws.Answer:
        found.append(one)
        return ask(one)

    monkeypatch.setattr(aws, "_ask", noting)
    monkeypatch.setattr(aws, "_kept", {})
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client._shared.clear()
    yield found
    client._shared.clear()


def keys_of(answer: aws.Answer) -> str:
    assert answer.provider is not None
    return answer.provider()["access_key_id"]


def test_keys_of_the_environment_are_looked_for_once(
    asked: list[Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until another one is there."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "first")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert [keys_of(aws.ask(ASKED)) for _ in range(3)] == ["first"] * 3
    assert len(asked) == 1

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "second")
    assert keys_of(aws.ask(ASKED)) == "second"
    assert len(asked) == 2


@pytest.mark.parametrize("name", ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"])
def test_keys_of_a_file_are_read_anew_once_it_has_changed(
    asked: list[Asked], name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a job does that writes fresh ones there."""
    file = tmp_path / "keys"
    monkeypatch.setenv(name, str(file))
    for number in range(3):
        file.write_text(f"[default]\naws_access_key_id=k{number}\naws_secret_access_key=s\n")
        assert [keys_of(aws.ask(ASKED)) for _ in range(2)] == [f"k{number}"] * 2
    assert len(asked) == 3


def test_keys_that_expire_are_asked_for_each_store(
    asked: list[Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who gives them may have fresh ones."""
    later = datetime.now(UTC) + timedelta(hours=1)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "first")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", later.isoformat())

    for _ in range(2):
        aws.ask(ASKED)

    assert len(asked) == 2


def test_another_bucket_is_another_question(
    asked: list[Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address may be another."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "first")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    for bucket in ("one", "two", "one"):
        aws.ask(Asked(bucket=bucket, endpoint="http://127.0.0.1:9"))

    assert [one.bucket for one in asked] == ["one", "two"]


@pytest.mark.usefixtures("asked")
def test_stores_with_keys_of_the_environment_share_a_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As those do whose options hold the same keys."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "first")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    options = {"endpoint_url": "http://127.0.0.1:9"}

    first, again = (open_store("s3://shelf/run", storage_options=options) for _ in range(2))

    assert again.native is first.native
