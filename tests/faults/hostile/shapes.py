"""Manifests that claim what cannot be: shapes, grids, data types, codecs, placements."""

from __future__ import annotations

from typing import Any

from embzarr_tools.fixtures._plain_commit import commit
from embzarr_tools.fixtures._samples import plain_store
from faults.hostile.register import LAYER, VECTORS, Cases, changed, hostile

_ARRAYS = (*LAYER, "arrays")


def _several(*changes: tuple[tuple[str | int, ...], Any]) -> dict[str, bytes]:
    """Return a store whose manifest lies in several places that agree with each other."""

    def change(manifest: dict[str, Any]) -> None:
        for path, value in changes:
            place: Any = manifest
            for name in path[:-1]:
                place = place[name]
            place[path[-1]] = value

    return commit(plain_store(), members=change)


@hostile("absurd shapes")
def shapes() -> Cases:
    """Ranks and lengths that no array here has."""
    wrong: tuple[list[int], ...] = (
        [], [10], [10, 0], [10, 2, 1], [10, 2**50], [2**53 - 1, 2], [2**53 - 1, 2**53 - 1], [0, 2],
        [10] + [2] * 7, [10] + [1] * 60, [11, 2], [9, 2], [10, 2**28],
    )  # fmt: skip
    for shape in wrong:
        yield f"vectors {str(shape)[:40]}", changed((*VECTORS, "shape"), shape)
    for name in ("words/data", "words/offsets", "lookup/blocks"):
        for shape in ([2**40], [2**40, 2**40], [1], [0], [5, 2]):
            yield f"{name} {shape}", changed((*_ARRAYS, name, "shape"), shape)
    for rows in (0, 1, 11, 2**32, 2**53 - 1):
        yield f"{rows} rows", changed((*LAYER, "rows"), rows)
        agreed = _several(
            ((*LAYER, "rows"), rows),
            ((*VECTORS, "shape", 0), rows),
            ((*_ARRAYS, "words/offsets", "shape", 0), rows + 1),
        )
        yield f"{rows} rows, said everywhere", agreed


@hostile("absurd chunks and shards")
def grids() -> Cases:
    """Counts that would make a reader list, allocate or divide without end."""
    for chunk in (0, 3, 2**52, 2**53 - 1, 2**31):
        yield f"chunk {chunk}", changed((*VECTORS, "chunk"), chunk)
    for shard in (0, 1, 2**20 + 1, 2**52, 2**53 - 1):
        yield f"shard {shard}", changed((*VECTORS, "shard"), shard)
    for rows in (2**30, 2**50):
        huge = (
            ((*LAYER, "rows"), rows),
            ((*VECTORS, "shape"), [rows, 2]),
            ((*_ARRAYS, "words/offsets", "shape"), [rows + 1]),
        )
        for shard in (1, 2**20):
            grid = (((*VECTORS, "chunk"), 2**20), ((*VECTORS, "shard"), shard))
            yield f"{rows} rows in shards of {shard}", _several(*huge, *grid)


@hostile("data types that are not allowed")
def dtypes() -> Cases:
    """Objects, texts, records, and what numpy would make of a text."""
    for dtype in (
        "object", "O", "|O", "str", "string", "U10", "S2", "V8", "r16", "datetime64", "float128",
        "longdouble", "<f4", "f4,f4", "(2,)f4", "int4", "float8_e4m3", "", "float32 ", "FLOAT32",
        "int32", "uint8", "complex64", "numpy.object_", "\0", "x" * 100_000,
    ):  # fmt: skip
        yield f"vectors {dtype!r:.30}", changed((*VECTORS, "dtype"), dtype)
    for name, dtype in (
        ("words/data", "int8"),
        ("words/offsets", "int64"),
        ("lookup/blocks", "bool"),
    ):
        yield f"{name} {dtype}", changed((*_ARRAYS, name, "dtype"), dtype)


