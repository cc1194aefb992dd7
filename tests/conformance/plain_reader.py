"""Reads a frozen store with plain zarr, json and struct: no embzarr, only the specification."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

import oracle

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_BUFFER = default_buffer_prototype().buffer
_BEYOND = 2**64 - 1


@dataclass(frozen=True, slots=True)
class PlainCheckpoint:
    """One commit of a folder: its layers, and what they hold together."""

    root: Path
    manifest: dict[str, Any]

    @property
    def layers(self) -> list[PlainLayer]:
        """The layers, base first, each with all its pages."""
        return [PlainLayer(self.root, _whole(self.root, one)) for one in self.manifest["layers"]]

    @property
    def layer(self) -> dict[str, Any]:
        """What the manifest says of the newest layer."""
        return self.layers[-1].layer

    @property
    def folder(self) -> Path:
        """Where the newest layer lies."""
        return self.layers[-1].folder

    def column(self, name: str) -> NDArray[Any]:
        """Return a column, each delta laid upon what is below it."""
        base, *deltas = self.layers
        held = base.array(name)
        for delta in deltas:
            grown = np.zeros((delta.layer["rows"], *held.shape[1:]), held.dtype)
            grown[: len(held)] = held
            held = grown
            if name in delta.layer["columns"]:
                rows = delta.numbers(name)
                if base.layer["arrays"][name]["dtype"] == "bfloat16" and rows.dtype == "float32":
                    rows = _upper_half(rows)
                with np.errstate(over="ignore"):  # what is beyond half precision is infinity there
                    held[delta.array(f"rows/{name}").astype("i8")] = rows
        return held

    def words(self) -> list[str]:
        """Return all words in row order."""
        return [word for layer in self.layers for word in layer.words()]

    def find(self, word: bytes) -> int:
        """Return the row of a word, -1 where there is none."""
        return max(layer.find(word) for layer in self.layers)

    def tensors(self) -> dict[str, tuple[NDArray[Any], str | None]]:
        """Return every tensor, from the newest layer that has it, and its own type."""
        return {
            name: (layer.stretch(told, told["shape"]), told.get("type"))
            for layer in self.layers
            for name, told in layer.layer.get("tensors", {}).items()
        }

    def files(self) -> dict[str, tuple[bytes, str]]:
        """Return every file, from the newest layer that has it, and its digest as recorded."""
        return {
            name: (layer.stretch(told, [told["size"]]).tobytes(), told["sha256"])
            for layer in self.layers
            for name, told in layer.layer.get("files", {}).items()
        }


def _upper_half(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return finite float32 as the two bytes of the nearest bfloat16, ties to even."""
    words = numbers.view("<u4")
    halves: NDArray[Any] = ((words + 0x7FFF + (words >> 16 & 1)) >> 16).astype("<u2")
    return halves


