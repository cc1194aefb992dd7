"""Reads what was committed: the newest, one by number or step, or all.

Spec section "Finding the newest commit".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from embzarr import _keys, _manifest, _manifest_gate, _parallel, _schema
from embzarr.errors import DamagedError, NotFoundError, UnsupportedError
from embzarr.objects import get_at_most

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embzarr._manifest import Manifest
    from embzarr.objects import Readable

T = TypeVar("T")

_BATCH = 16
"""Manifests read at once while looking for a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A manifest and its identity."""

    manifest: Manifest
    sha256: str

    @property
    def number(self) -> int:
        """Place in the history, from 1."""
        return self.manifest.commit


def head(store: Readable) -> Commit | None:
    """Return the newest commit, or None for a store without any.

    Listing and ``latest.json`` are asked at the same time: one round trip where they agree, which
    they do unless a writer died between its manifest and its hint.
    """
    hints: list[Commit | None] = [None]
    numbers: list[list[int] | None] = [None]

    def ask_hint() -> None:
        hints[0] = _hint(store)

    def ask_listing() -> None:
        numbers[0] = _listed(store)

    _parallel.together(ask_hint, ask_listing)
    return _newest(store, hints[0], numbers[0])


def read(store: Readable, number: int) -> Commit:
    """Return a commit by its number.

    Raises:
        NotFoundError: code ``commit-missing``.
        DamagedError: the manifest is damaged, or is another commit's.
    """
    key = _keys.commit_key(number)
    try:
        commit = _parse(get_at_most(store, key, _schema.MAX_MANIFEST_BYTES), key)
    except NotFoundError as exc:
        raise NotFoundError("commit-missing", f"no commit {number}: {key} is not there") from exc
    if commit.number != number:
        raise DamagedError(
            "manifest-mismatch", f"{key}: holds the manifest of commit {commit.number}"
        )
    return commit


def history(store: Readable) -> Iterator[Commit]:
    """Yield all commits, newest first, reading several at once.

    Raises:
        DamagedError: a manifest is damaged.
    """
    return _in_batches(store, read)


def numbers_of(store: Readable) -> list[int]:
    """Return the numbers of all commits, newest first."""
    numbers = _listed(store)
    if numbers is None:
        newest = head(store)
        return list(range(newest.number if newest else 0, 0, -1))
    return sorted(numbers, reverse=True)


def find_step(store: Readable, step: int) -> Commit:
    """Return the newest commit of a step.

    A damaged manifest does not hide the sound ones: it is passed over, and told of only where the
    step is not found.

    Raises:
        NotFoundError: code ``step-missing``, with the steps that there are.
        DamagedError: the step is in no sound commit, and there are others.
    """
    seen: set[int] = set()
    damage: DamagedError | None = None
    for found in _in_batches(store, _sound_or_not):
        if isinstance(found, DamagedError):
            damage = damage or found
        elif found.manifest.step == step:
            return found
        else:
            seen.add(found.manifest.step)
    if damage:
        raise damage
    shown = ", ".join(map(str, sorted(seen)[-10:])) or "none"
    raise NotFoundError("step-missing", f"no step {step}; the newest steps are: {shown}")


def _in_batches(store: Readable, get: Callable[[Readable, int], T]) -> Iterator[T]:
    numbers = numbers_of(store)
    for at in range(0, len(numbers), _BATCH):
        yield from _parallel.each(lambda n: get(store, n), numbers[at : at + _BATCH])


def _sound_or_not(store: Readable, number: int) -> Commit | DamagedError:
    try:
        return read(store, number)
    except DamagedError as exc:
        return exc


def _hint(store: Readable) -> Commit | None:
    try:
        data = get_at_most(store, _schema.LATEST, _schema.MAX_MANIFEST_BYTES)
        return _parse(data, _schema.LATEST)
    except (NotFoundError, DamagedError):
        return None  # a hint that is missing or unreadable costs a round trip, nothing else


def _listed(store: Readable) -> list[int] | None:
    try:
        keys = [info.key for info in store.list(f"{_schema.COMMITS}/")]
    except UnsupportedError:
        return None
    return [number for number in map(_keys.commit_number, keys) if number is not None]


def _newest(store: Readable, hint: Commit | None, numbers: list[int] | None) -> Commit | None:
    if numbers is None:
        return _probe(store, hint)
    if not numbers:
        # A listing may lag behind a write on a few stores; a manifest that is there is there.
        return hint
    if hint and hint.number >= max(numbers):
        return hint
    return read(store, max(numbers))


def _probe(store: Readable, hint: Commit | None) -> Commit | None:
    """Walk forward from the hint on a store that cannot list."""
    newest = hint
    while True:
        try:
            newest = read(store, newest.number + 1 if newest else 1)
        except NotFoundError:
            return newest


def _parse(data: bytes | bytearray | memoryview, key: str) -> Commit:
    return Commit(manifest=_manifest_gate.parse(data, what=key), sha256=_manifest.identity(data))
