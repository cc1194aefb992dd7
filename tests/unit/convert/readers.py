"""Readers of exported files, written from the formats' descriptions and from nothing of ours."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Table: TypeAlias = tuple[list[str], NDArray[Any]]


def word2vec(path: Path) -> Table:
    data = path.read_bytes()
    header, _, rest = data.partition(b"\n")
    count, dim = map(int, header.split())
    words, rows = [], []
    for _ in range(count):
        word, _, rest = rest.partition(b" ")
        words.append(word.decode())
        rows.append(np.frombuffer(rest[: dim * 4], "<f4"))
        rest = rest[dim * 4 :]
    assert rest == b""
    return words, np.array(rows, np.float32).reshape(count, dim)


def _lines(text: str, separator: str, dim: int, dtype: str = "f4") -> Table:
    lines = [line.rsplit(separator, dim) for line in text.split("\n")[:-1]]
    numbers = [list(map(float, line[1:])) for line in lines]
    return [line[0] for line in lines], np.array(numbers, dtype).reshape(len(lines), dim)


def word2vec_text(path: Path) -> Table:
    header, _, rest = path.read_bytes().decode().partition("\n")
    count, dim = map(int, header.split())
    words, vectors = _lines(rest, " ", dim)
    assert len(words) == count
    return words, vectors


def glove(path: Path) -> Table:
    return _lines(path.read_bytes().decode(), " ", 5)


def tsv(path: Path) -> Table:
    return _lines(path.read_bytes().decode(), "\t", 5)


def jsonl(path: Path) -> Table:
    found = [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]
    return [one["word"] for one in found], np.array([one["vector"] for one in found], "f4")


def _beside(path: Path) -> list[str]:
    return path.with_suffix(".txt").read_bytes().decode().split("\n")[:-1]


def npy(path: Path) -> Table:
    return _beside(path), np.load(path, allow_pickle=False)


def npz(path: Path) -> Table:
    with np.load(path, allow_pickle=False) as found:
        return found["words"].tolist(), found["vectors"]


def safetensors(path: Path) -> Table:
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    tensor = json.loads(data[8 : 8 + length])["embeddings"]
    dtype = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "BF16": "<u2"}[tensor["dtype"]]
    begin, end = tensor["data_offsets"]
    assert (begin, end) == (0, len(data) - 8 - length)
    return _beside(path), np.frombuffer(data[8 + length :], dtype).reshape(tensor["shape"])


def finalfusion(path: Path) -> Table:
    data = path.read_bytes()
    magic, version, chunks, *kinds = struct.unpack_from("<4sIIII", data)
    assert (magic, version, chunks, kinds) == (b"FiFu", 0, 2, [1, 2])
    kind, length, count = struct.unpack_from("<IQQ", data, at := 20)
    assert kind == 1
    end, at = at + 12 + length, at + 20
    words = []
    for _ in range(count):
        (size,) = struct.unpack_from("<I", data, at)
        words.append(data[at + 4 : at + 4 + size].decode())
        at += 4 + size
    assert at == end
    kind, length, rows, dim, number = struct.unpack_from("<IQQII", data, at)
    assert (kind, number, len(data)) == (2, 10, at + 12 + length)
    first = at + 28 + 4 - (at + 4) % 4  # as finalfusion aligns, by a whole number if need be
    assert first % 4 == 0
    return words, np.frombuffer(data[first:], "<f4").reshape(rows, dim)


READERS: dict[str, tuple[str, Callable[[Path], Table]]] = {
    "word2vec": (".bin", word2vec),
    "word2vec-text": (".vec", word2vec_text),
    "glove": (".glove", glove),
    "tsv": (".tsv", tsv),
    "jsonl": (".jsonl", jsonl),
    "npy": (".npy", npy),
    "npz": (".npz", npz),
    "safetensors": (".safetensors", safetensors),
    "finalfusion": (".fifu", finalfusion),
}
"""By the name of the format: an ending, and what reads such a file."""
