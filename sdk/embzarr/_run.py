"""The history of a run, its commits and their names, and saving the next one upon the last."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from embzarr._checkpoint import Checkpoint
from embzarr._format import arguments, keys
from embzarr._gc import Policy, collect
from embzarr._history import describe, history, probe, quarantine, tagging
from embzarr._open import find
from embzarr._reading import Cache
from embzarr._redact import html_facts, html_table
from embzarr._storage import CountingStore, ReadOnlyStore, interruptible, interrupts, open_store
from embzarr._version import __version__
from embzarr._writing import (
    AsyncSaver,
    DeltaOptions,
    DeltaPolicy,
    Extras,
    Table,
    checks,
    compacting,
    delta,
    save,
    touched,
)
from embzarr.errors import EmbzarrError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Future

    from numpy.typing import ArrayLike, NDArray

    from embzarr._gc import GcReport
    from embzarr._history import CommitInfo
    from embzarr._writing import LossyKind, SaveSettings, Source

R = TypeVar("R")

EXIT_SECONDS = 300.0
"""For how long the end of the process waits for a save, by default."""
_BY_SIZE = DeltaPolicy()
_MOST_SHOWN = 10
"""Commits in a notebook."""


class Run:
    """All commits of one store, and saving the next ones.

    Example:
        >>> run = embzarr.Run(url)
        >>> [commit.step for commit in run.commits()]
        [100]
    """

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
        self._store = CountingStore(chosen)
        self._single_writer = single_writer
        self._exit_seconds = exit_seconds
        self._saver: AsyncSaver | None = None

    def __repr__(self) -> str:
        """Return the place."""
        return f"<embzarr.Run {self._store.url}>"

    @interruptible
    def _repr_html_(self) -> str:
        """Return a small table of the newest commits for notebooks; an error is told in it."""
        names = ("commit", "step", "created", "kind", "rows", "dim", "type", "bytes written")
        title = f"embzarr run {self.url}"
        try:
            newest = [*islice(history.history(self._store), _MOST_SHOWN)]
        except EmbzarrError as exc:
            return html_facts(title, {"error": exc})
        found = [describe.of_commit(commit) for commit in newest]
        rows = [
            (c.commit, str(c.step), c.created, c.kind, c.rows, c.dim, c.dtype, c.bytes_stored)
            for c in found
        ]
        return html_table(title, names, rows)

    @property
    def url(self) -> str:
        """Where the run is, without secrets."""
        return self._store.url

    @interruptible
    def numbers(self) -> list[int]:
        """Return the numbers of all commits, newest first, without reading them.

        Garbage collections have numbers of their own, and expired commits keep theirs.

        Example:
            >>> run.numbers()
            [1]
        """
        return list(history.numbers_of(self._store))

    @interruptible
    def commits(self) -> list[CommitInfo]:
        """Return all checkpoints, newest first; garbage collections and expired ones are left out.

        Raises:
            DamagedError: a manifest is damaged.

        Example:
            >>> [(commit.commit, commit.step) for commit in run.commits()]
            [(1, 100)]
        """
        return [describe.of_commit(commit) for commit in history.history(self._store)]

    @interruptible
    def open(
        self,
        *,
        step: int | None = None,
        tag: str | None = None,
        commit: int | None = None,
        cache: Cache | None = None,
    ) -> Checkpoint:
        """Open the newest commit, or one by step, tag or number; all as `embzarr.open` takes it.

        Example:
            >>> run.open(step=100)["king"]
            array([1., 0., 0., 0.], dtype=float32)
        """
        store = CountingStore(self._store)
        if cache is not None and not isinstance(cache, Cache):
            raise arguments.refusal("cache", "an embzarr.Cache", cache)
        return Checkpoint(store, find(store, step=step, tag=tag, commit=commit), cache=cache)

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

        Example:
            >>> run.tag("best", step=100)
            >>> run.open(tag="best").step
            100
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

        Example:
            >>> run.tag("best")
            >>> run.untag("best")
            >>> run.tags()
            {}
        """
        tagging.remove_tag(self._store, name)

    @interruptible
    def tags(self) -> dict[str, int]:
        """Return the commit number of each tag.

        Example:
            >>> run.tag("best")
            >>> run.tags()
            {'best': 1}
        """
        return {name: target.commit for name, target in tagging.read_all(self._store).items()}

    @interruptible
    def quarantined(self) -> list[int]:
        """Return the numbers of the commits that `repair` marked as damaged, newest first.

        Raises:
            UnsupportedError: the store cannot list.

        Example:
            >>> run.quarantined()
            []
        """
        return quarantine.marked(self._store)

    # Saving ---------------------------------------------------------------------------------------
    def save(
        self,
        words: Iterable[str | bytes] | None = None,
        vectors: ArrayLike | None = None,
        **settings: Unpack[SaveSettings],
    ) -> Checkpoint:
        """Save words and vectors as the next step of the run: `embzarr.save` to its place.

        It waits for a save in the background, and raises what that ended with.

        Args:
            words: any distinct texts that UTF-8 can hold, one for each row.
            vectors: shape (rows, dim).
            **settings: as `embzarr.save` takes them, such as ``step``, ``counts``, ``metadata``.

        Raises:
            EmbzarrError: as `embzarr.save`.

        Example:
            >>> run.save(["king", "queen"], np.ones((2, 4), "f4"), step=200).step
            200
        """
        self.wait()
        single_writer = self._single_writer
        return save(self._store, words, vectors, single_writer=single_writer, **settings)

    def save_delta(  # noqa: PLR0913 - the settings of a save, all keyword-only
        self,
        rows: ArrayLike | Mapping[str, ArrayLike] | None = None,
        values: ArrayLike | Mapping[str, ArrayLike] | None = None,
        *,
        words: Iterable[str | bytes] = (),
        tensors: Mapping[str, ArrayLike] | None = None,
        files: Mapping[str, Source] | None = None,
        model: Mapping[str, Any] | None = None,
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
            rows: row numbers, shape (k,), in any order; or those of each column. None, as `values`,
                where no vector changed.
            values: their vectors now, shape (k, dim); or the rows of each column. A column that is
                not named stays as it was.
            words: appended after the words that there are; their rows, numbered on from the last,
                must be among `rows` of every column.
            tensors: arrays by name: those that are as the newest commit has them are not written
                again, and those that are not named stay. A name that is new is added, and an array
                may have another shape and type than before.
            files: the same of files.
            model: any JSON, in place of the newest commit's.
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

        Example:
            >>> changed = run.save_delta([1], [[2, 2, 2, 2]])
            >>> changed["queen"], changed["king"]
            (array([2., 2., 2., 2.], dtype=float32), array([1., 0., 0., 0.], dtype=float32))
        """
        options = DeltaOptions(
            step=step,
            metadata=checks.metadata_of(metadata),
            lossy=lossy,
            policy=policy,
            compression=compression,
            allow_nonfinite=allow_nonfinite,
        )
        listed = checks.taken(words)
        is_beside = any(given is not None for given in (tensors, files, model))
        extras = Extras.of(tensors, files, model) if is_beside else None
        self.wait()

        def save() -> Checkpoint:
            self._require_sound()
            store = CountingStore(self._store)
            head = delta.newest(store, base)
            return delta.save_delta(store, head, rows, values, listed, options, extras)

        return interrupts.apart(save)

    def save_async(  # noqa: PLR0913 - the settings of a save, all keyword-only
        self,
        words: Sequence[str] | None = None,
        vectors: NDArray[Any] | None = None,
        *,
        columns: Mapping[str, NDArray[Any]] | None = None,
        tensors: Mapping[str, ArrayLike] | None = None,
        files: Mapping[str, Source] | None = None,
        model: Mapping[str, Any] | None = None,
        changed: ArrayLike | Mapping[str, ArrayLike] | None = None,
        base: Checkpoint | None = None,
        step: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        lossy: LossyKind | None = None,
        policy: DeltaPolicy = _BY_SIZE,
        compression: str = "auto",
        chunk_bytes: int | None = None,
        allow_nonfinite: bool = False,
        allow_new_dim: bool = False,
    ) -> Future[Checkpoint]:
        """Save in the background, and return what will be the checkpoint.

        The call takes as long as copying what is to be saved, the first one longer, as memory for
        it is found (`reserve`): the arrays may change as soon as it returns. Encoding, sending and
        committing go on in a thread, one save at a time and so in order: a call that comes earlier
        waits (`saving` tells). An error is raised by the future, and by the next call, unless
        `wait` has raised it; rows that it kept from being saved are in the next save that succeeds,
        as they are then. Close the run, or use it in a ``with`` block, to wait for the last one.

        Args:
            words: all of them; may be more than before, appended, not others. None, as `vectors`,
                for tensors and files alone.
            vectors: shape (rows, dim).
            columns: further arrays of as many rows.
            tensors: arrays by name, all of which are copied.
            files: bytes, paths or open files by name, which are read before this returns.
            model: any JSON.
            changed: rows that changed since `base`: numbers or a mask, for all columns or for each;
                ``{}`` for none. They alone are copied, and saved as a delta where `policy` allows;
                else, and without this, everything is saved as a full step. With this, tensors and
                files that are as `base` has them are not written again, and those that are not
                named stay; without it a step has those that are named, and no others.
            base: the commit that `changed` is counted from; by default that of the save before.
            step: the step's number; by default one more than the newest commit's.
            metadata: any JSON.
            lossy: of a delta, as `save_delta` takes it.
            policy: when to write a full step.
            compression: as `embzarr.save` takes it.
            chunk_bytes: of a full step; see `embzarr.save`.
            allow_nonfinite: store NaN and infinity instead of refusing them.
            allow_new_dim: let vectors be longer or shorter than those of the newest commit.

        Raises:
            InvalidInputError: arrays or rows that do not fit the words, or a file that cannot be
                read.
            EmbzarrError: what the save before ended with; this one was not begun.

        Example:
            >>> future = run.save_async(["king"], np.ones((1, 4)))  # copied
            >>> future.result()["king"]
            array([1., 1., 1., 1.])
        """
        extras = interrupts.apart(lambda: Extras.of_any(tensors, files, model))
        table = interrupts.apart(lambda: Table.of(words, vectors, columns or {}, extras))
        rows = None if changed is None else interrupts.apart(lambda: touched(changed, table))
        options = DeltaOptions(
            step=step,
            metadata=checks.metadata_of(metadata),
            lossy=lossy,
            policy=policy,
            compression=compression,
            allow_nonfinite=allow_nonfinite,
            chunk_bytes=chunk_bytes,
            allow_new_dim=allow_new_dim,
        )
        return self._ask(lambda saver: saver.save(table, rows, base, options, extras))

    def reserve(
        self,
        words: Sequence[str] | None = None,
        vectors: NDArray[Any] | None = None,
        columns: Mapping[str, NDArray[Any]] | None = None,
        *,
        tensors: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        """Have the memory that `save_async` needs for copies of all this.

        The first save then holds its caller up no longer than later ones, which find it there.

        Raises:
            InvalidInputError: arrays that do not fit the words.
            EmbzarrError: what a save under way ended with.

        Example:
            >>> run.reserve(["king"], np.ones((1, 4), "f4"), {})
        """
        extras = interrupts.apart(lambda: Extras.of(tensors, None, None))
        table = interrupts.apart(lambda: Table.of(words, vectors, columns or {}, extras))
        self._ask(lambda saver: saver.reserve(table, extras))

    @property
    def saving(self) -> bool:
        """Whether a save is under way in the background, so that the next would wait for it."""
        saver = self._saver
        return saver is not None and saver.is_here and saver.busy

    def wait(self) -> None:
        """Wait for the save that is under way in the background, if there is one.

        Raises:
            EmbzarrError: what it ended with; the next save then goes ahead.

        Example:
            >>> future = run.save_async(["king"], np.ones((1, 4), "f4"))
            >>> run.wait()
            >>> future.done()
            True
        """
        if self._is_begun:
            self._ask(AsyncSaver.wait)

    def close(self) -> None:
        """Wait as `wait` does, and let memory go.

        Raises:
            EmbzarrError: what it ended with.

        Example:
            >>> with embzarr.Run(url) as run:  # closes it
            ...     future = run.save_async(["king"], np.ones((1, 4), "f4"))
            >>> future.done()
            True
        """
        if self._is_begun:
            self._ask(AsyncSaver.close)

    def __enter__(self) -> Self:
        """Return the run itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close; an error inside the block is not replaced by one of a save."""
        try:
            self.close()
        except EmbzarrError:
            if kind is None:
                raise

    @property
    def _is_begun(self) -> bool:
        """Whether this process has saved in the background; what its parent does is not its own."""
        return self._saver is not None and self._saver.is_here

    def _ask(self, ask: Callable[[AsyncSaver], R]) -> R:
        """Have the saver do something; what the save before ended with is raised once, and here."""
        if self._saver is None or not self._saver.is_here:
            self._saver = AsyncSaver(
                self._store, single_writer=self._single_writer, patience=self._exit_seconds
            )
        try:
            return interrupts.apart(partial(ask, self._saver))
        except EmbzarrError:
            self._saver.has_seen()
            raise

    def __getstate__(self) -> dict[str, object]:
        """Pickle and copy all but what is saved in the background."""
        return {**vars(self), "_saver": None}

    def _require_sound(self) -> None:
        probe.require_sound(self._store, single_writer=self._single_writer)

    def compact(
        self,
        *,
        compression: str = "auto",
        chunk_bytes: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Checkpoint:
        """Turn the newest commit's chain of deltas into a full step, as a new commit of the step.

        Row numbers, words, metadata and step stay; what lossy deltas cost stays told. Memory is
        bounded. A commit that is a full step already is returned as it is.

        Args:
            compression: as `embzarr.save` takes it.
            chunk_bytes: see `embzarr.save`; by default as the base of the chain has it.
            progress: called with the rows that are done and the rows in all.

        Raises:
            NotFoundError: code ``checkpoint-missing``.
            ConflictError: code ``commit-superseded``: another commit was made meanwhile.
            DamagedError: a layer of the chain is damaged; nothing was committed.

        Example:
            >>> changed = run.save_delta([1], [[2, 2, 2, 2]])
            >>> run.compact()["queen"]
            array([2., 2., 2., 2.], dtype=float32)
        """
        if chunk_bytes is not None:
            chunk_bytes = arguments.chunk_bytes(chunk_bytes)
        self.wait()
        return interrupts.apart(partial(self._compact, compression, chunk_bytes, progress))

    def _compact(
        self,
        compression: str,
        chunk_bytes: int | None,
        progress: Callable[[int, int], None] | None,
    ) -> Checkpoint:
        self._require_sound()
        store = CountingStore(self._store)
        head = delta.newest(store, None)
        if len(head.manifest.layers) > 1:
            writer = f"embzarr {__version__}"
            head = compacting.compact(
                store,
                head,
                compression=compression,
                chunk_bytes=chunk_bytes,
                writer=writer,
                progress=progress,
            )
        return Checkpoint(store, head)

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

        Example:
            >>> saved = run.save(["king"], np.ones((1, 4), "f4"), step=200)
            >>> run.gc(keep_last=1).expired
            (1,)
        """
        policy = Policy(keep_last=keep_last, keep_every=keep_every)
        older_than = arguments.seconds("older_than", older_than)
        arguments.check_flags(dry_run=dry_run)
        if not dry_run:
            self._require_sound()
        return collect.collect(self._store, policy, older_than=older_than, dry_run=dry_run)
