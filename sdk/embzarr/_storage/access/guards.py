"""Uploads without a signature of their bytes, where the server compares their CRC-64/NVME.

Signed, each byte goes through SHA-256 once more than for the manifest. Amazon's own libraries leave
that out over TLS, where nobody on the way can change anything, and send a CRC that S3 compares. So
do we there, and on this very machine, with any server that was seen to refuse a wrong one.
"""

from __future__ import annotations

import base64
import ipaddress
import ssl
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from embzarr._storage import forks
from embzarr._storage.access.redirects import are_proxied
from embzarr._storage.libraries import deadline
from embzarr.errors import EmbzarrError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BY_CRC64 = {"checksum_algorithm": "CRC64NVME", "unsigned_payload": True}
"""obstore's options of such uploads."""
_BODY = b"123456789"
_HEADERS = {
    # Of no bytes, and so not theirs. What is there already must not be touched.
    "x-amz-checksum-crc64nvme": base64.b64encode(bytes(8)).decode(),
    "If-None-Match": "*",
}
_REFUSALS = (b"<Code>BadDigest</Code>", b"<Code>XAmzContentChecksumMismatch</Code>")
"""How servers say that a checksum is wrong; anything else is no answer to the question."""
_SECONDS = 4.0
_ANSWER_BYTES = 4096

_lock = forks.Lock()
_found: dict[str, bool] = {}
"""What servers did, by what names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Whether one server compares a CRC-64/NVME: known, or asked at the first large upload."""

    endpoint: str
    known: bool
    """Whether its documentation says so."""
    sign: Callable[[str], str]
    """Returns a URL with which an object may be put, by its key."""
    trusted: Mapping[str, object]
    """obstore's options of the connection."""

    def holds(self, key: str) -> bool:
        """Tell whether uploads need not be signed.

        Args:
            key: where something is about to be put: a server that has not been asked yet is sent
                other bytes for it, with a wrong checksum. One that takes them is sent the right
                ones in their place at once.
        """
        if not self._is_private():
            return False
        if self.known:
            return True
        with _lock:
            if self.endpoint not in _found:
                _found[self.endpoint] = self._asked(key)
        return _found[self.endpoint]

    def _is_private(self) -> bool:
        """Tell whether nobody can change what is on its way, and we would see who answers."""
        if {"allow_invalid_certificates", "proxy_url"} & self.trusted.keys() or are_proxied():
            return False
        parts = urlsplit(self.endpoint)
        return parts.scheme == "https" or _is_here(parts.hostname or "")

    def _asked(self, key: str) -> bool:
        try:
            return deadline.within(2 * _SECONDS, lambda: self._refuses(self.sign(key)))
        except (EmbzarrError, HTTPException, OSError, ValueError):
            return False  # then uploads are signed, and their own errors told

    def _refuses(self, url: str) -> bool:
        parts = urlsplit(url)
        connection = self._connection(parts.netloc, parts.scheme)
        try:
            connection.request("PUT", f"{parts.path}?{parts.query}", _BODY, _HEADERS)
            answer = connection.getresponse()
            told = answer.read(_ANSWER_BYTES)
        finally:
            connection.close()
        return answer.status == 400 and any(one in told for one in _REFUSALS)  # noqa: PLR2004 - HTTP

    def _connection(self, host: str, scheme: str) -> HTTPConnection:
        if scheme != "https":
            return HTTPConnection(host, timeout=_SECONDS)
        context = ssl.create_default_context()
        more = self.trusted.get("root_certificate")
        if more:
            context.load_verify_locations(
                cadata=more.decode() if isinstance(more, bytes) else str(more)
            )
        return HTTPSConnection(host, timeout=_SECONDS, context=context)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
