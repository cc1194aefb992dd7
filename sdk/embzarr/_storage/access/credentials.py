"""S3 options: two libraries' spellings of what is said, and botocore for the rest.

What options say comes first, then an option ``profile``, then what boto3 makes of this environment.
botocore is not imported where options and plain variables say all.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from embzarr._storage.access import variables
from embzarr._storage.access.aws import Answer, Asked, Given, ask
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embzarr._storage.access.aws import Provider

_DEFAULT_REGION = "us-east-1"
_OF_REGION = ("AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_REGION")
_OF_CERTIFICATES = ("AWS_CA_BUNDLE", "AWS_DEFAULT_PROFILE", "AWS_PROFILE", "REQUESTS_CA_BUNDLE")
"""Variables by which botocore would find one."""

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
    "verify",
    "virtual_hosted_style_request",
)
S3_OPTIONS = tuple(
    sorted({*_PASSED_ON, *(name for names in _SPELLINGS.values() for name in names)})
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class S3Access:
    """How to reach a bucket: what obstore's ``S3Store`` is built from; no repr, of all secrets."""

    config: Mapping[str, str | bool]
    """obstore's configuration; no credentials in it."""
    client: Mapping[str, object]
    """obstore's options of a connection: which certificates are believed."""
    provider: Provider | None
    """Gives the credentials; None for unsigned requests."""
    secrets: tuple[str, ...]
    """What must never be printed."""
    settled: Mapping[str, object]
    """Options that reach the same bucket, whatever the environment says by then."""

    @property
    def endpoint(self) -> str:
        """The server's address; empty for AWS's own."""
        return str(self.config.get("endpoint", ""))

    @property
    def is_without_tls(self) -> bool:
        """Whether the address says that nothing is encrypted."""
        return self.endpoint.startswith("http://")

    @property
    def key_id(self) -> str:
        """Which key signs requests: its name, which is no secret; empty where none does."""
        return self.secrets[0] if self.secrets else ""


def resolve_s3(bucket: str, options: Mapping[str, object]) -> S3Access:
    """Decide endpoint, region and credentials from options, then as boto3 does.

    Raises:
        InvalidInputError: an option is given twice, or is no text where one is needed, or botocore
            refuses what its files say.
        AccessDeniedError: there are no credentials, or they could not be had.
    """
    known = _one_spelling(options)
    settled = {name: value for name, value in known.items() if name != "verify"}
    anonymous = bool(known.pop("skip_signature", False))
    trusted = _trusted(known.pop("verify", None))
    given = _given_credentials(known)
    asked = Asked(
        bucket=bucket,
        profile=_text(known, "profile"),
        endpoint=_endpoint(known),
        region=_text(known, "region"),
        virtual=_flag(known, "virtual_hosted_style_request"),
        signs=given is None and not anonymous,
    )
    answer = _plainly_said(asked, trusted) or _found(asked)
    place: dict[str, str | bool] = {
        # Said outright, since obstore would otherwise take these from the environment.
        "region": answer.region,
        "endpoint": answer.endpoint,
        "virtual_hosted_style_request": answer.virtual,
    }
    config = {
        **place,
        "skip_signature": anonymous,
        "conditional_put": "etag",
        # One DELETE asks for no checksum header, and every S3-like server has it.
        "disable_bulk_delete": True,
        **{name: _plain(name, value) for name, value in known.items()},
    }
    if os.environ.get("AWS_ENDPOINT_URL_S3"):
        # obstore would let this variable win. Only then, since its store cannot be pickled
        # with this setting (obstore 0.12).
        config["aws_endpoint_url_s3"] = answer.endpoint
    # Given as a provider, since obstore would otherwise add a token of the environment.
    provider = given or answer.provider
    return S3Access(
        config=config,
        client=_believing(answer.ca_bundle) if trusted is None else trusted,
        provider=provider,
        secrets=_secrets(provider),
        settled=settled | place | _options_of(given),
    )


