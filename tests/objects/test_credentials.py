"""S3 options and credentials: which source wins, and what each is called."""

from __future__ import annotations

import time
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest

from embzarr._storage import open_store
from embzarr._storage.access.credentials import S3Access, resolve_s3
from embzarr._storage.libraries import deadline
from embzarr.errors import AccessDeniedError
from faults.scripted_server import running_scripted_server
from objects.places import running

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from servers.s3 import S3Server

KEYED = (
    '{{"AccessKeyId": "CANARY-KEY", "SecretAccessKey": "CANARY-SECRET", "Token": "CANARY-TOKEN",'
    ' "Expiration": {expiry}}}'
)
KEYS = {"key": "options-key", "secret": "options-secret"}


def resolved(options: Mapping[str, object]) -> S3Access:
    return resolve_s3("bucket", options)


def found(**options: object) -> tuple[str, str, str | None]:
    provider = resolved(options).provider
    assert provider is not None
    credential = provider()
    return credential["access_key_id"], credential["secret_access_key"], credential.get("token")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Keys in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "env-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "env-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "env-token")
    return monkeypatch


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An ``~/.aws`` with two profiles."""
    credentials = tmp_path / "credentials"
    credentials.write_text(
        "[default]\naws_access_key_id = file-key\naws_secret_access_key = file-secret\n"
        "[lab]\naws_access_key_id = lab-key\naws_secret_access_key = lab-secret\n"
    )
    config = tmp_path / "config"
    config.write_text(
        "[default]\nregion = eu-north-1\n"
        "[profile lab]\nregion = eu-west-3\nendpoint_url = https://lab.example.org\n"
        "[profile broken]\ncredential_process = /nonexistent/CANARY\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    return monkeypatch


class TestKeys:
    @pytest.mark.parametrize(
        "spelling",
        [
            ("key", "secret", "token"),
            ("access_key_id", "secret_access_key", "session_token"),
            ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
        ],
        ids=["fsspec", "obstore", "boto3"],
    )
    def test_options_in_any_spelling(self, spelling: tuple[str, str, str]) -> None:
        values = ("k", "s", "t")
        assert found(**dict(zip(spelling, values, strict=True))) == values

    def test_options_take_no_token_from_the_environment(
        self, environment: pytest.MonkeyPatch
    ) -> None:
        del environment
        assert found(**KEYS) == ("options-key", "options-secret", None)

    def test_the_environment(
        self, environment: pytest.MonkeyPatch, files: pytest.MonkeyPatch
    ) -> None:
        del environment, files
        assert found() == ("env-key", "env-secret", "env-token")

    def test_the_default_profile(self, files: pytest.MonkeyPatch) -> None:
        del files
        assert found() == ("file-key", "file-secret", None)

    def test_a_profile_of_the_options_comes_before_the_environment(
        self, environment: pytest.MonkeyPatch, files: pytest.MonkeyPatch
    ) -> None:
        del environment, files
        assert found(profile="lab") == ("lab-key", "lab-secret", None)

    def test_a_profile_of_the_environment_comes_after_its_keys(
        self, environment: pytest.MonkeyPatch, files: pytest.MonkeyPatch
    ) -> None:
        files.setenv("AWS_PROFILE", "lab")
        assert found()[0] == "env-key"
        environment.delenv("AWS_ACCESS_KEY_ID")
        assert found()[0] == "lab-key"

    @pytest.mark.parametrize("spelling", ["anon", "skip_signature", "aws_skip_signature"])
    def test_anonymous(self, spelling: str) -> None:
        access = resolved({spelling: True})
        assert access.provider is None
        assert access.config["skip_signature"] is True

    @pytest.mark.parametrize("options", [{}, {"profile": "absent"}, {"profile": "broken"}])
    def test_none_to_be_had_is_access_denied(
        self, files: pytest.MonkeyPatch, tmp_path: Path, options: dict[str, Any]
    ) -> None:
        files.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "absent"))
        with pytest.raises(AccessDeniedError) as caught:
            resolved(options)
        assert caught.value.code == "access-denied"
        assert "CANARY" not in f"{caught.value!r}{caught.value.__context__!r}"


class TestPlace:
    @pytest.mark.parametrize(
        "option", ["endpoint_url", "endpoint", "aws_endpoint_url", "aws_endpoint"]
    )
    def test_endpoint_by_option(self, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://elsewhere:1")
        config = resolved({**KEYS, option: "http://127.0.0.1:9000/"}).config
        assert {config["endpoint"], config["aws_endpoint_url_s3"]} == {"http://127.0.0.1:9000"}

    def test_endpoint_by_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://general:1")
        assert resolved(KEYS).config["endpoint"] == "http://general:1"
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://special:1")
        assert resolved(KEYS).config["endpoint"] == "http://special:1"

    def test_endpoint_and_region_by_profile(self, files: pytest.MonkeyPatch) -> None:
        del files
        config = resolved({"profile": "lab"}).config
        assert config["endpoint"] == "https://lab.example.org"
        assert config["region"] == "eu-west-3"

    def test_no_endpoint_is_aws(self) -> None:
        assert resolved(KEYS).config["endpoint"] == "https://bucket.s3.amazonaws.com"

    def test_region(self, files: pytest.MonkeyPatch) -> None:
        assert resolved(KEYS).config["region"] == "eu-north-1"
        files.setenv("AWS_DEFAULT_REGION", "eu-south-1")
        assert resolved(KEYS).config["region"] == "eu-south-1"
        for option in ("region", "region_name", "aws_region", "default_region"):
            assert resolved({**KEYS, option: "sa-east-1"}).config["region"] == "sa-east-1"

    def test_region_of_all_libraries_but_boto3(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What the other AWS libraries read counts where boto3 finds none and asks the bucket."""
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        assert resolved(KEYS).config["region"] == "eu-west-1"
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-south-1")
        assert resolved(KEYS).config["region"] == "eu-south-1"

    def test_region_when_nothing_says(self) -> None:
        assert resolved(KEYS).config["region"] == "us-east-1"

    def test_further_options_are_passed_on(self) -> None:
        config = resolved({**KEYS, "virtual_hosted_style_request": True}).config
        assert config["virtual_hosted_style_request"] is True

    def test_every_key_is_known_as_a_secret(self) -> None:
        access = resolved({**KEYS, "token": "options-token"})
        assert set(access.secrets) == {*KEYS.values(), "options-token"}
        assert not any(secret in str(access.config) for secret in access.secrets)


