"""What an environment says of S3 is what a boto3 client of the same environment makes of it."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3  # type: ignore[import-untyped]
import pytest
from botocore.awsrequest import AWSResponse  # type: ignore[import-untyped]
from botocore.loaders import create_loader  # type: ignore[import-untyped]
from urllib3 import HTTPResponse

from embzarr._storage import open_store
from embzarr._storage.access.credentials import S3Access, resolve_s3
from embzarr.errors import AccessDeniedError, InvalidInputError, NotFoundError
from objects.places import running

if TYPE_CHECKING:
    from collections.abc import Mapping

BUCKET = "bucket"
LOADER = create_loader()
"""One for all, since it reads what S3 is but once."""
KEYS = {"AWS_ACCESS_KEY_ID": "env-key", "AWS_SECRET_ACCESS_KEY": "env-secret"}
LATER = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
FILE_KEYS = "aws_access_key_id = {0}-key\naws_secret_access_key = {0}-secret\n"
CREDENTIALS = (
    f"[default]\n{FILE_KEYS.format('file')}"
    f"[lab]\n{FILE_KEYS.format('lab')}aws_session_token = lab-token\n"
    f"[west]\n{FILE_KEYS.format('west')}region = us-west-2\n"
)
PROCESS = {
    "Version": 1,
    "AccessKeyId": "process-key",
    "SecretAccessKey": "process-secret",
    "SessionToken": "process-token",
    "Expiration": LATER,
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One environment, and what a caller says beside it."""

    name: str
    env: Mapping[str, str] = field(default_factory=dict)
    config: str = ""
    credentials: str = ""
    profile: str | None = None
    client: Mapping[str, Any] = field(default_factory=dict)
    """What boto3's client is given; our options are spelled alike."""


