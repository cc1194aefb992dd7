"""Publishing a step that was written in parts: one commit, once all parts are whole."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal

from embzarr._checkpoint import Checkpoint
from embzarr._format import (
    Layer,
    PlacementMember,
    chunk_coding,
    chunk_index,
    dtypes,
    placements,
    word_table,
)
from embzarr._history import Claim, Draft, Target, committing, records, root
from embzarr._parts import receipts as receiving
from embzarr._storage import CountingStore, interruptible, interrupts, open_store, parallel
from embzarr._verify import Findings, verifying
from embzarr._version import __version__
from embzarr._writing import (
    LayerFiles,
    LossMeter,
    WrittenArray,
    arrays_of,
    check_lengths,
    check_order,
    kinds_of,
    metadata_of,
    sort_words,
    taken,
)
from embzarr.errors import ConflictError, DamagedError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from embzarr._format import Lossy, Parent, Placement, WordTable
    from embzarr._history import Commit, Record
    from embzarr._parts.plan import PlannedColumn, StepPlan
    from embzarr._parts.receipts import Receipt
    from embzarr._storage import Store

_SHOWN = 10


@interruptible
def missing_parts(
    url: object, plan: StepPlan, *, storage_options: Mapping[str, Any] | None = None
) -> list[int]:
    """Return the numbers of the parts of a step that are not whole yet; none once it is published.

    Args:
        url: the store that was planned for.
        plan: the plan.
        storage_options: credentials and endpoint.

    Raises:
        ConflictError: codes ``write-revoked`` and ``history-expired``: a garbage collection took
            the step for abandoned: plan it anew.
        DamagedError: a receipt breaks the rules.
        InvalidInputError: another store.

    Example:
        >>> plan = embzarr.plan_step(folder, rows=4, dim=2, parts=1)
        >>> embzarr.missing_parts(folder, plan)
        [0]
    """
    store = CountingStore(open_store(url, storage_options=storage_options))
    if _made_before(store, plan, _base(store, plan)):
        return []
    return [part for part, receipt in enumerate(_receipts(store, plan)) if receipt is None]


def publish(  # noqa: PLR0913 - the settings of a save, all keyword-only
    url: object,
    plan: StepPlan,
    words: Iterable[str | bytes],
    *,
    counts: ArrayLike | None = None,
    columns: Mapping[str, ArrayLike] | None = None,
    metadata: Mapping[str, Any] | None = None,
    placement: Literal["given", "lexical"] = "given",
    single_writer: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> Checkpoint:
    """Make one atomic commit of a step whose parts are all written, and return it, opened.

    It may be called again after any failure, and by two processes at once: all get the same
    commit. What was published before is returned as it is.

    Args:
        url: the store that was planned for.
        plan: the plan.
        words: one for each row of the step.
        counts: whole numbers, shape (rows,); short for a column ``counts``.
        columns: further columns that the parts do not hold, each of as many rows.
        metadata: any JSON. Tensors and files of the run are not taken over: the step is a full one.
        placement: ``given``, or ``lexical`` for words in byte order.
        single_writer: promise that nobody else writes, for a store that cannot exclude others.
        storage_options: credentials and endpoint.

    Raises:
        NotFoundError: code ``part-missing``, naming the parts that are not whole yet: call again.
        InvalidInputError: words or columns that do not fit the plan.
        ConflictError: codes ``write-revoked`` and ``history-expired``: a garbage collection took
            the step for abandoned: plan it anew; ``part-conflict``: it was begun to be published
            with other words or columns.
        DamagedError: a receipt breaks the rules, or what it names is not there.
        StoreError: with code ``commit-unknown`` the commit may have been made: call again.

    Example:
        >>> plan = embzarr.plan_step(folder, rows=2, dim=2, parts=1)
        >>> with embzarr.write_part(folder, plan, 0) as part:
        ...     part.append(np.eye(2))
        >>> embzarr.publish(folder, plan, ["king", "queen"])["king"]
        array([1., 0.], dtype=float32)
    """
    target = Target(url=url, options=storage_options, single_writer=single_writer)
    told = metadata_of(metadata)
    order = placements.parse(placement)
    if order.groups:
        raise InvalidInputError(
            "input-argument", f"parts are published as 'given' or 'lexical'; found {placement!r}"
        )
    listed = taken(words)

    def write() -> Checkpoint:
        store = target.open()
        target.require_sound(store)
        base = _base(store, plan)
        made = _made_before(store, plan, base)
        if made:
            return Checkpoint(store, made)
        receipts, table = _all_receipts(store, plan), word_table.from_words(listed)
        own = _own_columns(plan, table, counts, columns)
        draft = Draft(
            store_id=plan.store,
            write_id=plan.write_id,
            step=plan.step,
            layers=[_Assembly(store, plan).layer(receipts, table, own, order)],
            metadata=told,
            base=base,
            shared=True,
        )
        return Checkpoint(store, committing.publish(store, draft, writer=f"embzarr {__version__}"))

    return interrupts.apart(write)


class _Assembly:
    """Puts a layer together of what the parts stored."""

    def __init__(self, store: Store, plan: StepPlan) -> None:
        self._store = store
        self._plan = plan
        self._files = LayerFiles(store, step=plan.step, write_id=plan.write_id, shared=True)

    def layer(
        self,
        receipts: Sequence[Receipt],
        words: WordTable,
        own: Mapping[str, NDArray[Any]],
        placement: Placement,
    ) -> Layer:
        """Write what the parts lack, and return what the manifest says of the layer."""
        with closing(self._files):
            plan = self._plan
            order, lookup = sort_words(words)
            check_order(placement, order)
            for column in plan.columns:
                self._adopt(column, receipts)
            for name, rows in own.items():
                self._files.put(name, rows, chunk_coding.parse("auto", rows.itemsize))
            self._files.put_words(words, lookup)
            names = [*(column.name for column in plan.columns), *own]
            layer = Layer(
                kind="full",
                path=self._files.path,
                rows=plan.rows,
                placement=PlacementMember(kind=placement.kind),
                columns=names,
                arrays=self._files.finish(names, _lossy(receipts)),
                fences=list(lookup.fences),
                objects=self._files.digests,
            )
            self._require_objects(layer)
            return self._files.paged(layer)

    def _adopt(self, column: PlannedColumn, receipts: Sequence[Receipt]) -> None:
        array = WrittenArray(
            rows=self._plan.rows,
            row_shape=tuple(column.row_shape),
            dtype=column.dtype,
            chunk=column.chunk,
            shard=column.shard,
            codec=column.codec,
            index=chunk_index.concatenate([r.places[column.name].index for r in receipts]),
        )
        objects = {
            name: receipt.objects[name]
            for receipt in receipts
            for name in receiving.shards_of(self._plan, column, receipt.part)
        }
        self._files.adopt(column.name, array, objects)

    def _require_objects(self, layer: Layer) -> None:
        """Refuse a layer of which an object is not there any more, whoever took it away."""
        findings = Findings(0, None)
        verifying.check_sizes(self._store, layer, findings)
        for problem in findings.problems():
            raise DamagedError(problem.code, f"{problem.key}: {problem.message}")


def _base(store: Store, plan: StepPlan) -> Record | None:
    """Return the commit that was newest when the step was planned.

    Raises:
        InvalidInputError: the plan is of another store.
    """
    root.require(store, plan.store)
    return base_of(store, plan.base)


def base_of(store: Store, named: Parent | None) -> Record | None:
    """Return the commit that a plan names as the newest.

    Raises:
        ConflictError: code ``manifest-mismatch``: another one stands at its number.
    """
    if named is None:
        return None
    record = records.read(store, named.commit)
    if record.sha256 != named.sha256:
        raise ConflictError(
            "manifest-mismatch", f"commit {record.number} is not the one that the plan names"
        )
    return record


def _made_before(store: Store, plan: StepPlan, base: Record | None) -> Commit | None:
    claim = Claim(
        write_id=plan.write_id,
        folders=frozenset({plan.path}),
        seen=base.number if base else 0,
    )
    return committing.made_before(store, claim)


def _receipts(store: Store, plan: StepPlan) -> list[Receipt | None]:
    return parallel.each(lambda part: receiving.read(store, plan, part), list(range(plan.parts)))


def _all_receipts(store: Store, plan: StepPlan) -> list[Receipt]:
    found = _receipts(store, plan)
    missing = [part for part, receipt in enumerate(found) if receipt is None]
    if missing:
        shown = ", ".join(map(str, missing[:_SHOWN]))
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise NotFoundError(
            "part-missing",
            f"{plan.path}: of {plan.parts} parts these are not whole yet: {shown}{more}",
        )
    return [receipt for receipt in found if receipt is not None]


def _lossy(receipts: Sequence[Receipt]) -> dict[str, Lossy]:
    meters: dict[str, LossMeter] = {}
    for receipt in receipts:
        for name, sums in receipt.losses.items():
            meters.setdefault(name, LossMeter(sums.source_dtype)).merge(sums)
    return {name: meter.lossy() for name, meter in meters.items()}


def _own_columns(
    plan: StepPlan,
    words: WordTable,
    counts: ArrayLike | None,
    columns: Mapping[str, ArrayLike] | None,
) -> dict[str, NDArray[Any]]:
    """Return the columns that the publisher writes, in their stored types."""
    own = arrays_of(columns, counts)
    if len(words) != plan.rows:
        raise InvalidInputError(
            "input-rows", f"expected a word for each of {plan.rows} rows, found {len(words)}"
        )
    check_lengths(plan.rows, own)
    twice = sorted(own.keys() & {column.name for column in plan.columns})
    if twice:
        raise InvalidInputError("input-argument", f"the parts hold the column {twice[0]!r} already")
    kinds = kinds_of(own)
    for name, array in own.items():
        dtypes.require_converts(name, array, kinds[name][0])
    return {
        name: array.astype(dtypes.numpy_dtype(kinds[name][0]), copy=False)
        for name, array in own.items()
    }
