"""Reads what was committed: the newest, one by number or step, or all.

Spec section "Finding a commit".
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from embzarr._format import intervals, keys, spec
from embzarr._history import listed, quarantine
from embzarr._history import records as stored
from embzarr._history.records import Collected, Commit, Expired
from embzarr._storage import detached, get_at_most, parallel, unless_missing
from embzarr.errors import (
    AccessDeniedError,
    DamagedError,
    NotFoundError,
    StoreError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embzarr._format import Run
    from embzarr._history.records import Record
    from embzarr._storage import Readable, Store

T = TypeVar("T")

Unread: TypeAlias = DamagedError | StoreError
"""Why a manifest that stands there tells nothing: it is damaged, or archived."""

Unusable: TypeAlias = NotFoundError | UnsupportedError
"""Why nobody goes on at a number: nothing stands there, or what a later version stored."""

_BATCH = 16
"""Manifests read at once."""
_LOOKS = 100
"""How often the newest checkpoint may expire under our eyes before we stop following it."""


def head(store: Readable, *, reads_only: bool = False) -> Commit | None:
    """Return the newest checkpoint, or None for a store without any.

    One round trip where listing and ``latest.json`` agree, which they do unless a writer died
    between its manifest and its hint, or a garbage collection came last. For `reads_only` see
    `tip`.
    """
    return newest_of(store, tip(store, reads_only=reads_only))


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
        found = stored.read(store, named.commit)
        if isinstance(found, Commit) and found.sha256 == named.sha256:
            return found
        if not isinstance(found, Expired):  # else there is a newer one by now
            break
        newest = tip(store)
    key = keys.commit_key(newest.number) if newest else spec.COMMITS
    raise DamagedError("manifest-mismatch", f"{key}: the newest commit leads to no checkpoint")


def tip(store: Readable, *, reads_only: bool = False) -> Record | None:
    """Return what stands at the highest number; None for a store without commits.

    Listing and ``latest.json`` are asked at the same time. The latter is a copy, which may have
    come here without what it is a copy of: it counts only where that is found under ``commits/``.

    Args:
        store: where.
        reads_only: nothing is built on the answer, so that one who may read objects and no more is
            served: a refused listing is none, and a number after a commit that was found is free
            where the store refuses to say. That commit is sound, and the newest unless newer ones
            were hidden from this reader.
    """

    def ask(what: Callable[[Readable], T]) -> T | None:
        return _unless_denied(what, store) if reads_only else what(store)

    hint, top = parallel.together(
        lambda: ask(_hint), lambda: ask(listed.top), alone=parallel.is_quick(store)
    )
    if top is None:
        return _walked(store, hint, reads_only=reads_only)
    return _newest(store, hint, *top)


def nothing(store: Store) -> NotFoundError:
    """Return the error of a store without a checkpoint; a hint of one that is not there is told."""
    hint = _hint(store)
    told = ""
    if hint is not None:
        key = keys.commit_key(hint.record.number)
        told = f"; {spec.LATEST} tells of {key}, which is not there: a repair may restore it"
    return NotFoundError("checkpoint-missing", f"no checkpoint at {store.url}{told}")


def read(store: Readable, number: int) -> Commit:
    """Return a checkpoint by its number.

    Raises:
        NotFoundError: codes ``commit-missing`` and ``commit-expired``.
        DamagedError: the manifest is damaged, or is another commit's.
    """
    record = stored.read(store, number)
    if isinstance(record, Expired):
        raise record.error()
    if isinstance(record, Collected):
        raise NotFoundError(
            "commit-missing", f"commit {number} is a garbage collection: it holds no checkpoint"
        )
    return record


def since(store: Readable, number: int, *, reads_only: bool = False) -> list[Record]:
    """Return what stands at the numbers after `number`, up to the first at which nothing does.

    No listing is asked, since one may lag: twice as many are read at once each time. For
    `reads_only` see `tip`.

    Raises:
        DamagedError: one is damaged.
    """

    def look(at: int) -> Record | None:
        return _unless_denied(find, store, at) if reads_only else find(store, at)

    found: list[Record] = []
    size = 1
    while True:
        first = number + len(found) + 1
        numbers = range(first, first + size)
        batch = parallel.each(look, numbers, alone=parallel.is_quick(store))
        for record in batch:
            if record is None:
                return found
            found.append(record)
        size = min(2 * size, _BATCH)


def history(store: Readable) -> Iterator[Commit]:
    """Yield all checkpoints, newest first; those whose manifests are archived are left out.

    Raises:
        DamagedError: a manifest is damaged, and not in quarantine.
    """
    for number, record in numbered(store, runs_of(store)):
        if isinstance(record, Commit):
            yield record
        elif isinstance(record, DamagedError) and not _is_marked(store, number):
            raise record


def runs_of(store: Readable) -> list[Run]:
    """Return the runs of numbers of all commits, collections and expired ones included.

    On a store that cannot list these are all up to the newest: who reads on finds what is there.

    Raises:
        StoreError: more gaps are listed than a history can have.
    """
    found = _unless_denied(listed.runs, store)
    if found is not None:
        return found
    last = _last_number(store)
    return [[1, last]] if last else []


def numbers_of(store: Readable) -> Iterator[int]:
    """Yield the numbers of all commits, newest first, collections and expired ones included.

    On a store that cannot list, those down to the first at which nothing stands.

    Raises:
        AccessDeniedError: the store may not be listed.
        StoreError: more gaps are listed than a history can have.
    """
    found = listed.runs(store)
    if found is None:
        yield from _numbers_there(store)
        return
    for first, last in reversed(found):
        yield from range(last, first - 1, -1)


def _numbers_there(store: Readable) -> Iterator[int]:
    """Yield the numbers at which something stands, from the newest to the first gap."""
    left = runs_of(store)
    while left:
        batch, left = intervals.take_newest(left, _BATCH)
        sizes = parallel.each(lambda number: _size_of(store, number), batch)
        for number, size in zip(batch, sizes, strict=True):
            if size is None:
                return
            yield number


def find_step(store: Readable, step: int) -> Commit:
    """Return the newest commit of a step.

    A damaged or archived manifest does not hide the others: it is passed over, and told of only
    where the step is not found, and if its commit is not in quarantine. A commit in quarantine is
    taken only where the step has no other.

    Raises:
        NotFoundError: code ``commit-expired``, or ``step-missing`` with the steps that there are.
        DamagedError: the step is in no sound commit, and there are others.
        StoreError: code ``object-archived``: likewise, and one is archived.
    """
    seen: set[int] = set()
    others: list[Commit | Unread | Expired] = []
    for number, found in numbered(store, runs_of(store)):
        if isinstance(found, Unread):
            others += [] if _is_marked(store, number) else [found]
        elif not isinstance(found, Commit):
            others += _in_the_way(found, step)
        elif found.manifest.step != step:
            seen.add(found.manifest.step)
        elif _is_marked(store, found.number):
            others.append(found)
        else:
            return found
    left = _most_telling(others)
    if left:
        return left
    shown = ", ".join(map(str, sorted(seen)[-10:])) or "none"
    raise NotFoundError("step-missing", f"no step {step}; the newest steps are: {shown}")


def _is_marked(store: Readable, number: int) -> bool:
    """Tell whether a commit is in quarantine, as far as a reader may know."""
    return bool(_unless_denied(quarantine.is_marked, store, number))


def _in_the_way(found: Record, step: int) -> list[Expired]:
    """Return what was a commit of a step."""
    is_same = isinstance(found, Expired) and found.tombstone.step == step
    return [found] if isinstance(found, Expired) and is_same else []


def _most_telling(others: list[Commit | Unread | Expired]) -> Commit | None:
    """Return the newest commit, or raise why there is none; None where nothing tells of one."""
    for other in others:
        if isinstance(other, Commit):
            return other
    for other in others:
        if isinstance(other, Unread):
            raise other
    for other in others:
        if isinstance(other, Expired):
            raise other.error()
    return None


def numbered(store: Readable, runs: list[Run]) -> Iterator[tuple[int, Record | Unread]]:
    """Yield each number in `runs` and what stands there, newest first, reading several at once.

    Commits whose tombstones a collection that was met earlier tells of are not read. A damaged or
    archived one is yielded as its error, since it does not hide the others.

    Raises:
        NotFoundError: code ``commit-missing``: nothing stands there.
        UnsupportedError: a later version stored it; not before its turn, as nobody may get there.
    """
    gone: list[Run] = []
    while runs:
        batch, runs = intervals.take_newest(runs, _BATCH)
        found = parallel.each(
            lambda n: _sound_or_not(store, n), batch, alone=parallel.is_quick(store)
        )
        for number, record in zip(batch, found, strict=True):
            if not intervals.without([[number, number]], gone):
                continue
            if isinstance(record, Unusable):
                raise record
            if isinstance(record, Collected):
                gone = intervals.merged([*gone, *record.collection.expired])
                runs = intervals.without(runs, gone)
            yield number, record


def find(store: Readable, number: int) -> Record | None:
    """Return what stands at a number; None for nothing.

    Raises:
        DamagedError: it is damaged, or belongs to another number.
    """
    try:
        return stored.read(store, number)
    except NotFoundError as exc:
        if exc.code != "commit-missing":
            raise
        return None


def _sound_or_not(store: Readable, number: int) -> Record | Unread | Unusable:
    try:
        return stored.read(store, number)
    except (DamagedError, NotFoundError, UnsupportedError) as exc:
        return detached(exc)
    except StoreError as exc:
        if exc.code != "object-archived":
            raise
        return detached(exc)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hint:
    """What ``latest.json`` holds."""

    record: Record
    size: int


def _hint(store: Readable) -> _Hint | None:
    try:
        data = get_at_most(store, spec.LATEST, spec.MAX_MANIFEST_BYTES)
        record = stored.parse(data, spec.LATEST)
    except (NotFoundError, DamagedError, UnsupportedError):
        # A hint that is missing or unreadable costs a round trip, nothing else; what looks like a
        # later version may be one letter that is damaged, and the commit itself tells.
        return None
    return _Hint(record=record, size=memoryview(data).nbytes)


def _newest(store: Readable, hint: _Hint | None, top: int, size: int) -> Record | None:
    """Return the newest commit, of a listing's highest number and the bytes that are there."""
    if hint is not None and hint.record.number >= top:
        number = hint.record.number
        # A listing may lag behind a write on a few stores; a manifest that is there is there.
        found = size if number == top else _size_of(store, number)
        if found == hint.size:
            return hint.record
    return stored.read(store, top) if top else None


