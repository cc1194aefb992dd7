"""What fsspec's filesystem for web servers leaves to its users: bounds, and whom it tells what.

Its own reads take a body for as long as one comes. And aiohttp, following a redirect to another
host, drops what it knows to be secret (``Authorization``, cookies) but no header of one's own.
"""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from embzarr._redact import redact_url
from embzarr._storage.backends.layers import layers_of
from embzarr._storage.libraries import deadline
from embzarr.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import SimpleNamespace

    import aiohttp
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # fsspec has no types

_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")
_PARTIAL = 206
_BEYOND_END = 416
_SECRETS = ("headers", "auth", "cookies")
_PORTS = {"http": 80, "https": 443}


def is_web(fs: AbstractFileSystem) -> bool:
    """Tell whether this is fsspec's own filesystem for ``http`` and ``https``."""
    return type(fs).__module__ == "fsspec.implementations.http"


def read(fs: AbstractFileSystem, url: str, start: int, length: int) -> bytes:
    """Return a range of what a URL names, and take no byte more from the server.

    Raises:
        StoreError: fewer bytes came than were announced, or others, or not in time.
        FileNotFoundError: nothing is there.
    """
    from fsspec.asyn import sync  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import

    seconds = deadline.seconds_for(length)
    return bytes(sync(fs.loop, _read, fs, url, start, length, timeout=seconds))


def size(fs: AbstractFileSystem, url: str) -> int:
    """Return the size of what a URL names, as an answer to a request for its first byte tells it.

    Raises:
        StoreError: none is told, or not in time.
        FileNotFoundError: nothing is there.
    """
    from fsspec.asyn import sync  # noqa: PLC0415 - slow to import

    return int(sync(fs.loop, _size, fs, url, timeout=deadline.LITTLE_SECONDS))


def guard_redirects(fs: AbstractFileSystem) -> None:
    """Have a filesystem, and what it stands on, tell no other host what was given for one.

    For who reads by its own methods, as a cache does, and an import.
    """
    from fsspec.asyn import sync  # noqa: PLC0415 - slow to import

    for layer in filter(is_web, layers_of(fs)):
        sync(layer.loop, _guarded, layer, timeout=deadline.LITTLE_SECONDS)


async def _guarded(fs: AbstractFileSystem) -> aiohttp.ClientSession:
    """Have every redirect that would tell another host a secret refused."""
    import aiohttp  # noqa: PLC0415 - fsspec has it where it has this filesystem

    session: aiohttp.ClientSession = await fs.set_session()
    told = {name for name in _SECRETS for how in (fs.kwargs, fs.client_kwargs) if how.get(name)}
    if told and not any(_refuse in config.on_request_redirect for config in session.trace_configs):
        config = aiohttp.TraceConfig()
        config.on_request_redirect.append(_refuse)
        config.freeze()
        session.trace_configs.append(config)
    return session


async def _refuse(
    session: aiohttp.ClientSession,
    context: SimpleNamespace,
    redirect: aiohttp.TraceRequestRedirectParams,
) -> None:
    del session, context
    headers = redirect.response.headers
    target = urljoin(str(redirect.url), headers.get("Location") or headers.get("URI") or "")
    if _origin(target) != _origin(str(redirect.url)):
        raise StoreError(
            "store-failed",
            f"redirected to another host, {redact_url(target)}, which must not be told the headers"
            " that were given for this one",
        )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


@asynccontextmanager
async def _asked(
    fs: AbstractFileSystem, url: str, start: int, length: int
) -> AsyncIterator[aiohttp.ClientResponse]:
    session = await _guarded(fs)
    how = {**fs.kwargs}
    headers = {**how.pop("headers", {}), "Range": f"bytes={start}-{start + length - 1}"}
    async with session.get(fs.encode_url(url), headers=headers, **how) as answer:
        if answer.status != _BEYOND_END:
            fs._raise_not_found_for_status(answer, url)  # noqa: SLF001 - as its own reads do
        yield answer


async def _size(fs: AbstractFileSystem, url: str) -> int:
    async with _asked(fs, url, 0, 1) as answer:
        if answer.status == _BEYOND_END:
            return 0
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        told = found[3] if found else answer.headers.get("Content-Length", "")
        if (answer.status == _PARTIAL and not found) or not told.isdecimal():
            raise StoreError("store-failed", "no size was told")
        return int(told)


async def _read(fs: AbstractFileSystem, url: str, start: int, length: int) -> bytes:
    async with _asked(fs, url, start, length) as answer:
        if answer.status == _BEYOND_END:
            return b""
        skip, wanted = _announced(answer, start, length)
        found = bytearray()
        async for piece in answer.content.iter_chunked(deadline.LITTLE_BYTES):
            found += piece[skip : skip + wanted - len(found)]
            skip = max(0, skip - len(piece))
            if len(found) >= wanted:
                break
    if len(found) != wanted:
        raise StoreError("store-failed", f"{wanted} bytes were announced, {len(found)} came")
    return bytes(found)


def _announced(answer: aiohttp.ClientResponse, start: int, length: int) -> tuple[int, int]:
    """Return how many bytes of a body come before what was asked for, and how many are that."""
    if answer.status != _PARTIAL:  # a server that gives the whole object whatever one asks for
        whole = answer.content_length
        if whole is None:
            raise StoreError("store-failed", "neither a range nor a length was announced")
        return start, max(0, min(length, whole - start))
    told = answer.headers.get("Content-Range", "")
    found = _RANGE.fullmatch(told)
    size = int(found[2]) + 1 - start if found else -1
    whole = int(found[3]) if found and found[3] != "*" else None
    expected = length if whole is None else min(length, whole - start)
    if not found or int(found[1]) != start or not 0 < size == expected:
        asked = f"asked for bytes {start} to {start + length}"
        raise StoreError("store-failed", f"{asked}, was answered with {told[:100]!r}")
    return 0, size
