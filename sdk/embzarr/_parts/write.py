"""Writing one part of a step: ranges of rows, tensors, files; and a receipt when all is stored."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from embzarr._format import given_arrays, spec
from embzarr._history import Target, root
from embzarr._parts import plan as planning
from embzarr._parts import receipts
from embzarr._parts.receipts import PartArray, Places, Receipt
from embzarr._storage import forks, interrupts
from embzarr._writing import (
    ContentsWriter,
    Conversion,
    Extras,
    LayerFiles,
    Shards,
    check_blocks,
    tensor_rows,
)
from embzarr.errors import ConflictError, EmbzarrError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import ArrayLike

    from embzarr._format import Contents
    from embzarr._parts.plan import Divided, StepPlan
    from embzarr._storage import Store
    from embzarr._writing import ArrayWriter, Source

_TRIES = 10
"""To leave a receipt that others leave and take away meanwhile."""


class PartWriter:
    """Takes what belongs to one part; ends with a receipt if its block had no error.

    Memory stays bounded: a shard being filled (up to 16 MiB) for each column, each planned tensor
    that is begun and each data type of small tensors, and a few being encoded and sent. After an
    error or a crash the part is written again from its beginning, by the same process or another:
    what stands is kept where the bytes are the same, and never replaced or removed, so that a
    writer that was taken for dead does no harm.
    """

    def __init__(self, store: Store, plan: StepPlan, index: int) -> None:
        """Prepare to write; use `embzarr.write_part`."""
        self.start, self.stop = plan.rows_of(index)
        """First and past-the-last row of the step's table that belong to the part."""
        self._at = self.start
        self._open: forks.Process | None = forks.Process()
        self._turn = forks.Lock()
        """Held by whoever appends or ends: an interrupted call may still be ending."""
        self._is_whole = True
        """Whether all rows that were given are there: not after a call that was interrupted."""
        self._has_end = False
        """Whether it is in a block, at whose end it tells that it is there."""
        self._plan = plan
        self._index = index
        self._store = store
        self._files = LayerFiles(store, step=plan.step, write_id=plan.write_id, shared=True)
        dtypes = {column.name: column.dtype for column in plan.columns}
        self._conversion = Conversion(dtypes, allow_nonfinite=plan.allow_nonfinite)
        self._columns = {
            name: self._array(column) for name, column in planning.columns_of(plan).items()
        }
        self._tensors = {name: self._array(planning.tensor_of(plan, name)) for name in plan.tensors}
        self._filled = dict.fromkeys(plan.tensors, 0)
        """Rows of each planned tensor that were given."""
        self._contents = ContentsWriter(
            self._files, planning.compression_of(plan), plan.chunk_bytes, part=index
        )
        self._given: set[tuple[str, str]] = set()
        """Whole tensors and files, by kind and name."""

    def __repr__(self) -> str:
        """Return which part it is, of how many, and which rows of a table are its."""
        rows = f", rows {self.start}:{self.stop}" if self._plan.columns else ""
        return f"<embzarr.PartWriter part {self._index} of {self._plan.parts}{rows}>"

    def _array(self, one: Divided) -> ArrayWriter:
        return self._files.add(
            one.name,
            dtype=one.dtype,
            row_shape=one.row_shape,
            codec=one.codec,
            chunk=one.chunk,
            shards=Shards(chunks=one.shard, first=one.first_shard(self._index)),
        )

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
        self._apart(lambda: self._take({spec.VECTORS: vectors, **columns}))

    def append_tensor(self, name: str, rows: ArrayLike) -> None:
        """Add rows to this part's range of a planned tensor; the array may be used again at once.

        Args:
            name: of the tensor; `StepPlan.rows_of` tells the range, which all calls together fill.
            rows: a block of shape (k, ...), of the tensor's data type.

        Raises:
            InvalidInputError: a tensor that is not in the plan, another shape or data type, or more
                rows than the part has of it.
            ConflictError: code ``part-conflict``: another attempt has written other rows.

        Example:
            >>> plan = embzarr.plan_step(folder, parts=1, tensors={"w": ("float32", (4, 2))})
            >>> with embzarr.write_part(folder, plan, 0) as part:
            ...     part.append_tensor("w", np.ones((4, 2), "f4"))
            >>> embzarr.publish(folder, plan).tensors["w"].shape
            (4, 2)
        """
        self._apart(lambda: self._take_rows(name, rows))

    def add(
        self,
        *,
        tensors: Mapping[str, ArrayLike] | None = None,
        files: Mapping[str, Source] | None = None,
    ) -> None:
        """Add tensors and files that this part has whole, as `embzarr.save` takes them.

        No other part may give one of the same name. Attempts at a part give them in the same order.

        Args:
            tensors: arrays by name, which must stay as they are until the part has ended.
            files: bytes, paths or open binary files, by name.

        Raises:
            InvalidInputError: something of it cannot be saved, or was given before.
            ConflictError: code ``part-conflict``: another attempt, or another part, has written
                others of these names.

        Example:
            >>> plan = embzarr.plan_step(folder, parts=1)
            >>> with embzarr.write_part(folder, plan, 0) as part:
            ...     part.add(tensors={"bias": np.zeros(2, "f4")}, files={"a.json": b"{}"})
            >>> embzarr.publish(folder, plan).tensors["bias"].shape
            (2,)
        """
        extras = Extras.of(tensors, files, None)
        self._apart(lambda: self._add(extras))

    def _apart(self, work: Callable[[], object]) -> None:
        """Do something in turn; where it is interrupted, the part is not whole any more."""

        def in_turn() -> None:
            with self._turn, self._explaining():
                self._require_open()
                work()

        try:
            interrupts.apart(in_turn)
        except Exception:
            raise
        except BaseException:
            self._is_whole = False
            raise

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Name the part that has given a tensor or file of this one, where that is a conflict."""
        try:
            yield
        except ConflictError as exc:
            raise self._explained(exc) from exc

    def _explained(self, found: ConflictError) -> ConflictError:
        with suppress(EmbzarrError):
            for receipt in receipts.read_all(self._store, self._plan):
                if receipt and receipt.part != self._index:
                    for what in sorted(receipt.owned & self._given)[:1]:
                        owners = (f"part {receipt.part}", f"part {self._index}")
                        return receipts.given_twice(self._plan, what, owners)
        return found

    def _require_open(self) -> None:
        if not self._open:
            raise InvalidInputError(
                "store-closed", "this part is finished, was given up, or is another process's"
            )
        if not self._has_end:
            raise InvalidInputError(
                "store-closed",
                "a part is there at the end of its block: expected "
                "`with embzarr.write_part(...) as part:`, found none",
            )
        if not (self._is_whole and self._contents.is_whole):
            raise InvalidInputError(
                "store-closed", "this part was interrupted, or failed midway: begin it anew"
            )

    def _take(self, blocks: Mapping[str, ArrayLike]) -> None:
        taken = given_arrays.arrays_of(blocks)
        count = taken[spec.VECTORS].shape[0] if taken[spec.VECTORS].ndim else 0
        check_blocks(count, taken, self._columns)
        if self._at + count > self.stop:
            raise self._wrong(self._at - self.start + count, self.start, self.stop)
        stored = self._conversion.stored(taken, first_row=self._at)
        self._at += count
        for name, block in stored.items():
            self._columns[name].append(block, copied=True)

    def _take_rows(self, name: str, rows: ArrayLike) -> None:
        one, told = planning.tensor_of(self._plan, name), self._plan.tensors[name].type
        what = f"tensor {name[:64]!r}"
        given = tensor_rows.given({name: rows})[name]
        expected = (one.dtype, told)
        if (given.dtype, given.type) != expected:
            raise InvalidInputError(
                "input-dtype",
                f"{what}: expected {told or one.dtype}, found {given.type or given.dtype}",
            )
        if not given.shape or given.shape[1:] != one.row_shape:
            raise InvalidInputError(
                "input-shape",
                f"{what}: expected an array of rows of shape {one.row_shape}, found one of shape "
                f"{given.shape}",
            )
        start, stop = one.rows_of(self._index)
        count = self._filled[name] + given.shape[0]
        if count > stop - start:
            raise self._wrong(count, start, stop, f" of {what}")
        self._filled[name] = count
        self._tensors[name].append(given.stored(), copied=True)
        if count == stop - start:
            self._tensors[name].finish()

    def _add(self, extras: Extras) -> None:
        planned = {("tensor", name) for name in self._plan.tensors}
        for kind, name in sorted(extras.names & (self._given | planned))[:1]:
            raise InvalidInputError(
                "input-argument",
                f"{kind} {name[:64]!r} was given before, or is planned to be written in ranges",
            )
        self._given |= extras.names
        self._contents.put(extras.tensors, extras.files)

    def __enter__(self) -> Self:
        """Return the writer itself."""
        self._has_end = True
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
            with self._turn, self._explaining():
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
            raise self._wrong(self._at - self.start, self.start, self.stop)
        for name, count in self._filled.items():
            start, stop = self._plan.rows_of(self._index, tensor=name)
            if count != stop - start:
                raise self._wrong(count, start, stop, f" of tensor {name[:64]!r}")
        for array in (*self._columns.values(), *self._tensors.values()):
            array.finish()
        contents = self._contents.finish()
        self._files.wait()
        self._leave(self._receipt(contents))

    def _receipt(self, contents: Contents) -> Receipt:
        written, divided = self._files.written(), planning.arrays_of(self._plan)
        return Receipt(
            format="embzarr",
            version=1,
            plan=self._plan.identity,
            part=self._index,
            objects=self._files.digests,
            places={name: Places(**written[name].index.lists()) for name in divided},
            losses={name: meter.sums for name, meter in self._conversion.losses.items()},
            arrays={
                name: PartArray.of(array) for name, array in written.items() if name not in divided
            },
            tensors=dict(contents.tensors),
            files=dict(contents.files),
        )

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
            if standing.is_as(receipt):
                return
            break
        raise ConflictError(
            "part-conflict",
            f"{key}: this part was written before, and with something else: who tries a part again"
            " gives the same, in the same order; for other contents plan the step anew",
        )

    def _create(self, key: str, data: bytes) -> bool:
        try:
            self._store.create(key, data)
        except ConflictError:
            return False
        return True

    def _wrong(self, found: int, start: int, stop: int, what: str = "") -> InvalidInputError:
        return InvalidInputError(
            "input-rows",
            f"part {self._index} has the rows {start} to {stop}{what}: expected {stop - start} "
            f"rows, found {found}",
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

    `PartWriter.add` takes the tensors and files that this part has whole, and
    `PartWriter.append_tensor` its range of a planned tensor.

    It may be tried again after any failure, and twice at once, as long as every attempt gives the
    same rows, and the same tensors and files in the same order; attempts by one version of this
    package and its libraries then give the same bytes.

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