def _walked(store: Readable, hint: _Hint | None, *, reads_only: bool) -> Record | None:
    """Return the newest commit of a store that cannot list, found by going on from the hint.

    Raises:
        AccessDeniedError: not even the first commit may be read.
    """
    number = hint.record.number if hint else 0
    size, later = parallel.together(
        lambda: _size_of(store, number) if hint else None,
        lambda: since(store, number, reads_only=reads_only),
        alone=parallel.is_quick(store),
    )
    if hint and size != hint.size:
        return _walked(store, None, reads_only=reads_only)
    found: Record | None = later[-1] if later else None
    return found or (hint.record if hint else find(store, 1))


def _last_number(store: Readable) -> int:
    """Return the last number of a store that cannot list, found by going on from the hint.

    What stands there is read: of a server that answers for whatever is missing with a web page,
    only the body tells that nothing is there.

    Raises:
        AccessDeniedError: not even the first commit may be read.
        DamagedError: so many in a row are damaged that the store may answer so for ever.
    """
    hint = _unless_denied(_hint, store)
    is_there = hint is not None and _size_of(store, hint.record.number) == hint.size
    last, ahead = hint.record.number if hint and is_there else 0, 1
    while True:
        numbers = range(last + 1, last + 1 + ahead)
        found = parallel.each(lambda number: _unless_denied(_sound_or_not, store, number), numbers)
        there = list(itertools.takewhile(_is_there, found))
        last += len(there)
        if len(there) < ahead:
            return last or int(_is_there(_sound_or_not(store, 1)))
        damage = [one for one in there if isinstance(one, DamagedError)]
        if len(damage) == _BATCH:
            raise damage[0]
        ahead = min(2 * ahead, _BATCH)


def _is_there(found: Record | Unread | Unusable | None) -> bool:
    """Tell whether anything stands at a number, sound or not; None where one may not look."""
    if isinstance(found, NotFoundError) and found.code != "commit-missing":
        raise found
    return found is not None and not isinstance(found, NotFoundError)


def _unless_denied(ask: Callable[..., T], *what: object) -> T | None:
    try:
        return ask(*what)
    except AccessDeniedError:
        return None


def _size_of(store: Readable, number: int) -> int | None:
    """Return the size of what stands at a number; None where nothing does."""
    return unless_missing(lambda: store.head(keys.commit_key(number)).size)
