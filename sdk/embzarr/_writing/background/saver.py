"""Saving in the background: the caller waits while what it saves is copied, and goes on.

One thread encodes, sends and commits, so that no two commits are out of order. At most one save is
under way: the next call waits until it has ended, which also bounds the memory to one copy. What a
failed save should have held is owed: the next one holds it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from embzarr._format import EMPTY, arguments, dtypes, given_arrays, spec
from embzarr._history import probe
from embzarr._storage import CountingStore, forks, interrupts
from embzarr._writing import delta
from embzarr._writing.background import saves
from embzarr._writing.background.unsaved import Promise
from embzarr._writing.given.checks import arrays_of, check_lengths, kinds_of, taken, vectors_of
from embzarr._writing.given.extras import NO_EXTRAS
from embzarr._writing.save import save_given
from embzarr._writing.snapshot import Snapshots
from embzarr.errors import AccessDeniedError, EmbzarrError, InvalidInputError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr._storage import Store
    from embzarr._writing.background.saves import Saving
    from embzarr._writing.delta import DeltaOptions
    from embzarr._writing.given.extras import Extras
    from embzarr._writing.snapshot import Copy

Changed: TypeAlias = "dict[str, NDArray[np.int64]]"
"""Rows of each column, rising; of a column that is not named, none."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """What a caller has in memory."""

    words: Sequence[str | bytes]
    columns: dict[str, NDArray[Any]]
    """Vectors and further columns, a row for each word."""

    @classmethod
    def of(
        cls,
        words: Sequence[str] | None,
        vectors: NDArray[Any] | None,
        columns: Mapping[str, NDArray[Any]],
        extras: Extras | None = None,
    ) -> Table:
        """Return vectors and further columns as one; nothing where there are extras alone.

        Raises:
            InvalidInputError: a column without a row for each word, of another type, or of a name
                that no column may have; or nothing at all.
        """
        further = arrays_of(columns)
        if words is None and vectors is None:
            (extras or NO_EXTRAS).require_something(further)
            return cls([], {})
        (matrix, _), listed = vectors_of(vectors), taken(() if words is None else words)
        kinds_of(further)
        arrays = {spec.VECTORS: matrix, **further}
        check_lengths(len(listed), arrays)
        return cls(listed, arrays)


def touched(changed: ArrayLike | Mapping[str, ArrayLike], table: Table) -> Changed:
    """Return the rows of each column that a caller says have changed, rising, each once.

    Args:
        changed: row numbers or a mask of booleans, for all columns or for each.
        table: what they are rows of.

    Raises:
        InvalidInputError: a column or a row that is not there, or neither numbers nor a mask.
    """
    given = arguments.by_name(changed, table.columns)
    for name in given:
        if name not in table.columns:
            raise InvalidInputError("input-argument", f"changed: no column {name!r}")
    return {name: _row_numbers(name, rows, len(table.words)) for name, rows in given.items()}


def _row_numbers(name: str, rows: ArrayLike, total: int) -> NDArray[np.int64]:
    found = given_arrays.array_of(f"changed rows of {name}", rows)
    if found.dtype == np.bool_ and found.shape == (total,):
        return np.flatnonzero(found)
    if found.ndim != 1 or (len(found) and found.dtype.kind not in "iu"):
        raise InvalidInputError(
            "input-dtype",
            f"changed rows of {name}: expected row numbers, or a mask of shape ({total},); found "
            f"{found.dtype} of shape {found.shape}",
        )
    numbers: NDArray[np.int64] = np.unique(found).astype(np.int64)
    if len(numbers) and not 0 <= numbers[0] <= numbers[-1] < total:
        raise InvalidInputError(
            "input-rows",
            f"changed rows of {name}: expected 0 to below {total}; found {numbers[0]} to "
            f"{numbers[-1]}",
        )
    return numbers


class AsyncSaver:
    """Saves one table after the other in the background.

    What a save changes of this, its own thread changes before it ends; all others look at it once
    they have waited for that. So nobody who is interrupted while waiting leaves it half changed.
    """

    def __init__(self, store: Store, *, single_writer: bool, patience: float) -> None:
        """Prepare to save; no thread is started yet.

        Args:
            store: where to.
            single_writer: whether nobody else writes there.
            patience: seconds for which the end of the process waits for a save.
        """
        self._store = store
        self._single_writer = single_writer
        self._patience = patience
        self._turn = forks.Lock()
        """Held by whoever waits for a save and begins the next."""
        self._snapshots = Snapshots()
        self._saving: Saving[Checkpoint] | None = None
        """The newest."""
        self._last: Checkpoint | None = None
        """What was committed last; None where that is not known."""
        self._owed: Changed | None = {}
        """Rows that changed since then; None for all."""
        self._kept: tuple[Extras, Copy] | None = None
        """Tensors and files that the newest save has, or should have had: copies."""
        self._words: list[str] | None = None
        """Its words; None where they are not known."""
        self._seen: Saving[Checkpoint] | None = None
        """The newest that ended, and whose caller was told how."""
        self._process = forks.Process()

    @property
    def is_here(self) -> bool:
        """Whether this process has begun it: a forked child leaves its parent's saves alone."""
        return bool(self._process)

    @property
    def busy(self) -> bool:
        """Whether a save is under way, so that the next would wait for it."""
        return self._saving is not None and not self._saving.done()

    def reserve(self, table: Table, extras: Extras) -> None:
        """Have memory for a copy of everything."""
        tensors = {name: tensor.array for name, tensor in extras.tensors.items()}
        with self._turn:
            self._settle()
            self._snapshots.reserve(table.columns, tensors)

    def save(
        self,
        table: Table,
        changed: Changed | None,
        base: Checkpoint | None,
        options: DeltaOptions,
        extras: Extras | None = None,
    ) -> Saving[Checkpoint]:
        """Copy what is to be saved, and return what will be the checkpoint.

        Args:
            table: everything.
            changed: rows of each column that changed since `base`; None for all.
            base: the commit that they are counted from; None for that of the save before.
            options: how to save.
            extras: tensors and files, changed or not.

        Raises:
            EmbzarrError: what the save before ended with; nothing was copied.
        """
        with self._turn:
            try:
                self._settle()
            except EmbzarrError:
                self._owed = _joined(self._owed, changed)
                raise
            if base is not None:
                self._last, self._owed, self._kept = base, {}, None
            self._owed = _joined(self._owed, changed)
            if changed is not None and self._kept is not None:
                owed, _ = self._kept
                extras = owed if extras is None else extras.over(owed)
            return self._begin(table, options, extras)

    def wait(self) -> None:
        """Wait until nothing is under way.

        Raises:
            EmbzarrError: what the save ended with, until the caller `has_seen` it. Where it may
                have committed, or another writer has, the next one is a full step.
        """
        with self._turn:
            self._settle()

    def has_seen(self) -> None:
        """Take note that the caller was told what the save before ended with."""
        if self._saving is not None and self._saving.done():
            self._seen = self._saving
            self._saving.promise.is_told = True

    def close(self) -> None:
        """Wait, for callbacks too, and let memory go; raises as `wait`."""
        with self._turn:
            try:
                if self._saving is not None:
                    self._saving.settle()
                self._settle()
            finally:
                self._snapshots.close()

    def _settle(self) -> None:
        saving = self._saving
        if saving is not None:
            interrupts.wait(saving.decided)
            if saving.failure is not None and saving is not self._seen:
                raise saving.failure

    def _begin(
        self, table: Table, options: DeltaOptions, extras: Extras | None
    ) -> Saving[Checkpoint]:
        words, upon, before = [*table.words], self._last, self._saving
        rows, owed = None, self._owed
        if upon is not None and owed is not None and (owed or extras is not None):
            rows = _delta_rows(table, owed, upon, options, extras)
        held = None if extras is None else extras.copied(self._snapshots)
        beside = None if held is None else held[0]
        if upon is None or rows is None:
            copy = self._snapshots.whole(table.columns)
            save = partial(self._save_full, words, copy.columns, options, beside)
        else:
            copy = self._snapshots.rows(table.columns, rows)
            save = partial(self._save_delta, words, upon, rows, copy.columns, options, beside)
        # The copy may have been made while the caller, interrupted, went on to change its source.
        interrupts.check()
        self._kept = held
        step = "the next step" if options.step is None else f"step {options.step}"
        promise = Promise(what=f"{step} of {self._store.url}", patience=self._patience)
        self._saving = saves.begin(promise, partial(self._carry_out, before, save, copy))
        return self._saving

    def _carry_out(
        self, before: Saving[Checkpoint] | None, save: Callable[[], Checkpoint], copy: Copy
    ) -> Checkpoint:
        """Save, and take note of what became of it, before anybody else can know."""
        if before is not None:
            before.promise.ended.wait()
        last, self._last = self._last, None
        try:
            self._last = save()
        except (AccessDeniedError, InvalidInputError, StoreError) as exc:
            self._last = None if exc.code == "commit-unknown" else last
            raise
        finally:
            self._snapshots.give(copy)
        self._owed = {}
        if self._kept is not None:
            self._snapshots.give(self._kept[1])
            self._kept = None
        return self._last

    def _save_full(
        self,
        words: list[str | bytes],
        columns: dict[str, NDArray[Any]],
        options: DeltaOptions,
        extras: Extras | None,
    ) -> Checkpoint:
        further = {name: array for name, array in columns.items() if name != spec.VECTORS}
        checkpoint = save_given(
            self._store,
            words if columns else None,
            columns.get(spec.VECTORS),
            extras or NO_EXTRAS,
            step=options.step,
            columns=further,
            metadata=options.metadata,
            compression=options.compression,
            chunk_bytes=options.chunk_bytes,
            allow_nonfinite=options.allow_nonfinite,
            allow_new_dim=options.allow_new_dim,
            single_writer=self._single_writer,
        )
        self._words = arguments.words("words", words)
        return checkpoint

    def _save_delta(
        self,
        given: list[str | bytes],
        base: Checkpoint,
        rows: Changed,
        values: dict[str, NDArray[Any]],
        options: DeltaOptions,
        extras: Extras | None,
    ) -> Checkpoint:
        probe.require_sound(self._store, single_writer=self._single_writer)
        words = arguments.words("words", given)
        new = self._appended(words, base) if words else []
        store = CountingStore(self._store)
        head = delta.newest(store, base)
        checkpoint = delta.save_delta(
            store, head, rows or None, values or None, new, options, extras
        )
        self._words = words or self._words
        return checkpoint

    def _appended(self, words: list[str], base: Checkpoint) -> list[str]:
        """Return the words that the base has not; of a table that is not given, there are none."""
        known = [*base.words] if self._words is None else self._words
        if words[: len(known)] != known:
            raise InvalidInputError(
                "input-argument", "words may be appended to those of the base, and not changed"
            )
        return words[len(known) :]


