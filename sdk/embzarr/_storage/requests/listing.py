"""Listings that end: a server is asked for page after page only as long as that leads somewhere."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from obstore.store import MemoryStore

from embzarr._storage.libraries import deadline
from embzarr.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from obstore import ObjectMeta
    from obstore.store import ObjectStoreMethods

    _Page: TypeAlias = Sequence[ObjectMeta]

MOST_LISTED = 10_000_000
"""Objects of one listing, ten times those of the largest store that we know of."""
_PAGE = 1000
_SECONDS_FOR_EACH = 0.01
"""Beyond the first minute a listing must go on at no less than a hundred objects a second."""


def pages_of(client: ObjectStoreMethods, prefix: str) -> Iterator[_Page]:
    """Yield what is listed below a folder, a thousand at a time.

    Raises:
        StoreError: the pages repeat, are too slow, or do not end.
    """
    stream = client.list(prefix or None, chunk_size=_PAGE)
    return bounded(stream if isinstance(client, MemoryStore) else _timed(stream))


def bounded(pages: Iterable[_Page]) -> Iterator[_Page]:
    """Yield pages as long as they are new.

    One page is remembered, the first, then the second, the fourth and so on, which finds a cycle of
    any length (Brent): no order is asked of a store, as some have none.

    Raises:
        StoreError: a page comes again, or there are too many.
    """
    listed = 0
    remembered: tuple[str, str, int] | None = None
    for number, page in enumerate(pages, 1):
        shown = (page[0]["path"], page[-1]["path"], len(page)) if page else ("", "", 0)
        if shown == remembered:
            raise StoreError("store-failed", f"the listing repeats itself, from {shown[0]!r} on")
        if number & (number - 1) == 0:
            remembered = shown
        listed += len(page)
        if listed > MOST_LISTED:
            raise StoreError(
                "store-failed", f"the listing does not end: over {MOST_LISTED} objects"
            )
        yield page


def _timed(pages: Iterator[_Page]) -> Iterator[_Page]:
    """Yield each page within the time that is left.

    A server may answer for ever with pages that hold nothing, which obstore follows inside of one
    call.
    """
    listed, spent = 0, 0.0
    while True:
        left = deadline.LITTLE_SECONDS + listed * _SECONDS_FOR_EACH - spent
        begun = time.monotonic()
        page = deadline.within(left, partial(next, pages, None))
        spent += time.monotonic() - begun
        if page is not None:
            yield page
        if page is None or len(page) < _PAGE:  # only the last one is not full
            return
        listed += len(page)
