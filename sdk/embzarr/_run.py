"""The history of a run: its commits and their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embzarr import _compact, _gc, _history, _info, _keys, _save_delta, _tags
from embzarr._checkpoint import Checkpoint
from embzarr._open import find
from embzarr._retention import Policy
from embzarr._save_delta import DeltaOptions, DeltaPolicy
from embzarr._version import __version__
from embzarr.objects import CountingStore, open_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike

    from embzarr._delta_writer import LossyKind
    from embzarr._gc import GcReport
    from embzarr._info import CommitInfo

_BY_SIZE = DeltaPolicy()


class Run:
    """All commits of one store."""

    def __init__(
        self,
        url: object,
        *,
        single_writer: bool = False,
        store_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Look at the store of a run; nothing is read.

        Args:
            url: where it is; see `embzarr.open`.
            single_writer: promise that nobody else writes, for a store that cannot exclude others.
            store_options: credentials and endpoint.
        """
        store = open_store(url, store_options=store_options, single_writer=single_writer)
        self._store = CountingStore(store)

    def __repr__(self) -> str:
        """Return the place."""
        return f"<embzarr.Run {self._store.url}>"

    @property
    def url(self) -> str:
        """Where the run is, without secrets."""
        return self._store.url

    def numbers(self) -> list[int]:
        """Return the numbers of all commits, newest first, without reading them.

        Garbage collections have numbers of their own, and expired commits keep theirs.
        """
        return _history.numbers_of(self._store)

    def commits(self) -> list[CommitInfo]:
        """Return all checkpoints, newest first; garbage collections and expired ones are left out.

        Raises:
            DamagedError: a manifest is damaged.
        """
        return [_info.of_commit(commit) for commit in _history.history(self._store)]

    def open(
        self, *, step: int | None = None, tag: str | None = None, commit: int | None = None
    ) -> Checkpoint:
        """Open the newest commit, or one by step, tag or number; errors as `embzarr.open`."""
        store = CountingStore(self._store)
        return Checkpoint(store, find(store, step=step, tag=tag, commit=commit))

    def tag(self, name: str, *, step: int | None = None, commit: int | None = None) -> None:
        """Give a commit a name, by default the newest; an existing name is moved.

        Args:
            name: up to 128 letters, digits, ``.``, ``_`` and ``-``.
            step: the newest commit of this step.
            commit: its number.

        Raises:
            InvalidInputError: not a name.
            NotFoundError: no such step or commit; code ``commit-expired`` where a garbage
                collection has given it up.
        """
        _keys.tag_key(name)
        target = find(self._store, step=step, tag=None, commit=commit)
        _tags.write_tag(self._store, name, target)

    def untag(self, name: str) -> None:
        """Take a name away; the commit stays until a garbage collection gives it up.

        Raises:
            InvalidInputError: not a name.
            NotFoundError: code ``tag-missing``.
        """
        _tags.remove_tag(self._store, name)

    def tags(self) -> dict[str, int]:
        """Return the commit number of each tag."""
        return {name: target.commit for name, target in _tags.read_all(self._store).items()}

    # Saving ---------------------------------------------------------------------------------------
    def save_delta(  # noqa: PLR0913 - the settings of a save, all keyword-only
        self,
        rows: ArrayLike | Mapping[str, ArrayLike],
        values: ArrayLike | Mapping[str, ArrayLike],
        *,
        words: Iterable[str | bytes] = (),
        base: int | Checkpoint | None = None,
        step: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        lossy: LossyKind | None = None,
        policy: DeltaPolicy = _BY_SIZE,
        compression: str = "auto",
        allow_nonfinite: bool = False,
    ) -> Checkpoint:
        """Save the rows that changed since the newest commit, as one atomic commit upon it.

        It is written as a delta: changed rows alone, read through to the layers below it. Where
        `policy` says that the chain would cost more than it saves, a full step is written instead,
        from the chain and the changes, in bounded memory.

        Args:
            rows: row numbers, shape (k,), in any order; or those of each column.
            values: their vectors now, shape (k, dim); or the rows of each column. A column that is
                not named stays as it was.
            words: appended after the words that there are; their rows, numbered on from the last,
                must be among `rows` of every column.
            base: the commit that the changes are counted from; by default the newest.
            step: the step's number; by default one more than the newest commit's.
            metadata: any JSON.
            lossy: store matrices as ``float16``, or as ``int8`` with a scale for each row; they
                read back as what the column was, and the manifest tells the measured error.
            policy: when to write a full step.
            compression: as `embzarr.save` takes it.
            allow_nonfinite: store NaN and infinity instead of refusing them.

        Raises:
            InvalidInputError: rows that are not there, stand twice or are missing, values of
                another shape or type, or words that are there already; nothing was written.
            NotFoundError: code ``checkpoint-missing``: there is nothing to build on.
            ConflictError: code ``commit-superseded``: another commit came after `base`, or before
                this one was made; it is not built upon silently.
            StoreError: the store failed; with code ``commit-unknown`` the commit may stand.
        """
        store = CountingStore(self._store)
        options = DeltaOptions(
            step=step,
            metadata=metadata or {},
            lossy=lossy,
            policy=policy,
            compression=compression,
            allow_nonfinite=allow_nonfinite,
        )
        head = _save_delta.newest(store, base)
        return _save_delta.save_delta(store, head, rows, values, words, options)

    def compact(self, *, compression: str = "auto") -> Checkpoint:
        """Turn the newest commit's chain of deltas into a full step, as a new commit of the step.

        Row numbers, words, metadata and step stay; what lossy deltas cost stays told. Memory is
        bounded. A commit that is a full step already is returned as it is.

        Args:
            compression: as `embzarr.save` takes it.

        Raises:
            NotFoundError: code ``checkpoint-missing``.
            ConflictError: code ``commit-superseded``: another commit was made meanwhile.
            DamagedError: a layer of the chain is damaged; nothing was committed.
        """
        store = CountingStore(self._store)
        head = _save_delta.newest(store, None)
        if len(head.manifest.layers) > 1:
            writer = f"embzarr {__version__}"
            head = _compact.compact(store, head, compression=compression, writer=writer)
        return Checkpoint(store, head)

    # Giving up ------------------------------------------------------------------------------------
    def gc(
        self,
        *,
        keep_last: int | None = None,
        keep_every: int | None = None,
        older_than: float = 86400.0,
        dry_run: bool = False,
    ) -> GcReport:
        """Give up old checkpoints, and delete what no commit names.

        Safe beside any number of writers and readers: it is a commit of its own, and nothing is
        deleted before it has landed. A writer whose unfinished data it deletes stops with a
        `ConflictError`; a reader of a checkpoint that it gives up gets a `NotFoundError`. Killed at
        any moment, it is finished by the next one.

        Args:
            keep_last: how many of the newest checkpoints to keep; all, if `keep_every` is None
                too, else at least one.
            keep_every: keep the newest checkpoint of each step that this number divides, too.
                What has a tag is kept in any case.
            older_than: seconds for which an unfinished write must have been silent to be taken for
                abandoned.
            dry_run: change nothing, and tell what would be.

        Raises:
            InvalidInputError: a number that keeps nothing.
            ConflictError: code ``commit-conflict``: others committed all the while.
            DamagedError: a manifest is damaged: repair first.
            NotFoundError: no commit is there.
            StoreError: code ``commit-unknown``: nothing was deleted, run it again.
            UnsupportedError: a store that cannot list or cannot be written to safely.
        """
        policy = Policy(keep_last=keep_last, keep_every=keep_every)
        return _gc.collect(self._store, policy, older_than=older_than, dry_run=dry_run)
