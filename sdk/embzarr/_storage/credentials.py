"""S3 options and credentials: two libraries' spellings, the environment, and boto3's chain.

Precedence: options, then an option ``profile``, then the environment, then what botocore finds
(``~/.aws``, SSO, assumed roles, web identity, containers, instance metadata). botocore is
imported only for the last, since that takes longer than opening a store does.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from embzarr._storage import deadline
from embzarr.errors import AccessDeniedError, InvalidInputError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import botocore.session  # type: ignore[import-untyped]  # botocore has no types
    from obstore.store import S3Credential

Provider: TypeAlias = "Callable[[], S3Credential]"

_DEFAULT_REGION = "us-east-1"
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
"""The first that is set counts."""

# fsspec's (s3fs), obstore's and boto3's names for the same thing.
_SPELLINGS = {
    "endpoint": ("endpoint_url", "endpoint", "aws_endpoint_url", "aws_endpoint"),
    "region": ("region", "region_name", "aws_region", "default_region", "aws_default_region"),
    "access_key_id": ("key", "access_key_id", "aws_access_key_id"),
    "secret_access_key": ("secret", "secret_access_key", "aws_secret_access_key"),
    "session_token": ("token", "session_token", "aws_session_token"),
    "profile": ("profile", "profile_name", "aws_profile"),
    "skip_signature": ("anon", "skip_signature", "aws_skip_signature"),
}
_PASSED_ON = (
    "checksum_algorithm",
    "disable_tagging",
    "request_payer",
    "s3_express",
    "server_side_encryption",
    "sse_bucket_key_enabled",
    "sse_customer_key_base64",
    "sse_kms_key_id",
    "unsigned_payload",
    "virtual_hosted_style_request",
)
S3_OPTIONS = tuple(
    sorted({*_PASSED_ON, *(name for names in _SPELLINGS.values() for name in names)})
)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Access:
    """How to reach a bucket: what obstore's ``S3Store`` is built from."""

    config: Mapping[str, str | bool]
    """obstore's configuration; no credentials in it."""
    provider: Provider | None
    """Gives the credentials; None for unsigned requests."""
    secrets: tuple[str, ...]
    """What must never be printed."""
    settled: Mapping[str, object]
    """Options that reach the same bucket, whatever the environment says by then."""

    @property
    def key_id(self) -> str:
        """Which key signs requests: its name, which is no secret; empty where none does."""
        return self.secrets[0] if self.secrets else ""


@dataclass(frozen=True, slots=True, repr=False)
class _Given:
    """Gives the same credentials for ever; can be pickled, and shows nothing of them."""

    credential: S3Credential

    def __call__(self) -> S3Credential:
        return self.credential


@dataclass(frozen=True, slots=True, repr=False)
class _InTime:
    """Gives what another gives, or fails soon: a metadata server may never end its answer."""

    provider: Provider

    def __call__(self) -> S3Credential:
        return deadline.within(deadline.LITTLE_SECONDS, self.provider)


def resolve_s3(options: Mapping[str, object]) -> S3Access:
    """Decide endpoint, region and credentials from options, environment and botocore.

    Raises:
        InvalidInputError: an option is given twice, or is no text where one is needed.
        AccessDeniedError: there are no credentials, or they could not be had.
    """
    known = _one_spelling(options)
    settled = dict(known)
    anonymous = bool(known.pop("skip_signature", False))
    profile = _text(known, "profile")
    given = _given_credentials(known, use_environment=profile is None)
    needed = _needs_botocore(known, profile=profile, anonymous=anonymous, given=given is not None)
    session = _session(profile) if needed else None
    region = _text(known, "region") or _environment("AWS_REGION", "AWS_DEFAULT_REGION")
    config: dict[str, str | bool] = {
        # Said outright, since obstore would otherwise take these from the environment.
        "region": region or _configured(session, "region") or _DEFAULT_REGION,
        "skip_signature": anonymous,
        "conditional_put": "etag",
        # One DELETE asks for no checksum header, and every S3-like server has it.
        "disable_bulk_delete": True,
    }
    if endpoint := _endpoint(known, session):
        config["endpoint"] = endpoint
        if os.environ.get("AWS_ENDPOINT_URL_S3"):
            # obstore would let this variable win. Only then, since its store cannot be pickled
            # with this setting (obstore 0.12).
            config["aws_endpoint_url_s3"] = endpoint
    config.update({name: _plain(name, value) for name, value in known.items()})
    provider = None if anonymous else _provider(given, session)
    settled |= {"region": config["region"], "endpoint": endpoint} | _options_of(given)
    return S3Access(config=config, provider=provider, secrets=_secrets(provider), settled=settled)


def _options_of(given: S3Credential | None) -> dict[str, object]:
    if given is None:
        return {}
    key, secret, token = given["access_key_id"], given["secret_access_key"], given.get("token")
    return {"access_key_id": key, "secret_access_key": secret, "session_token": token}


