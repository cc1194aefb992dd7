"""Text files as users have them, to lower-cased words and the line ends between them."""

from __future__ import annotations

import codecs
import functools
import gzip
import hashlib
import re
import unicodedata
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

import embzarr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

LINE_END: Final = "\n"
_BLOCK_BYTES: Final = 1 << 20
_LAST_MARK: Final = 0xE01F0
"""No combining mark is assigned from here on (Unicode 17)."""


class _Decoded(NamedTuple):
    text: str
    used: int
    """Bytes decoded or skipped; a cut character at the end is left for the next block."""
    invalid: int
    """Ill-formed sequences met."""


class TextReader:
    """Reads UTF-8 files (gzip where the name ends in ``.gz``) as lists of words and line ends.

    Words are lower-cased, in Unicode's composed form (NFC), and hold letters, marks and digits,
    joined inside by an apostrophe (both kinds become one), an underscore or a zero-width joiner;
    all else separates.
    Memory stays at a few blocks of 1 MiB, also where a file is one single line (text8).
    """

    invalid: int
    """Ill-formed UTF-8 sequences met so far."""

    def __init__(self, paths: Sequence[Path], *, unicode_errors: str) -> None:
        """Remember the files; they are opened when the reader is iterated, once."""
        self._paths = paths
        self._unicode_errors = unicode_errors
        self._sha256 = hashlib.sha256()
        self.invalid = 0

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the words of a block, with ``LINE_END`` where a line or a file ends.

        Raises:
            embzarr.NotFoundError: ``corpus-missing``, no such file.
            embzarr.AccessDeniedError: ``access-denied``, the file may not be read.
            embzarr.InvalidInputError: ``corpus-not-text``, NUL bytes, bad gzip, or bytes that are
                not UTF-8 under ``strict``.
        """
        find = word_finder()
        for path in self._paths:
            for text in self._texts(path):
                yield find(_normalised(text))
            yield [LINE_END]
            self._sha256.update(b"\0")  # no text holds it: where files end is part of the digest

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes read, uncompressed, with a zero byte after each file."""
        return self._sha256.hexdigest()

    def _texts(self, path: Path) -> Iterator[str]:
        """Yield pieces of text that end between words."""
        tail = ""
        for decoded in self._decode(path):
            text = tail + decoded
            cut = _last_gap(text)
            tail = text[cut:]
            yield text[:cut]
        yield tail

    def _decode(self, path: Path) -> Iterator[str]:
        rest = b""
        offset = 0
        for block in _blocks(path):
            if b"\0" in block:
                at = offset + len(rest) + block.index(b"\0")
                raise _not_text(path, f"a NUL byte at offset {at}: binary data, or UTF-16")
            self._sha256.update(block)
            data = rest + block
            decoded = self._decode_block(path, data, offset=offset, final=not block)
            rest = data[decoded.used :]
            offset += decoded.used
            yield decoded.text

    def _decode_block(self, path: Path, data: bytes, *, offset: int, final: bool) -> _Decoded:
        try:
            decoded = _decode_utf8(data, errors=self._unicode_errors, final=final)
        except UnicodeDecodeError as exc:
            hint = "unicode_errors='replace' or 'ignore' reads on"
            at = offset + exc.start
            raise _not_text(path, f"not UTF-8 at offset {at} ({exc.reason}); {hint}") from exc
        self.invalid += decoded.invalid
        return decoded


@functools.cache
def word_finder() -> Callable[[str], list[str]]:
    r"""Return the function that lists the words and line ends of a lower-cased text.

    Python's ``\w`` leaves out combining marks and would cut words of Indic scripts; so they are
    named here. They come second, because they are many and tested one after another.
    """
    codes = [code for code in range(_LAST_MARK) if unicodedata.category(chr(code))[0] == "M"]
    marks = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in _ranges(codes))
    joined = rf"['_\u200c\u200d](?=[^\W_])|[{marks}]+"
    return re.compile(rf"[^\W_]+(?:(?:{joined})[^\W_]*)*|{LINE_END}").findall


def _ranges(codes: list[int]) -> list[tuple[int, int]]:
    """Join neighbouring code points into (first, last)."""
    firsts = [b for a, b in zip([-2, *codes], codes, strict=False) if b != a + 1]
    lasts = [a for a, b in zip(codes, [*codes[1:], -2], strict=True) if b != a + 1]
    return list(zip(firsts, lasts, strict=True))


def _normalised(text: str) -> str:
    lowered = text.lower()
    if lowered.isascii():
        return lowered
    return unicodedata.normalize("NFC", lowered.replace("\u2019", "'"))


def _last_gap(text: str) -> int:
    """Where a text can be cut between words: after the last line end, else the last space.

    A megabyte with neither is cut where it ends.
    """
    cut = max(text.rfind(LINE_END), text.rfind(" "), text.rfind("\t")) + 1
    return cut or (len(text) if len(text) >= _BLOCK_BYTES else 0)


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file, uncompressed, and an empty block at its end."""
    try:
        with _open(path) as stream:
            while block := stream.read(_BLOCK_BYTES):
                yield block
    except (FileNotFoundError, IsADirectoryError) as exc:
        raise embzarr.NotFoundError("corpus-missing", f"{path}: {exc.strerror}") from exc
    except PermissionError as exc:
        raise embzarr.AccessDeniedError("access-denied", f"{path}: {exc.strerror}") from exc
    except (gzip.BadGzipFile, EOFError, zlib.error) as exc:
        raise _not_text(path, f"named .gz, but cannot be unpacked: {exc}") from exc
    yield b""


def _open(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


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


def _not_text(path: Path, problem: str) -> embzarr.InvalidInputError:
    return embzarr.InvalidInputError("corpus-not-text", f"{path}: {problem}")
