"""Tensors, files and model records that claim what cannot be, every checksum of chunks right."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from embzarr_tools.fixtures._plain import Objects, PlainArray
from embzarr_tools.fixtures._plain_commit import commit
from embzarr_tools.fixtures._samples import plain_model
from faults.hostile.register import Cases, hostile

_LARGEST = 2**53 - 1
_VAST = (2**31, 2**40, _LARGEST, _LARGEST + 1)


def _layer(change: Callable[[dict[str, Any]], object]) -> Objects:
    """Return a store of tensors and a file whose layer is another in the manifest."""

    def changed(manifest: dict[str, Any]) -> None:
        change(manifest["layers"][0])

    return commit(plain_model(), members=changed)


def _set(place: str, name: str, value: object) -> Objects:
    """Return one whose layer, or its tensors or files, have another value of a name."""
    return _layer(lambda layer: (layer[place] if place else layer).update({name: value}))


def _member(kind: str, name: str, **members: object) -> Objects:
    return _layer(lambda layer: layer[kind][name].update(members))


def _renamed(kind: str, old: str, new: str) -> Objects:
    return _layer(lambda layer: layer[kind].update({new: layer[kind].pop(old)}))


@hostile("tensors of absurd shapes", of=plain_model)
def shapes() -> Cases:
    """Ranks, lengths and beginnings that their arrays do not have, or whose product overflows."""
    wrong: tuple[Any, ...] = (
        None, "3", [3.5], [-1], [True, 3], [2**40] * 3, [2**21] * 3, [2**27, 2**27], [1] * 65,
        [0, _LARGEST], [2**40, 0, 2**40], [[3]], {"0": 3},
    )  # fmt: skip
    for shape in wrong:
        for name in ("rows", "bias", "deep"):
            yield f"{name} {shape!r:.30}", _member("tensors", name, shape=shape)
    for start in (-1, 2.0, "1", 6, 2**40, _LARGEST, _LARGEST + 1):
        yield f"start {start}", _member("tensors", "bias", start=start)
    for length in _VAST:
        yield f"a file of {length}", _member("files", "note.txt", size=length)
        yield f"a file from {length}", _member("files", "note.txt", start=length)


@hostile("tensors of terabytes in a store of kilobytes", of=plain_model)
def claims() -> Cases:
    """What the manifest says of an array, its chunks, its tensor and its objects agrees."""
    for rows in (2**26, 2**31, 2**34):
        for name in ("rows", "blocks", "deep"):
            yield f"{name} of {rows}", _agreed(name, rows)
    for count in (2**28, 2**33):
        yield f"small ones of {count}", _small(count)
        yield f"a file of {count}", _file(count)
    for count in (2**26, 2**40):
        yield f"{count} blocks", _many_blocks(count)


def _agreed(name: str, rows: int) -> Objects:
    def change(layer: dict[str, Any]) -> None:
        array, tensor = layer["arrays"][f"tensors/{name}"], layer["tensors"][name]
        array["shape"][array.get("split", 0)] = rows
        tensor["shape"] = array["shape"]
        _spread(layer, f"tensors/{name}", array)

    return _layer(change)


def _many_blocks(count: int) -> Objects:
    """Return a tensor that is divided in its last dimension, whose others are many."""

    def change(layer: dict[str, Any]) -> None:
        array, tensor = layer["arrays"]["tensors/blocks"], layer["tensors"]["blocks"]
        array["shape"] = tensor["shape"] = [count, 5]

    return _layer(change)


def _small(count: int) -> Objects:
    def change(layer: dict[str, Any]) -> None:
        array = layer["arrays"]["small/float32"]
        array["shape"] = [count]
        _spread(layer, "small/float32", array)
        layer["tensors"]["scale"] |= {"shape": [count - 4]}

    return _layer(change)


def _file(count: int) -> Objects:
    def change(layer: dict[str, Any]) -> None:
        array = layer["arrays"]["small/uint8"]
        array["shape"] = [count]
        _spread(layer, "small/uint8", array)
        layer["files"]["note.txt"] |= {"size": count - 2}

    return _layer(change)


def _spread(layer: dict[str, Any], name: str, array: dict[str, Any]) -> None:
    """Say of each chunk of an array that it lies somewhere, in as few chunks as may be."""
    split = array.get("split", 0)
    shape = array["shape"]
    row_bytes = int(np.prod(shape[split + 1 :], dtype=object)) * np.dtype(array["dtype"]).itemsize
    rows = shape[split] * int(np.prod(shape[:split], dtype=object))
    chunk = 1
    while chunk * 2 * row_bytes <= 2**24:
        chunk *= 2
    count = -(-rows // chunk)
    array |= {"chunk": chunk, "shard": 2**20}
    stride = chunk * row_bytes + 4
    array["index"] = {
        "offset": [stride * at for at in range(count)],
        "nbytes": [stride] * count,
        "crc32c": [0] * count,
    }
    place = "/".join(["0"] * len(shape))
    layer["objects"] = {
        key: told for key, told in layer["objects"].items() if not key.startswith(f"{name}/c/")
    } | {f"{name}/c/{place}": {"size": stride * count + 2**24 + 4, "sha256": "0" * 64}}


@hostile("names of tensors and files that lead elsewhere", of=plain_model)
def names() -> Cases:
    """Names that a key, a path or a terminal would take for something else, and arrays as well."""
    for name in ("", "x" * 1025, "\u732b" * 342):
        yield f"tensor {name!r:.30}", _renamed("tensors", "rows", name)
        yield f"file {name!r:.30}", _renamed("files", "note.txt", name)
    for array in (
        "", "..", "../x", "tensors/..", "tensors/../../x", "/etc/passwd", "tensors//rows",
        "tensors/rows/", "vectors", "words/data", "small", "tensors", "tensors/ROWS", "files/x",
        "chunks/x", "tensors/rows\0", "x" * 10_000,
    ):  # fmt: skip
        yield f"tensor in {array!r:.30}", _member("tensors", "rows", array=array)
        yield f"small one in {array!r:.30}", _member("tensors", "bias", array=array)
        yield f"file in {array!r:.30}", _member("files", "note.txt", array=array)


@hostile("tensors and files of another type", of=plain_model)
def types() -> Cases:
    """Members that are missing or of another type, and types that would be looked up by name."""
    values: tuple[Any, ...] = (None, [], "x", 7, True, {"array": 3}, {"array": ["tensors/rows"]})
    for value in values:
        yield f"tensor {value!r:.30}", _set("tensors", "rows", value)
        yield f"file {value!r:.30}", _set("files", "x", value)
        yield f"tensors {value!r:.30}", _set("", "tensors", value)
        yield f"files {value!r:.30}", _set("", "files", value)
    for kind in ("float8_e4m3fn", "object", "__doc__", "", 3, "x" * 10_000):
        yield f"type {kind!r:.30}", _member("tensors", "bias", type=kind)
    for sha256 in ("", "0" * 63, "0" * 64, "z" * 64, "A" * 64, None, 3):
        yield f"sha256 {sha256!r:.30}", _member("files", "note.txt", sha256=sha256)
    for media in (3, None, ["text/plain"]):
        yield f"media type {media!r:.30}", _member("files", "note.txt", media_type=media)


@hostile("framework types that no library has", of=plain_model)
def framework_types() -> Cases:
    """Names that are looked up in a module: its functions, its modules, what takes more bytes."""
    for kind in ("finfo", "__doc__", "os", "np", "bfloat16", "iinfo", "__loader__", "nothing", "."):
        store = plain_model()
        bits = np.frombuffer(b"..note\1\2\3\4", "u1")
        store.arrays["small/uint8"] = PlainArray(data=bits, chunk=16, shard=1)
        told = {"array": "small/uint8", "shape": [4], "start": 6, "type": kind}
        store.tensors["odd"] = told
        yield f"{kind!r}", commit(store)


@hostile("records of models that are no objects", of=plain_model)
def models() -> Cases:
    """The record is an object of plain JSON, nested no deeper than any."""
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    values: tuple[Any, ...] = ([], "x", 7, True, None, {"x": deep}, {"x": 2**70}, {"x": 1e400})
    for value in values:
        yield f"model {value!r:.30}", commit(plain_model(), members=_with_model(value))
    text = json.dumps({"format": "embzarr"}).encode()
    yield "no manifest at all", {**commit(plain_model()), "commits/00000000000000000001.json": text}


def _with_model(value: object) -> Callable[[dict[str, Any]], None]:
    return lambda manifest: manifest.update(model=value)
