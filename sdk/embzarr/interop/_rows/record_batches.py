"""Rows of a checkpoint as Arrow has them: ``word``, ``vector``, and the further columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr._format import arguments
from embzarr.errors import InvalidInputError, UnsupportedError
from embzarr.interop._door import common_dtype, needs
from embzarr.interop._rows.row_shares import row_bytes_of

with needs("pyarrow", extra="arrow"):
    import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint
    from embzarr._reading import Loaded

WORD: Final = "word"
VECTOR: Final = "vector"
"""As exported files name them."""
_VECTORS: Final = "vectors"
_UNITS: Final = {"h": "s", "m": "s", "W": "D", "M": "D", "Y": "D"}
"""Units of time that Arrow lacks, and those that hold them."""
_DURATIONS: Final = {"W": "s", "D": "s", "h": "s", "m": "s"}


class Fields:
    """The columns of a table: their names here and in the checkpoint, and their Arrow types."""

    def __init__(self, none: Mapping[str, NDArray[Any]], *, words: bool = True) -> None:
        """Learn types and shapes from columns of no rows; see `fields_of`."""
        self._none = none
        self._plain = {name: _plain(name, column) for name, column in none.items()}
        word = [pa.field(WORD, pa.string(), nullable=False)] if words else []
        self.schema = pa.schema([*word, *self._fields()])

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns in the checkpoint."""
        return tuple(self._plain)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row's columns as they are read."""
        return row_bytes_of(self._none)

    def only(self, names: Collection[str]) -> Fields:
        """Return those of some names of the table, perhaps without words."""
        some = {name: column for name, column in self._none.items() if name_of(name) in names}
        return Fields(some, words=WORD in names)

    def batch(self, loaded: Loaded) -> Any:  # noqa: ANN401 - pyarrow has no types
        """Return loaded rows as a record batch; numbers are not copied."""
        arrays = [pa.array(loaded.words, pa.string())] if WORD in self.schema.names else []
        for name, column in loaded.columns.items():
            plain = column.astype(self._plain[name], copy=False)
            arrays.append(_array(plain, self.schema.field(name_of(name)).type))
        return pa.record_batch(arrays, schema=self.schema)

    def _fields(self) -> Iterator[Any]:
        for name, column in self._none.items():
            kind = _type(column.shape[1:], self._plain[name])
            yield pa.field(name_of(name), kind, nullable=True)


def fields_of(checkpoint: Checkpoint, columns: object = None) -> Fields:
    """Return words and columns of a checkpoint, by default all; nothing is read.

    Raises:
        InvalidInputError: no such column, or one that is named as another is in the table.
        UnsupportedError: code ``dtype-unsupported``: a type that Arrow has not.
    """
    asked = checkpoint.columns if columns is None else _names(columns)
    none = checkpoint.load_rows(0, 0, columns=asked).columns
    names = [WORD, *map(name_of, none)]
    if len(set(names)) < len(names):
        message = f"columns: a table has {WORD!r} and {VECTOR!r} already; leave one out of {names}"
        raise InvalidInputError("input-argument", message)
    return Fields(none)


def name_of(column: str) -> str:
    """Return what a checkpoint's column is called in a table."""
    return VECTOR if column == _VECTORS else column


def _names(columns: Any) -> tuple[str, ...]:  # noqa: ANN401 - checked here
    listed = [columns] if isinstance(columns, str) else columns
    try:
        return tuple(arguments.text(f"columns[{at}]", one) for at, one in enumerate(listed))
    except TypeError:
        raise arguments.refusal("columns", "names of columns", columns) from None


def _plain(name: str, column: NDArray[Any]) -> np.dtype[Any]:
    """Return the type in which Arrow takes a column; no value changes by it."""
    dtype = common_dtype(column.dtype)
    if dtype.kind in "mM":
        unit, _ = np.datetime_data(dtype)
        wider = (_DURATIONS if dtype.kind == "m" else _UNITS).get(unit, unit)
        dtype = np.dtype(f"{dtype.kind}8[{wider}]")
        if wider in {"ps", "fs", "as", "generic"} or (dtype.kind == "m" and wider in "YM"):
            raise _unsupported(name, column)
    elif dtype.kind not in "biufUS":
        raise _unsupported(name, column)
    return dtype.newbyteorder("=")


def _unsupported(name: str, column: NDArray[Any]) -> UnsupportedError:
    return UnsupportedError(
        "dtype-unsupported",
        f"column {name!r} is {column.dtype}, for which Arrow has no type: leave it out by columns=",
    )


def _type(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:  # noqa: ANN401 - pyarrow has no types
    kinds = {"U": pa.string(), "S": pa.binary()}
    found = kinds.get(dtype.kind) or pa.from_numpy_dtype(dtype)
    for size in reversed(shape):
        found = pa.list_(pa.field("item", found, nullable=True), size)
    return found


def _array(column: NDArray[Any], kind: Any) -> Any:  # noqa: ANN401 - pyarrow has no types
    if column.ndim > 1:
        inner = column.reshape(-1, *column.shape[2:])
        return pa.FixedSizeListArray.from_arrays(_array(inner, kind.value_type), type=kind)
    return pa.array(column.tolist() if column.dtype.kind in "US" else column, kind)
