"""The operations of ``words.json``, ``lookup.json`` and ``placement.json`` in the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from embzarr._format import lookups, placements, word_table
from embzarr._format.words.placements import Placement

if TYPE_CHECKING:
    from collections.abc import Callable


def _word(given: Any) -> Any:
    if isinstance(given, str):
        return given
    if "hex" in given:
        return bytes.fromhex(given["hex"])
    if "utf16" in given:
        return bytes.fromhex(given["utf16"]).decode("utf-16-be", "surrogatepass")
    return given["text"] * given["times"]


def _table(given: Any) -> word_table.WordTable:
    return word_table.from_words([_word(word) for word in given["words"]])


def _encode_words(given: Any) -> Any:
    table = _table(given)
    return {"data": table.data.tobytes().hex(), "offsets": table.offsets.tolist()}


def _decode_words(given: Any) -> Any:
    data = np.frombuffer(bytes.fromhex(given["data"]), np.uint8)
    offsets = np.array(given["offsets"], np.uint64)
    return {"words": list(word_table.from_store(data, offsets, what="fixture"))}


def _unique(given: Any) -> None:
    _table(given).argsort_unique()


def _decode_block(given: Any) -> Any:
    raw = bytes.fromhex(given["hex"]).ljust(given["block_bytes"], b"\0")
    blocks = np.frombuffer(raw, np.uint8)[None]
    (block,) = lookups.decode(blocks, rows=given["rows"], what=lambda _: "fixture")
    return {"words": list(block.words), "rows": block.rows.tolist()}


def _fences(given: Any) -> list[bytes]:
    return [fence.encode() for fence in given["fences"]]


def _blocks_of_range(given: Any) -> Any:
    last = None if given["last"] is None else given["last"].encode()
    return [*lookups.blocks_of_range(_fences(given), given["first"].encode(), last)]


def _prefix_end(given: str) -> str | None:
    end = lookups.prefix_end(bytes.fromhex(given))
    return None if end is None else end.hex()


def _layout(given: Any) -> Any:
    table = _table(given)
    image = lookups.encode(table, table.argsort())
    counts = [int(block[:4].view("<u4")[0]) for block in image.blocks()]
    return {"block_bytes": image.blocks().shape[1], "counts": counts, "fences": list(image.fences)}


def _arrange(given: Any) -> Any:
    placement = Placement(kind=given["kind"], groups=given["groups"])
    words = word_table.from_words(given["words"])
    found, order = placements.arrange(placement, words, given.get("families"))
    rows = range(len(words)) if order is None else order.tolist()
    return {"order": [*rows], "starts": list(found.starts)}


def _part_by_groups(given: Any) -> Any:
    placement = Placement(kind="hash", groups=given["groups"], starts=tuple(given["starts"]))
    return [*placements.part_by_groups(placement, given["index"], given["parts"])]


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "lookup/block_of": lambda given: lookups.block_of(_fences(given), given["word"].encode()),
    "lookup/blocks_of_range": _blocks_of_range,
    "lookup/decode": _decode_block,
    "lookup/fence": lambda given: lookups._separator(**given),
    "lookup/layout": _layout,
    "lookup/prefix_end": _prefix_end,
    "placement/arrange": _arrange,
    "placement/group": lambda given: placements.group_of(
        [given["text"].encode()], given["groups"]
    ).tolist()[0],
    "placement/part_by_groups": _part_by_groups,
    "placement/part_by_rows": lambda given: [*placements.part_by_rows(**given)],
    "placement/xxh64": lambda given: xxhash.xxh64_hexdigest(given.encode()),
    "words/decode": _decode_words,
    "words/encode": _encode_words,
    "words/sort": lambda given: _table(given).argsort().tolist(),
    "words/unique": _unique,
}
