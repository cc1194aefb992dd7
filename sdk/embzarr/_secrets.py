"""Takes credentials out of what is stored: URLs in metadata that would let anybody in.

A presigned URL, or one with a password in it, is often what a run was told to read its texts from;
who writes that into `metadata` means where the texts are, not to hand out the key.
"""

from __future__ import annotations

import re
from typing import Any

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_USER = re.compile(r"(?<=://)[^/?#]*@")
_QUERY = re.compile(r"[?#]([^#]*)")
_SECRET = re.compile(
    r"x-(?:amz|goog|ms)-.*|sig|.*(?:signature|token|secret|passw|pwd|credential|auth|key|code).*",
    re.IGNORECASE,
)
# In these schemes the part before "@" names the container and the part behind it the account.
_CONTAINERS = ("abfs://", "abfss://")


def without_secrets(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON whose URLs have no user, no password and no signature, key or token.

    What else a URL says stays, further parameters of its query too.
    """
    if isinstance(value, str):
        return _URL.sub(lambda found: _bare(found[0]), value)
    if isinstance(value, dict):
        return {without_secrets(name): without_secrets(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(item) for item in value]
    return value


def _bare(url: str) -> str:
    place, mark, rest = _divided(url)
    if not place.lower().startswith(_CONTAINERS):
        place = _USER.sub("", place)
    if not mark:
        return place
    kept = [part for part in rest.split("&") if not _SECRET.fullmatch(part.partition("=")[0])]
    return f"{place}{mark}{'&'.join(kept)}" if kept else place


def _divided(url: str) -> tuple[str, str, str]:
    """Return what lies before the query or fragment, its mark, and the rest."""
    found = _QUERY.search(url)
    return (url[: found.start()], found[0][0], url[found.start() + 1 :]) if found else (url, "", "")
