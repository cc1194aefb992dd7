"""What a listing of ``commits/`` shows, in memory that the listing does not decide.

Whoever may write to a store may put millions of keys there, and an honest store may list its own
in any order. A page of marks takes both; a history has no gaps, so that honest pages are few.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embzarr._format import keys, spec
from embzarr.errors import StoreError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from embzarr._format import Run
    from embzarr._storage import Readable

_PAGE = 1024
"""Numbers of a page, of a byte each."""
_MOST_PAGES = 16 * 1024
"""In 16 MiB: more than so many numbers in a row are not listed by any store."""
_MOST_RUNS = 64 * 1024
"""Far more gaps than a store has whose history has lost something."""
_MARKED = re.compile(rb"\x01+")


def top(store: Readable) -> tuple[int, int] | None:
    """Return the highest number, 0 for none, and its object's bytes; None without a listing."""
    try:
        return max(_sizes(store), default=(0, 0))
    except UnsupportedError:
        return None


def runs(store: Readable) -> list[Run] | None:
    """Return the runs of numbers that are listed; None where the store cannot list.

    Raises:
        StoreError: they are too scattered to be those of a history.
    """
    try:
        pages = _pages(number for number, _ in _sizes(store))
    except UnsupportedError:
        return None
    found: list[Run] = []
    for first, last in _marked(pages):
        if found and found[-1][1] + 1 == first:
            found[-1][1] = last
        elif len(found) < _MOST_RUNS:
            found.append([first, last])
        else:
            raise _scattered()
    return found


def _sizes(store: Readable) -> Iterator[tuple[int, int]]:
    for info in store.list(f"{spec.COMMITS}/"):
        number = keys.commit_number(info.key)
        if number is not None:
            yield number, info.size


def _pages(numbers: Iterable[int]) -> dict[int, bytearray]:
    pages: dict[int, bytearray] = {}
    for number in numbers:
        page, at = divmod(number, _PAGE)
        if page not in pages:
            if len(pages) == _MOST_PAGES:
                raise _scattered()
            pages[page] = bytearray(_PAGE)
        pages[page][at] = 1
    return pages


def _marked(pages: Mapping[int, bytearray]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last number of each run within a page, rising."""
    for page in sorted(pages):
        for match in _MARKED.finditer(pages[page]):
            yield page * _PAGE + match.start(), page * _PAGE + match.end() - 1


def _scattered() -> StoreError:
    message = f"{spec.COMMITS}/ lists numbers with more gaps than a history can have"
    return StoreError("store-failed", message)
