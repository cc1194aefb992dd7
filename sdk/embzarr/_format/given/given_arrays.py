"""What callers pass where an array belongs: an array, or an error that names the argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format.given import arguments
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def array_of(name: str, value: object) -> NDArray[Any]:
    """Return what a caller passed as an array, without a copy where it is one.

    Args:
        name: of the argument, for messages.
        value: an array of any library, a list, a data frame.

    Raises:
        InvalidInputError: codes ``input-argument``, for what is no array, or one some places of
            which are masked; ``input-shape``, for a list whose rows are of several lengths.
    """
    _refuse_masks(name, value)
    try:
        array = np.asarray(value)
    except ValueError as exc:
        raise InvalidInputError("input-shape", f"{name}: expected an array: {exc}") from exc
    except (TypeError, RuntimeError) as exc:  # of another library: "copy it to the host first"
        raise InvalidInputError("input-argument", f"{name}: expected an array: {exc}") from exc
    if array.dtype == object and array.ndim == 0:
        raise arguments.refusal(name, "an array", value)
    return _texts_of(array) if array.dtype.kind in "OT" else array


def _texts_of(array: NDArray[Any]) -> NDArray[Any]:
    """Return objects that are all text, or all bytes, as texts of the longest one's length."""
    for kind in (str, bytes):
        if array.size and all(isinstance(one, kind) for one in array.reshape(-1)):
            texts: NDArray[Any] = array.astype(kind)
            return texts
    return array


def arrays_of(blocks: Mapping[str, object]) -> dict[str, NDArray[Any]]:
    """Return what a caller passed for each column, as `array_of` does."""
    return {name: array_of(name, block) for name, block in blocks.items()}


def _refuse_masks(name: str, value: object) -> None:
    """Refuse masked places: numpy hands out whatever lies below them as if it were data."""
    rows = value if isinstance(value, list | tuple) else (value,)
    for row in rows:
        if arguments.is_masked_array(row) and np.ma.is_masked(row):
            raise InvalidInputError(
                "input-argument",
                f"{name}: expected no masked places, found some: fill them, as .filled(0) does",
            )
