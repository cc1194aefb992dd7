"""The words of a matrix that has none: a file of lines, a tokenizer, or an array of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
import numpy as np

from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embzarr.convert._damage import Damage
    from embzarr.convert._source import Source
    from embzarr.convert._stream import Stream

_BOM: Final = b"\xef\xbb\xbf"
_PIECE_BYTES: Final = 1 << 20
_PLANE: Final = 2
_TEXTS_AT_ONCE: Final = 1 << 13
_MOST_TOKENIZER_BYTES: Final = 256 << 20


class Vocabulary(Protocol):
    """Words in the order of rows, which may be gone through several times."""

    has_counts: bool
    """Whether a whole number stands behind each word."""

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        """Yield each word and its count, -1 where there are none."""
        ...


def vocabulary_of(source: Source) -> Vocabulary:
    """Look at how a file begins, and return its words."""
    with source.stream() as stream:
        is_json = stream.peek().lstrip()[:1] == b"{"
    return Tokenizer(source) if is_json and source.base_name.endswith(".json") else _Lines(source)


class ArrayTexts:
    """Texts of an array of another library, some at a time."""

    has_counts = False

    def __init__(self, texts: Any, damage: Damage) -> None:  # noqa: ANN401 - of several libraries
        """Read nothing yet."""
        self._texts = texts
        self._damage = damage

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        """Yield each text, and -1.

        Raises:
            InvalidInputError: code ``input-file``: its library cannot read it.
        """
        for first in range(0, self._texts.shape[0], _TEXTS_AT_ONCE):
            try:
                some = self._texts[first : first + _TEXTS_AT_ONCE].tolist()
            except Exception as exc:
                raise self._damage.error(f"words from row {first} on: {exc}") from exc
            for text in some:
                yield text if isinstance(text, bytes) else _encoded(str(text)), -1


class Tokenizer:
    """The vocabulary of a ``tokenizer.json``: tokens by their ids, which are the rows.

    Or that of a ``vocab.json`` of staticvectors.
    """

    has_counts = False

    def __init__(self, source: Source) -> None:
        """Read it.

        Raises:
            InvalidInputError: codes ``input-file``: no tokenizer; ``input-rows``: ids that stand
                twice, or are left out.
        """
        with source.stream() as stream:
            data = stream.read(_MOST_TOKENIZER_BYTES)  # of a longer one the end is missing
        name = source.base_name
        try:
            told = msgspec.json.decode(data, type=_Told)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise InvalidInputError("input-file", f"{name}: no tokenizer: {exc}") from exc
        vocab = told.tokens if told.model is None else told.model.vocab
        if vocab is None:
            raise InvalidInputError("input-file", f"{name}: no tokenizer: no vocab and no tokens")
        tokens = (
            {row: token for token, row in vocab.items()}
            if isinstance(vocab, dict)
            else {row: pair[0] for row, pair in enumerate(vocab)}
        )
        tokens |= {added.id: added.content for added in told.added_tokens}
        if sorted(tokens) != list(range(len(tokens))) or len(tokens) < len(vocab):
            raise InvalidInputError(
                "input-rows", f"{name}: expected ids from 0 on, each for one token"
            )
        self._tokens = [tokens[row] for row in range(len(tokens))]

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        """Yield each token, and -1."""
        return ((_encoded(token), -1) for token in self._tokens)


class _Model(msgspec.Struct):
    vocab: dict[str, int] | list[tuple[str, float]]


class _Added(msgspec.Struct):
    id: int
    content: str


class _Told(msgspec.Struct):
    model: _Model | None = None
    tokens: dict[str, int] | None = None
    added_tokens: list[_Added] = []


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class Texts:
    """An array of texts of numpy: each has the room of the longest, in UTF-32, NUL behind it."""

    has_counts = False

    def __init__(
        self, dtype: np.dtype[Any], rows: int, read: Callable[[int], bytes], damage: Damage
    ) -> None:
        """Read nothing yet.

        Args:
            dtype: such as ``<U12``.
            rows: texts.
            read: returns so many of its bytes; it is gone through once.
            damage: told of what is no text.
        """
        self._dtype = dtype
        self._rows = rows
        self._read = read
        self._damage = damage

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        """Yield each text, and -1.

        Raises:
            InvalidInputError: code ``input-file``: numbers that stand for no letters.
        """
        width = self._dtype.itemsize
        most = max(1, _PIECE_BYTES // width)
        for first in range(0, self._rows, most):
            data = self._read(min(most, self._rows - first) * width)
            whole = len(data) // width
            try:
                texts = np.frombuffer(data[: whole * width], self._dtype).tolist()
            except ValueError as exc:
                raise self._damage.error(f"words from row {first} on: {exc}") from exc
            for text in texts:
                yield _encoded(text), -1


class _Lines:
    """The lines of a file: words, and their counts where it has them."""

    def __init__(self, source: Source) -> None:
        """Look at the first lines."""
        self._source = source
        with source.stream() as stream:
            head = stream.peek().removeprefix(_BOM)
        lines = [line.split(b"\t") for line in head.split(b"\n")[:-1] or [head]]
        self._is_numbered = _is_numbered(lines)
        fields = [line[self._is_numbered :] for line in lines]
        self.has_counts = bool(head) and all(
            len(f) == _PLANE and f[1].strip().isdigit() for f in fields
        )
        """Whether a whole number stands behind each word."""

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        """Yield each word and its count, -1 where there are none.

        Raises:
            InvalidInputError: code ``input-file``: a line without a count, where others have one.
        """
        with self._source.stream() as stream:
            for number, line in enumerate(_lines_of(stream)):
                fields = line.split(b"\t")[self._is_numbered :]
                word = fields[0] if fields else b""
                yield word, self._count(number, fields) if self.has_counts else -1

    def _count(self, number: int, fields: list[bytes]) -> int:
        found = fields[1].strip() if len(fields) == _PLANE else b""
        if not found.isdigit() or len(found) > 18:  # noqa: PLR2004 - of int64
            raise InvalidInputError(
                "input-file",
                f"{self._source.base_name}: line {number + 1}: expected a count behind the word",
            )
        return int(found)


def _is_numbered(lines: list[list[bytes]]) -> bool:
    """Tell whether each line begins with its own number, from 0 or from 1."""
    if not all(len(line) > 1 for line in lines):
        return False
    return any(
        all(line[0] == b"%d" % (number + first) for number, line in enumerate(lines))
        for first in (0, 1)
    )


def _lines_of(stream: Stream) -> Iterator[bytes]:
    tail = b""
    if stream.peek().startswith(_BOM):
        stream.read(len(_BOM))
    while piece := stream.read(_PIECE_BYTES):
        *whole, tail = (tail + piece).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r")
    if tail:
        yield tail.removesuffix(b"\r")