def _joined(one: Changed | None, other: Changed | None) -> Changed | None:
    """Return the rows that are in either; None for all."""
    if one is None or other is None:
        return None
    both = {name: np.union1d(one[name], other[name]) for name in one.keys() & other.keys()}
    return {**one, **other, **both}


def _delta_rows(
    table: Table,
    changed: Changed,
    base: Checkpoint,
    options: DeltaOptions,
    extras: Extras | None,
) -> Changed | None:
    """Return the rows of each column that a delta holds; None where a full step is to be saved."""
    manifest = base._commit.manifest  # noqa: SLF001 - the two are one thing
    if not table.columns and not changed:
        return {}
    stored = {name: manifest.base.arrays[name] for name in manifest.base.columns}
    same = stored.keys() == table.columns.keys() and all(
        (tuple(array.shape[1:]), array.dtype) == (held.shape[1:], dtypes.stored_name(held.dtype))
        for array, held in ((stored[name], table.columns[name]) for name in stored)
    )
    if not same or len(table.words) < len(base):
        return None
    rows = dict(changed)
    if len(table.words) > len(base):
        new = np.arange(len(base), len(table.words))
        rows = {name: np.union1d(changed.get(name, new), new) for name in table.columns}
    counts = {name: len(numbers) for name, numbers in rows.items()}
    # Tensors and files are not at hand here: a full step takes them over from the chain.
    held = any(layer.contents != EMPTY or layer.pages_of(spec.MEMBERS) for layer in manifest.layers)
    is_more = held or extras is not None
    return rows if is_more or options.policy.allows(manifest, counts, options.lossy) else None
