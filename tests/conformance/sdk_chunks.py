"""The operations of ``chunk-index.json``, ``plan.json`` and ``shards.json`` in the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr._format import chunk_coding, chunk_index, grids, keys
from embzarr._format.arrays.codecs import Codec
from embzarr._format.arrays.grids import Grid
from embzarr._reading.planning import selecting

if TYPE_CHECKING:
    from collections.abc import Callable


def _grid_of(given: Any) -> Grid:
    return Grid(**{name: given[name] for name in ("rows", "row_bytes", "chunk", "shard")})


def _grid_sizes(given: Any) -> Any:
    names = ("chunks", "shards", "chunk_bytes", "shard_rows", "shard_index_bytes")
    return {name: getattr(_grid_of(given), name) for name in names}


def _choose(row_bytes: int) -> Any:
    chunk = grids.choose_chunk(row_bytes)
    return {"chunk": chunk, "shard": grids.choose_shard(chunk * row_bytes)}


def _fit(given: Any) -> Any:
    chunk, shard = grids.fit(given["rows"], given["chunk"], given["shard"])
    return {"chunk": chunk, "shard": shard}


def _check(given: Any) -> None:
    grid = _grid_of(given)
    chunk_index.check(
        chunk_index.from_lists(**given["index"]),
        grid,
        chunks=np.arange(grid.chunks),
        sizes=np.array(given["sizes"]),
        raw=given["raw"],
        what="fixture",
    )


def _from_table(given: str) -> Any:
    rows = np.frombuffer(bytes.fromhex(given), "<u8").reshape(-1, 3)
    return chunk_index.from_table(rows).lists()


def _plan_rows(given: Any) -> Any:
    wanted = selecting.select_rows(np.array(given["rows"], np.int64), given["chunk"])
    found = []
    for at, chunk in enumerate(wanted.chunks.tolist()):
        inside = slice(wanted.edges[at], wanted.edges[at + 1])
        within = (wanted.rows[inside] - chunk * given["chunk"]).tolist()
        shard = chunk // given["shard"]
        found.append(
            {
                "chunk": chunk,
                "key": keys.shard_name(given["array"], shard, given["rank"]),
                "start": given["index"]["offset"][chunk],
                "length": given["index"]["nbytes"][chunk],
                "rows": [
                    list(pair) for pair in zip(wanted.places[inside].tolist(), within, strict=True)
                ],
            }
        )
    return found


def _place(given: Any) -> Any:
    grid = Grid(rows=given["row"] + 1, **{k: given[k] for k in ("row_bytes", "chunk", "shard")})
    chunk = grid.chunks - 1
    inside = chunk - grid.chunks_of_shard(chunk // grid.shard).start
    row = given["row"] - grid.rows_of_chunk(chunk)[0]
    stored = grid.chunk_bytes + 4
    return {
        "chunk": chunk,
        "shard": grid.shards - 1,
        "chunk_in_shard": inside,
        "row_in_chunk": row,
        "bytes": [row * grid.row_bytes, (row + 1) * grid.row_bytes],
        "offset": inside * stored,
        "nbytes": stored,
    }


def _plan_range(given: Any) -> Any:
    chunks = selecting.RangeSelection(given["start"], given["stop"], given["chunk"]).chunks.tolist()
    return [chunks[0], chunks[-1] + 1] if chunks else [0, 0]


def _chunk(given: Any) -> str:
    raw = chunk_coding.decode_chunk(
        memoryview(bytes.fromhex(given["stored"])),
        codec=Codec(**given["codec"]),
        crc32c=given["crc32c"],
        size=given["size"],
        what="fixture",
    )
    return raw.tobytes().hex()


def _shard(given: Any) -> Any:
    rows = np.frombuffer(bytes.fromhex(given["rows_hex"]), np.uint8)
    shard, index = chunk_coding.encode_shard(
        rows.reshape(given["rows"], -1), _grid_of(given), Codec(name="none")
    )
    return {"shard": b"".join(shard).hex(), "index": index.lists()}


def _shard_index(given: str) -> Any:
    places = chunk_coding.shard_index(memoryview(bytes.fromhex(given)), what="fixture").tolist()
    return [None if place == [2**64 - 1] * 2 else place for place in places]


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "chunk-index/check": _check,
    "chunk-index/choose": _choose,
    "chunk-index/fit": _fit,
    "chunk-index/grid": _grid_sizes,
    "chunk-index/table": _from_table,
    "plan/place": _place,
    "plan/range": _plan_range,
    "plan/rows": _plan_rows,
    "shards/chunk": _chunk,
    "shards/index": _shard_index,
    "shards/shard": _shard,
}
