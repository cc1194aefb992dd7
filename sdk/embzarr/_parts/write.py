"""Writing one part of a step: a range of rows, and a receipt when all of it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from embzarr._format import given_arrays, spec
from embzarr._history import Target, root
from embzarr._parts import receipts
from embzarr._parts.receipts import Places, Receipt
from embzarr._storage import forks, interrupts
from embzarr._writing import Conversion, LayerFiles, Shards, check_blocks
from embzarr.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from embzarr._parts.plan import StepPlan
    from embzarr._storage import Store

_TRIES = 10
"""To leave a receipt that others leave and take away meanwhile."""


class PartWriter:
    """Takes the rows of one part block by block; ends with a receipt if its block had no error.

    Memory stays bounded: a shard being filled (up to 16 MiB) for each column, and a few being
    encoded and sent. After an error or a crash the part is written again from its first row, by
    the same process or another: what stands is kept where the bytes are the same, and never
    replaced or removed, so that a writer that was taken for dead does no harm.
    """

    def __init__(self, store: Store, plan: StepPlan, index: int) -> None:
        """Prepare to write; use `embzarr.write_part`."""
        self.start, self.stop = plan.rows_of(index)
        """First and past-the-last row of the step that belong to the part."""
        self._at = self.start
        self._open: forks.Process | None = forks.Process()
        self._turn = forks.Lock()
        """Held by whoever appends or ends: an interrupted call may still be ending."""
        self._is_whole = True
        """Whether all rows that were appended are there; not once a call was interrupted."""
        self._plan = plan
        self._index = index
        self._store = store
        self._files = LayerFiles(store, step=plan.step, write_id=plan.write_id, shared=True)
        dtypes = {column.name: column.dtype for column in plan.columns}
        self._conversion = Conversion(dtypes, allow_nonfinite=plan.allow_nonfinite)
        self._columns = {
            column.name: self._files.add(
                column.name,
                dtype=column.dtype,
                row_shape=tuple(column.row_shape),
                codec=column.codec,
                chunk=column.chunk,
                shards=Shards(
                    chunks=column.shard, first=self.start // (column.chunk * column.shard)
                ),
            )
            for column in plan.columns
        }

    def append(self, vectors: ArrayLike, **columns: ArrayLike) -> None:
        """Add rows; the arrays may be used again at once.

        Args:
            vectors: shape (k, dim), of the plan's type or one that converts to it.
            **columns: a block of k rows for each further column of the plan.

        Raises:
            InvalidInputError: shapes, columns or numbers that do not fit, or more rows than the
                part has.
            ConflictError: code ``part-conflict``: another attempt has written other rows.

        Example:
            >>> plan = embzarr.plan_step(folder, rows=4, dim=2, parts=1)
            >>> with embzarr.write_part(folder, plan, 0) as part:
            ...     part.append(np.ones((3, 2)))
            ...     part.append(np.ones((1, 2)))
        """
        try:
            interrupts.apart(lambda: self._append({spec.VECTORS: vectors, **columns}))
        except Exception:
            raise
        except BaseException:
            self._is_whole = False
            raise

    def _append(self, blocks: Mapping[str, ArrayLike]) -> None:
        with self._turn:
            self._require_open()
            self._take(blocks)

    def _require_open(self) -> None:
        if not self._open:
            raise InvalidInputError(
                "store-closed", "this part is finished, was given up, or is another process's"
            )
        if not self._is_whole:
            raise InvalidInputError("store-closed", "this part was interrupted: begin it anew")

    def _take(self, blocks: Mapping[str, ArrayLike]) -> None:
        taken = given_arrays.arrays_of(blocks)
        count = taken[spec.VECTORS].shape[0] if taken[spec.VECTORS].ndim else 0
        check_blocks(count, taken, self._columns)
        if self._at + count > self.stop:
            raise self._wrong(self._at - self.start + count)
        stored = {
            name: self._conversion.stored(name, block, first_row=self._at)
            for name, block in taken.items()
        }
        self._at += count
        for name, block in stored.items():
            self._columns[name].append(block, copied=True)

    def __enter__(self) -> Self:
        """Return the writer itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for what is being stored and leave the receipt; after an error, stop.

        A forked child does neither: the part is its parent's.
        """
        if not self._open:
            return
        if kind is None:
            interrupts.apart(self._end)
        else:
            self._is_whole = False
            interrupts.apart(self._close)

    def _end(self) -> None:
        try:
            with self._turn:
                self._require_open()
                self._finish()
        finally:
            self._close()

    def _close(self) -> None:
        with self._turn:
            self._open = None
            self._files.close()

    def _finish(self) -> None:
        if self._at != self.stop:
            raise self._wrong(self._at - self.start)
        for column in self._columns.values():
            column.finish()
        self._files.wait()
        receipt = Receipt(
            format="embzarr",
            version=1,
            plan=self._plan.identity,
            part=self._index,
            objects=self._files.digests,
            places={
                name: Places(**column.written().index.lists())
                for name, column in self._columns.items()
            },
            losses={name: meter.sums for name, meter in self._conversion.losses.items()},
        )
        self._leave(receipt)

    def _leave(self, receipt: Receipt) -> None:
        key = receipts.key_of(self._plan, self._index)
        data = receipts.encode(receipt)
        for _ in range(_TRIES):
            if self._create(key, data):
                return
            standing = receipts.read(self._store, self._plan, self._index)
            if standing is None:
                continue  # a collection took it away just now
            # Whoever was first has the same objects: two attempts may only add up losses in
            # another order, or cut their blocks in other places.
            if standing.objects == receipt.objects:
                return
            break
        raise ConflictError("part-conflict", f"{key}: another receipt is there")

    def _create(self, key: str, data: bytes) -> bool:
        try:
            self._store.create(key, data)
        except ConflictError:
            return False
        return True

    def _wrong(self, found: int) -> InvalidInputError:
        return InvalidInputError(
            "input-rows",
            f"part {self._index} has the rows {self.start} to {self.stop}: expected "
            f"{self.stop - self.start} rows, found {found}",
        )


def write_part(
    url: object,
    plan: StepPlan,
    index: int,
    *,
    single_writer: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> PartWriter:
    """Start to write one part of a step that `embzarr.plan_step` has planned.

    ``with embzarr.write_part(url, plan, i) as part: part.append(vectors[part.start:part.stop])``

    It may be tried again after any failure, and twice at once, as long as every attempt gives the
    same rows; attempts by one version of this package and its libraries then give the same bytes.

    Args:
        url: the store that was planned for.
        plan: the plan.
        index: number of the part, from 0.
        single_writer: promise that no part is written twice, for a store that cannot exclude it.
        storage_options: credentials and endpoint.

    Raises:
        InvalidInputError: no such part, or another store.
        UnsupportedError: a store that cannot be written to safely.

    Example:
        >>> vectors = np.eye(4, dtype="f4")
        >>> plan = embzarr.plan_step(folder, rows=4, dim=4, parts=1)
        >>> with embzarr.write_part(folder, plan, 0) as part:
        ...     part.append(vectors[part.start : part.stop])
    """
    target = Target(url=url, options=storage_options, single_writer=single_writer)

    def begin() -> PartWriter:
        store = target.open()
        target.require_sound(store)
        root.require(store, plan.store)
        return PartWriter(store, plan, index)

    return interrupts.apart(begin)