def test_a_store_opened_by_the_environment_alone(
    moto_s3: S3Server, moto_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in moto_s3.environment.items():
        monkeypatch.setenv(name, value)
    open_store(f"s3://{moto_bucket}/run").put("a", b"1")
    assert moto_s3.keys(moto_bucket) == ["run/a"]


def test_an_endpoint_of_the_options_wins_on_the_wire(
    moto_s3: S3Server, moto_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    open_store(f"s3://{moto_bucket}/run", storage_options=moto_s3.options).put("a", b"1")
    assert moto_s3.keys(moto_bucket) == ["run/a"]


class Saying(BaseHTTPRequestHandler):
    def __init__(self, said: bytes, *connection: Any) -> None:
        self.said = said
        super().__init__(*connection)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.said)))
        self.end_headers()
        self.wfile.write(self.said)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


ODD = {
    "nothing": "",
    "no JSON": "<html>",
    "another type": "[1]",
    "no keys": "{}",
    "keys of another type": '{"AccessKeyId": 1, "SecretAccessKey": [], "Expiration": {}}',
    "an expiry in words": KEYED.format(expiry='"when hell freezes"'),
    "an expiry that no calendar has": KEYED.format(expiry='"99999-99-99T00:00:00Z"'),
    "an expiry without end": KEYED.format(expiry=f'"{"9" * 5000}"'),
    "an expiry long ago": KEYED.format(expiry='"1970-01-01T00:00:00Z"'),
}


class TestMetadataServers:
    """Servers that botocore asks for credentials."""

    @pytest.fixture(autouse=True)
    def _soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(deadline, "LITTLE_SECONDS", 0.5)

    @pytest.mark.parametrize("said", ODD.values(), ids=ODD.keys())
    def test_odd_answers_are_denials(self, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever botocore makes of them, and without repeating what was said."""
        with running(partial(Saying, said.encode())) as url:
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/x")
            with pytest.raises(AccessDeniedError) as caught:
                open_store("s3://bucket/run")
        assert caught.value.code == "access-denied"
        assert "CANARY" not in str(caught.value)

    @pytest.mark.parametrize("how", ["trickle-body", "trickle-headers", "silence"])
    def test_one_that_does_not_end_is_not_waited_for(
        self, how: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A byte now and then keeps botocore waiting for ever, but not us."""
        with running_scripted_server() as url:
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/{how}/x")
            begun = time.monotonic()
            with pytest.raises(AccessDeniedError):
                open_store("s3://bucket/run")
            assert time.monotonic() - begun < 20

    def test_keys_that_are_there_are_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same server, when it says what it should."""
        monkeypatch.setattr(deadline, "LITTLE_SECONDS", 20.0)
        said = KEYED.format(expiry='"2999-01-01T00:00:00Z"').encode()
        with running(partial(Saying, said)) as url:
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/x")
            assert found() == ("CANARY-KEY", "CANARY-SECRET", "CANARY-TOKEN")