def _one_spelling(options: Mapping[str, object]) -> dict[str, object]:
    canonical = {spelling: name for name, names in _SPELLINGS.items() for spelling in names}
    known: dict[str, object] = {}
    for option, value in options.items():
        name = canonical.get(option, option)
        if name in known and known[name] != value:
            raise InvalidInputError("input-argument", f"storage option {option!r} is given twice")
        if value is not None:
            known[name] = value
    return known


def _text(known: dict[str, object], name: str) -> str | None:
    value = known.pop(name, None)
    if value is not None and not isinstance(value, str):
        raise InvalidInputError("input-argument", f"storage option {name!r} is not a str")
    return value or None


def _plain(name: str, value: object) -> str | bool:
    if isinstance(value, (str, bool)):
        return value
    raise InvalidInputError("input-argument", f"storage option {name!r} is neither str nor bool")


def _environment(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def endpoint_of_environment() -> str | None:
    """Return the server that obstore takes from the environment where it is told of none."""
    return _environment(*_ENDPOINT_VARIABLES)


def _given_credentials(known: dict[str, object], *, use_environment: bool) -> S3Credential | None:
    """Return keys that stand in the options, else in the environment: never one of each.

    A session token left in the environment would spoil the signature of a key from the options.
    """
    names = ("access_key_id", "secret_access_key", "session_token")
    key, secret, token = (_text(known, name) for name in names)
    if bool(key) != bool(secret):
        raise InvalidInputError("input-argument", "storage options hold one of key and secret only")
    if not key and use_environment:
        key, secret = (os.environ.get(f"AWS_{name.upper()}") for name in names[:2])
        token = _environment("AWS_SESSION_TOKEN")
    if not key or not secret:
        return None
    return {"access_key_id": key, "secret_access_key": secret, "token": token, "expires_at": None}


def _needs_botocore(
    known: Mapping[str, object], *, profile: str | None, anonymous: bool, given: bool
) -> bool:
    if profile is not None or not (given or anonymous):
        return True
    # With keys at hand, botocore's files can still name the region of a bucket on AWS.
    placed = ("AWS_REGION", "AWS_DEFAULT_REGION", *_ENDPOINT_VARIABLES)
    if "region" in known or "endpoint" in known or _environment(*placed):
        return False
    return Path(os.environ.get("AWS_CONFIG_FILE", "~/.aws/config")).expanduser().is_file()


def _endpoint(known: dict[str, object], session: botocore.session.Session | None) -> str | None:
    """Return where the server is; None is AWS itself."""
    endpoint = (
        _text(known, "endpoint")
        or _environment(*_ENDPOINT_VARIABLES)
        or _configured(session, "endpoint_url")
    )
    if endpoint is None:
        return None
    if not endpoint.startswith(("http://", "https://")) or "@" in endpoint or "?" in endpoint:
        wanted = "http://host:port or https://host, without user and query"
        raise InvalidInputError("input-argument", f"storage option 'endpoint_url' is not {wanted}")
    return endpoint.rstrip("/")


def _session(profile: str | None) -> botocore.session.Session:
    # Heavy (0.2 s), and of no use to whoever has no S3 or has keys at hand.
    import botocore.session  # noqa: PLC0415

    return botocore.session.Session(profile=profile)


def _configured(session: botocore.session.Session | None, name: str) -> str | None:
    if session is None:
        return None
    from botocore.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415 - see _session
        BotoCoreError,
    )

    try:
        value = session.get_scoped_config().get(name)
    except BotoCoreError as exc:
        raise AccessDeniedError("access-denied", f"AWS configuration: {exc}") from exc
    return value if isinstance(value, str) else None


def _provider(given: S3Credential | None, session: botocore.session.Session | None) -> Provider:
    if given is not None:
        # Given as a provider, since obstore would otherwise add a token of the environment.
        return _Given(given)
    try:
        provider = deadline.within(deadline.LITTLE_SECONDS, partial(_found_by, session))
        if provider is not None:
            return provider
        found = "none were found"
    except StoreError as exc:
        found = exc.args[0]
    except Exception as exc:  # noqa: BLE001 - what botocore makes of a server's odd answer
        # Its text may quote what a credential process said.
        found = type(exc).__name__
    hint = 'storage_options={"key": ..., "secret": ...}, {"profile": ...} or {"anon": True}'
    raise AccessDeniedError("access-denied", f"S3 credentials: {found}; give {hint}")


def _found_by(session: botocore.session.Session | None) -> Provider | None:
    """Return what gives the credentials that botocore finds."""
    from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415 - imports boto3

    if session is None or session.get_credentials() is None:
        return None
    provider = _InTime(Boto3CredentialProvider(session))
    provider()  # now, where the error can be told, and not inside of the first request
    return provider


def _secrets(provider: Provider | None) -> tuple[str, ...]:
    if provider is None:
        return ()
    found = provider()
    every = (found["access_key_id"], found["secret_access_key"], found.get("token"))
    return tuple(secret for secret in every if secret)
