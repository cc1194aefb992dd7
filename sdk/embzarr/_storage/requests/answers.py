"""Bodies of answers, of which no more is taken than was asked for, whatever a server claims.

Two kinds we never see: of an error's body, and of a page of a listing, obstore (0.12.1) takes
memory by the length that is claimed, which ends the process where there is not so much, or takes
all that comes up to the deadline. Neither an option nor a newer version helps, and an error may
answer any request; who must open what strangers serve does so in a process of its own, or by
fsspec's ``http``, whose bodies are bounded in `web`. ``tests/faults/test_answers.py`` holds what
happens, and fails when obstore has mended it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embzarr.errors import AccessDeniedError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obstore import GetResult

_SMALL_BYTES = 2**20
_PAGE_BYTES = 1024
"""Among which a page shows that it is one."""
_PIECE_BYTES = 2**17
"""Of a body that is taken in pieces: obstore copies each while it holds the interpreter's lock."""


def body_of(answer: GetResult, start: int, length: int, *, strict: bool) -> memoryview:
    """Return the body of an answer to a request for a range.

    What a server sends beyond the range that it announced is not looked at.

    Args:
        answer: what obstore made of the head of the answer; its body is not read yet.
        start: of the range that was asked for.
        length: bytes that were asked for.
        strict: take a large body in pieces, too, and end where it should. That costs a copy;
            without it obstore takes a large body up to the end that the server gives it.

    Raises:
        StoreError: other bytes were announced than were asked for, or fewer came.
    """
    first, last = answer.range
    size = last - first
    if first != start or not 0 <= size <= length:
        asked = f"asked for bytes {start} to {start + length}"
        raise StoreError("store-failed", f"{asked}, was answered with bytes {first} to {last}")
    if size <= _SMALL_BYTES:
        found = memoryview(next(iter(answer.stream(max(size, 1))), b""))[:size]
    elif strict:
        found = _gathered(answer.stream(_PIECE_BYTES), 0, size)
    else:
        found = memoryview(answer.bytes())[:size]
    return _whole(found, size)


def cut_of(answer: GetResult, start: int, length: int) -> memoryview:
    """Return a range of a whole object's body: nothing after it is read, nothing before it kept.

    Raises:
        StoreError: fewer bytes came than were announced.
    """
    size = max(0, min(length, answer.meta["size"] - start))
    found = _gathered(answer.stream(_PIECE_BYTES), start, size) if size else memoryview(b"")
    return _whole(found, size)


def is_page(answer: GetResult) -> bool:
    """Tell whether an answer says that it is a web page, which no object of ours is said to be."""
    return str(answer.attributes.get("Content-Type", "")).lower().startswith("text/html")


def refuse_page(answer: GetResult) -> None:
    """Refuse what a web server gives, with status 200, in place of what is missing or not allowed.

    Some servers call everything a page: only what begins like one is refused.

    Raises:
        AccessDeniedError: code ``access-denied``: it is a page. Whether the object is there, and
            who may have it, the server does not tell.
    """
    begin = bytes(next(iter(answer.stream(_PIECE_BYTES)), b""))[:_PAGE_BYTES].lstrip().lower()
    if begin.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")):
        raise AccessDeniedError(
            "access-denied",
            "the server gives a web page in its place, as for a login or what is missing",
        )


def _gathered(pieces: Iterable[bytes], start: int, size: int) -> memoryview:
    """Return `size` bytes from `start` on, or what there is of them."""
    out = np.empty(size, np.uint8)
    at = -start
    for piece in pieces:
        wanted = memoryview(piece)[max(0, -at) : size - at]
        if wanted:
            out[max(0, at) : max(0, at) + len(wanted)] = wanted
        at += len(piece)
        if at >= size:
            break
    return out.data[: max(0, at)]


def _whole(found: memoryview, size: int) -> memoryview:
    if found.nbytes != size:
        raise StoreError("store-failed", f"{size} bytes were announced, {found.nbytes} came")
    return found
