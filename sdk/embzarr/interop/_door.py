"""What every adapter begins with: its library, and an open checkpoint."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

import numpy as np

from embzarr._checkpoint import Checkpoint
from embzarr._format import arguments
from embzarr._open import open_checkpoint
from embzarr.errors import InvalidInputError, UnsupportedError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from embzarr._reading import How, Loaded

Source: TypeAlias = "Checkpoint | str | os.PathLike[str]"
"""A checkpoint that is open, or the place of a run, whose newest is taken."""


@contextmanager
def needs(package: str, *, extra: str) -> Iterator[None]:
    """Say what to install where an import inside fails.

    Raises:
        UnsupportedError: code ``feature-unsupported``.
    """
    try:
        yield
    except ImportError as exc:
        raise UnsupportedError(
            "feature-unsupported",
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


def loaded_once(
    checkpoint: Checkpoint,
    words: Iterable[str | bytes] | None,
    *,
    missing: str,
    allowed: tuple[str, ...] = ("raise", "skip"),
    **how: Unpack[How],
) -> Loaded:
    """Return the rows of words, or all, for what names one row by each word.

    Args:
        checkpoint: where from.
        words: as a caller gives them; None for all.
        missing: what to do about words that are not there.
        allowed: what may be done.
        **how: as `Checkpoint.load` takes it.

    Raises:
        WordNotFoundError: code ``word-missing``.
        InvalidInputError: code ``input-duplicate-word``: a word that is asked for twice.
    """
    chosen: Any = arguments.choice("missing", missing, allowed)
    if words is None:
        return checkpoint.load_rows(None, None, **how)
    listed = arguments.words("words", words)
    if len(set(listed)) < len(listed):
        twice = next(word for word, times in Counter(listed).items() if times > 1)
        raise InvalidInputError("input-duplicate-word", f"the word {twice!r} is asked twice")
    return checkpoint.load(listed, missing=chosen, **how)
