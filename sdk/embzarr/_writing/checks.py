"""What may be saved: steps, columns, blocks of rows, metadata; refused before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import arguments, dtypes, json, keys, spec
from embzarr.errors import DamagedError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from embzarr._history import Commit
    from embzarr._writing.array import ArrayWriter


def check_step(head: Commit | None, step: int | None) -> int:
    """Return the step to save: the caller's, or the one after the newest checkpoint's."""
    if step is None:
        return head.manifest.step + 1 if head else 0
    if isinstance(step, bool) or step != int(step) or not 0 <= step <= spec.MAX_INTEGER:
        raise InvalidInputError(
            "input-argument", f"a step is a whole number from 0 to 2**53 - 1; found {step!r}"
        )
    return int(step)


def arrays_of(
    columns: Mapping[str, ArrayLike] | None, counts: ArrayLike | None = None
) -> dict[str, NDArray[Any]]:
    """Return a caller's columns beside the vectors; `counts` are short for one of them."""
    given = dict(columns or {})
    if counts is not None:
        if spec.COUNTS in given:
            raise InvalidInputError("input-argument", "counts are given twice")
        given = {spec.COUNTS: counts, **given}
    return {name: np.asarray(array) for name, array in given.items()}


def taken(words: Iterable[str | bytes]) -> Iterable[str | bytes]:
    """Return a caller's words as what any thread may read: an iterator may be bound to this one."""
    return words if isinstance(words, str | list | tuple) else list(words)


def chunk_bytes_of(chunk_bytes: int) -> int:
    """Return the bytes that a chunk may take."""
    return arguments.whole(
        "chunk_bytes", chunk_bytes, least=spec.LEAST_CHUNK_BYTES, most=spec.MAX_CHUNK_BYTES
    )


def column_kind(name: str, kind: Any) -> tuple[str, tuple[int, ...]]:  # noqa: ANN401 - checked here
    """Return stored data type and row shape of a column."""
    dtype, shape = kind if isinstance(kind, tuple) else (kind, ())
    if not keys.is_column_name(name) or name == spec.VECTORS:
        raise InvalidInputError(
            "input-argument",
            f"a column's name is up to 64 letters, digits, '_', '.' or '-', and none of "
            f"{', '.join(sorted(spec.RESERVED_COLUMNS | {spec.VECTORS}))}; found {name!r}",
        )
    if len(shape) >= spec.MAX_RANK or any(size < 1 for size in shape):
        raise InvalidInputError("input-shape", f"column {name!r}: rows of shape {shape}")
    return dtypes.column_name_of(dtype, what=f"column {name!r}"), tuple(map(int, shape))


def kinds_of(columns: Mapping[str, NDArray[Any]]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return stored data type and row shape of each column."""
    return {name: column_kind(name, (a.dtype, a.shape[1:])) for name, a in columns.items()}


def check_lengths(count: int, columns: Mapping[str, NDArray[Any]]) -> None:
    for name, block in columns.items():
        if block.ndim == 0 or len(block) != count:
            found = "a single number" if block.ndim == 0 else f"{len(block)} rows"
            raise InvalidInputError(
                "input-rows", f"{name}: expected a row for each of {count} words, found {found}"
            )


def check_blocks(
    count: int, blocks: Mapping[str, NDArray[Any]], arrays: Mapping[str, ArrayWriter]
) -> None:
    """Refuse blocks that do not fit the columns of a layer.

    Args:
        count: rows that each must have.
        blocks: by column.
        arrays: the columns.

    Raises:
        InvalidInputError: codes ``input-argument``, ``input-shape``, ``input-rows`` or
            ``input-dtype``.
    """
    if blocks.keys() != arrays.keys():
        raise InvalidInputError(
            "input-argument", f"expected the columns {sorted(arrays)}, found {sorted(blocks)}"
        )
    check_lengths(count, blocks)
    for name, block in blocks.items():
        expected = arrays[name].row_shape
        if block.shape[1:] != expected:
            raise InvalidInputError(
                "input-shape", f"{name}: expected rows of shape {expected}, found {block.shape[1:]}"
            )
        dtypes.column_name_of(block.dtype, what=name)


def check_metadata(metadata: Mapping[str, Any]) -> None:
    """Refuse metadata that could not be read back."""
    data = json.dumps(dict(metadata))
    if len(data) > spec.MAX_METADATA_BYTES:
        raise InvalidInputError(
            "input-argument",
            f"metadata: expected at most {spec.MAX_METADATA_BYTES} bytes of JSON, "
            f"found {len(data)}",
        )
    try:  # as deep as they stand in the manifest
        json.loads(b'{"metadata":%b}' % data, what="metadata", max_bytes=2 * len(data) + 16)
    except DamagedError as exc:
        raise InvalidInputError("input-argument", str(exc.args[0])) from exc
