"""What every adapter begins with: its library, and an open checkpoint."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from embzarr._checkpoint import Checkpoint
from embzarr._open import open_checkpoint
from embzarr.errors import InvalidInputError, UnsupportedError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

Source: TypeAlias = "Checkpoint | str | os.PathLike[str]"
"""A checkpoint that is open, or the place of a run, whose newest is taken."""


@contextmanager
def needs(package: str, *, extra: str) -> Iterator[None]:
    """Say what to install where an import inside fails.

    Raises:
        UnsupportedError: code ``url-unsupported``.
    """
    try:
        yield
    except ImportError as exc:
        raise UnsupportedError(
            "url-unsupported",
            f"this adapter needs {package}: pip install 'embzarr[{extra}]' ({exc})",
        ) from exc


def opened(checkpoint: object) -> Checkpoint:
    """Return a checkpoint that is open, or open the newest of a place."""
    return checkpoint if isinstance(checkpoint, Checkpoint) else open_checkpoint(checkpoint)


def common_dtype(stored: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which other libraries take vectors: of bfloat16, single precision.

    No number changes by it.
    """
    return np.dtype(np.float32) if stored.name == "bfloat16" else stored


def check_distinct(words: Iterable[str]) -> None:
    """Refuse words that are asked for twice, where each names one row of what is made.

    Raises:
        InvalidInputError: code ``input-duplicate-word``.
    """
    seen: set[str] = set()
    for word in words:
        if word in seen:
            raise InvalidInputError("input-duplicate-word", f"the word {word!r} is asked twice")
        seen.add(word)
