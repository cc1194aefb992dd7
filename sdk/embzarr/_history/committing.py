"""The commit protocol, carried out on a store: what to do next is decided in `protocol`.

Spec section "Commit". Everything that a manifest names is written before it; whoever creates
``commits/<n>.json`` owns number n; names and hints are written after and never trusted alone.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from embzarr._format import Manifest, Parent, keys, manifests, spec
from embzarr._history import history, protocol, records, withdrawing
from embzarr._history.protocol import (
    Claim,
    Committed,
    Create,
    Created,
    Look,
    Lost,
    Seen,
    Stopped,
    Taken,
    Unknown,
)
from embzarr._history.records import Commit, Expired
from embzarr._storage import get_at_most, interrupts
from embzarr.errors import (
    AccessDeniedError,
    ConflictError,
    DamagedError,
    EmbzarrError,
    InvalidInputError,
    NotFoundError,
    StoreError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embzarr._format import Layer
    from embzarr._history.protocol import Event
    from embzarr._history.records import Record
    from embzarr._storage import Readable, Store

Compose: TypeAlias = Callable[["Parent | None", "Sequence[Record]"], bytes]
"""Makes the bytes of a commit that follows another one, and all that came after the base."""


class Named(Protocol):
    """What a commit may follow: a record, or one that cannot be read any more."""

    @property
    def number(self) -> int:
        """Place in the history."""
        ...

    @property
    def sha256(self) -> str:
        """Its identity."""
        ...


_STOPPED = {
    "commit-conflict": "too many other commits came first",
    "commit-superseded": "another writer came between: this is no longer the commit after the one "
    "that it builds on",
    "write-revoked": "a garbage collection took this write for abandoned and deleted its data, or "
    "that of the checkpoint that it builds on; save again (and collect with a larger older_than)",
    "history-expired": "so much was committed and collected since this write began that nobody can "
    "tell any more whether its data was deleted; save again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a writer wants to commit; the number is found when it is published."""

    store_id: str
    """The store's identity, see `embzarr._history.root`."""
    write_id: str
    step: int
    is_next: bool = False
    """Whether the caller gave no step: the commit's is one more than that of whatever checkpoint
    comes before it, though its layer's folder has the number that was the next one at first."""
    layers: list[Layer]
    """The full one, then deltas; the last is what this write stored."""
    metadata: dict[str, Any]
    """Plain JSON without credentials, as `embzarr._writing.given.checks.metadata_of` returns it."""
    model: dict[str, Any] | None = None
    """Of the same kind: what a framework needs to make a model of tensors and files."""
    base: Record | None
    """The commit that was newest before the first object was written, or the one that this write
    builds on: garbage collections after it are heeded."""
    may_come_after: Callable[[Manifest], object] | None = None
    """Refuses a checkpoint that others have committed meanwhile, if it must not be followed."""
    shared: bool = False
    """Whether others write the same layer: then nothing of it is ever removed."""
    follows: bool = False
    """Whether no other checkpoint may come between, since the write tells what became of its base:
    a delta, or what replaces one."""

    @property
    def claim(self) -> Claim:
        """Where the write stands before it looks for a number."""
        return Claim(
            write_id=self.write_id,
            folders=frozenset(layer.path for layer in self.layers),
            seen=self.base.number if self.base else 0,
            passes=protocol.COLLECTIONS if self.follows else protocol.ANY,
        )


def new_id() -> str:
    """Return 128 random bits in hexadecimal, for a store or a write."""
    return secrets.token_hex(16)


def now() -> str:
    """Return the time of day as manifests tell it: for people, never for safety."""
    return instant(time.time())


