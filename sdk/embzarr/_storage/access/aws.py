"""Asks botocore where a bucket is and who asks, as a boto3 client of this environment would.

Everything that decides is botocore's: environment, ``~/.aws``, profiles, ``services`` sections,
SSO, roles, web identity, containers, instance metadata, addressing, FIPS and dual-stack endpoints.
It is imported when the first store needs it (0.3 s), and so is what it knows of S3 (0.15 s).
"""

from __future__ import annotations

import functools
import io
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote, urlsplit

from embzarr._storage.libraries import deadline
from embzarr.errors import AccessDeniedError, EmbzarrError, InvalidInputError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from obstore.store import S3Credential

Provider: TypeAlias = "Callable[[], S3Credential]"

FILES = {
    "AWS_CONFIG_FILE": "~/.aws/config",
    "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
}
"""Variables that name them, and where they are else."""
_LASTING = {"config-file", "env", "shared-credentials-file"}
"""Where botocore finds credentials that are good until the environment or a file changes."""
_MOST_KEPT = 32
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_REGION_SECONDS = 4.0
"""What the name of a region may take, which only an error message waits for."""
_KEY = "key"
"""Of the request that is made and never sent, to see where it would go."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Asked:
    """What a caller said, which comes before what the environment says."""

    bucket: str
    profile: str | None = None
    endpoint: str | None = None
    region: str | None = None
    virtual: bool | None = None
    """Whether the bucket's name stands in the host's."""
    signs: bool = True
    """Whether credentials are to be found."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answer:
    """Where requests for a bucket go, and how they are let in."""

    endpoint: str
    """Of the server; of the bucket if `virtual`."""
    virtual: bool
    region: str
    ca_bundle: str | None
    """File of the certificates to believe, beside those of the system."""
    provider: Provider | None


@dataclass(frozen=True, slots=True, repr=False)
class Given:
    """Gives the same credentials for ever; equal if they are, and shows nothing of them."""

    key: str
    secret: str
    token: str | None

    def __call__(self) -> S3Credential:
        """Return them."""
        return {
            "access_key_id": self.key,
            "secret_access_key": self.secret,
            "token": self.token,
            "expires_at": None,
        }


_kept: dict[object, Answer] = {}
"""What botocore found before, which takes it 20 ms, by all that decided it."""


def ask(asked: Asked) -> Answer:
    """Ask botocore, for no longer than a request may take.

    Not again as long as neither the environment nor a file of its changes, where that is all that
    it goes by: what else it finds credentials from is asked for each store.

    Raises:
        AccessDeniedError: code ``access-denied``: no credentials are found, or not in time.
        InvalidInputError: code ``input-argument``: no such profile, no name of a bucket, or what
            else botocore refuses.
    """
    decided = (asked, frozenset(os.environ.items()), *map(state_of, FILES.items()))
    if decided in _kept:
        return _kept[decided]
    try:
        answer = deadline.within(deadline.LITTLE_SECONDS, lambda: _ask(asked))
    except StoreError as exc:
        raise denied(exc.args[0]) from None
    if answer.provider is None or isinstance(answer.provider, Given):
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[decided] = answer
    return answer


def state_of(file: tuple[str, str]) -> tuple[int, ...] | None:
    """Return what is another one when a file is, by the variable that names it and its place.

    None where there is none, or none that can be reached.
    """
    name, path = file
    try:
        found = Path(os.path.expandvars(os.environ.get(name) or path)).expanduser().stat()
    except (OSError, RuntimeError, ValueError):
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)


def _ask(asked: Asked) -> Answer:
    from botocore.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import
        BotoCoreError,
        ProfileNotFound,
    )

    try:
        session = _session(asked.profile)
        provider = _provider(session) if asked.signs else None
        url, region = _destination(session, asked)
        ca_bundle = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
    except ProfileNotFound as exc:
        raise denied(str(exc)) from exc
    except (BotoCoreError, ValueError) as exc:
        message = f"what boto3 makes of this environment for s3://{asked.bucket}: {exc}"
        raise InvalidInputError("input-argument", message) from exc
    endpoint, virtual = _taken_apart(url, asked.bucket)
    return Answer(
        endpoint=endpoint, virtual=virtual, region=region, ca_bundle=ca_bundle, provider=provider
    )


def _session(profile: str | None) -> Any:  # noqa: ANN401 - botocore has no types
    import botocore.session  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import

    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    return session


@functools.cache
def _loader(path: str | None) -> object:
    """Return what holds the descriptions of services, which take long to read, for all sessions."""
    from botocore.loaders import (  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import
        create_loader,
    )

    return create_loader(path)


# Where --------------------------------------------------------------------------------------------
def _destination(session: Any, asked: Asked) -> tuple[str, str]:  # noqa: ANN401 - no types
    """Return the URL of a request of boto3's for an object of the bucket, and the region."""
    from botocore import UNSIGNED  # noqa: PLC0415 - slow to import
    from botocore.config import (  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import
        Config,
    )

    style = None if asked.virtual is None else "virtual" if asked.virtual else "path"
    addressing = {} if style is None else {"s3": {"addressing_style": style}}
    client = session.create_client(
        "s3",
        # botocore alone of Amazon's libraries does not read AWS_REGION, and asks a bucket for its
        # region instead.
        region_name=asked.region or _region(session),
        endpoint_url=asked.endpoint,
        config=Config(signature_version=UNSIGNED, **addressing),
    )
    return _captured(client, asked.bucket), client.meta.region_name


