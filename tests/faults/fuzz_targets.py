"""Where bytes of a stranger come in: each target takes any bytes, and raises typed errors alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numcodecs import blosc, zstd  # type: ignore[import-untyped]

from embzarr._format import chunk_coding, chunk_index, json, lookups, spec, word_table, zarr_json
from embzarr._format.arrays.codecs import Codec
from embzarr._format.arrays.grids import Grid
from embzarr._history import records, tagging
from embzarr.errors import EmbzarrError
from embzarr_tools.fixtures._plain import crc, shards
from embzarr_tools.fixtures._plain_commit import commit, tag
from embzarr_tools.fixtures._samples import plain_store
from faults.hostile.register import KEY, PATH

CORPUS = Path(__file__).with_name("corpus")
_BLOCK_BYTES = 128
_ASKED = word_table.from_words(["", "king", "\U0010ffff"])
_CHUNK_BYTES = 16
_GRID = Grid(rows=10, row_bytes=8, chunk=2, shard=4)
_ZSTD = Codec(name="zstd", level=3)
_LZ4 = Codec(name="blosc", cname="lz4", clevel=5, shuffle="shuffle", typesize=4)


def _record(data: bytes) -> None:
    """A manifest, a collection or a tombstone."""
    records.parse(data, "commits/1.json")


def _tag(data: bytes) -> None:
    tagging.parse_tag(data, "tags/x.json")


def _zarr_document(data: bytes) -> None:
    limit = spec.MAX_ZARR_JSON_BYTES
    found = json.loads(data, what="zarr.json", max_bytes=limit)
    zarr_json.is_root_document(found, "00" * 16)


def _chunk_table(data: bytes) -> None:
    whole = data[: len(data) // 24 * 24]
    table = np.frombuffer(whole, "<u8").reshape(-1, 3)[: _GRID.chunks]
    for raw in (True, False):
        chunk_index.check(
            chunk_index.from_table(table),
            _GRID,
            chunks=np.arange(len(table)),
            sizes=np.array([148, 88], np.int64),
            raw=raw,
            what="chunks/vectors",
        )


def _lookup_block(data: bytes) -> None:
    block = np.frombuffer(data.ljust(_BLOCK_BYTES, b"\0")[:_BLOCK_BYTES], np.uint8)
    found = lookups.decode(block[None], rows=10, what=lambda _: "block")
    lookups.find(found, _ASKED, np.zeros(len(_ASKED), np.int64))
    list(found[0].words)


def _shard_index(data: bytes) -> None:
    chunk_coding.shard_index(memoryview(data + crc(data)), what="shard")


def _zstd_chunk(data: bytes) -> None:
    _decode(data, _ZSTD)


def _blosc_chunk(data: bytes) -> None:
    _decode(data, _LZ4)


def _decode(data: bytes, codec: Codec) -> None:
    checksum = crc(data)
    stored = memoryview(data + checksum)
    crc32c = int.from_bytes(checksum, "little")
    chunk_coding.decode_chunk(stored, codec=codec, crc32c=crc32c, size=_CHUNK_BYTES, what="chunk")


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "record": _record,
    "tag": _tag,
    "zarr-json": _zarr_document,
    "chunk-table": _chunk_table,
    "lookup-block": _lookup_block,
    "shard-index": _shard_index,
    "zstd-chunk": _zstd_chunk,
    "blosc-chunk": _blosc_chunk,
}


def run(target: Callable[[bytes], None], data: bytes) -> bool:
    """Give a target some bytes; return whether it took them.

    Raises:
        Exception: anything but a typed error, which is the finding.
    """
    try:
        target(data)
    except EmbzarrError:
        return False
    return True


def sound(name: str) -> list[bytes]:
    """Return bytes that a target takes: what fuzzing begins with."""
    store = plain_store()
    objects = commit(store)
    table = plain_store()
    table.tables = ("vectors",)
    _, places = shards("vectors", store.arrays["vectors"])
    raw = bytes(range(_CHUNK_BYTES))
    found: dict[str, list[bytes]] = {
        "record": [objects[KEY], commit(table)[KEY]],
        "tag": [tag(1, "0" * 64)],
        "zarr-json": [objects["zarr.json"], objects[f"{PATH}/zarr.json"]],
        "chunk-table": [np.array(places, "<u8").tobytes()],
        "lookup-block": [block.tobytes() for block in store.arrays["lookup/blocks"].data],
        "shard-index": [objects[f"{PATH}/vectors/c/0/0"][-68:-4]],
        "zstd-chunk": [bytes(zstd.compress(raw, 3)), bytes(zstd.compress(bytes(16), 3))],
        "blosc-chunk": [bytes(blosc.compress(raw, b"lz4", 5, shuffle=1, typesize=4))],
    }
    return found[name]


def corpus(name: str) -> list[bytes]:
    """Return what fuzzing begins with, and what earlier fuzzing found worth keeping."""
    kept = sorted((CORPUS / name).glob("*"))
    return [*sound(name), *(path.read_bytes() for path in kept)]
