"""What a vocabulary of any size would cost, worked out on paper: nothing is stored.

The cuts into parts, shards and chunks are the SDK's own, of a plan for that many words; the rest is
the specification's arithmetic. Compressed words and counts are taken as half of what they are.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Final

import embzarr
from embzarr_bench._errors import BenchError

_ITEM: Final = 4
"""Bytes of a number: float32."""
_COUNT: Final = 8
_INDEX_ENTRY: Final = 26
"""Of a chunk in a manifest: where it is, its size and its checksum, as text."""
_INLINE_ENTRIES: Final = 600
"""Chunks of an array that a manifest tells itself, before they get an object of their own."""
_TABLE_CHUNKS: Final = 4096
"""Of the chunks of such an object the manifest tells where each is."""
_TABLE_ENTRY: Final = 9.5
"""Of a chunk in such an object: compressed."""
_OBJECT_ENTRY: Final = 100
"""Of an object in a manifest: its name, size and SHA-256."""
_RECEIPT: Final = 600
_RECEIPT_ENTRY: Final = 24
_MANIFEST: Final = 1_300
"""Of a manifest without objects, chunks and fences."""
_LOOKUP_ENTRY: Final = 12
"""Of a word in the lookup, beside its text."""
_BLOCK: Final = 64 * 1024
_FENCE: Final = 3
"""Of a fence in a manifest, beside its text."""
_LETTERS: Final = 20
"""Among which the next one of a word is, as a rule."""
_MOST_FENCES: Final = 4096
_LONGEST_FENCES: Final = 1024 * 1024
_SPLIT: Final = 8 * 2**20
"""Of a manifest: above it objects are named in pages."""
_PAGE: Final = 2**20
_PAGE_ENTRY: Final = 115
"""Of an object in a page: its name is longer where there are as many."""
_PAGE_TOLD: Final = 145
"""Of a page in a manifest."""
_COMPRESSED: Final = 0.5
_COLUMN_CHUNK: Final = 16_384
_TEXT_CHUNK: Final = 128 * 1024
_SHARD: Final = 16 * 2**20
_DOCUMENTS: Final = 12
"""``zarr.json`` documents of a step and its store, below a kilobyte each."""
_HEADS: Final = 2
"""A commit, and ``latest.json``."""
_REQUEST: Final = 2**20
"""About what one request of a share fetches, as many run side by side."""
_SIDE_BY_SIDE: Final = 8
"""Into so many requests a share is cut at least."""
_SEGMENTS: Final = 2
"""Of an epoch of training in blocks, unless it is the first or somebody asks for others."""
_OPENING: Final = 5
"""Requests before the first rows: the commits, the manifest, the chunk table."""
_ROUND_READS: Final = 24
_ROUND_PUTS: Final = 6
"""Of a task of a round, beside its rows: two stores opened, two receipts."""
_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_GB: Final = 1e9
_MB: Final = 1e6
_THOUSAND: Final = 1000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is stored, by whom, over which link, and at what prices.

    Raises:
        BenchError: a number that makes no sense.
    """

    words: int
    dim: int
    workers: int
    word_bytes: float = 8.0
    """Of an average word, in UTF-8."""
    bandwidth: float = 1000.0
    """Million bytes a second of one worker."""
    latency: float = 0.02
    """Seconds until an answer begins."""
    month_price: float = 0.023
    """Dollars for keeping 10^9 bytes for a month."""
    put_price: float = 0.005
    """Dollars for a thousand requests that write."""
    get_price: float = 0.0004
    """Dollars for a thousand that read."""
    worker_price: float = 0.0
    """Dollars for an hour of one worker."""

    def __post_init__(self) -> None:
        """Check the bounds."""
        for name in ("words", "dim", "workers", "word_bytes", "bandwidth"):
            if not getattr(self, name) > 0:
                raise BenchError(f"{name}: expected more than 0, found {getattr(self, name)}")
        for name in ("latency", "month_price", "put_price", "get_price", "worker_price"):
            if not getattr(self, name) >= 0:
                raise BenchError(f"{name}: expected 0 or more, found {getattr(self, name)}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One kind of work on paper: of all workers together, but for ``minutes``."""

    name: str
    puts: int
    gets: int
    bytes: int
    """Moved, in both directions."""
    minutes: float
    """Until the last worker is done: bytes over its bandwidth, and requests in turn."""
    dollars: float
    """For requests and workers."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What a checkpoint takes, and what work on it costs."""

    objects: int
    bytes: int
    """Of all objects of the step and its commit."""
    manifest_bytes: int
    """What is read to open it."""
    pages: int
    """Objects that the manifest names in place of all others, where it would be too large."""
    page_bytes: int
    month_dollars: float
    """For keeping one checkpoint."""
    works: tuple[Work, ...]


def paper_plan(scene: Scene, *, rounds: int | None = None) -> Paper:
    """Work out what saving, loading a share, and an epoch of training in blocks would cost.

    Args:
        scene: what is to be known of it.
        rounds: of an epoch; by default two for each worker, as two segments have.
    """
    made = _Step.of(scene)
    save = _work(scene, "save", puts=made.puts, gets=made.gets, nbytes=made.nbytes)
    share = made.rows_bytes // scene.workers
    gets = scene.workers * (_OPENING + max(math.ceil(share / _REQUEST), _SIDE_BY_SIDE))
    load = _work(scene, "load of all shares", puts=0, gets=gets, nbytes=made.rows_bytes)
    works = (save, load, _epoch(scene, rounds or _SEGMENTS * scene.workers))
    return Paper(
        objects=made.objects,
        bytes=made.nbytes,
        manifest_bytes=made.manifest,
        pages=made.pages,
        page_bytes=made.page_bytes,
        month_dollars=made.nbytes / _GB * scene.month_price,
        works=works,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One step that is written in parts, with counts."""

    objects: int
    nbytes: int
    rows_bytes: int
    manifest: int
    pages: int
    page_bytes: int
    puts: int
    gets: int

    @staticmethod
    def of(scene: Scene) -> _Step:
        plan = embzarr.plan_step(
            "memory://paper-plan", rows=scene.words, dim=scene.dim, parts=scene.workers
        )
        (column,) = plan.columns
        parts = -(-scene.words // plan.part_rows)
        chunks = -(-scene.words // column.chunk)
        shards = -(-chunks // column.shard)
        rows_bytes = scene.words * scene.dim * _ITEM + chunks * 20
        text = scene.words * scene.word_bytes
        small = {
            "chunks": chunks * _TABLE_ENTRY,
            "counts": scene.words * _COUNT * _COMPRESSED / 4,
            "lookup": scene.words * (scene.word_bytes + _LOOKUP_ENTRY) * _COMPRESSED,
            "words": text * _COMPRESSED,
            "offsets": scene.words * _COUNT * _COMPRESSED / 100,
        }
        shards_of_small = sum(max(math.ceil(size / _SHARD), 1) for size in small.values())
        blocks, fences = _lookup(scene)
        told = [text / _TEXT_CHUNK, *[scene.words / _COLUMN_CHUNK] * 2]
        inline = blocks + sum(math.ceil(n) for n in told if n <= _INLINE_ENTRIES)
        tables = [n for n in told if n > _INLINE_ENTRIES]
        named = shards + shards_of_small + len(tables) + _DOCUMENTS
        inline += math.ceil(chunks / _TABLE_CHUNKS)
        manifest, page_bytes, pages = _split(named, _MANIFEST + inline * _INDEX_ENTRY + fences)
        receipts = parts * _RECEIPT + chunks * _RECEIPT_ENTRY + shards * _OBJECT_ENTRY
        beside = sum(small.values()) + sum(tables) * _TABLE_ENTRY + receipts
        objects = named + parts + pages + _HEADS
        return _Step(
            objects=objects,
            nbytes=round(rows_bytes + beside + page_bytes + _HEADS * manifest),
            rows_bytes=rows_bytes,
            manifest=round(manifest),
            pages=pages,
            page_bytes=page_bytes,
            puts=objects,
            gets=scene.workers * _HEADS + parts + named // 2,
        )


def _lookup(scene: Scene) -> tuple[int, float]:
    """Return the blocks of the lookup, all of which the manifest tells of, and bytes of its fences.

    Where there would be too many blocks, they are longer.
    """
    blocks = math.ceil(scene.words * (scene.word_bytes + _LOOKUP_ENTRY) / _BLOCK)
    blocks = min(blocks, _MOST_FENCES)
    apart = 1 + math.log(scene.words, _LETTERS)  # letters that tell a word from the one before
    return blocks, min(blocks * (min(apart, scene.word_bytes) + _FENCE), _LONGEST_FENCES)


def _split(named: int, beside: float) -> tuple[float, int, int]:
    """Return the bytes of a manifest, those of its pages, and how many these are.

    Args:
        named: objects.
        beside: bytes of what else it tells.
    """
    whole = beside + named * _OBJECT_ENTRY
    if whole <= _SPLIT:
        return whole, 0, 0
    pages = math.ceil(named * _PAGE_ENTRY / _PAGE)
    return beside + pages * _PAGE_TOLD, named * _PAGE_ENTRY, pages


def _epoch(scene: Scene, rounds: int) -> Work:
    """An epoch in blocks: each round moves both matrices to the workers and back."""
    matrices = 2 * scene.words * scene.dim * _ITEM
    moved = rounds * 2 * matrices
    shards = rounds * 2 * scene.workers * max(math.ceil(matrices / 2 / scene.workers / _SHARD), 1)
    gets = rounds * scene.workers * _ROUND_READS + math.ceil(rounds * matrices / _REQUEST)
    puts = rounds * scene.workers * _ROUND_PUTS + shards
    return _work(scene, f"epoch of {rounds} rounds", puts=puts, gets=gets, nbytes=moved)


def _work(scene: Scene, name: str, *, puts: int, gets: int, nbytes: int) -> Work:
    alone = nbytes / scene.workers
    in_turn = _OPENING + (puts + gets) / scene.workers / max(alone / _REQUEST, 1)
    seconds = alone / (scene.bandwidth * _MB) + in_turn * scene.latency
    asked = (puts * scene.put_price + gets * scene.get_price) / _THOUSAND
    hours = seconds / _HOUR * scene.workers
    return Work(
        name=name,
        puts=puts,
        gets=gets,
        bytes=nbytes,
        minutes=seconds / _MINUTE,
        dollars=asked + hours * scene.worker_price,
    )
