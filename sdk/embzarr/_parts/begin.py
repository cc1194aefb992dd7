"""Planning a step that several processes write together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embzarr._format import LayerSettings, Parent, arguments, dtypes
from embzarr._history import Target, committing, history, root
from embzarr._parts import plan
from embzarr._storage import interruptible
from embzarr._writing import check_follows, column_kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import DTypeLike

    from embzarr._parts.plan import StepPlan


@interruptible
def plan_step(  # noqa: PLR0913 - the settings of a save, all keyword-only
    url: object,
    rows: int,
    dim: int,
    parts: int,
    *,
    step: int | None = None,
    dtype: DTypeLike = "float32",
    columns: Mapping[str, DTypeLike | tuple[DTypeLike, tuple[int, ...]]] | None = None,
    compression: str = "auto",
    chunk_bytes: int | None = None,
    allow_nonfinite: bool = False,
    allow_new_dim: bool = False,
    single_writer: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> StepPlan:
    """Plan a step that several processes write together, and one publishes.

    The plan is text (`StepPlan.to_json`) that goes to each worker. Worker i of n writes the rows
    ``plan.rows_of(i)`` with `embzarr.write_part`; they share nothing but the store. When all are
    done, `embzarr.publish` makes one commit of them. Nothing is visible before; what is never
    published is deleted by a garbage collection.

    Parts are equal to within a sixteenth, rounded up, and the last ones have fewer rows or none.

    Args:
        url: where to; see `embzarr.open`.
        rows: of the whole step.
        dim: numbers in a vector.
        parts: how many processes write, up to 16,384.
        step: the step's number; by default one more than the newest commit's, or 0.
        dtype: float32, float16, bfloat16 or float64.
        columns: further columns that the parts hold: a data type, or a data type and the shape of
            one row. What the publisher has at hand is best left to it.
        compression: as `embzarr.save` takes it, but that ``auto`` looks at no data: floating point
            is stored as it is, everything else with lz4.
        chunk_bytes: see `embzarr.save`.
        allow_nonfinite: store NaN and infinity instead of refusing them.
        allow_new_dim: let vectors be longer or shorter than those of the newest commit.
        single_writer: promise that nobody else writes, for a store that cannot exclude others.
        storage_options: credentials and endpoint.

    Raises:
        InvalidInputError: a setting that cannot be used.
        UnsupportedError: a store that cannot be written to safely.

    Example:
        >>> plan = embzarr.plan_step(folder, rows=100_000, dim=100, parts=2)
        >>> [plan.rows_of(part) for part in range(2)]
        [(0, 50176), (50176, 100000)]
    """
    settings = LayerSettings(
        dim=dim,
        dtype=dtypes.vector_name_of(dtype),
        columns={name: column_kind(name, kind) for name, kind in (columns or {}).items()},
        compression=compression,
        chunk_bytes=chunk_bytes,
        allow_nonfinite=allow_nonfinite,
    )
    rows = arguments.whole("rows", rows, least=0)
    parts = arguments.whole("parts", parts, least=1)
    target = Target(url=url, options=storage_options, single_writer=single_writer)
    store = target.open()
    target.require_sound(store)
    base = history.tip(store)
    number = check_follows(store, base, step=step, dim=settings.dim, allow_new_dim=allow_new_dim)
    return plan.planned(
        store=base.store if base else root.claim(store, committing.new_id()),
        base=Parent(commit=base.number, sha256=base.sha256) if base else None,
        write_id=committing.new_id(),
        step=number,
        rows=rows,
        parts=parts,
        settings=settings,
    )
