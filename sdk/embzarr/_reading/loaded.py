"""What a load returns: rows by number, and by word as the checkpoint itself is."""

from __future__ import annotations

from collections.abc import KeysView, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from embzarr._format import arguments, spec
from embzarr._reading.mapping import Values, as_array
from embzarr._redact import printable
from embzarr._storage import forks, interrupts
from embzarr.errors import InvalidInputError, WordNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import DTypeLike, NDArray

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Loaded:
    """Rows read from a checkpoint: ``loaded.words``, ``loaded.vectors``, ``loaded["king"]``.

    As the checkpoint is, it is a mapping from words to vectors, and an array. A word that was asked
    for twice stands there twice, and is found where it stands first.

    Example:
        >>> loaded = checkpoint.load(["queen", "king"])
        >>> loaded["king"]
        array([1., 0., 0., 0.], dtype=float32)
        >>> len(loaded), np.asarray(loaded).shape
        (2, (2, 4))
    """

    rows: NDArray[np.int64]
    """Row numbers in the checkpoint, shape (k,); -1 where a word was missing."""
    columns: dict[str, NDArray[Any]]
    """Each column that was asked for, shape (k, ...)."""
    read_words: Callable[[], Iterable[str]]
    """Fetches the words; `words` calls it once, and nothing does where nobody asks."""

    def __reduce__(self) -> tuple[type[Loaded], tuple[object, ...]]:
        """Pickle and copy rows, columns and words, which are read from the store if need be."""
        return Loaded, (self.rows, self.columns, partial(tuple, self.words))

    @forks.cached_property
    def words(self) -> tuple[str, ...]:
        """The words of the rows; reading them from the store waits until they are asked for."""
        return interrupts.apart(lambda: tuple(self.read_words()))

    @property
    def vectors(self) -> NDArray[Any]:
        """The vectors, shape (k, dim).

        Raises:
            InvalidInputError: the load left them out.
        """
        if spec.VECTORS not in self.columns:
            raise InvalidInputError("input-argument", "the vectors were not among the columns")
        return self.columns[spec.VECTORS]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the vectors."""
        return self.vectors.shape

    @property
    def ndim(self) -> int:
        """Two."""
        return self.vectors.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the vectors."""
        return self.vectors.dtype

    def __array__(
        self, dtype: DTypeLike | None = None, *, copy: bool | None = None
    ) -> NDArray[Any]:
        """Return the vectors for ``numpy.asarray(loaded)``."""
        return as_array(self.vectors, dtype, copy=copy)

    # By word --------------------------------------------------------------------------------------
    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __iter__(self) -> Iterator[str]:
        """Yield the words of the rows."""
        return iter(self.words)

    def __contains__(self, word: object) -> bool:
        """Tell whether the rows of `word` were loaded."""
        return arguments.is_word(word) and arguments.word("word", word) in self._places

    __reversed__ = None
    """As of a checkpoint: rows are not asked for by number."""

    @overload
    def __getitem__(self, words: str | bytes) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, words: Iterable[str | bytes]) -> NDArray[Any]: ...
    def __getitem__(self, words: bytes | Iterable[str | bytes]) -> NDArray[Any]:
        """Return the vector of a word, shape (dim,), or of a list of words, shape (k, dim).

        Raises:
            WordNotFoundError: code ``word-missing``: it is not among what was loaded.
        """
        places = [self._place(word) for word in arguments.words("words", words)]
        vectors: NDArray[Any] = self.vectors[places]
        return vectors[0] if isinstance(words, str | bytes) else vectors

    def get(self, word: str | bytes, default: T | None = None) -> NDArray[Any] | T | None:
        """Return the vector of a word, or `default` where it was not loaded.

        Example:
            >>> print(checkpoint.load(["king"]).get("queen"))
            None
        """
        place = self._places.get(arguments.word("word", word))
        return default if place is None else self.vectors[place]

    def keys(self) -> KeysView[str]:
        """Return the words, as a mapping has them.

        Example:
            >>> list(checkpoint.load(["king"]).keys())
            ['king']
        """
        return KeysView(self)

    def values(self) -> Values[NDArray[Any]]:
        """Return the vectors, row by row.

        Example:
            >>> list(checkpoint.load(["king"]).values())
            [array([1., 0., 0., 0.], dtype=float32)]
        """
        return Values(len(self), lambda: self.vectors)

    def items(self) -> Values[tuple[str, NDArray[Any]]]:
        """Return words with their vectors: ``dict(loaded.items())``.

        Example:
            >>> dict(checkpoint.load(["king"]).items())
            {'king': array([1., 0., 0., 0.], dtype=float32)}
        """
        return Values(len(self), lambda: zip(self.words, self.vectors, strict=True))

    @forks.cached_property
    def _places(self) -> dict[str, int]:
        """Where each word stands first."""
        return {word: at for at, word in reversed([*enumerate(self.words)])}

    def _place(self, word: str) -> int:
        if word not in self._places:
            raise WordNotFoundError(
                "word-missing", f"no word {word!r} among the {len(self)} that were loaded"
            )
        return self._places[word]

    def __repr__(self) -> str:
        """Return the size of what was read, not the numbers."""
        shapes = ", ".join(f"{name} {list(a.shape)} {a.dtype}" for name, a in self.columns.items())
        return printable(f"Loaded({len(self)} rows: {shapes})")


Mapping.register(Loaded)  # not inherited, since arrays do not compare to one truth


def fill(
    block: NDArray[Any],
    lost: NDArray[np.bool_],
    *,
    nan: bool,
    what: str,
    full: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Spread the rows that were found, with zeros or NaN for those that were not.

    Of texts zero is the empty one; of times NaN is NaT.

    Args:
        block: the rows that were found, in order.
        lost: for each row of the result, whether it was missing.
        nan: fill with NaN instead of zeros.
        what: the column, for messages.
        full: filled and returned, if given.

    Raises:
        InvalidInputError: NaN for a column of whole numbers or texts.
    """
    if nan and block.dtype.kind in "biuUS":
        raise InvalidInputError(
            "input-argument", f"column {what!r} is {block.dtype}, which has no NaN: use zeros"
        )
    if full is None:
        full = np.empty((len(lost), *block.shape[1:]), block.dtype)
    full[~lost] = block
    filler: Any = np.zeros((), block.dtype)
    if nan:
        filler = "NaT" if block.dtype.kind in "mM" else np.nan
    full[lost] = filler
    return full