def _plainly_said(asked: Asked, trusted: Mapping[str, object] | None) -> Answer | None:
    """Return what options, or else variables with them, say; None where botocore is to say it."""
    if _says_all(asked, trusted):
        return _said(asked, None)
    said, keys = variables.completed(asked)
    return _said(said, keys) if _says_all(said, trusted) else None


def _says_all(asked: Asked, trusted: Mapping[str, object] | None) -> bool:
    """Tell whether all is said that botocore would say, which is then not imported."""
    if asked.signs or asked.profile or asked.endpoint is None:
        return False
    believes = trusted is not None or asked.endpoint.startswith("http://")
    left = (*(() if asked.region else _OF_REGION), *(() if believes else _OF_CERTIFICATES))
    return not left or not (any(map(os.environ.get, left)) or variables.have_files())


def _said(asked: Asked, keys: Given | None) -> Answer:
    return Answer(
        endpoint=asked.endpoint or "",
        virtual=bool(asked.virtual),
        region=asked.region or _DEFAULT_REGION,
        ca_bundle=None,
        provider=keys,
    )


def _found(asked: Asked) -> Answer:
    found = ask(asked)
    if asked.endpoint and asked.virtual:
        # As obstore has it: who says both gives the bucket's own endpoint.
        found = replace(found, endpoint=asked.endpoint, virtual=True)
    return replace(found, endpoint=_checked(found.endpoint))


def _trusted(verify: object) -> dict[str, object] | None:
    """Return what boto3's ``verify`` is called by obstore; None where it is not given."""
    if verify is None or verify is True:
        return None if verify is None else {}
    if verify is False:
        return {"allow_invalid_certificates": True}
    if isinstance(verify, (str, os.PathLike)):
        return _believing(os.fspath(verify))
    raise InvalidInputError("input-argument", "storage option 'verify' is neither bool nor a file")


def _believing(ca_bundle: str | bytes | None) -> dict[str, object]:
    if not ca_bundle:
        return {}
    try:
        return {"root_certificate": Path(os.fsdecode(ca_bundle)).expanduser().read_text()}
    except (OSError, ValueError) as exc:
        message = f"certificates in {os.fsdecode(ca_bundle)!r} cannot be read: {exc}"
        raise InvalidInputError("input-argument", message) from exc


def _options_of(given: Given | None) -> dict[str, object]:
    if given is None:
        return {}
    return {
        "access_key_id": given.key,
        "secret_access_key": given.secret,
        "session_token": given.token,
    }


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


def _flag(known: dict[str, object], name: str) -> bool | None:
    value = known.pop(name, None)
    if value is None or isinstance(value, bool):
        return value
    raise InvalidInputError("input-argument", f"storage option {name!r} is not a bool")


def _given_credentials(known: dict[str, object]) -> Given | None:
    """Return keys that stand in the options; no token of the environment joins them."""
    names = ("access_key_id", "secret_access_key", "session_token")
    key, secret, token = (_text(known, name) for name in names)
    if bool(key) != bool(secret):
        raise InvalidInputError("input-argument", "storage options hold one of key and secret only")
    if not key or not secret:
        return None
    return Given(key, secret, token)


def _endpoint(known: dict[str, object]) -> str | None:
    """Return where the server is; None where the options do not say."""
    endpoint = _text(known, "endpoint")
    return None if endpoint is None else _checked(endpoint)


def _checked(endpoint: str) -> str:
    if not endpoint.startswith(("http://", "https://")) or "@" in endpoint or "?" in endpoint:
        wanted = "http://host:port or https://host, without user and query"
        raise InvalidInputError("input-argument", f"endpoint_url is not {wanted}")
    return endpoint.rstrip("/")


def _secrets(provider: Provider | None) -> tuple[str, ...]:
    if provider is None:
        return ()
    found = provider()
    every = (found["access_key_id"], found["secret_access_key"], found.get("token"))
    return tuple(secret for secret in every if secret)