@dataclass(frozen=True, slots=True)
class PlainLayer:
    """One layer of a commit."""

    root: Path
    layer: dict[str, Any]

    @property
    def folder(self) -> Path:
        """Where the layer lies."""
        return self.root / str(self.layer["path"])

    def array(self, name: str) -> NDArray[Any]:
        """Return an array as zarr reads it."""
        return np.asarray(_zarr_group(self.root)[f"{self.layer['path']}/{name}"])

    def stretch(self, told: dict[str, Any], shape: list[int]) -> NDArray[Any]:
        """Return the numbers of a tensor or file in its shape."""
        held = self.array(told["array"])
        if "start" not in told:
            return held
        count = int(np.prod(shape, dtype=np.int64))
        return held[told["start"] : told["start"] + count].reshape(shape)

    def numbers(self, name: str) -> NDArray[Any]:
        """Return the rows of a column that the layer holds, multiplied by their scales."""
        rows = self.array(name)
        if f"scales/{name}" not in self.layer["arrays"]:
            return rows
        scaled: NDArray[Any] = rows.astype("<f4") * self.array(f"scales/{name}")[:, None]
        return scaled

    def words(self) -> list[str]:
        """Return the words of the layer in row order."""
        if "words/data" not in self.layer["arrays"]:
            return []
        return oracle.decode_words(self.array("words/data"), self.array("words/offsets"))

    def find(self, word: bytes) -> int:
        """Return the row of a word by fences and lookup block, -1 where there is none."""
        fences = [fence.encode() for fence in self.layer["fences"]]  # none without words
        candidates = [at for at, fence in enumerate(fences) if fence <= word]
        if not candidates:
            return -1
        block = self.array("lookup/blocks")[candidates[-1]].tobytes()
        return dict(block_entries(block)).get(word, -1)

    def chunk_index(self, name: str) -> list[tuple[int, int, int]]:
        """Return offset, length and checksum of every chunk, as the manifest or its table says."""
        index = self.layer["arrays"][name]["index"]
        if isinstance(index, str):
            return [tuple(row) for row in self.array(index).tolist()]
        return [*zip(index["offset"], index["nbytes"], index["crc32c"], strict=True)]

    def shard_index(self, name: str) -> list[tuple[int, int, int]]:
        """Return the same as the shards themselves say."""
        array = self.layer["arrays"][name]
        places: list[tuple[int, int, int]] = []
        split, chunk, shard = array.get("split", 0), array["chunk"], array["shard"]
        length, outer = array["shape"][split], array["shape"][:split]
        shards = -(-length // (chunk * shard))
        block = -(-length // chunk) if math.prod(outer) == 1 else shards * shard
        chunks = math.prod(outer) * block
        for at in itertools.product(*map(range, outer), range(shards)):
            place = (*at, *[0] * (len(array["shape"]) - split - 1))
            data = (self.folder / f"{name}/c/{'/'.join(map(str, place))}").read_bytes()
            places += _shard_places(data, shard)
        assert [place for place in places[chunks:] if place[0] != _BEYOND] == []
        return places[:chunks]


def _whole(root: Path, layer: dict[str, Any]) -> dict[str, Any]:
    """Return a layer with what its pages hold, each of which has its size and SHA-256."""
    found = {key: told for key, told in layer.items() if key != "pages"}
    for at, page in enumerate(layer.get("pages", [])):
        data = (root / f"{layer['path']}/pages/{at}.json").read_bytes()
        assert (len(data), sha256(data)) == (page["size"], page["sha256"])
        for member, entries in json.loads(data).items():
            assert not found.get(member, {}).keys() & entries.keys()
            found[member] = {**found.get(member, {}), **entries}
    return found


def newest(root: Path) -> int:
    """Return the number of the newest commit."""
    return max(int(path.stem) for path in (root / "commits").iterdir())


def read_commit(root: Path, number: int) -> PlainCheckpoint:
    """Return a commit by its number."""
    return PlainCheckpoint(root, json.loads((root / f"commits/{number:020d}.json").read_bytes()))


def block_entries(block: bytes) -> list[tuple[bytes, int]]:
    """Return the words of a lookup block and their rows, by the byte table of the text."""
    (count,) = struct.unpack_from("<I", block)
    rows = struct.unpack_from(f"<{count}Q", block, 8)
    ends = struct.unpack_from(f"<{count}I", block, 8 + 8 * count)
    text = block[8 + 12 * count :]
    starts = (0, *ends)
    return [(text[starts[at] : ends[at]], rows[at]) for at in range(count)]


def sha256(data: bytes) -> str:
    """Return a SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _shard_places(data: bytes, shard: int) -> list[tuple[int, int, int]]:
    flat = struct.unpack_from(f"<{2 * shard}Q", data, len(data) - 16 * shard - 4)
    pairs = [*zip(flat[::2], flat[1::2], strict=True)]
    return [(at, size, _suffix(data, at, size)) for at, size in pairs]


def _suffix(data: bytes, at: int, size: int) -> int:
    if at == _BEYOND:
        return 0
    return int.from_bytes(data[at + size - 4 : at + size], "little")


@functools.cache
def _zarr_group(root: Path) -> Any:
    """Open a folder with zarr; it reads bfloat16, which zarr does not know, as two bytes."""
    objects = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }
    for key, data in objects.items():
        if key.endswith("zarr.json"):
            objects[key] = data.replace(b'"data_type":"bfloat16"', b'"data_type":"uint16"').replace(
                b'"fill_value":0.0', b'"fill_value":0'
            )
    buffers = {key: _BUFFER.from_bytes(data) for key, data in objects.items()}
    return zarr.open_group(MemoryStore(buffers), mode="r", use_consolidated=False)
