"""What variables say of S3, where they alone say it: botocore then need not be imported.

It takes half a second, which each command would wait for. Whatever else may have a say, a file or
another variable of Amazon's, and whatever is not spelled as usual, is left to botocore.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from embzarr._storage.access.aws import FILES, Asked, Given

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGIONS: Final = ("AWS_DEFAULT_REGION", "AWS_REGION")
_KEY, _SECRET, _TOKEN = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
_SILENT: Final = {*FILES, "AWS_ALLOW_HTTP", "AWS_CA_BUNDLE", "AWS_EC2_METADATA_DISABLED"}
"""Those that say nothing of place and keys where no file is."""
_KNOWN: Final = {*_ENDPOINTS, *_REGIONS, _KEY, _SECRET, _TOKEN, *_SILENT}
_ENDPOINT: Final = re.compile(r"https?://[\w.:-]+(/[\w./-]*)?", re.ASCII)
_REGION: Final = re.compile(r"(?!aws-|.*fips)[a-z]([a-z0-9-]{0,60}[a-z0-9])?")
"""No name of several regions, or of other servers of one."""


def have_files() -> bool:
    """Tell whether there are files of Amazon's settings."""
    return any(
        Path(os.environ.get(name) or path).expanduser().is_file() for name, path in FILES.items()
    )


def completed(asked: Asked) -> tuple[Asked, Given | None]:
    """Return what a caller said with what variables add, and the keys that they give.

    Unchanged, and None, where something else may have a say.
    """
    said = {name: text for name, text in os.environ.items() if name.startswith("AWS_")}
    if asked.profile or not said.keys() <= _KNOWN or not all(said.values()) or have_files():
        return asked, None
    endpoint = asked.endpoint or _first(said, _ENDPOINTS)
    region = asked.region or _first(said, _REGIONS)
    has_usual = _ENDPOINT.fullmatch(endpoint or "") and _REGION.fullmatch(region or "us-east-1")
    if not has_usual or (asked.signs and not {_KEY, _SECRET} <= said.keys()):
        return asked, None
    keys = Given(said[_KEY], said[_SECRET], said.get(_TOKEN)) if asked.signs else None
    place = (endpoint or "").rstrip("/")
    return replace(asked, endpoint=place, region=region, signs=False), keys


def _first(said: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((said[name] for name in names if name in said), None)