def instant(seconds: float) -> str:
    """Return a Unix time as manifests tell it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def publish(store: Store, draft: Draft, *, writer: str) -> Commit:
    """Make a draft the newest commit.

    A full step needs nothing of the commits before it: where other checkpoints came first, it
    follows them. A delta says what became of the commit that it follows, and no more.

    Raises:
        ConflictError: code ``commit-superseded``: the newest checkpoint is not the one that the
            draft follows; codes ``write-revoked`` and ``history-expired``: a garbage collection may
            have deleted what was written; ``commit-conflict``: a thousand others came first.
        StoreError: code ``commit-unknown``: the store stopped answering, and the commit may or may
            not have been made; nothing that it names may be deleted. Code ``store-full``: it was
            not made, and what it had stored is removed.
    """
    commit, data = take_number(
        store,
        draft.claim,
        draft.base,
        lambda parent, since: _compose(draft, parent, _step_among(draft, since), writer),
        failed=partial(_take_back, store, draft),
    )
    if isinstance(commit, Expired):
        raise commit.error()  # made, and given up by a collection before we knew
    if manifests.identity(data) == commit.sha256:  # else it was given up just now
        _leave_hint(store, data)
    return cast("Commit", commit)


def _take_back(store: Store, draft: Draft, cause: BaseException, may_stand: bool) -> None:  # noqa: FBT001 - by whoever was asked to call it
    """Remove what a write stored whose manifest stands nowhere and never will."""
    layer = draft.layers[-1]
    if draft.shared or layer.path != keys.layer_path(draft.step, draft.write_id):
        return
    if may_stand or layer.pages:  # what pages list is too much to go back for
        withdrawing.leave(layer.path, layer.object_count, cause)
    else:
        withdrawing.withdraw(store, layer.path, layer.objects, cause)


def made_before(store: Readable, claim: Claim) -> Commit | None:
    """Return the commit of a write that another process may have made already; None if none has.

    Raises:
        ConflictError: it cannot be made any more; codes as of `publish`.
        NotFoundError: code ``commit-expired``: it was made, and given up since.
    """
    found = history.since(store, claim.seen)
    _, action = protocol.advance(claim, Seen(tuple(record.entry for record in found)))
    if isinstance(action, Stopped):
        raise _failure(action)
    if not isinstance(action, Committed):
        return None
    ours = found[action.number - claim.seen - 1]
    if isinstance(ours, Expired):
        raise ours.error()
    return cast("Commit", ours)


def take_number(
    store: Store,
    claim: Claim,
    base: Named | None,
    compose: Compose,
    *,
    failed: Callable[[BaseException, bool], None] | None = None,
) -> tuple[Record, bytes]:
    """Create a manifest under the next free number.

    Args:
        store: where to.
        claim: what the commit needs, all up to `base` being seen.
        base: the newest commit seen.
        compose: makes the manifest.
        failed: is told the error, and whether the manifest may stand, or appear yet.

    Returns:
        What stands there, and its bytes.

    Raises:
        ConflictError: it may not follow what others committed; it stands nowhere.
        StoreError: code ``commit-unknown``.
    """
    numbering = _Numbering(store, claim, base, compose)
    try:
        return numbering.carry_out()
    except BaseException as exc:
        if failed:
            failed(exc, numbering.may_stand(exc))
        raise


class _Numbering:
    """A writer's way to a number, and what it has sent on it."""

    def __init__(self, store: Store, claim: Claim, base: Named | None, compose: Compose) -> None:
        self._store = store
        self._claim = claim
        self._parent = base
        self._compose = compose
        self._since: list[Record] = []
        self._sent: dict[int, bytes] = {}
        self._is_sending = False

    def may_stand(self, exc: BaseException) -> bool:
        """Tell whether the manifest may stand, or appear yet, once `exc` was raised.

        A refusal for want of rights may be the answer to a request that a client sent again, the
        first having been carried out; one for want of room comes before anything is stored.
        """
        is_full = isinstance(exc, StoreError) and exc.code == "store-full"
        return not is_full and (self._is_sending or self._claim.failures > 0)

    def carry_out(self) -> tuple[Record, bytes]:
        """Do what the protocol says until it says that it is done."""
        found: list[Record] = []
        self._claim, action = protocol.begin(self._claim)
        while True:
            event: Event
            if isinstance(action, Create):
                data = self._bytes_for(action.number)
                # What we could not read back, nobody could: the gate for strangers checks us too.
                found = [records.parse(data, keys.commit_key(action.number))]
                self._is_sending = True
                event = _create(self._store, action.number, data, failures=self._claim.failures)
            elif isinstance(action, Look):
                event, found = _look(self._store, action.after)
                self._parent = found[-1] if found else self._parent
                self._since += found
            elif isinstance(action, Committed):
                ours = next(record for record in found if record.number == action.number)
                return ours, _bytes_of(self._store, ours, self._sent.get(action.number))
            else:
                raise _failure(action)
            self._claim, action = protocol.advance(self._claim, event)
            self._is_sending = False

    def _bytes_for(self, number: int) -> bytes:
        """Return the manifest of a number: sent again, it is the same bytes.

        An earlier try may have been carried out.
        """
        if number not in self._sent:
            self._require_a_number(number)
            self._sent[number] = self._compose(_name_of(self._parent), self._since)
        return self._sent[number]

    @staticmethod
    def _require_a_number(number: int) -> None:
        if number > spec.MAX_INTEGER:
            key = keys.commit_key(number - 1)
            raise DamagedError(
                "manifest-invalid", f"{key}: no number is left for a commit after it"
            )


