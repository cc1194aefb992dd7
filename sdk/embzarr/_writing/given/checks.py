"""What may be saved: steps, columns, blocks of rows, metadata; refused before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import arguments, dtypes, given_arrays, json, keys, plain_json, spec
from embzarr._history import committing, history
from embzarr._redact import without_secrets
from embzarr.errors import DamagedError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from embzarr._format import Manifest
    from embzarr._history import Commit, Record
    from embzarr._storage import Store

_PAIR = 2
"""A data type, and the shape of a row."""


def check_step(head: Commit | None, step: int | None) -> int:
    """Return the step to save: the caller's, or the one after the newest checkpoint's."""
    if step is None:
        return committing.step_after(head.manifest.step) if head else 0
    return arguments.whole("step", step, least=0, most=spec.MAX_INTEGER)


def check_follows(
    store: Store, base: Record | None, *, step: int | None, dim: int | None, allow_new_dim: bool
) -> int:
    """Return the step to save after the newest commit, whose vectors must be as long.

    Who saves vectors of another length has most often mistaken the place: readers of the run would
    find other vectors than they hold.

    Args:
        store: where to.
        base: its newest commit.
        step: the caller's, or None for the next.
        dim: numbers in a vector; None where there are none.
        allow_new_dim: whether it is meant.

    Raises:
        InvalidInputError: code ``input-shape``, or ``input-argument`` for what is no step.
    """
    arguments.check_flags(allow_new_dim=allow_new_dim)
    number = None if step is None else check_step(None, step)
    try:
        head = history.newest_of(store, base)
    except (DamagedError, NotFoundError):
        if number is None:
            raise
        return number  # what cannot be read any more does not hinder what comes after it
    if head and not allow_new_dim:
        require_dim(store.url, dim, head.manifest)
    return check_step(head, step)


def require_dim(url: str, dim: int | None, before: Manifest) -> None:
    """Refuse vectors of another length than those of the checkpoint before them.

    Raises:
        InvalidInputError: code ``input-shape``.
    """
    held = dim_of(before)
    if held != dim:
        raise InvalidInputError(
            "input-shape",
            f"{url} holds {_vectors_of(held)}; found {_vectors_of(dim)}: save to another "
            "URL, or say allow_new_dim=True if it is meant",
        )


def dim_of(manifest: Manifest) -> int | None:
    """Return the numbers of a vector; None where there is no table."""
    return manifest.base.arrays[spec.VECTORS].shape[1] if manifest.has_table else None


def _vectors_of(dim: int | None) -> str:
    return "no vectors" if dim is None else f"vectors of dimension {dim}"


def arrays_of(
    columns: Mapping[str, ArrayLike] | None, counts: ArrayLike | None = None
) -> dict[str, NDArray[Any]]:
    """Return a caller's columns beside the vectors; `counts` are short for one of them."""
    if columns is not None and not hasattr(columns, "keys"):
        raise arguments.refusal("columns", "a mapping of names to arrays", columns)
    given = {} if columns is None else dict(columns)
    if counts is not None:
        if spec.COUNTS in given:
            raise InvalidInputError("input-argument", "counts are given twice")
        given = {spec.COUNTS: _whole_numbers(spec.COUNTS, counts), **given}
    for name in given:
        check_column_name(name)  # before `vectors` among them hides those beside the words
    return {name: given_arrays.array_of(name, array) for name, array in given.items()}


def _whole_numbers(name: str, value: ArrayLike) -> NDArray[Any]:
    """Return whole numbers, also where they are given as floating point.

    Raises:
        InvalidInputError: code ``input-dtype``: a fraction, NaN, or no number.
    """
    numbers = given_arrays.array_of(name, value)
    if numbers.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            whole = numbers.astype(np.int64)
        if np.array_equal(whole, numbers):
            return whole
    if numbers.dtype.kind not in "iu":
        raise InvalidInputError(
            "input-dtype", f"{name}: expected whole numbers, found {numbers.dtype}"
        )
    return numbers


def taken(words: Iterable[str | bytes]) -> list[str | bytes]:
    """Return a caller's words as a list: an iterator may be bound to this thread.

    What stands in a list is looked at where it is encoded.

    Raises:
        InvalidInputError: no words, or a set of them, which has no order to match rows with.
    """
    return words if isinstance(words, list) else [*arguments.words("words", words)]


def vectors_of(vectors: object, dtype: DTypeLike | None = None) -> tuple[NDArray[Any], str]:
    """Return a caller's matrix, and the data type to store it as.

    Raises:
        InvalidInputError: codes ``input-shape``: no matrix; ``input-dtype``: not floating point,
            and no `dtype` given that it converts to.
    """
    matrix = given_arrays.array_of(spec.VECTORS, vectors)
    if matrix.ndim != 2 or matrix.shape[1] < 1:  # noqa: PLR2004 - a matrix
        raise InvalidInputError(
            "input-shape", f"vectors must be of shape (rows, dim); found {matrix.shape}"
        )
    if dtype is None and matrix.dtype.kind in "iub":
        raise InvalidInputError(
            "input-dtype",
            f"vectors: expected floating point, found {matrix.dtype}: dtype='float32', where it "
            "is taken, or .astype('float32') stores whole numbers as such",
        )
    name = dtypes.vector_name_of(matrix.dtype if dtype is None else dtype)
    dtypes.column_name_of(matrix.dtype, what=spec.VECTORS)
    dtypes.require_converts(spec.VECTORS, matrix, name)
    return matrix, name


def column_kind(name: str, kind: Any) -> tuple[str, tuple[int, ...]]:  # noqa: ANN401 - checked here
    """Return stored data type and row shape of a column."""
    dtype, shape = kind if isinstance(kind, tuple) and len(kind) == _PAIR else (kind, ())
    check_column_name(name)
    if not isinstance(shape, tuple) or len(shape) >= spec.MAX_RANK:
        raise InvalidInputError("input-shape", f"column {name!r}: rows of shape {shape}")
    sizes = tuple(arguments.whole(f"column {name!r}: size of a row", size) for size in shape)
    if any(size < 1 for size in sizes):
        raise InvalidInputError("input-shape", f"column {name!r}: rows of shape {shape}")
    return dtypes.column_name_of(dtype, what=f"column {name!r}"), sizes


def check_column_name(name: object) -> None:
    """Refuse what no column beside the vectors may be called."""
    if not isinstance(name, str) or not keys.is_column_name(name) or name == spec.VECTORS:
        raise InvalidInputError(
            "input-argument",
            f"a column's name is up to 64 letters, digits, '_', '.' or '-', and none of "
            f"{', '.join(sorted(spec.RESERVED_COLUMNS | {spec.VECTORS}))}; found {name!r}",
        )


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


def model_of(model: object) -> dict[str, Any] | None:
    """Return what a manifest will hold of a caller's model record; as `metadata_of`."""
    return None if model is None else metadata_of(model, what="model")


def metadata_of(metadata: object, *, what: str = "metadata") -> dict[str, Any]:
    """Return what a manifest will hold of a caller's metadata: plain JSON, and no credentials.

    It is a copy: what the caller changes afterwards changes nothing that is being saved.

    Raises:
        InvalidInputError: code ``input-argument``, naming the member that cannot be stored.
    """
    members = plain_json.members_of({} if metadata is None else metadata, what, depth=2)
    kept: dict[str, Any] = without_secrets(members)
    size = len(json.dumps(kept))
    if size > spec.MAX_METADATA_BYTES:
        raise InvalidInputError(
            "input-argument",
            f"{what}: expected at most {spec.MAX_METADATA_BYTES} bytes of JSON, found {size}",
        )
    return kept
