"""Chunk places that overlap or lie outside, and compressed chunks that are bombs or lies."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numcodecs import blosc, zstd  # type: ignore[import-untyped]

from embzarr_tools.fixtures._plain import Objects, PlainArray, shards
from embzarr_tools.fixtures._plain_commit import commit
from embzarr_tools.fixtures._samples import plain_store
from faults.hostile.register import PATH, VECTORS, Cases, changed, hostile, sound

_LZ4 = {"name": "blosc", "cname": "lz4", "clevel": 5, "shuffle": "noshuffle", "typesize": 4}
_ZSTD = {"name": "zstd", "level": 3}
_PLACES = (
    ("offset", -1), ("offset", 4), ("offset", 10), ("offset", 76), ("offset", 2**40),
    ("offset", 2**53 - 1), ("nbytes", 0), ("nbytes", 4), ("nbytes", 19), ("nbytes", 21),
    ("nbytes", 2**40), ("nbytes", 2**53 - 1), ("crc32c", 2**32), ("crc32c", 2**53 - 1),
)  # fmt: skip


@hostile("chunks outside their shard or over each other")
def inline_places() -> Cases:
    """Places in a manifest."""
    for at, (member, value) in itertools.product((0, 3), _PLACES):
        yield f"{member}[{at}] {value}", changed((*VECTORS, "index", member, at), value)
    for member in ("offset", "nbytes", "crc32c"):
        for length in (0, 4, 6, 4097):
            yield f"{length} of {member}", changed((*VECTORS, "index", member), [0] * length)


@hostile("chunk tables that lie")
def table_places() -> Cases:
    """Places in a chunk table, its own digests right."""
    wide = (
        (0, 2**62),
        (0, 2**63),
        (0, 2**64 - 1),
        (0, 4),
        (1, 2**64 - 1),
        (1, 0),
        (1, 19),
        (2, 2**32),
        (2, 2**64 - 1),
    )
    for at, (column, value) in itertools.product((0, 4), wide):
        yield f"row {at} column {column} {value}", _table(at, column, value)
    for name in ("chunks/vectors", "vectors", "words/data", "chunks/absent", "lookup/blocks"):
        yield f"the table is {name}", changed((*VECTORS, "index"), name)


def _table(at: int, column: int, value: int) -> Objects:
    store = plain_store()
    store.tables = ("vectors",)
    _, places = shards("vectors", store.arrays["vectors"])
    rows = np.array(places, "<u8")
    rows[at, column] = value
    data, index = shards("chunks/vectors", PlainArray(data=rows, chunk=4, shard=1))

    def keep(manifest: dict[str, Any]) -> None:
        told = manifest["layers"][0]["arrays"]["chunks/vectors"]["index"]
        told["crc32c"] = [place[2] for place in index]

    return commit(store, objects=lambda objects: objects.update(data), members=keep)


@hostile("Zstandard bombs and lies")
def zstd_frames() -> Cases:
    """Frames that hold more, less or something else than a chunk."""
    for size in (0, 1, 15, 17, 32, 2**10, 2**20, 2**24):
        yield f"{size} zeros", _first_chunk(_ZSTD, _compress_zstd(bytes(size)))
    magic = b"\x28\xb5\x2f\xfd"
    for claim in (17, 2**32, 2**40, 2**62, 2**64 - 1):
        frame = magic + b"\xe0" + claim.to_bytes(8, "little") + b"\x03\x00\x80\0"
        yield f"claims {claim}", _first_chunk(_ZSTD, frame)
    sound = bytes(zstd.compress(bytes(range(16)), 3))
    for name, frame in {
        "cut": sound[:-1], "twice": sound * 2, "with a tail": sound + b"x", "no magic": sound[4:],
        "skippable": b"\x50\x2a\x4d\x18\x04\0\0\0abcd", "magic only": magic, "empty": b"\0",
        "dictionary": magic + b"\x23\x10\x01" + sound[6:],
        "16 claimed and 1 MiB held": magic + b"\x20\x10\x03\x00\x80\0",
    }.items():  # fmt: skip
        yield name, _first_chunk(_ZSTD, frame)


@hostile("Blosc bombs and lies")
def blosc_frames() -> Cases:
    """Headers that claim what is not there."""
    sound = bytes(blosc.compress(bytes(range(16)), b"lz4", 5, shuffle=0, typesize=4))
    for size in (1, 15, 17, 2**20):
        yield (
            f"{size} zeros",
            _first_chunk(
                _LZ4,
                _compress_lz4(bytes(size)),
            ),
        )
    for at, value in itertools.product((4, 8, 12), (0, 15, 17, 2**20, 2**31 - 1, 2**32 - 1)):
        lie = sound[:at] + value.to_bytes(4, "little") + sound[at + 4 :]
        if lie != sound and at != 8:
            yield f"header[{at}] {value}", _first_chunk(_LZ4, lie)
    for name, frame in {
        "cut": sound[:-1],
        "header only": sound[:16],
        "half a header": sound[:8],
        "tail": sound + b"x",
    }.items():
        yield name, _first_chunk(_LZ4, frame)


def _first_chunk(codec: dict[str, Any], encoded: bytes) -> Objects:
    """Return a store whose first chunk is `encoded`, its checksums right."""
    store = plain_store()
    vectors = store.arrays["vectors"]
    vectors.codec = codec
    first = iter([encoded])
    sound = _compress_lz4 if codec is _LZ4 else _compress_zstd
    vectors.compress = lambda raw: next(first, b"") or sound(raw)
    return commit(store)


def _compress_zstd(raw: bytes) -> bytes:
    return bytes(zstd.compress(raw, 3))


def _compress_lz4(raw: bytes) -> bytes:
    return bytes(blosc.compress(raw, b"lz4", 5, shuffle=0, typesize=4))


@hostile("objects that are not what is listed")
def objects() -> Cases:
    """Each object of the layer missing, empty, cut, longer, or of other bytes."""
    good = sound()
    for key in [key for key in good if key.startswith(PATH)]:
        data = good[key]
        without = {name: content for name, content in good.items() if name != key}
        yield f"{key[-30:]} missing", without
        for name, other in {
            "empty": b"",
            "cut": data[:-1],
            "longer": data + b"\0",
            "other": bytes(len(data)),
        }.items():
            yield f"{key[-30:]} {name}", {**good, key: other}