def _bytes_of(store: Readable, record: Record, sent: bytes | None) -> bytes:
    """Return a manifest: what we sent, unless another process has committed the same write."""
    if sent is not None and manifests.identity(sent) == record.sha256:
        return sent
    return bytes(get_at_most(store, keys.commit_key(record.number), spec.MAX_MANIFEST_BYTES))


def _name_of(parent: Named | None) -> Parent | None:
    return Parent(commit=parent.number, sha256=parent.sha256) if parent else None


def _create(store: Store, number: int, data: bytes, *, failures: int) -> Event:
    if failures:
        interrupts.pause(0.05 * 2**failures)
    try:
        store.create(keys.commit_key(number), data)
    except ConflictError:
        return Taken()
    except AccessDeniedError:
        if not failures:
            raise  # refused, and nothing was sent before
        return Lost()
    except StoreError as exc:
        if exc.code == "store-full" and not failures:
            raise  # the same
        return Lost()
    except NotFoundError:
        return Lost()
    return Created()


def _look(store: Readable, after: int) -> tuple[Event, list[Record]]:
    try:
        found = history.since(store, after)
    except (StoreError, NotFoundError, AccessDeniedError, DamagedError):
        interrupts.pause(0.05)
        return Lost(), []
    return Seen(tuple(record.entry for record in found)), found


def _failure(action: Stopped | Unknown) -> EmbzarrError:
    if isinstance(action, Stopped):
        reason = _STOPPED[action.code]
        return ConflictError(action.code, f"{keys.commit_key(action.number)}: {reason}")
    key = keys.commit_key(action.number)
    return StoreError(
        "commit-unknown", f"{key}: the store does not say whether this commit was made"
    )


def _step_among(draft: Draft, since: Sequence[Record]) -> int:
    """Return the step of a draft, once other commits came between.

    Raises:
        InvalidInputError: it must not follow them.
    """
    steps = [step for step in (record.entry.step for record in since) if step is not None]
    made = [record for record in since if isinstance(record, Commit)]
    if made and draft.may_come_after:
        draft.may_come_after(made[-1].manifest)
    return step_after(steps[-1]) if draft.is_next and steps else draft.step


def step_after(step: int) -> int:
    """Return the step that is saved where the caller gives none, and the newest one is `step`.

    Raises:
        InvalidInputError: code ``input-argument``: there is none.
    """
    if step == spec.MAX_INTEGER:
        message = f"the newest step is {step}, and none comes after it: say which step this is"
        raise InvalidInputError("input-argument", message)
    return step + 1


def _compose(draft: Draft, parent: Parent | None, step: int, writer: str) -> bytes:
    manifest = Manifest(
        format="embzarr",
        version=1,
        store=draft.store_id,
        commit=parent.commit + 1 if parent else 1,
        write_id=draft.write_id,
        parent=parent,
        step=step,
        kind="delta" if len(draft.layers) > 1 else "full",
        created=now(),
        writer=writer,
        layers=draft.layers,
        metadata=draft.metadata,
        model=draft.model,
    )
    return manifests.encode(manifest)


def _leave_hint(store: Store, data: bytes) -> None:
    # The commit is made whatever becomes of its hint: a stale one costs a reader one round trip.
    with contextlib.suppress(EmbzarrError):
        store.put(spec.LATEST, data)