def _region(session: Any) -> str | None:  # noqa: ANN401 - no types
    return session.get_config_variable("region") or os.environ.get("AWS_REGION") or None


def _captured(client: Any, bucket: str) -> str:  # noqa: ANN401 - no types
    from botocore.awsrequest import (  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import
        AWSResponse,
    )
    from urllib3 import HTTPResponse  # noqa: PLC0415 - botocore's

    urls: list[str] = []

    def answer(request: Any, **_: object) -> AWSResponse:  # noqa: ANN401 - no types
        urls.append(request.url)
        return AWSResponse(request.url, 200, {}, HTTPResponse(io.BytesIO(), preload_content=False))

    client.meta.events.register("before-send.s3", answer)
    client.head_object(Bucket=bucket, Key=_KEY)
    return urls[-1]


def _taken_apart(url: str, bucket: str) -> tuple[str, bool]:
    """Return the endpoint, and whether the bucket is in the host's name."""
    parts = urlsplit(url)
    path = unquote(parts.path).removesuffix(f"/{_KEY}")
    in_path = path == f"/{bucket}" or path.endswith(f"/{bucket}")
    base = path.removesuffix(f"/{bucket}") if in_path else path
    return f"{parts.scheme}://{parts.netloc}{base}", not in_path


def region_of(endpoint: str, bucket: str) -> str | None:
    """Return the region that a server says a bucket is in; None where it says none.

    S3 tells it to anybody, with whatever else it answers.

    Args:
        endpoint: of the server, or of the bucket.
        bucket: its name; empty where the endpoint is its own.
    """
    try:
        told = deadline.within(_REGION_SECONDS, lambda: _told_region(endpoint, bucket))
    except (HTTPException, OSError):
        return None
    return told if told and _REGION.fullmatch(told) else None


def _told_region(endpoint: str, bucket: str) -> str | None:
    parts = urlsplit(endpoint)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.netloc, timeout=_REGION_SECONDS)
    try:
        connection.request("HEAD", f"{parts.path}/{bucket}")
        return connection.getresponse().getheader("x-amz-bucket-region")
    finally:
        connection.close()


# Who ----------------------------------------------------------------------------------------------
def _provider(session: Any) -> Provider:  # noqa: ANN401 - botocore has no types
    """Return what gives the credentials that are found; they are had once, to see that they can."""
    try:
        credentials = session.get_credentials()
        if _lasts(credentials):
            frozen = credentials.get_frozen_credentials()
            return Given(frozen.access_key, frozen.secret_key, frozen.token)
        provider = None if credentials is None else Credentials(credentials)
        if provider is not None:
            provider()  # now, where the error can be told, and not inside of the first request
            return provider
        found = "none were found"
    except EmbzarrError:
        raise
    except Exception as exc:  # noqa: BLE001 - what botocore makes of a server's odd answer
        # Its text may quote what a credential process said.
        found = type(exc).__name__
    raise denied(found)


def _lasts(credentials: Any) -> bool:  # noqa: ANN401 - botocore has no types
    """Tell whether credentials are good as long as what they were found in says so."""
    return getattr(credentials, "method", "") in _LASTING and not hasattr(
        credentials, "refresh_needed"
    )


def denied(found: str) -> AccessDeniedError:
    """Return the error that says why there are no credentials, and how to give some."""
    hint = 'storage_options={"key": ..., "secret": ...}, {"profile": ...} or {"anon": True}'
    return AccessDeniedError("access-denied", f"S3 credentials: {found}; give {hint}")


class Credentials:
    """Gives what botocore has, fresh where it was to expire, and tells until when it is good.

    It fails soon where a metadata server never ends its answer.
    """

    def __init__(self, credentials: Any) -> None:  # noqa: ANN401 - botocore has no types
        """Keep botocore's credentials, which look for fresh ones by themselves."""
        self._credentials = credentials

    def __call__(self) -> S3Credential:
        """Return credentials that have not expired.

        Raises:
            AccessDeniedError: code ``access-denied``: fresh ones could not be had.
        """
        try:
            return deadline.within(deadline.LITTLE_SECONDS, self._frozen)
        except EmbzarrError as exc:
            raise denied(exc.args[0]) from None
        except Exception as exc:  # noqa: BLE001 - what botocore makes of a server's odd answer
            raise denied(f"expired, and not renewed: {type(exc).__name__}") from None

    def _frozen(self) -> S3Credential:
        frozen = self._credentials.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": self._expiry(),
        }

    def _expiry(self) -> datetime | None:
        """Return until when what was given is good; None for ever.

        Where botocore no longer says, it counts as expired: it is then asked for each request.
        """
        if not hasattr(self._credentials, "refresh_needed"):
            return None
        told = getattr(self._credentials, "_expiry_time", None)
        # obstore takes no other time zone.
        return told.astimezone(UTC) if isinstance(told, datetime) else datetime.now(UTC)
