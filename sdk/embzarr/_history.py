"""Reads what was committed: the newest, one by number or step, or all.

Spec section "Finding a commit".
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING

from embzarr import _keys, _parallel, _quarantine, _records, _schema
from embzarr._records import Collected, Commit, Expired
from embzarr.errors import DamagedError, NotFoundError, UnsupportedError
from embzarr.objects import get_at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr._records import Record
    from embzarr.objects import Readable

_BATCH = 16
"""Manifests read at once."""
_LOOKS = 100
"""How often the newest checkpoint may expire under our eyes before we stop following it."""


def head(store: Readable) -> Commit | None:
    """Return the newest checkpoint, or None for a store without any.

    One round trip where listing and ``latest.json`` agree, which they do unless a writer died
    between its manifest and its hint, or a garbage collection came last.
    """
    return newest_of(store, tip(store))


def newest_of(store: Readable, newest: Record | None) -> Commit | None:
    """Return the newest checkpoint of a store in which `newest` is the newest commit."""
    for _ in range(_LOOKS):
        if newest is None or isinstance(newest, Commit):
            return newest
        if isinstance(newest, Expired):
            break
        named = newest.collection.newest
        if named is None:
            return None
        found = _records.read(store, named.commit)
        if isinstance(found, Commit) and found.sha256 == named.sha256:
            return found
        if not isinstance(found, Expired):  # else there is a newer one by now
            break
        newest = tip(store)
    key = _keys.commit_key(newest.number) if newest else _schema.COMMITS
    raise DamagedError("manifest-mismatch", f"{key}: the newest commit leads to no checkpoint")


def tip(store: Readable) -> Record | None:
    """Return what stands at the highest number; None for a store without commits.

    Listing and ``latest.json`` are asked at the same time.
    """
    hints: list[Record | None] = [None]
    numbers: list[list[int] | None] = [None]

    def ask_hint() -> None:
        hints[0] = _hint(store)

    def ask_listing() -> None:
        numbers[0] = _listed(store)

    _parallel.together(ask_hint, ask_listing, alone=_parallel.is_quick(store))
    return _newest(store, hints[0], numbers[0])


def read(store: Readable, number: int) -> Commit:
    """Return a checkpoint by its number.

    Raises:
        NotFoundError: codes ``commit-missing`` and ``commit-expired``.
        DamagedError: the manifest is damaged, or is another commit's.
    """
    record = _records.read(store, number)
    if isinstance(record, Expired):
        raise record.error()
    if isinstance(record, Collected):
        raise NotFoundError(
            "commit-missing", f"commit {number} is a garbage collection: it holds no checkpoint"
        )
    return record


def since(store: Readable, number: int) -> list[Record]:
    """Return what stands at the numbers after `number`, up to the first at which nothing does.

    No listing is asked, since one may lag: twice as many are read at once each time.

    Raises:
        DamagedError: one is damaged.
    """
    found: list[Record] = []
    size = 1
    while True:
        first = number + len(found) + 1
        numbers = range(first, first + size)
        batch = _parallel.each(
            lambda n: _standing(store, n), numbers, alone=_parallel.is_quick(store)
        )
        for record in batch:
            if record is None:
                return found
            found.append(record)
        size = min(2 * size, _BATCH)


def records(store: Readable) -> Iterator[Record | DamagedError]:
    """Yield what stands at each number that the store lists, newest first; see `records_at`."""
    return records_at(store, numbers_of(store))


def records_at(store: Readable, numbers: list[int]) -> Iterator[Record | DamagedError]:
    """Yield what stands at each of the numbers, which fall, reading several at once.

    Commits whose tombstones a collection that was met earlier tells of are not read. A damaged
    one is yielded as its error, since it does not hide the others.

    Raises:
        NotFoundError: code ``commit-missing``.
    """
    for _, record in numbered(store, numbers):
        yield record


def history(store: Readable) -> Iterator[Commit]:
    """Yield all checkpoints, newest first.

    Raises:
        DamagedError: a manifest is damaged, and not in quarantine.
    """
    for number, record in numbered(store, numbers_of(store)):
        if isinstance(record, Commit):
            yield record
        elif isinstance(record, DamagedError) and not _quarantine.is_marked(store, number):
            raise record


def numbers_of(store: Readable) -> list[int]:
    """Return the numbers of all commits, newest first, collections and expired ones included."""
    numbers = _listed(store)
    if numbers is None:
        newest = tip(store)
        return list(range(newest.number if newest else 0, 0, -1))
    return sorted(numbers, reverse=True)


def find_step(store: Readable, step: int) -> Commit:
    """Return the newest commit of a step.

    A damaged manifest does not hide the sound ones: it is passed over, and told of only where the
    step is not found. A commit in quarantine is taken only where the step has no other.

    Raises:
        NotFoundError: code ``commit-expired``, or ``step-missing`` with the steps that there are.
        DamagedError: the step is in no sound commit, and there are others.
    """
    seen: set[int] = set()
    others: list[Commit | DamagedError | Expired] = []
    for found in records(store):
        if not isinstance(found, Commit):
            others += _in_the_way(found, step)
        elif found.manifest.step != step:
            seen.add(found.manifest.step)
        elif _quarantine.is_marked(store, found.number):
            others.append(found)
        else:
            return found
    left = _most_telling(others)
    if left:
        return left
    shown = ", ".join(map(str, sorted(seen)[-10:])) or "none"
    raise NotFoundError("step-missing", f"no step {step}; the newest steps are: {shown}")


def _in_the_way(found: Record | DamagedError, step: int) -> list[DamagedError | Expired]:
    """Return what may be, or was, a commit of a step."""
    if isinstance(found, DamagedError):
        return [found]
    is_same = isinstance(found, Expired) and found.tombstone.step == step
    return [found] if isinstance(found, Expired) and is_same else []


def _most_telling(others: list[Commit | DamagedError | Expired]) -> Commit | None:
    """Return the newest commit, or raise why there is none; None where nothing tells of one."""
    for other in others:
        if isinstance(other, Commit):
            return other
    for other in others:
        if isinstance(other, DamagedError):
            raise other
    for other in others:
        if isinstance(other, Expired):
            raise other.error()
    return None


def numbered(store: Readable, numbers: list[int]) -> Iterator[tuple[int, Record | DamagedError]]:
    """Yield what `records_at` yields, each with its number."""
    while numbers:
        batch, numbers = numbers[:_BATCH], numbers[_BATCH:]
        found = _parallel.each(
            lambda n: _sound_or_not(store, n), batch, alone=_parallel.is_quick(store)
        )
        for number, record in zip(batch, found, strict=True):
            if isinstance(record, Collected):
                numbers = _without(numbers, record.collection.expired)
            yield number, record


def _standing(store: Readable, number: int) -> Record | None:
    try:
        return _records.read(store, number)
    except NotFoundError as exc:
        if exc.code != "commit-missing":
            raise
        return None


def _sound_or_not(store: Readable, number: int) -> Record | DamagedError:
    try:
        return _records.read(store, number)
    except DamagedError as exc:
        return exc


def _without(numbers: list[int], spans: list[list[int]]) -> list[int]:
    firsts = [first for first, _ in spans]

    def is_gone(number: int) -> bool:
        at = bisect.bisect_right(firsts, number) - 1
        return at >= 0 and number <= spans[at][1]

    return [number for number in numbers if not is_gone(number)]


def _hint(store: Readable) -> Record | None:
    try:
        data = get_at_most(store, _schema.LATEST, _schema.MAX_MANIFEST_BYTES)
        return _records.parse(data, _schema.LATEST)
    except (NotFoundError, DamagedError):
        return None  # a hint that is missing or unreadable costs a round trip, nothing else


def _listed(store: Readable) -> list[int] | None:
    try:
        keys = [info.key for info in store.list(f"{_schema.COMMITS}/")]
    except UnsupportedError:
        return None
    return [number for number in map(_keys.commit_number, keys) if number is not None]


def _newest(store: Readable, hint: Record | None, numbers: list[int] | None) -> Record | None:
    if numbers is None:
        later = since(store, hint.number if hint else 0)
        return later[-1] if later else hint
    if not numbers:
        # A listing may lag behind a write on a few stores; a manifest that is there is there.
        return hint
    if hint and hint.number >= max(numbers):
        return hint
    return _records.read(store, max(numbers))
