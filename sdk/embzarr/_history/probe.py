"""Asks a store whether it does what a commit needs, before anything is committed to it.

Spec section "Storage operations". Some servers accept the header that makes a create exclusive and
ignore it: two writers would then destroy each other's commits without a word.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from embzarr._format import keys, spec
from embzarr._storage import CountingStore, interruptible, known_of, open_store, persistently
from embzarr.errors import (
    AccessDeniedError,
    ConflictError,
    EmbzarrError,
    NotFoundError,
    StoreError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from embzarr._storage import Store

_FIRST = bytes(range(256)) * 4
_SECOND = _FIRST[::-1] + b"second"
_RANGE = (300, 77)

_proved: set[str] = set()
"""Servers and buckets that passed in this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReport:
    """What a store was asked, and how it answered."""

    url: str
    kind: str
    """Of the capability table, such as ``s3-compatible``."""
    known: str
    """What the table says."""
    answers: dict[str, str]
    """``ok``, or what was wrong, for each thing that was tried."""
    seconds: float

    @property
    def problems(self) -> tuple[str, ...]:
        """What was wrong."""
        return tuple(f"{name}: {told}" for name, told in self.answers.items() if told != "ok")

    @property
    def ok(self) -> bool:
        """Whether many writers may commit here."""
        return not self.problems


def probe(store: Store) -> ProbeReport:
    """Try all that a commit needs on objects of our own, which are removed afterwards.

    Raises:
        AccessDeniedError: the store may not be written to with these credentials.
        NotFoundError: no such bucket.
        StoreError: the store does not answer.
        UnsupportedError: it is read only.
    """
    begun = time.perf_counter()
    known = known_of(store)
    key = keys.probe_key(secrets.token_hex(16))
    answers: dict[str, str] = {}
    try:
        for name, ask in _QUESTIONS.items():
            answers[name] = _answer(ask, store, key)
    finally:
        with contextlib.suppress(EmbzarrError):
            store.delete(key)
    return ProbeReport(
        url=store.url,
        kind=known.kind,
        known=known.why,
        answers=answers,
        seconds=time.perf_counter() - begun,
    )


@interruptible
def probe_url(url: object, *, storage_options: Mapping[str, Any] | None = None) -> ProbeReport:
    """Try on a store all that saving needs: many writers may use it if the report is ``ok``.

    Small objects below ``probe/`` are written, read and removed.

    Args:
        url: where; see `embzarr.open`.
        storage_options: credentials and endpoint.

    Raises:
        AccessDeniedError: the store may not be written to with these credentials.
        NotFoundError: no such bucket.
        StoreError: the store does not answer.
        UnsupportedError: it is read only.

    Example:
        >>> embzarr.probe(folder).ok
        True
    """
    return probe(CountingStore(open_store(url, storage_options=storage_options)))


def require_sound(store: Store, *, single_writer: bool = False) -> None:
    """Refuse a store that would lose commits; ask it once in this process if nothing is known.

    Args:
        store: about to be written to.
        single_writer: the caller vouches that nobody else writes: an exclusive create is not
            needed then, all else is.

    Raises:
        UnsupportedError: codes ``create-not-exclusive`` and ``store-unsound``.
    """
    known = known_of(store)
    if known.sound or known.identity in _proved:
        return
    report = probe(store)
    wrong = {name: told for name, told in report.answers.items() if told != "ok"}
    not_exclusive = wrong.pop(_EXCLUSIVE, None)
    if wrong:
        told = "; ".join(f"{name}: {answer}" for name, answer in wrong.items())
        raise UnsupportedError("store-unsound", f"{store.url} must not be written to: {told}")
    if not_exclusive and not single_writer:
        raise UnsupportedError(
            "create-not-exclusive",
            f"{store.url}: {not_exclusive}, so two writers could destroy each other's commits; "
            "if there is only one, say single_writer=True",
        )
    if known.identity and not not_exclusive:
        _proved.add(known.identity)


def _answer(ask: Callable[[Store, str], str | None], store: Store, key: str) -> str:
    """Return what a store answers: a failure counts as its answer only where it comes each time."""
    try:
        return persistently(partial(ask, store, key)) or "ok"
    except (AccessDeniedError, NotFoundError) as exc:
        if exc.code != "object-missing":
            raise
        return f"what was written is not there ({exc.args[0]})"
    except UnsupportedError as exc:
        if exc.code == "create-not-exclusive":
            return "it has no such request"
        if exc.code == "store-cannot-list":
            return "ok"  # a reader walks from number to number then
        raise
    except StoreError as exc:
        if not _is_alive(store, key):
            raise
        return f"no answer that makes sense ({exc.args[0]})"


def _is_alive(store: Store, key: str) -> bool:
    try:
        store.head(key)
    except NotFoundError:
        return True
    except StoreError:
        return False
    return True


def _ask_free(store: Store, key: str) -> str | None:
    try:
        store.create(key, _FIRST)
    except ConflictError:
        if bytes(store.get(key)) == _FIRST:
            return None  # by a try of ours whose answer was lost
        store.put(key, _FIRST)
        return "a free name is said to be taken"
    except UnsupportedError as exc:
        if exc.code != "create-not-exclusive":
            raise
        store.put(key, _FIRST)
    return None


def _ask_taken(store: Store, key: str) -> str | None:
    try:
        store.create(key, _SECOND)
    except ConflictError:
        return None
    store.put(key, _FIRST)
    return "a name that is taken can be created again"


def _ask_get(store: Store, key: str) -> str | None:
    return None if bytes(store.get(key)) == _FIRST else "other bytes come back than were written"


def _ask_range(store: Store, key: str) -> str | None:
    start, length = _RANGE
    found = bytes(store.get_range(key, start, length))
    return (
        None if found == _FIRST[start : start + length] else "other bytes come than were asked for"
    )


def _ask_size(store: Store, key: str) -> str | None:
    size = store.head(key).size
    return None if size == len(_FIRST) else f"{size} bytes instead of {len(_FIRST)}"


def _ask_list(store: Store, key: str) -> str | None:
    found = {info.key: info.size for info in store.list(f"{spec.PROBES}/")}
    return None if found.get(key) == len(_FIRST) else "what was written is not listed"


def _ask_replace(store: Store, key: str) -> str | None:
    store.put(key, _SECOND)
    return None if bytes(store.get(key)) == _SECOND else "what was replaced comes back"


def _ask_delete(store: Store, key: str) -> str | None:
    store.delete(key)
    with contextlib.suppress(NotFoundError):
        store.get(key)
        return "what was deleted comes back"
    return None


_EXCLUSIVE = "create a name that is taken"
_QUESTIONS: dict[str, Callable[[Store, str], str | None]] = {
    "create a free name": _ask_free,
    _EXCLUSIVE: _ask_taken,
    "read after write": _ask_get,
    "read a range": _ask_range,
    "ask for the size": _ask_size,
    "list after write": _ask_list,
    "replace": _ask_replace,
    "delete": _ask_delete,
}
"""In this order, each on what the one before left."""
