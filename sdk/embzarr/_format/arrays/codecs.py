"""Compressors: one function for each thing that is asked of one, and a row that names them.

The only module that knows a compressor. Source: Zarr v3 codecs ``blosc`` and ``zstd``. One more is
its functions and its row here, and its name in ``spec.CODECS``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
from msgspec import Meta, Struct
from numcodecs import blosc, zstd  # type: ignore[import-untyped]

from embzarr._format import spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class Codec(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How chunks are compressed: ``none``, ``zstd`` (level) or ``blosc`` (the other members)."""

    name: str
    level: Annotated[int, Meta(ge=-131072, le=22)] | None = None
    cname: str | None = None
    clevel: Annotated[int, Meta(ge=0, le=9)] | None = None
    shuffle: str | None = None
    typesize: Annotated[int, Meta(ge=1, le=255)] | None = None

    def __str__(self) -> str:
        """Return the codec as ``compression=`` takes it: ``blosc:lz4:shuffle:5``."""
        parts = [self.name, self.level, self.cname, self.shuffle, self.clevel]
        return ":".join(str(part) for part in parts if part is not None)


NONE: Final = Codec(name="none")
ZSTD: Final = Codec(name="zstd", level=3)

_BLOSC_HEADER: Final = 16
"""Bytes: four of versions and flags, then the lengths decoded, of a block, and of all of it."""
_LEVEL: Final = re.compile(r"-?[0-9]{1,6}")
_SHUFFLES: Final = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}
blosc.get_mutex()
# It imports multiprocessing at its first use, which would be in the middle of somebody's read.


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressor:
    """All that is asked of a codec that compresses."""

    name: str
    parse: Callable[[list[str], int], Codec | None]
    """From what a caller wrote after the name, and the bytes of a number; None for nonsense."""
    is_whole: Callable[[Codec], bool]
    """Whether a manifest says all that is needed, and nothing else."""
    configuration: Callable[[Codec], dict[str, Any]]
    """As ``zarr.json`` has it."""
    compress: Callable[[NDArray[np.uint8], Codec], bytes]
    decompress: Callable[[NDArray[np.uint8], NDArray[np.uint8]], object]
    """From a chunk's bytes into memory of the size that `claimed` told."""
    claimed: Callable[[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]]
    """Bytes that the headers of chunks claim to hold, asked before any is decoded, given where each
    begins and ends; below zero where one does not tell, or lies."""


def _zstd_parse(rest: list[str], _: int) -> Codec | None:
    if not rest:
        return ZSTD
    number = len(rest) == 1 and bool(_LEVEL.fullmatch(rest[0]))
    in_range = number and -131072 <= int(rest[0]) <= 22  # noqa: PLR2004 - zstd's
    return Codec(name="zstd", level=int(rest[0])) if in_range else None


def _zstd_claimed(
    whole: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64]:
    bounds = zip(starts.tolist(), ends.tolist(), strict=True)
    claimed = (_content_size(whole[start:end]) for start, end in bounds)
    # What is above is no size of a chunk either.
    told = (-1 if size is None else min(size, 2**62) for size in claimed)
    return np.fromiter(told, np.int64, len(starts))


def _content_size(body: NDArray[np.uint8]) -> int | None:
    """Return the content size in the header of the only Zstandard frame (RFC 8878, 3.1.1.1).

    None where it does not state it, needs a dictionary, or is not alone. The library fills a buffer
    that is too large only in part, and says nothing.
    """
    header = body[:18].tobytes()
    if len(header) < 6 or header[:4] != b"\x28\xb5\x2f\xfd":  # noqa: PLR2004 - least header
        return None
    flag, single = header[4] >> 6, header[4] >> 5 & 1
    width = (single, 2, 4, 8)[flag]
    start = 5 + (1 - single)
    size = int.from_bytes(header[start : start + width], "little")
    is_alone = not header[4] & 3 and _zstd_ends(body, start + width, 4 * (header[4] >> 2 & 1))
    return size + 256 * (flag == 1) if width and is_alone else None


def _zstd_ends(body: NDArray[np.uint8], start: int, checksum: int) -> bool:
    """Tell whether a frame whose blocks begin at `start` ends where the bytes do.

    The library would go on to whatever frame follows, and say nothing of one that holds nothing.
    """
    is_last = False
    while not is_last:
        if start + 3 > len(body):
            return False
        header = int.from_bytes(body[start : start + 3].tobytes(), "little")
        is_last, is_repeated = bool(header & 1), header >> 1 & 3 == 1
        start += 3 + (1 if is_repeated else header >> 3)
    return start + checksum == len(body)


def _blosc_parse(rest: list[str], itemsize: int) -> Codec | None:
    cname, shuffle, level = [*rest, *["lz4", "bitshuffle", "5"][len(rest) :]][:3]
    known = cname in spec.BLOSC_CNAMES and shuffle in spec.BLOSC_SHUFFLES
    if not known or len(rest) > 3 or level not in tuple("0123456789"):  # noqa: PLR2004 - as above
        return None
    return Codec(
        name="blosc", cname=cname, clevel=int(level), shuffle=shuffle, typesize=min(itemsize, 255)
    )


def _blosc_is_whole(codec: Codec) -> bool:
    return (
        codec.level is None
        and codec.cname in spec.BLOSC_CNAMES
        and codec.shuffle in spec.BLOSC_SHUFFLES
        and None not in (codec.clevel, codec.typesize)
    )


def _blosc_configuration(codec: Codec) -> dict[str, Any]:
    return {
        "cname": codec.cname,
        "clevel": codec.clevel,
        "shuffle": codec.shuffle,
        "typesize": codec.typesize,
        "blocksize": 0,
    }


def _blosc_compress(chunk: NDArray[np.uint8], codec: Codec) -> bytes:
    shuffle, cname = _SHUFFLES[str(codec.shuffle)], str(codec.cname).encode()
    return bytes(
        blosc.compress(chunk, cname, codec.clevel, shuffle=shuffle, typesize=codec.typesize)
    )


def _blosc_claimed(
    whole: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return what Blosc 1 headers claim, -1 where one lies about its own length.

    The library trusts both lengths, so they are compared with the truth first.
    """
    claimed = np.full(len(starts), -1, np.int64)
    long = ends - starts >= _BLOSC_HEADER
    headers = whole[starts[long, None] + np.arange(_BLOSC_HEADER)].view("<u4").astype(np.int64)
    claimed[long] = np.where(headers[:, 3] == (ends - starts)[long], headers[:, 1], -1)
    return claimed


COMPRESSORS: Final = {
    one.name: one
    for one in (
        Compressor(
            name="zstd",
            parse=_zstd_parse,
            is_whole=lambda codec: (
                codec.level is not None and codec == Codec(name="zstd", level=codec.level)
            ),
            configuration=lambda codec: {"level": codec.level, "checksum": False},
            compress=lambda chunk, codec: bytes(zstd.compress(chunk, codec.level)),
            decompress=zstd.decompress,
            claimed=_zstd_claimed,
        ),
        Compressor(
            name="blosc",
            parse=_blosc_parse,
            is_whole=_blosc_is_whole,
            configuration=_blosc_configuration,
            compress=_blosc_compress,
            decompress=blosc.decompress,
            claimed=_blosc_claimed,
        ),
    )
}
"""By the name that a manifest and ``zarr.json`` give it."""
