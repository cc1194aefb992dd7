"""Polars: a checkpoint as a data frame, and as a lazy one that reads what it needs (``polars``)."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr.interop._door import Source, needs, opened
from embzarr.interop._rows.record_batches import VECTOR, WORD, Fields, fields_of
from embzarr.interop._rows.scan import Scan
from embzarr.interop._rows.word_filters import prefix, spans
from embzarr.interop.arrow import to_arrow

with needs("polars", extra="polars"):
    import polars as pl
    import pyarrow as pa
    from polars.io.plugins import register_io_source
    from pyarrow import dataset as ds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from embzarr._reading import Missing

__all__ = ["scan", "to_polars"]


def to_polars(
    checkpoint: Source,
    words: Iterable[str | bytes] | None = None,
    columns: Sequence[str] | None = None,
    *,
    missing: Missing = "raise",
) -> Any:  # noqa: ANN401 - polars is an extra
    """Return a checkpoint, or some words of it, as a `polars.DataFrame`.

    It has a column ``word``, a column ``vector`` of arrays, and the further columns.

    Args:
        checkpoint: one that is open, or the place of a run.
        words: these, in this order; by default all, in row order.
        columns: which to read beside the words, by their names in the checkpoint; by default all.
        missing: what to do about words that are not there, as `Checkpoint.load` takes it.

    Raises:
        WordNotFoundError: code ``word-missing``, with ``missing="raise"``.
        UnsupportedError: code ``dtype-unsupported``: a column that Arrow has no type for.

    Example:
        >>> from embzarr.interop.polars import to_polars
        >>> to_polars(checkpoint, ["queen"])["vector"].to_list()
        [[0.0, 1.0, 0.0, 0.0]]
    """
    return pl.from_arrow(to_arrow(checkpoint, words, columns, missing=missing))


def scan(checkpoint: Source, columns: Sequence[str] | None = None) -> Any:  # noqa: ANN401 - polars is an extra
    """Return a checkpoint as a `polars.LazyFrame` that reads what a query needs.

    Columns that a query does not name are not read. Of its filter equality with a word, ``is_in``,
    ``starts_with`` and ranges of words become lookups, also joined with other conditions; any other
    one that does not look at vectors is asked of the vocabulary first, and vectors are read of rows
    that pass. It streams.

    Args:
        checkpoint: one that is open, or the place of a run.
        columns: see `to_polars`.

    Example:
        >>> import polars as pl
        >>> from embzarr.interop.polars import scan
        >>> with_ki = scan(checkpoint).filter(pl.col("word").str.starts_with("ki"))
        >>> with_ki.collect()["word"].to_list()
        ['king']
    """
    found = opened(checkpoint)
    fields = fields_of(found, columns)

    def source(
        with_columns: list[str] | None,
        predicate: Any,  # noqa: ANN401 - polars is an extra
        n_rows: int | None,
        _batch_size: int | None,
    ) -> Iterator[Any]:
        names = fields.schema.names if with_columns is None else with_columns
        asked = [] if predicate is None else predicate.meta.root_names()
        wanted = fields.only({*names, *asked} or {WORD})
        part = Scan(checkpoint=found, fields=wanted, stop=n_rows)
        if predicate is not None and n_rows is None:  # else it filters the first rows alone
            part = _narrowed(part, fields, predicate)
        for batch in part.batches():
            frame = pl.from_arrow(batch)
            yield (frame if predicate is None else frame.filter(predicate)).select(names)

    schema = pl.from_arrow(fields.schema.empty_table()).schema
    return register_io_source(source, schema=schema)


def _narrowed(scan: Scan, fields: Fields, predicate: Any) -> Scan:  # noqa: ANN401 - polars is an extra
    """Return the same without most of the rows that a filter stops."""
    found = spans(_filter_of(predicate), fields.schema)
    if found is not None:
        return replace(scan, spans=found)
    asked = set(predicate.meta.root_names())
    if VECTOR in asked:
        return scan

    def passes(batch: Any) -> NDArray[np.bool_]:  # noqa: ANN401 - pyarrow has no types
        answers = pl.from_arrow(batch).select(passes=predicate).to_series().fill_null(value=False)
        told: NDArray[np.bool_] = answers.to_numpy()
        return told if len(told) == len(batch) else np.repeat(told, len(batch))  # of a constant

    return replace(scan, passes=passes, looked_at=fields.only(asked or {WORD}))


# Filters ------------------------------------------------------------------------------------------
_COMPARISONS = {
    "Eq": "__eq__",
    "NotEq": "__ne__",
    "Lt": "__lt__",
    "LtEq": "__le__",
    "Gt": "__gt__",
    "GtEq": "__ge__",
}
_TURNED = {"__lt__": "__gt__", "__le__": "__ge__", "__gt__": "__lt__", "__ge__": "__le__"}
_WORD = {"Column": WORD}
_ANYTHING = ds.scalar(pa.scalar(None, pa.bool_()))
"""What may or may not pass."""


def _filter_of(predicate: Any) -> Any:  # noqa: ANN401 - polars and pyarrow are extras
    """Return what a filter says of words as Arrow says it, and of all else that it may pass.

    Polars shows what a filter is made of as JSON alone, whose names may change: what is not known
    here may pass.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _translated(json.loads(predicate.meta.serialize(format="json")))
    except (pl.exceptions.PolarsError, ValueError, TypeError, RecursionError):
        return _ANYTHING


def _translated(node: Any) -> Any:  # noqa: ANN401 - JSON
    match node:
        case {"BinaryExpr": {"left": left, "op": "And" | "LogicalAnd", "right": right}}:
            return _translated(left) & _translated(right)
        case {"BinaryExpr": {"left": left, "op": "Or" | "LogicalOr", "right": right}}:
            return _translated(left) | _translated(right)
        case {"BinaryExpr": {"left": left, "op": str(operator), "right": right}}:
            return _comparison(left, _COMPARISONS.get(operator), right)
        case {"Function": {"input": [inner], "function": {"Boolean": "Not"}}}:
            return ~_translated(inner)
        case {"Function": {"input": [word, *values], "function": function}} if word == _WORD:
            return _of_word(function, values)
    return _ANYTHING


def _comparison(left: Any, method: str | None, right: Any) -> Any:  # noqa: ANN401 - JSON
    if right == _WORD:
        left, right, method = right, left, _TURNED.get(method or "", method)
    match left, right:
        case ({"Column": "word"}, {"Literal": {"Scalar": {"String": str(text)}}}) if method:
            return getattr(ds.field(WORD), method)(text)
    return _ANYTHING


def _of_word(function: Any, values: list[Any]) -> Any:  # noqa: ANN401 - JSON
    match function, values:
        case {"StringExpr": "StartsWith"}, [{"Literal": {"Scalar": {"String": str(text)}}}]:
            return prefix(text)
        case {"Boolean": {"IsIn": _}}, [{"Literal": {"Scalar": {"List": listed}}}]:
            with pa.ipc.open_stream(bytes(listed)) as stream:
                texts = stream.read_all().column(0).to_pylist()
            if all(isinstance(text, str) for text in texts):
                return ds.field(WORD).isin(pa.array(texts, pa.string()))
    return _ANYTHING
