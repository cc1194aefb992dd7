"""What a delta of a manifest must be, upon the layers below it. A part of `validate_layers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr._format import keys, spec
from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embzarr._format.documents.manifests import Array, Layer


def check(layer: Layer, below: Layer, base: Layer, what: str) -> None:
    """Refuse a delta that does not fit what lies below it.

    Args:
        layer: the delta.
        below: the layer under it.
        base: the full layer at the bottom.
        what: the manifest's key, for messages.

    Raises:
        DamagedError: code ``manifest-invalid``.
    """
    require(layer.placement.kind == "given", what, "a delta has no placement of its own")
    require(layer.first_new_row == below.rows, what, f"{layer.rows} rows upon {below.rows}")
    unknown = sorted(set(layer.columns) - set(base.columns))
    require(not unknown, what, f"a delta of a column {unknown[:1]} that its base does not have")
    whole = set(layer.columns) == set(base.columns)
    has_all = whole and bool(base.columns)
    require(has_all or not layer.new_words, what, "new words need all columns")
    for name in layer.columns:
        _check_column(layer, name, base.arrays[name], f"{what}: column {name!r} of a delta")


def check_sum(deltas: Sequence[Layer], what: str) -> None:
    """Refuse deltas with more rows than a reader is to keep in memory."""
    found: dict[str, int] = {}
    for layer in deltas:
        for name in layer.columns:
            found[name] = found.get(name, 0) + layer.arrays[name].shape[0]
    most = max(found.values(), default=0)
    require(most <= spec.MAX_DELTA_ROWS, what, f"deltas with {most} rows of one column")


def _check_column(layer: Layer, name: str, base: Array, what: str) -> None:
    column, rows = layer.arrays[name], layer.arrays.get(keys.rows_array(name))
    scales = layer.arrays.get(keys.scales_array(name))
    count = column.shape[0]
    require(column.shape[1:] == base.shape[1:], what, "its rows have another shape")
    require(layer.new_words <= count <= layer.rows, what, f"{count} rows of {layer.rows}")
    require(_fits(column.dtype, base, scaled=scales is not None), what, f"is {column.dtype}")
    _check_beside(rows, count, "uint64", f"{what}: its row numbers")
    if scales is not None:
        _check_beside(scales, count, "float32", f"{what}: its scales")


def _fits(dtype: str, base: Array, *, scaled: bool) -> bool:
    """Tell whether numbers of `dtype` may stand for those of the base."""
    if scaled:
        matrix = len(base.shape) > 1
        return matrix and dtype == "int8" and base.dtype in spec.VECTOR_DTYPES
    return dtype == base.dtype or (dtype == "float16" and base.dtype in {"float32", "float64"})


def _check_beside(array: Array | None, count: int, dtype: str, what: str) -> None:
    """Check an array with one number for each row of a column."""
    require(array is not None, what, "missing")
    if array is not None:
        require((array.shape, array.dtype) == ([count], dtype), what, "have another shape")
        require(not isinstance(array.index, str), what, "their index must be inline")


def require(condition: bool, what: str, found: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise ``manifest-invalid`` unless `condition` holds."""
    if not condition:
        raise DamagedError("manifest-invalid", f"{what}: {found}")
