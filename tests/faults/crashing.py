"""A store in memory on which requests go wrong as told, and what a store holds without embzarr."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numcodecs import blosc, zstd  # type: ignore[import-untyped]
from numpy.typing import NDArray

import oracle
from embzarr._storage.port import Body, Data, ObjectInfo, parts_of
from embzarr.errors import ConflictError, NotFoundError, StoreError

Objects = dict[str, bytes]
Kind = Literal[
    "not-sent", "killed-before", "applied", "answer-lost", "late", "after-the-end", "torn", "half"
]
"""What becomes of one request, and of its sender.

``not-sent``: it fails. ``killed-before``: the process ends before it. ``applied``: the process ends
after it. ``answer-lost``: it is carried out and fails. ``late``: it fails, and is carried out
before the next write; ``after-the-end``: once the process has ended. ``torn``: half of the bytes
are stored and the process ends; ``half``: half of them are stored and it fails.
"""
WRITE_FAULTS: tuple[Kind, ...] = (
    "not-sent", "killed-before", "applied", "answer-lost", "late", "after-the-end", "torn", "half",
)  # fmt: skip
READ_FAULTS: tuple[Kind, ...] = ("not-sent", "killed-before")
_DEADLY = frozenset({"killed-before", "applied", "torn"})


class Killed(BaseException):
    """The process has ended: nothing that it would still do takes place."""


class FaultyMemory:
    """Objects in memory, requests numbered from 0, some of which go wrong."""

    def __init__(self, objects: Objects, plan: Mapping[int, Kind] | None = None) -> None:
        self.objects = dict(objects)
        self.verbs: list[str] = []
        """Each request so far: its verb and key."""
        self._plan = plan or {}
        self._killed = False
        self._late: list[Callable[[], None]] = []
        self._after: list[Callable[[], None]] = []

    url = "memory://faults"

    @property
    def native(self) -> object:
        raise NotImplementedError

    def end(self) -> Objects:
        """End the process; return what the store then holds, once all requests have arrived."""
        for request in (*self._late, *self._after):
            request()
        return self.objects

    # Reads ----------------------------------------------------------------------------------------
    def get(self, key: str) -> Data:
        self._read(f"get {key}")
        return self._find(key)

    def get_range(self, key: str, start: int, length: int) -> Data:
        self._read(f"get_range {key}")
        return self._find(key)[start : start + length]

    def head(self, key: str) -> ObjectInfo:
        self._read(f"head {key}")
        return ObjectInfo(key=key, size=len(self._find(key)))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self._read(f"list {prefix}")
        found = sorted(key for key in self.objects if key.startswith(prefix))
        return iter([ObjectInfo(key=key, size=len(self.objects[key])) for key in found])

    # Writes ---------------------------------------------------------------------------------------
    def put(self, key: str, data: Body) -> None:
        self._write(f"put {key}", data, lambda part: self.objects.update({key: part}))

    def create(self, key: str, data: Body) -> None:
        if self._write(f"create {key}", data, lambda part: self._create(key, part)):
            raise ConflictError("object-exists", f"cannot create {key}: it exists")

    def delete(self, key: str) -> None:
        self._write(f"delete {key}", b"", lambda _: self.objects.pop(key, None))

    def _create(self, key: str, data: bytes) -> bool:
        exists = key in self.objects
        self.objects.setdefault(key, data)
        return exists

    def _find(self, key: str) -> bytes:
        try:
            return self.objects[key]
        except KeyError:
            raise NotFoundError("object-missing", f"there is no {key}") from None

    def _kind(self, what: str) -> Kind | None:
        if self._killed:
            raise Killed
        self.verbs.append(what)
        kind = self._plan.get(len(self.verbs) - 1)
        self._killed = kind in _DEADLY
        return kind

    def _read(self, what: str) -> None:
        kind = self._kind(what)
        if kind is not None:
            raise Killed if self._killed else StoreError("store-failed", f"{what}: {kind}")

    def _write(self, what: str, body: Body, apply: Callable[[bytes], Any]) -> Any:
        data = b"".join(parts_of(body))
        kind = self._kind(what)
        for request in self._late:
            request()
        self._late.clear()
        if kind is None:
            return apply(data)
        if kind in {"applied", "answer-lost"}:
            apply(data)
        elif kind in {"torn", "half"}:
            apply(data[: len(data) // 2])
        elif kind in {"late", "after-the-end"}:
            (self._late if kind == "late" else self._after).append(lambda: apply(data))
        raise Killed if self._killed else StoreError("store-failed", f"{what}: {kind}")


def committed(objects: Objects) -> dict[int, tuple[int, list[str], NDArray[Any]]]:
    """Return step, words and vectors of every commit, read with json, numpy and a decompressor.

    Every object that a manifest names must be there, whole, with the SHA-256 that it names. Only
    for small stores, whose indexes are inline.
    """
    keys = sorted(key for key in objects if key.startswith("commits/"))
    records = {int(key[8:28]): _record(objects[key]) for key in keys}
    given_up = {
        number
        for record in records.values()
        if record["kind"] == "collect"
        for number in record["expires"]
    }
    return {
        number: (record["step"], *_rows_of(objects, objects[key]))
        for key, (number, record) in zip(keys, records.items(), strict=True)
        if record["kind"] in {"full", "delta"} and number not in given_up
    }


def unnamed(objects: Objects) -> set[str]:
    """Return the objects of writes that no living commit names."""
    named = {
        f"{layer['path']}/{name}"
        for key, data in objects.items()
        if key.startswith("commits/")
        for layer in _record(data).get("layers", ())
        for name in layer["objects"]
    }
    return {key for key in objects if key.startswith("steps/")} - named - {"steps/zarr.json"}


@lru_cache(maxsize=10_000)
def _record(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(data)
    return found


def _rows_of(objects: Objects, manifest: bytes) -> tuple[list[str], NDArray[Any]]:
    """Return words and vectors of a commit, read anew only where a byte of it is another."""
    layers = _record(manifest)["layers"]
    keys = [f"{layer['path']}/{name}" for layer in layers for name in layer["objects"]]
    return _rows(manifest, tuple((key, objects[key]) for key in keys))


@lru_cache(maxsize=10_000)
def _rows(manifest: bytes, held: tuple[tuple[str, bytes], ...]) -> tuple[list[str], NDArray[Any]]:
    objects, layers = dict(held), _record(manifest)["layers"]
    words: list[str] = []
    vectors = np.empty((0, 0), np.float32)
    for layer in layers:
        _check_objects(objects, layer)
        words += oracle.decode_words(
            _array(objects, layer, "words/data"), _array(objects, layer, "words/offsets")
        )
        values = _array(objects, layer, "vectors")
        if layer["kind"] == "full":
            vectors = values
            continue
        numbers = _array(objects, layer, "rows/vectors").astype(np.int64)
        longer = np.zeros((layer["rows"], vectors.shape[1]), np.float32)
        longer[: len(vectors)] = vectors
        longer[numbers] = values
        vectors = longer
    vectors.flags.writeable = False
    return words, vectors


def _check_objects(objects: Objects, layer: dict[str, Any]) -> None:
    for name, told in layer["objects"].items():
        data = objects[f"{layer['path']}/{name}"]
        assert len(data) == told["size"], name
        assert hashlib.sha256(data).hexdigest() == told["sha256"], name


def _array(objects: Objects, layer: dict[str, Any], name: str) -> NDArray[Any]:
    if name not in layer["arrays"]:
        return np.zeros(1 if name.endswith("offsets") else 0, np.uint8)
    array = layer["arrays"][name]
    if array["shape"][0] == 0:
        return np.zeros(array["shape"], array["dtype"])
    tail = "/0" * (len(array["shape"]) - 1)
    shard = objects[f"{layer['path']}/{name}/c/0{tail}"]
    places = zip(array["index"]["offset"], array["index"]["nbytes"], strict=True)
    decode = {"none": bytes, "zstd": zstd.decompress, "blosc": blosc.decompress}
    decoder = decode[array["codec"]["name"]]
    data = b"".join(decoder(shard[offset : offset + nbytes - 4]) for offset, nbytes in places)
    rows = np.frombuffer(data, array["dtype"]).reshape(-1, *array["shape"][1:])
    return rows[: array["shape"][0]]
