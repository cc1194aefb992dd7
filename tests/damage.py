"""A small run with every kind of object, ways to damage it, and what lies in a store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numcodecs import blosc, zstd  # type: ignore[import-untyped]

import embzarr
from embzarr._format import chunk_coding, grids, spec
from embzarr._format import json as canonical
from embzarr._storage.backends.memory import MemoryStore
from embzarr._storage.open import open_store
from embzarr._storage.port import Store
from oracle import make_vectors, make_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embzarr._format.arrays.codecs import Codec

ROWS, DIM = 40, 16
WORDS = make_words(ROWS)
STEPS = (10, 20, 30)

Objects = Mapping[str, bytes]
Damage = Callable[[bytes], bytes | None]


def vectors_of(step: int) -> NDArray[np.float32]:
    """The vectors that a step of the run holds."""
    return make_vectors(ROWS, DIM, seed=step)


def make_run() -> Objects:
    """Save three steps in many small shards, with chunk tables; the vocabulary stays the same."""
    store = MemoryStore("memory://")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grids, "choose_chunk", lambda row: 4 if row > 8 else 64)
        patch.setattr(grids, "choose_shard", lambda _: 4)
        patch.setattr(spec, "INLINE_CHUNKS", 4)
        for step in STEPS:
            embzarr.save(store, WORDS, vectors_of(step), step=step, counts=range(ROWS))
    embzarr.Run(store).tag("best", step=20)
    return contents(open_store(store))


def make_foreign_run() -> Objects:
    """Save the same as another version of each library would: the same values, in other bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunk_coding, "_compress", _compressed_otherwise)
        patch.setattr(canonical, "dumps", lambda value: json.dumps(value, indent=1).encode())
        return make_run()


def _compressed_otherwise(chunk: NDArray[np.uint8], codec: Codec) -> bytes:
    if codec.name == "zstd":
        return bytes(zstd.compress(chunk, -50))
    shuffle = {None: 0, "noshuffle": 0, "shuffle": 1, "bitshuffle": 2}[codec.shuffle]
    return bytes(
        blosc.compress(chunk, b"blosclz", 0, shuffle=shuffle, typesize=codec.typesize or 1)
    )


def contents(store: Store) -> dict[str, bytes]:
    """Return everything that lies in a store."""
    return {info.key: bytes(store.get(info.key)) for info in store.list("")}


def filled(objects: Objects) -> Store:
    """Return a store in memory that holds these objects."""
    store = open_store(MemoryStore("memory://"))
    for key, data in objects.items():
        store.put(key, data)
    return store


def flipped(data: bytes, bit: int) -> bytes:
    """Return the bytes with one bit changed."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


DAMAGES: Mapping[str, Damage] = {
    "gone": lambda _: None,
    "empty": lambda _: b"",
    "cut in half": lambda data: data[: len(data) // 2],
    "cut by a byte": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "first bit flipped": lambda data: flipped(data, 0),
    "middle bit flipped": lambda data: flipped(data, 4 * len(data)),
    "last bit flipped": lambda data: flipped(data, 8 * len(data) - 1),
    "zeros": lambda data: bytes(len(data)),
}


def damaged(objects: Objects, key: str, damage: Damage) -> dict[str, bytes]:
    """Return the objects with one of them damaged."""
    changed = damage(objects[key])
    rest = {other: data for other, data in objects.items() if other != key}
    return rest if changed is None else {**rest, key: changed}


def swapped(objects: Objects, one: str, other: str) -> dict[str, bytes]:
    """Return the objects with two in each other's place."""
    return {**objects, one: objects[other], other: objects[one]}


def of_layers(problems: Iterable[embzarr.Problem]) -> list[embzarr.Problem]:
    """Return the problems of a commit's own layers: not of its parent, nor of the root."""
    return [problem for problem in problems if problem.key.count("/") > 1]
