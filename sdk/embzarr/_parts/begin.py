"""Planning a step that several processes write together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embzarr._format import LayerSettings, Parent, arguments, dtypes, spec
from embzarr._history import Target, committing, history, root
from embzarr._parts.dividing import TensorKind, planned
from embzarr._storage import interruptible
from embzarr._writing import check_follows, column_kind, tensor_rows
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import DTypeLike

    from embzarr._parts.plan import StepPlan

_PAIR = 2
"""A data type and a shape."""


@interruptible
def plan_step(  # noqa: PLR0913 - the settings of a save, all keyword-only
    url: object,
    rows: int | None = None,
    dim: int | None = None,
    parts: int = 1,
    *,
    step: int | None = None,
    dtype: DTypeLike = "float32",
    columns: Mapping[str, DTypeLike | tuple[DTypeLike, tuple[int, ...]]] | None = None,
    tensors: Mapping[str, tuple[DTypeLike, tuple[int, ...]]] | None = None,
    compression: str = "auto",
    chunk_bytes: int | None = None,
    allow_nonfinite: bool = False,
    allow_new_dim: bool = False,
    single_writer: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> StepPlan:
    """Plan a step that several processes write together, and one publishes.

    The plan is text (`StepPlan.to_json`) that goes to each worker. Worker i of n writes with
    `embzarr.write_part` the rows ``plan.rows_of(i)`` of a table, and tensors and files that it has;
    they share nothing but the store. When all are done, `embzarr.publish` makes one commit of them.
    Nothing is visible before; what is never published is deleted by a garbage collection.

    Ranges are equal to within a sixteenth, rounded up, and the last parts have fewer rows or none.

    Args:
        url: where to; see `embzarr.open`.
        rows: of the whole step's table; None, as `dim`, for a step of tensors and files alone.
        dim: numbers in a vector.
        parts: how many processes write, up to 16,384.
        step: the step's number; by default one more than the newest commit's, or 0.
        dtype: float32, float16, bfloat16 or float64.
        columns: further columns that the parts hold: a data type, or a data type and the shape of
            one row. What the publisher has at hand is best left to it.
        tensors: those of which each part writes a range of the first dimension, up to about a
            thousand: data type and shape. Tensors that one part has whole need no plan.
        compression: as `embzarr.save` takes it, but that for columns and planned tensors ``auto``
            looks at no data: floating point is stored as it is, everything else with lz4.
        chunk_bytes: see `embzarr.save`.
        allow_nonfinite: store NaN and infinity in vectors instead of refusing them.
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
    return _planned(
        Target(url=url, options=storage_options, single_writer=single_writer),
        settings,
        _tensors(tensors),
        rows=_rows(rows, settings),
        parts=arguments.whole("parts", parts, least=1, most=spec.MAX_PARTS),
        step=step,
        allow_new_dim=allow_new_dim,
    )


def _planned(
    target: Target,
    settings: LayerSettings,
    tensors: Mapping[str, TensorKind],
    *,
    rows: int,
    parts: int,
    step: int | None,
    allow_new_dim: bool,
) -> StepPlan:
    """Open the store, and plan a step upon its newest commit."""
    store = target.open()
    target.require_sound(store)
    base = history.tip(store)
    number = check_follows(store, base, step=step, dim=settings.dim, allow_new_dim=allow_new_dim)
    return planned(
        store=base.store if base else root.claim(store, committing.new_id()),
        base=Parent(commit=base.number, sha256=base.sha256) if base else None,
        write_id=committing.new_id(),
        step=number,
        rows=rows,
        parts=parts,
        settings=settings,
        tensors=tensors,
    )


def _rows(rows: int | None, settings: LayerSettings) -> int:
    """Return the rows of the table, which has vectors; 0 where there is none.

    Raises:
        InvalidInputError: code ``input-argument``: a table by halves.
    """
    if (rows is None) != (settings.dim is None) or (rows is None and settings.columns):
        raise InvalidInputError(
            "input-argument", "expected rows and dim of a table, or neither of them and no columns"
        )
    return 0 if rows is None else arguments.whole("rows", rows, least=0)


def _tensors(given: object) -> dict[str, TensorKind]:
    """Return what a caller says of tensors whose first dimension is divided.

    Raises:
        InvalidInputError: codes ``input-argument``, ``input-shape`` and ``input-dtype``.
    """
    members: Any = {} if given is None else given
    if not hasattr(members, "items"):
        raise arguments.refusal("tensors", "data types and shapes by name", given)
    return {
        tensor_rows.check_name("tensors", name): _tensor(f"tensor {name[:64]!r}", kind)
        for name, kind in members.items()
    }


def _tensor(what: str, kind: object) -> TensorKind:
    if not isinstance(kind, tuple) or len(kind) != _PAIR or not isinstance(kind[1], tuple | list):
        raise arguments.refusal(what, "its data type and its shape", kind)
    most = spec.MAX_INTEGER
    shape = tuple(arguments.whole(f"{what}: size", size, least=1, most=most) for size in kind[1])
    if not 0 < len(shape) <= spec.MAX_RANK:
        raise InvalidInputError(
            "input-shape", f"{what}: expected 1 to {spec.MAX_RANK} dimensions, found {len(shape)}"
        )
    stored, told = tensor_rows.kind_of(kind[0], what)
    return TensorKind(dtype=stored, shape=shape, type=told)
