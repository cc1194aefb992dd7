"""The history of a run: its commits and their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embzarr._checkpoint import Checkpoint
from embzarr._format import arguments, keys
from embzarr._gc import Policy, collect
from embzarr._history import describe, history, quarantine, tagging
from embzarr._open import find
from embzarr._run_saving import EXIT_SECONDS, RunSaving
from embzarr._storage import CountingStore, ReadOnlyStore, interruptible, interrupts, open_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from embzarr._gc import GcReport
    from embzarr._history import CommitInfo


class Run(RunSaving):
    """All commits of one store, and saving the next ones."""

    def __init__(
        self,
        url: object,
        *,
        read_only: bool = False,
        single_writer: bool = False,
        exit_seconds: float = EXIT_SECONDS,
        storage_options: Mapping[str, Any] | None = None,
        pickle_secrets: bool = False,
    ) -> None:
        """Look at the store of a run; nothing is read. It pickles as a checkpoint does.

        Args:
            url: where it is; see `embzarr.open`.
            read_only: refuse whatever would write, with code ``store-read-only``.
            single_writer: promise that nobody else writes, for a store that cannot exclude others.
            exit_seconds: for how long the end of the process waits for a save that `save_async`
                began, before it tells on standard error that it was not saved.
            storage_options: credentials and endpoint.
            pickle_secrets: let pickles hold the credentials; see `embzarr.open`.
        """
        arguments.check_flags(
            read_only=read_only, single_writer=single_writer, pickle_secrets=pickle_secrets
        )
        exit_seconds = arguments.seconds("exit_seconds", exit_seconds)
        store = interrupts.apart(
            lambda: open_store(
                url,
                storage_options=storage_options,
                single_writer=single_writer,
                pickle_secrets=pickle_secrets,
            )
        )
        chosen = ReadOnlyStore(store) if read_only else store
        super().__init__(
            CountingStore(chosen), single_writer=single_writer, exit_seconds=exit_seconds
        )

    def __repr__(self) -> str:
        """Return the place."""
        return f"<embzarr.Run {self._store.url}>"

    @property
    def url(self) -> str:
        """Where the run is, without secrets."""
        return self._store.url

    @interruptible
    def numbers(self) -> list[int]:
        """Return the numbers of all commits, newest first, without reading them.

        Garbage collections have numbers of their own, and expired commits keep theirs.
        """
        return history.numbers_of(self._store)

    @interruptible
    def commits(self) -> list[CommitInfo]:
        """Return all checkpoints, newest first; garbage collections and expired ones are left out.

        Raises:
            DamagedError: a manifest is damaged.
        """
        return [describe.of_commit(commit) for commit in history.history(self._store)]

    @interruptible
    def open(
        self, *, step: int | None = None, tag: str | None = None, commit: int | None = None
    ) -> Checkpoint:
        """Open the newest commit, or one by step, tag or number; errors as `embzarr.open`."""
        store = CountingStore(self._store)
        return Checkpoint(store, find(store, step=step, tag=tag, commit=commit))

    @interruptible
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
        keys.tag_key(name)
        target = find(self._store, step=step, tag=None, commit=commit)
        tagging.write_tag(self._store, name, target)

    @interruptible
    def untag(self, name: str) -> None:
        """Take a name away; the commit stays until a garbage collection gives it up.

        Raises:
            InvalidInputError: not a name.
            NotFoundError: code ``tag-missing``.
        """
        tagging.remove_tag(self._store, name)

    @interruptible
    def tags(self) -> dict[str, int]:
        """Return the commit number of each tag."""
        return {name: target.commit for name, target in tagging.read_all(self._store).items()}

    @interruptible
    def quarantined(self) -> list[int]:
        """Return the numbers of the commits that `repair` marked as damaged, newest first.

        Raises:
            UnsupportedError: the store cannot list.
        """
        return quarantine.marked(self._store)

    # Giving up ------------------------------------------------------------------------------------
    @interruptible
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
        deleted before it has landed. What is old is told by the store's clock, of which, as of the
        right to delete, an object below ``probe/`` is asked first. A writer whose unfinished data
        it deletes stops with a `ConflictError`; a reader of a checkpoint that it gives up gets a
        `NotFoundError`. Killed at any moment, it is finished by the next one.

        Args:
            keep_last: how many of the newest checkpoints to keep; all, if `keep_every` is None
                too, else at least one.
            keep_every: keep the newest checkpoint of each step that this number divides, too.
                What has a tag is kept in any case.
            older_than: seconds for which an unfinished write must have been silent to be taken for
                abandoned.
            dry_run: change nothing, and tell what would be.

        Raises:
            InvalidInputError: a number that keeps nothing, or is none.
            ConflictError: code ``commit-conflict``: others committed all the while.
            DamagedError: a manifest is damaged: repair first. One in quarantine does not hinder
                what came after it.
            NotFoundError: no commit is there.
            AccessDeniedError: nothing may be written or deleted: nothing was given up.
            StoreError: code ``commit-unknown``: nothing was deleted, run it again; ``store-full``:
                not even ``latest.json``, which is done without, left enough room.
            UnsupportedError: a store that cannot list or cannot be written to safely.
        """
        policy = Policy(keep_last=keep_last, keep_every=keep_every)
        older_than = arguments.seconds("older_than", older_than)
        arguments.check_flags(dry_run=dry_run)
        if not dry_run:
            self._require_sound()
        return collect.collect(self._store, policy, older_than=older_than, dry_run=dry_run)
