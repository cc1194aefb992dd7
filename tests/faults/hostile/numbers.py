"""Numbers that are claimed everywhere alike, and numbers of commits: they decide no cost."""

from __future__ import annotations

import json
from typing import Any

from embzarr_tools.fixtures._plain import Objects, canonical, sha256
from embzarr_tools.fixtures._plain_commit import commit, commit_key, tag
from embzarr_tools.fixtures._samples import plain_store
from faults.hostile.register import KEY, Cases, hostile, sound

_LARGEST = 2**53 - 1
_FAR = (2**20, 10**9, 2**32, 2**40, _LARGEST - 1, _LARGEST)
_CHUNK_BYTES = 2**24


def _agreed(rows: int, name: str = "vectors") -> Objects:
    """Return a store that says of so many rows where each chunk lies, and of what size it is."""

    def change(manifest: dict[str, Any]) -> None:
        layer = manifest["layers"][0]
        layer["rows"] = rows
        _claim(layer, "vectors", rows)
        _claim(layer, "words/offsets", rows + 1)
        if name != "vectors":
            _claim(layer, name, rows)

    return commit(plain_store(), members=change)


def _claim(layer: dict[str, Any], name: str, rows: int) -> None:
    array = layer["arrays"][name]
    width = {"float32": 4, "uint64": 8, "uint8": 1}[array["dtype"]]
    for length in array["shape"][1:]:
        width *= length
    chunk = min(_CHUNK_BYTES // width, 2 ** (rows - 1).bit_length())
    chunk = 2 ** (chunk.bit_length() - 1)
    size, count = chunk * width + 4, -(-rows // chunk)
    array |= {
        "shape": [rows, *array["shape"][1:]],
        "chunk": chunk,
        "shard": 2**20,
        "codec": {"name": "none"},
        "index": {
            "offset": [at * size for at in range(min(count, 4096))],
            "nbytes": [size] * min(count, 4096),
            "crc32c": [0] * min(count, 4096),
        },
    }
    array.pop("data", None)
    shards = [key for key in layer["objects"] if key.startswith(f"{name}/c/")]
    for key in shards[1:]:
        del layer["objects"][key]
    layer["objects"][shards[0]]["size"] = count * size + 2**20 * 16 + 4


@hostile("numbers of rows that are claimed everywhere alike")
def rows() -> Cases:
    """Each chunk has a place in an object that is said to be large enough."""
    for exponent in (20, 24, 27, 28, 29, 30, 31, 32, 33, 36):
        yield f"2**{exponent} rows", _agreed(2**exponent)
        yield f"2**{exponent} + 1 rows", _agreed(2**exponent + 1)


@hostile("sizes that no object has")
def sizes() -> Cases:
    """Of objects, where the real one is small."""
    for name in ("vectors/c/1/0", "words/data/c/0", "words/offsets/c/0", "lookup/blocks/c/0/0"):
        for size in (0, 1, 2**31, 2**40, _LARGEST):

            def change(manifest: dict[str, Any], name: str = name, size: int = size) -> None:
                manifest["layers"][0]["objects"][name]["size"] = size

            yield f"{name} of {size} bytes", commit(plain_store(), members=change)


def _numbered(number: int, **changes: Any) -> Objects:
    """Return a store whose newest commit has a number that is far off."""
    objects = sound()
    parent = {"commit": number - 1, "sha256": sha256(objects[KEY])}
    late = {**json.loads(objects[KEY]), "commit": number, "parent": parent, **changes}
    return {
        **objects,
        commit_key(number): canonical(late),
        "latest.json": canonical(late),
        "tags/best.json": b"[]",  # a reader has nothing else to refuse
    }


@hostile("numbers of commits that are far off")
def commits() -> Cases:
    """With nothing between, read by number, step, name and all."""
    for number in _FAR:
        yield f"commit {number}", _numbered(number, step=8)
        yield (
            f"commit {number}, only its copy",
            {k: d for k, d in _numbered(number).items() if k != commit_key(number)},
        )
        yield f"commit {number}, named", {**_numbered(number), "tags/best.json": tag(5, "0" * 64)}


def _collection(number: int, **changes: Any) -> bytes:
    objects = sound()
    first = {"commit": 1, "sha256": sha256(objects[KEY])}
    return canonical({
        "format": "embzarr", "version": 1, "store": json.loads(objects[KEY])["store"],
        "commit": number, "write_id": "0" * 31 + "1", "kind": "collect",
        "parent": {"commit": number - 1, "sha256": "0" * 64}, "created": "2026-01-01T00:00:00Z",
        "writer": "x", "newest": first, "revokes": [], "expires": [], "expired": [], **changes,
    })  # fmt: skip


@hostile("collections of what is far off")
def collections() -> Cases:
    """That leave out, or give up, runs of numbers as long as numbers can be."""
    for number in _FAR:
        changes: dict[str, dict[str, Any]] = {
            "all are gone": {"expired": [[2, number - 1]]},
            "all but two are gone": {"expired": [[3, number - 2]]},
            "the first is gone": {"expired": [[1, number - 1]]},
            "the last is given up": {"expires": [number - 1]},
            "overlapping": {"expired": [[2, number - 1], [3, number - 1]]},
            "falling": {"expired": [[number - 1, 2]]},
            "leading far": {"newest": {"commit": number - 1, "sha256": "0" * 64}},
        }
        for name, change in changes.items():
            yield (
                f"{number}: {name}",
                {
                    **sound(),
                    commit_key(number): _collection(number, **change),
                    "tags/best.json": b"[]",
                },
            )


@hostile("names that are nearly those of commits, tags and marks")
def names() -> Cases:
    """Objects beside ours that are not ours; a tag that is none makes each of them refused."""
    digits = "0" * 19
    for key in (
        f"commits/{2**53:020d}.json", "commits/99999999999999999999.json", f"commits/{0:020d}.json",
        f"commits/{digits}2.json.gz", f"commits/{digits}2.json#1", f"commits/{digits}2.JSON",
        f"commits/+{digits}.json", f"commits/{digits}x.json", f"commits/x/{digits}2.json",
        f"commits/{digits}\u0662.json", f"quarantine/{digits}1", "quarantine/1.json",
        "tags/-x.json", "tags/x/y.json", f"tags/{'x' * 129}.json", "steps/7/zarr.json",
        f"steps/7-{'0' * 31}/zarr.json", f"steps/7-{'0' * 33}/zarr.json", f"steps/07-{'0' * 32}/x",
        f"steps/{10**16}-{'0' * 32}/zarr.json",
    ):  # fmt: skip
        yield key[:60], {**sound(), "tags/best.json": b"[]", key: b"\xff"}