S3_ONLY = "[services here]\ns3 =\n  endpoint_url = https://s3.lab:9000\n"
CASES = [
    Case(name="keys alone", env=KEYS),
    Case(name="a token", env={**KEYS, "AWS_SESSION_TOKEN": "env-token"}),
    Case(name="a region", env={**KEYS, "AWS_DEFAULT_REGION": "eu-central-1"}),
    Case(name="China", env={**KEYS, "AWS_DEFAULT_REGION": "cn-north-1"}),
    Case(name="the region of the whole world", env={**KEYS, "AWS_DEFAULT_REGION": "aws-global"}),
    Case(name="an endpoint", env={**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9000"}),
    Case(
        name="an endpoint of S3",
        env={**KEYS, "AWS_ENDPOINT_URL": "http://a:1", "AWS_ENDPOINT_URL_S3": "http://b:2"},
    ),
    Case(
        name="all in variables",
        env={
            **KEYS,
            "AWS_SESSION_TOKEN": "env-token",
            "AWS_ENDPOINT_URL": "http://minio.lab:9000/",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-2",
        },
    ),
    Case(
        name="a region of no cloud",
        env={**KEYS, "AWS_ENDPOINT_URL": "https://lab", "AWS_DEFAULT_REGION": "garage"},
    ),
    Case(
        name="the whole world at an endpoint",
        env={**KEYS, "AWS_ENDPOINT_URL": "http://lab", "AWS_DEFAULT_REGION": "aws-global"},
    ),
    Case(
        name="FIPS at an endpoint",
        env={**KEYS, "AWS_ENDPOINT_URL": "http://lab", "AWS_DEFAULT_REGION": "fips-us-east-1"},
    ),
    Case(
        name="an endpoint in capitals",
        env={**KEYS, "AWS_ENDPOINT_URL": "http://LAB", "AWS_DEFAULT_REGION": "US-EAST-1"},
    ),
    Case(
        name="certificates beside an endpoint of the environment",
        env={**KEYS, "AWS_ENDPOINT_URL": "https://lab", "AWS_CA_BUNDLE": "{ca}"},
    ),
    Case(
        name="empty variables",
        env={**KEYS, "AWS_ENDPOINT_URL": "http://lab", "AWS_DEFAULT_REGION": ""},
    ),
    Case(
        name="an endpoint that is said beside keys of the environment",
        env={**KEYS, "AWS_ENDPOINT_URL": "http://lab"},
        client={"endpoint_url": "http://here:9000", "region_name": "r1"},
    ),
    Case(name="an endpoint below a path", env={**KEYS, "AWS_ENDPOINT_URL": "https://lab/s3/"}),
    Case(
        name="an endpoint with a path that goes up and down",
        env={**KEYS, "AWS_ENDPOINT_URL": "http://lab//a/../b"},
    ),
    Case(
        name="a file of nobody's",
        env={**KEYS, "AWS_ENDPOINT_URL": "http://lab", "AWS_CONFIG_FILE": "~no.such.user/config"},
    ),
    Case(
        name="a file that no system can have",
        env={**KEYS, "AWS_ENDPOINT_URL": "http://lab", "AWS_CONFIG_FILE": "x" * 5000},
    ),
    Case(
        name="a variable in the name of a file",
        env={
            **KEYS,
            "AWS_ENDPOINT_URL": "http://lab",
            "AWS_CONFIG_FILE": "${THERE}/CONFIG_FILE",
            "THERE": "{folder}",
        },
        config="[default]\nregion = eu-north-1\n",
    ),
    Case(name="what only obstore reads", env={**KEYS, "AWS_ENDPOINT": "http://elsewhere:1"}),
    Case(
        name="endpoints ignored",
        env={
            **KEYS,
            "AWS_ENDPOINT_URL": "http://a:1",
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        },
    ),
    Case(name="the default profile", credentials=CREDENTIALS),
    Case(name="a profile", credentials=CREDENTIALS, env={"AWS_PROFILE": "lab"}),
    Case(
        name="a profile by its old name",
        credentials=CREDENTIALS,
        env={"AWS_DEFAULT_PROFILE": "lab"},
    ),
    Case(name="a profile said", credentials=CREDENTIALS, profile="lab", env=KEYS),
    Case(name="keys before a profile", credentials=CREDENTIALS, env={**KEYS, "AWS_PROFILE": "lab"}),
    Case(name="a region among the credentials", credentials=CREDENTIALS, profile="west"),
    Case(name="a region of a profile", env=KEYS, config="[default]\nregion = eu-north-1\n"),
    Case(
        name="a region of a profile beside an endpoint",
        env={**KEYS, "AWS_ENDPOINT_URL": "http://minio:9000"},
        config="[default]\nregion = eu-north-1\n",
    ),
    Case(
        name="an endpoint of a profile",
        credentials=CREDENTIALS,
        config="[default]\nendpoint_url = https://lab:9000\n",
    ),
    Case(
        name="services",
        credentials=CREDENTIALS,
        config=f"[default]\nservices = here\n{S3_ONLY}",
    ),
    Case(
        name="services before a profile's endpoint",
        credentials=CREDENTIALS,
        config=f"[profile lab]\nendpoint_url = http://a:1\nservices = here\n{S3_ONLY}",
        profile="lab",
    ),
    Case(
        name="endpoints ignored by a profile",
        credentials=CREDENTIALS,
        config="[default]\nendpoint_url = http://a:1\nignore_configured_endpoint_urls = true\n",
    ),
    Case(
        name="two stacks",
        env=KEYS,
        config="[default]\nregion = eu-west-1\nuse_dualstack_endpoint = true\n",
    ),
    Case(
        name="two stacks by a variable",
        env={**KEYS, "AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_DEFAULT_REGION": "eu-west-1"},
    ),
    Case(
        name="FIPS",
        env={**KEYS, "AWS_USE_FIPS_ENDPOINT": "true", "AWS_DEFAULT_REGION": "us-east-2"},
    ),
    Case(
        name="acceleration",
        env=KEYS,
        config="[default]\ns3 =\n  use_accelerate_endpoint = true\n",
    ),
    Case(name="buckets in paths", env=KEYS, config="[default]\ns3 =\n  addressing_style = path\n"),
    Case(
        name="buckets in hosts of another server",
        env={**KEYS, "AWS_ENDPOINT_URL": "https://oss.example.org"},
        config="[default]\ns3 =\n  addressing_style = virtual\n",
    ),
    Case(name="certificates", env={**KEYS, "AWS_CA_BUNDLE": "{ca}"}),
    Case(name="certificates of a profile", env=KEYS, config="[default]\nca_bundle = {ca}\n"),
    Case(name="certificates of requests", env={**KEYS, "REQUESTS_CA_BUNDLE": "{ca}"}),
    Case(
        name="certificates beside an endpoint that is said",
        env={"AWS_CA_BUNDLE": "{ca}", "AWS_DEFAULT_REGION": "eu-west-3"},
        client={
            "endpoint_url": "https://lab:9000",
            "aws_access_key_id": "said",
            "aws_secret_access_key": "said-secret",
        },
    ),
    Case(
        name="an endpoint of the environment beside keys that are said",
        env={"AWS_ENDPOINT_URL": "http://lab:9000", "AWS_SESSION_TOKEN": "not for these"},
        client={"aws_access_key_id": "said", "aws_secret_access_key": "said-secret"},
    ),
    Case(
        name="a region that is said",
        env={**KEYS, "AWS_DEFAULT_REGION": "eu-west-3"},
        client={"region_name": "sa-east-1"},
    ),
    Case(name="a program", config="[default]\ncredential_process = {process}\n"),
    Case(
        name="keys that expire",
        env={**KEYS, "AWS_SESSION_TOKEN": "t", "AWS_CREDENTIAL_EXPIRATION": LATER},
    ),
    Case(
        name="a profile's source",
        credentials=CREDENTIALS,
        config="[profile other]\nregion = ap-south-1\n",
        env={"AWS_PROFILE": "other", **KEYS},
    ),
]
assert len(CASES) >= 24


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """The environment of a case, set up."""
    found: Case = request.param
    prepare(found, tmp_path, monkeypatch)
    return found


def prepare(case: Case, folder: Path, patch: pytest.MonkeyPatch) -> None:
    ca, process = folder / "ca.pem", folder / "process"
    ca.write_text("-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n")
    process.write_text(f"#!{sys.executable}\nprint({json.dumps(json.dumps(PROCESS))})\n")
    process.chmod(process.stat().st_mode | stat.S_IXUSR)
    for name, text in (("CONFIG_FILE", case.config), ("SHARED_CREDENTIALS_FILE", case.credentials)):
        path = folder / name
        patch.setenv(f"AWS_{name}", str(path))
        if not text:
            continue  # then variables may speak for themselves
        path.write_text(text.replace("{ca}", str(ca)).replace("{process}", str(process)))
    patch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    for name, value in case.env.items():
        patch.setenv(name, value.replace("{ca}", str(ca)).replace("{folder}", str(folder)))


@dataclass(frozen=True, kw_only=True)
class Contact:
    """Whom a client would ask for an object, and as whom."""

    url: str
    region: str
    keys: tuple[str, str, str | None]
    certificates: str | None
    """Text of those that are believed."""


def of_boto3(case: Case) -> Contact:
    session = boto3.Session(profile_name=case.profile)
    session._session.register_component("data_loader", LOADER)
    client = session.client("s3", **case.client)
    urls: list[str] = []

    def answer(request: Any, **_: object) -> Any:
        urls.append(request.url)
        return AWSResponse(request.url, 200, {}, HTTPResponse(io.BytesIO(), preload_content=False))

    client.meta.events.register("before-send.s3", answer)
    client.head_object(Bucket=BUCKET, Key="run/latest.json")
    keys = client._request_signer._credentials.get_frozen_credentials()
    verify = client._endpoint.http_session._verify
    return Contact(
        url=urls[0],
        region=client.meta.region_name,
        keys=(keys.access_key, keys.secret_key, keys.token),
        certificates=Path(verify).read_text() if isinstance(verify, str) else None,
    )


def of_embzarr(access: S3Access) -> Contact:
    assert access.provider is not None
    credential = access.provider()
    endpoint = str(access.config["endpoint"])
    host = endpoint if access.config["virtual_hosted_style_request"] else f"{endpoint}/{BUCKET}"
    certificates = access.client.get("root_certificate")
    assert certificates is None or isinstance(certificates, str)
    return Contact(
        url=f"{host}/run/latest.json",
        region=str(access.config["region"]),
        keys=(
            credential["access_key_id"],
            credential["secret_access_key"],
            credential.get("token"),
        ),
        certificates=certificates,
    )


def options_of(case: Case) -> dict[str, Any]:
    return {**case.client, **({"profile": case.profile} if case.profile else {})}


def test_one_environment_has_one_meaning(case: Case) -> None:
    """The URL of a request, the region and keys that sign it, the certificates: boto3's."""
    assert of_embzarr(resolve_s3(BUCKET, options_of(case))) == of_boto3(case)


@pytest.mark.parametrize(
    ("bucket", "options"),
    [(BUCKET, {"virtual_hosted_style_request": True}), (f"{BUCKET}--use1-az4--x-s3", {})],
)
def test_a_bucket_in_the_host_of_an_endpoint_of_the_environment(
    bucket: str, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is the server's; an endpoint of the options is the bucket's own."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": "http://lab:9000"}.items():
        monkeypatch.setenv(name, value)

    config = resolve_s3(bucket, options).config

    assert config["endpoint"] == f"http://{bucket}.lab:9000"
    assert config["virtual_hosted_style_request"] is True


@pytest.mark.parametrize("endpoint", ["http://a..b", "http://a_b", "http://-a", "http://a:99999"])
def test_an_endpoint_that_boto3_refuses(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": endpoint}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInputError, match=re.escape(endpoint)):
        resolve_s3(BUCKET, {})


@pytest.mark.parametrize(
    "name",
    ["keys alone", "China", "acceleration", "services", "buckets in hosts of another server"],
)
def test_settled_options_reach_the_same_place_from_elsewhere(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a pickle takes along decides endpoint, region and addressing in any environment."""
    case = next(case for case in CASES if case.name == name)
    prepare(case, tmp_path, monkeypatch)
    access = resolve_s3(BUCKET, options_of(case))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://elsewhere:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-gov-west-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", "absent")
    again = resolve_s3(BUCKET, {**access.settled, "key": "k", "secret": "s"})
    names = ("endpoint", "region", "virtual_hosted_style_request")
    assert [again.config[name] for name in names] == [access.config[name] for name in names]


class TestExpiry:
    @pytest.fixture
    def process(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A profile ``timed``, whose program gives what a file beside it holds."""
        case = Case(name="", config="[profile timed]\ncredential_process = {process}\n")
        prepare(case, tmp_path, monkeypatch)
        said = tmp_path / "said.json"
        program = tmp_path / "process"
        program.write_text(f"#!{sys.executable}\nprint(open({str(said)!r}).read())\n")
        return said

    @pytest.mark.parametrize("minutes", [16, 20, 25, 60, 600])
    def test_the_client_is_told_the_true_one(self, process: Path, minutes: int) -> None:
        """Not half an hour from now, whatever the credential is good for."""
        expiry = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=minutes)
        process.write_text(json.dumps({**PROCESS, "Expiration": expiry.isoformat()}))
        provider = resolve_s3(BUCKET, {"profile": "timed"}).provider
        assert provider is not None
        assert provider()["expires_at"] == expiry

    def test_an_expired_one_is_renewed(self, process: Path) -> None:
        """A fresh credential that lies ready is taken, and told with its own expiry."""
        soon = datetime.now(UTC) + timedelta(seconds=30)
        process.write_text(json.dumps({**PROCESS, "Expiration": soon.isoformat()}))
        provider = resolve_s3(BUCKET, {"profile": "timed"}).provider
        assert provider is not None
        process.write_text(json.dumps({**PROCESS, "AccessKeyId": "fresh"}))
        renewed = provider()
        assert renewed["access_key_id"] == "fresh"
        assert renewed["expires_at"] == datetime.fromisoformat(LATER)

    def test_requests_are_signed_by_the_renewed_one(
        self, process: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A store that was opened before asks for a fresh credential in time, on the wire."""
        signed: list[str] = []

        class Listening(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                said = self.headers["Authorization"].partition("Credential=")[2]
                signed.append(said.partition("/")[0])
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's
                """Say nothing."""

        soon = datetime.now(UTC) + timedelta(seconds=30)
        process.write_text(json.dumps({**PROCESS, "Expiration": soon.isoformat()}))
        with running(Listening) as url:
            monkeypatch.setenv("AWS_ENDPOINT_URL", url)
            store = open_store("s3://bucket/run", storage_options={"profile": "timed"})
            with pytest.raises(NotFoundError):
                store.get("latest.json")
            process.write_text(json.dumps({**PROCESS, "AccessKeyId": "fresh"}))
            for _ in range(200):  # obstore asks ten times a second at most
                with pytest.raises(NotFoundError):
                    store.get("latest.json")
                if signed[-1] == "fresh":
                    break
                time.sleep(0.01)
        assert (signed[0], signed[-1]) == ("process-key", "fresh")

    def test_one_that_cannot_be_renewed_is_not_used(self, process: Path) -> None:
        """Where what the program gives has expired, no request is sent with it."""
        past = datetime.now(UTC) - timedelta(minutes=1)
        process.write_text(json.dumps({**PROCESS, "Expiration": past.isoformat()}))
        with pytest.raises(AccessDeniedError):
            resolve_s3(BUCKET, {"profile": "timed"})

    def test_keys_of_the_environment_that_have_expired_are_not_used(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What exports them tells until when they are good."""
        past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
        case = Case(name="", env={**KEYS, "AWS_CREDENTIAL_EXPIRATION": past})
        prepare(case, tmp_path, monkeypatch)
        with pytest.raises(AccessDeniedError):
            resolve_s3(BUCKET, {})

    def test_keys_without_one_are_asked_for_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As boto3 does."""
        prepare(Case(name="", env=KEYS), tmp_path, monkeypatch)
        provider = resolve_s3(BUCKET, {}).provider
        assert provider is not None
        assert provider().get("expires_at") is None


def test_options_that_say_all_spare_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is imported, and no file is read, to open a store whose options say where and who."""

    def refuse(_: object) -> None:
        pytest.fail("botocore was asked")

    monkeypatch.setattr("embzarr._storage.access.credentials.ask", refuse)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "not looked at where there is no TLS")
    keys = {"key": "k", "secret": "s"}
    said = resolve_s3(BUCKET, {**keys, "endpoint_url": "http://127.0.0.1:9000"})
    assert urlsplit(str(said.config["endpoint"])).port == 9000
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    said = resolve_s3(BUCKET, {**keys, "endpoint_url": "http://lab:9000", "region": "x"})
    assert said.config["region"] == "x"


@pytest.mark.parametrize("verify", [True, False, "file"])
def test_verify_is_spelled_as_in_boto3(
    verify: bool | str,  # noqa: FBT001 - as boto3 has it
    tmp_path: Path,
) -> None:
    """A file of certificates to believe, or none to believe any."""
    path = tmp_path / "ca.pem"
    path.write_text("certificates")
    options = {"key": "k", "secret": "s", "endpoint_url": "https://lab:1", "region": "x"}
    given = str(path) if verify == "file" else verify
    client = resolve_s3(BUCKET, {**options, "verify": given}).client
    expected: dict[object, Mapping[str, object]] = {
        True: {},
        False: {"allow_invalid_certificates": True},
        "file": {"root_certificate": "certificates"},
    }
    assert client == expected[verify]


def test_boto3_need_not_be_there() -> None:
    """Installing s3fs later takes another botocore, which a boto3 that is there may not fit."""
    program = (
        "import sys; sys.modules['boto3'] = None;"
        "from embzarr._storage import open_store; print(open_store('s3://bucket/run').url)"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **KEYS},
    )
    assert done.stdout.strip() == "s3://bucket/run"