@hostile("codecs that are not on the list")
def codecs() -> Cases:
    """Above all those that run code."""
    for name in (
        "pickle", "numcodecs.pickle", "json2", "msgpack2", "vlen-utf8", "vlen-bytes", "gzip",
        "zlib",
        "bz2", "lzma", "crc32c", "sharding_indexed", "numcodecs.zstd", "zarr.codecs:Zstd",
        "__import__",
        "", "ZSTD", "none\0",
    ):  # fmt: skip
        yield f"{name!r}", changed((*VECTORS, "codec"), {"name": name})
    sound = {"name": "blosc", "cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 4}
    for member, value in (
        ("cname", "snappy"), ("cname", "../lz4"), ("cname", "x" * 10_000), ("clevel", 10),
        ("clevel", -1), ("shuffle", "on"), ("typesize", 0), ("typesize", 256), ("typesize", 2**40),
        ("level", 3), ("nthreads", 10_000), ("blocksize", 2**40),
    ):  # fmt: skip
        yield (
            f"blosc {member} {value!r:.20}",
            changed((*VECTORS, "codec"), {**sound, member: value}),
        )
    for codec in (
        {"name": "zstd"},
        {"name": "zstd", "level": 23},
        {"name": "zstd", "level": 10**9},
        {"name": "none", "level": 1},
        {"name": "blosc"},
    ):
        yield f"{codec}", changed((*VECTORS, "codec"), codec)


@hostile("columns and placements")
def layouts() -> Cases:
    """Names that are taken, twice or paths; groups that do not add up."""
    for columns in (
        [], ["vectors", "vectors"], ["counts"], ["vectors", "counts"], ["vectors", "words"],
        ["vectors", "../x"], ["vectors", "a/b"], ["vectors", ""], ["vectors", "zarr.json"],
        ["words/data", "vectors"], ["vectors", "__x"], ["vectors"] * 257, ["vectors", "x" * 65],
    ):  # fmt: skip
        yield f"columns {str(columns)[:40]}", changed((*LAYER, "columns"), columns)
    for placement in (
        {"kind": "random"}, {"kind": "given", "groups": 4}, {"kind": "lexical", "starts": [0, 10]},
        {"kind": "hash"}, {"kind": "hash", "groups": 2, "starts": [0, 10]},
        {"kind": "hash", "groups": 2, "starts": [0, 11, 10]},
        {"kind": "hash", "groups": 1, "starts": [1, 10]},
        {"kind": "hash", "groups": 1, "starts": [0, 2**50]}, {"kind": "hash", "groups": 65_537},
        {"kind": "family", "groups": 2**50, "starts": [0, 10]},
        {"kind": "family", "groups": 0, "starts": []},
        {"kind": "hash", "groups": 70_000, "starts": [0] * 70_000 + [10]},
    ):  # fmt: skip
        yield f"placement {str(placement)[:50]}", changed((*LAYER, "placement"), placement)


@hostile("a matrix of terabytes in a store of kilobytes")
def claims() -> Cases:
    """Every count agrees with every other, and with sizes of objects that are not there."""
    for rows in (2**27, 2**33, 2**37):
        yield f"{rows} rows", _claim(rows)


def _claim(rows: int) -> dict[str, bytes]:
    chunk = 2**20
    chunks = -(-(rows + 1) // chunk)

    def change(manifest: dict[str, Any]) -> None:
        layer = manifest["layers"][0]
        layer["rows"] = rows
        for name, row_bytes in (("vectors", 8), ("words/offsets", 8)):
            array = layer["arrays"][name]
            array["shape"][0] = rows + (name != "vectors")
            array |= {"chunk": chunk, "shard": 2**20, "index": f"chunks/{name.replace('/', '.')}"}
            count = -(-array["shape"][0] // chunk)
            table = layer["arrays"]["chunks/vectors"] | {
                "shape": [count, 3],
                "chunk": 2**12,
                "shard": 2**12,
            }
            entries = -(-count // 2**12)
            stride = 2**12 * 24 + 4
            table["index"] = {
                "offset": [stride * at for at in range(entries)],
                "nbytes": [stride] * entries,
                "crc32c": [0] * entries,
            }
            layer["arrays"][array["index"]] = table
            tail = "/0" * (len(array["shape"]) - 1)
            layer["objects"][f"{name}/c/0{tail}"] = {"size": 2**52, "sha256": "0" * 64}
            layer["objects"][f"{array['index']}/c/0/0"] = {"size": 2**40, "sha256": "0" * 64}
            assert chunks * chunk * row_bytes >= rows

    store = plain_store()
    store.tables = ("vectors",)
    return commit(store, members=change)
