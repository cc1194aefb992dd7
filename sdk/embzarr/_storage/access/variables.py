"""What variables say of S3, where they alone say it: botocore then need not be imported.

It takes half a second, which each command would wait for. Whatever else may have a say, a file or
another variable of Amazon's, and whatever is not spelled as usual, is left to botocore.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from embzarr._storage.access.aws import FILES, Asked, Given, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGIONS: Final = ("AWS_DEFAULT_REGION", "AWS_REGION")
_KEY, _SECRET, _TOKEN = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
_SILENT: Final = {*FILES, "AWS_ALLOW_HTTP", "AWS_CA_BUNDLE", "AWS_EC2_METADATA_DISABLED"}
"""Those that say nothing of place and keys where no file is."""
_KNOWN: Final = {*_ENDPOINTS, *_REGIONS, _KEY, _SECRET, _TOKEN, *_SILENT}
_BUCKET: Final = re.compile(r"(?!.*--)[\w.-]{1,255}", re.ASCII)
"""No name of an access point, or of a kind that its end tells."""
_ENDPOINT: Final = re.compile(
    r"https?://(?!.*[.-]{2})[a-z\d][a-z\d.-]*(?<!-)(:\d{1,4}|:[1-5]\d{4})?(/[\w-][\w.-]*)*/?",
    re.ASCII,
)
_REGION: Final = re.compile(r"(?!aws-|.*fips)[a-z]([a-z0-9-]{0,60}[a-z0-9])?")
"""No name of several regions, or of other servers of one."""


def have_files() -> bool:
    """Tell whether there are files of Amazon's settings."""
    return any(map(state_of, FILES.items()))


def completed(asked: Asked) -> tuple[Asked, Given | None]:
    """Return what a caller said with what variables add, and the keys that they give.

    Unchanged, and None, where something else may have a say.
    """
    said = {name: text for name, text in os.environ.items() if name.startswith("AWS_")}
    if not said.keys() <= _KNOWN or not all(said.values()) or have_files():
        return asked, None
    endpoint = asked.endpoint or _first(said, _ENDPOINTS)
    region = asked.region or _first(said, _REGIONS)
    usual = (
        _BUCKET.fullmatch(asked.bucket),
        _ENDPOINT.fullmatch(endpoint or ""),
        _REGION.fullmatch(region or "us-east-1"),
        not (asked.profile or asked.virtual),
        not asked.signs or {_KEY, _SECRET} <= said.keys(),
    )
    if not all(usual):
        return asked, None
    keys = Given(said[_KEY], said[_SECRET], said.get(_TOKEN)) if asked.signs else None
    place = (endpoint or "").rstrip("/")
    return replace(asked, endpoint=place, region=region, signs=False), keys


def _first(said: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((said[name] for name in names if name in said), None)
