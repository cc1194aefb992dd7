"""Text files as users have them, to words and the line ends between them."""

from __future__ import annotations

import codecs
import hashlib
import itertools
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

import embzarr
from embzarr_trainer._corpus.sources import FILE_END, find_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from embzarr_trainer._corpus.sources import CorpusPaths, Source

T = TypeVar("T")

_BLOCK_BYTES: Final = 1 << 20
_LINE_END: Final = "\n"


class _Decoded(NamedTuple):
    text: str
    used: int
    """Bytes decoded or skipped; a cut character at the end is left for the next block."""
    invalid: int
    """Ill-formed sequences met."""


class TextReader(Generic[T]):
    """Reads UTF-8 files, block by block, as what is made of a text: its words and line ends.

    Memory stays at a few blocks of 1 MiB, also where a file is one single line (text8).
    """

    invalid: int
    """Ill-formed UTF-8 sequences met so far."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        unicode_errors: str,
        split: Callable[[str], T],
    ) -> None:
        """Remember the files; they are opened when the reader is iterated, once.

        Args:
            sources: in reading order.
            unicode_errors: ``strict``, ``replace`` or ``ignore``.
            split: from a text that ends between words to what is made of it.
        """
        self._sources = sources
        self._split = split
        self._unicode_errors = unicode_errors
        self._sha256 = hashlib.sha256()
        self.invalid = 0

    def __iter__(self) -> Iterator[T]:
        """Yield what is made of each block; a file's end counts as a line's.

        Raises:
            embzarr.NotFoundError: ``corpus-missing``, no such file.
            embzarr.AccessDeniedError: ``access-denied``, the file may not be read.
            embzarr.InvalidInputError: ``corpus-not-text``, NUL bytes, bad gzip, or bytes that are
                not UTF-8 under ``strict``.
        """
        for source in self._sources:
            for text in self._texts(source):
                yield self._split(text)
            yield self._split(_LINE_END)
            self._sha256.update(FILE_END)

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes read, uncompressed, with a zero byte after each file."""
        return self._sha256.hexdigest()

    def _texts(self, source: Source) -> Iterator[str]:
        """Yield pieces of text that end between words."""
        tail = ""
        for decoded in self._decode(source):
            text = tail + decoded
            cut = _last_gap(text)
            tail = text[cut:]
            yield text[:cut]
        yield tail

    def _decode(self, source: Source) -> Iterator[str]:
        rest = b""
        offset = 0
        for block in itertools.chain(source.blocks(), (b"",)):
            if b"\0" in block:
                at = offset + len(rest) + block.index(b"\0")
                raise _not_text(source, f"a NUL byte at offset {at}: binary data, or UTF-16")
            self._sha256.update(block)
            data = rest + block
            decoded = self._decode_block(source, data, offset=offset, final=not block)
            rest = data[decoded.used :]
            offset += decoded.used
            yield decoded.text

    def _decode_block(self, source: Source, data: bytes, *, offset: int, final: bool) -> _Decoded:
        try:
            decoded = _decode_utf8(data, errors=self._unicode_errors, final=final)
        except UnicodeDecodeError as exc:
            hint = "unicode_errors='replace' or 'ignore' reads on"
            at = offset + exc.start
            raise _not_text(source, f"not UTF-8 at offset {at} ({exc.reason}); {hint}") from exc
        self.invalid += decoded.invalid
        return decoded


def read_text(
    corpus: CorpusPaths, *, unicode_errors: str, split: Callable[[str], list[str]]
) -> Iterator[list[str]]:
    """Yield the words of a corpus in blocks, with ``LINE_END`` where a line or a file ends."""
    yield from TextReader(find_sources(corpus), unicode_errors=unicode_errors, split=split)


def _last_gap(text: str) -> int:
    """Where a text can be cut between words: after the last line end, else the last space.

    A megabyte with neither is cut where it ends.
    """
    cut = max(text.rfind(_LINE_END), text.rfind(" "), text.rfind("\t")) + 1
    return cut or (len(text) if len(text) >= _BLOCK_BYTES else 0)


def _decode_utf8(data: bytes, *, errors: str, final: bool) -> _Decoded:
    """Decode what is complete; ``replace`` puts U+FFFD and ``ignore`` nothing for ill-formed bytes.

    Raises:
        UnicodeDecodeError: under ``strict``, its ``start`` counted from the beginning of ``data``.
    """
    pieces: list[str] = []
    view = memoryview(data)
    used = 0
    while True:
        try:
            text, length = codecs.utf_8_decode(view[used:], "strict", final)
        except UnicodeDecodeError as exc:
            if errors == "strict":
                raise UnicodeDecodeError(
                    "utf-8", data, used + exc.start, used + exc.end, exc.reason
                ) from exc
            pieces.append(codecs.utf_8_decode(view[used : used + exc.start])[0])
            pieces.append("\ufffd" if errors == "replace" else "")
            used += exc.end
        else:
            return _Decoded("".join([*pieces, text]), used + length, len(pieces) // 2)


def _not_text(source: Source, problem: str) -> embzarr.InvalidInputError:
    return embzarr.InvalidInputError("corpus-not-text", f"{source.name}: {problem}")
