"""Publishing a step that was written in parts: one commit, once all parts are whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from embzarr._checkpoint import Checkpoint
from embzarr._format import dtypes, placements, word_table
from embzarr._history import Claim, Draft, Target, committing, records, root
from embzarr._parts import receipts as receiving
from embzarr._parts.assembling import Assembly, Given
from embzarr._storage import CountingStore, interruptible, interrupts, open_store
from embzarr._version import __version__
from embzarr._writing import Extras, arrays_of, check_lengths, kinds_of, metadata_of, taken
from embzarr.errors import ConflictError, DamagedError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from embzarr._format import Layer, Parent, Placement, WordTable
    from embzarr._history import Commit, Record
    from embzarr._parts.plan import StepPlan
    from embzarr._parts.receipts import Receipt
    from embzarr._storage import Store
    from embzarr._writing import Source

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
    found = receiving.read_all(store, plan)
    return [part for part, receipt in enumerate(found) if receipt is None]


def publish(  # noqa: PLR0913 - the settings of a save, all keyword-only
    url: object,
    plan: StepPlan,
    words: Iterable[str | bytes] | None = None,
    *,
    counts: ArrayLike | None = None,
    columns: Mapping[str, ArrayLike] | None = None,
    tensors: Mapping[str, ArrayLike] | None = None,
    files: Mapping[str, Source] | None = None,
    model: Mapping[str, Any] | None = None,
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
        words: one for each row of the step; None where the plan has no table.
        counts: whole numbers, shape (rows,); short for a column ``counts``.
        columns: further columns that the parts do not hold, each of as many rows.
        tensors: further tensors, which no part has written; as `embzarr.save` takes them. Those of
            earlier steps are not taken over: the step is a full one.
        files: further files.
        model: any JSON: what makes a model of tensors and files.
        metadata: any JSON.
        placement: ``given``, or ``lexical`` for words in byte order.
        single_writer: promise that nobody else writes, for a store that cannot exclude others.
        storage_options: credentials and endpoint.

    Raises:
        NotFoundError: code ``part-missing``, naming the parts that are not whole yet: call again.
        InvalidInputError: words or columns that do not fit the plan, or nothing at all to commit.
        ConflictError: codes ``write-revoked`` and ``history-expired``: a garbage collection took
            the step for abandoned: plan it anew; ``part-conflict``: it was begun to be published
            with others than these, or two parts have written a tensor or a file of one name.
        DamagedError: a receipt breaks the rules, or what it names is not there.
        StoreError: with code ``commit-unknown`` the commit may have been made: call again.

    Example:
        >>> plan = embzarr.plan_step(folder, rows=2, dim=2, parts=1)
        >>> with embzarr.write_part(folder, plan, 0) as part:
        ...     part.append(np.eye(2))
        >>> embzarr.publish(folder, plan, ["king", "queen"])["king"]
        array([1., 0.], dtype=float32)
    """
    asked = _Asked(
        words=None if words is None else taken(words),
        columns=arrays_of(columns, counts),
        extras=Extras.of(tensors, files, model),
        metadata=metadata_of(metadata),
        placement=_order(placement),
    )
    target = Target(url=url, options=storage_options, single_writer=single_writer)
    return interrupts.apart(lambda: _published(target, plan, asked))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """What a caller of `publish` wants committed, beside what the parts hold."""

    words: Sequence[str | bytes] | None
    columns: Mapping[str, NDArray[Any]]
    extras: Extras
    metadata: dict[str, Any]
    placement: Placement


def _order(placement: str) -> Placement:
    order = placements.parse(placement)
    if order.groups:
        raise InvalidInputError(
            "input-argument", f"parts are published as 'given' or 'lexical'; found {placement!r}"
        )
    return order


def _published(target: Target, plan: StepPlan, asked: _Asked) -> Checkpoint:
    store = target.open()
    target.require_sound(store)
    base = _base(store, plan)
    made = _made_before(store, plan, base)
    if made:
        return Checkpoint(store, made)
    receipts, given = _all_receipts(store, plan), _fitting(plan, asked)
    draft = Draft(
        store_id=plan.store,
        write_id=plan.write_id,
        step=plan.step,
        layers=[_layer(store, plan, base, receipts, given)],
        metadata=asked.metadata,
        model=asked.extras.model,
        base=base,
        shared=True,
    )
    return Checkpoint(store, committing.publish(store, draft, writer=f"embzarr {__version__}"))


def _layer(
    store: Store, plan: StepPlan, base: Record | None, receipts: Sequence[Receipt], given: Given
) -> Layer:
    try:
        return Assembly(store, plan).layer(receipts, given)
    except DamagedError:
        _made_before(store, plan, base)  # a collection may have come since it was asked first
        raise


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


def _all_receipts(store: Store, plan: StepPlan) -> list[Receipt]:
    found = receiving.read_all(store, plan)
    missing = [part for part, receipt in enumerate(found) if receipt is None]
    if missing:
        shown = ", ".join(map(str, missing[:_SHOWN]))
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise NotFoundError(
            "part-missing",
            f"{plan.path}: of {plan.parts} parts these are not whole yet: {shown}{more}",
        )
    return [receipt for receipt in found if receipt is not None]


def _fitting(plan: StepPlan, asked: _Asked) -> Given:
    """Return what the publisher adds, which must fit the plan.

    Raises:
        InvalidInputError: it does not.
    """
    words, own = asked.words, asked.columns
    if not plan.columns:
        if words is not None or own:
            raise InvalidInputError(
                "input-argument", "expected neither words nor columns: the plan has no table"
            )
        return Given(placement=asked.placement, extras=asked.extras)
    if words is None:
        raise InvalidInputError("input-argument", f"expected words, for {plan.rows} rows")
    table = word_table.from_words(words)
    columns = _stored(plan, table, own)
    return Given(words=table, columns=columns, placement=asked.placement, extras=asked.extras)


def _stored(
    plan: StepPlan, words: WordTable, own: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Return the columns that the publisher writes, in their stored types."""
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
