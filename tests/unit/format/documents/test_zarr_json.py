"""What `zarr_json` promises: metadata by which plain Zarr finds what the manifest names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, ZstdCodec
from zarr.core.buffer.cpu import Buffer
from zarr.storage import MemoryStore

import embzarr
from embzarr._format import chunk_coding, spec, zarr_json
from embzarr._format.arrays.codecs import Codec
from embzarr._format.arrays.grids import Grid
from embzarr._format.documents.manifests import Array, InlineIndex

NO_INDEX = InlineIndex(offset=[], nbytes=[], crc32c=[])
BLOSC = Codec(name="blosc", cname="lz4", clevel=5, shuffle="shuffle", typesize=4)
CODECS: dict[str, tuple[Codec, list[Any]]] = {
    "none": (chunk_coding.NONE, []),
    "zstd": (Codec(name="zstd", level=7), [ZstdCodec(level=7)]),
    "blosc": (BLOSC, [BloscCodec(cname="lz4", clevel=5, shuffle="shuffle", typesize=4)]),
}


def array(
    shape: list[int],
    dtype: str,
    *,
    codec: Codec = chunk_coding.NONE,
    chunk: int = 4,
    shard: int = 2,
) -> Array:
    return Array(shape=shape, dtype=dtype, chunk=chunk, shard=shard, codec=codec, index=NO_INDEX)


def documents(**arrays: Array) -> dict[str, bytes]:
    named = {name.replace("__", "/"): made for name, made in arrays.items()}
    columns = [name for name in named if "/" not in name]
    return zarr_json.layer_documents(named, step=7, write_id="ab" * 16, columns=columns)


def store_of(objects: dict[str, bytes]) -> MemoryStore:
    return MemoryStore({key: Buffer.from_bytes(data) for key, data in objects.items()})


def parsed(objects: dict[str, bytes], key: str = "zarr.json") -> Any:
    return json.loads(objects[key])


# Groups -------------------------------------------------------------------------------------------
def test_the_root_says_whose_it_is() -> None:
    """The root group carries the convention and the identity of the store, as plain attributes."""
    group = zarr.open_group(store_of({"zarr.json": zarr_json.root_document("ef" * 16)}), mode="r")

    assert dict(group.attrs) == {
        "embzarr": {"format": "embzarr", "version": 1, "store": "ef" * 16},
        "zarr_conventions": [
            {
                "name": "embzarr",
                "uuid": spec.CONVENTION_UUID,
                "description": "Versioned checkpoints of word embedding matrices",
            }
        ],
    }


def test_a_group_of_steps_is_empty() -> None:
    """The group that holds the steps says nothing, and is the same whoever writes it."""
    assert zarr_json.group_document() == b'{"attributes":{},"node_type":"group","zarr_format":3}'
    assert (
        list(zarr.open_group(store_of({"zarr.json": zarr_json.group_document()}), mode="r")) == []
    )


def test_a_layer_says_what_it_is() -> None:
    """Step, write and columns stand in the attributes of the layer's group."""
    made = documents(vectors=array([5, 3], "float32"), counts=array([5], "uint64"))

    assert parsed(made)["attributes"]["embzarr"] == {
        "format": "embzarr",
        "version": 1,
        "step": 7,
        "write_id": "ab" * 16,
        "columns": ["vectors", "counts"],
    }


def test_each_node_has_a_document() -> None:
    """Arrays and the groups between have metadata of their own, each group once."""
    one = array([5], "uint8")
    made = documents(vectors=one, words__data=one, words__offsets=one, lookup__blocks=one)

    assert sorted(made) == [
        "lookup/blocks/zarr.json",
        "lookup/zarr.json",
        "vectors/zarr.json",
        "words/data/zarr.json",
        "words/offsets/zarr.json",
        "words/zarr.json",
        "zarr.json",
    ]
    assert {parsed(made, key)["zarr_format"] for key in made} == {3}


def test_one_request_opens_a_layer() -> None:
    """The consolidated metadata are those of the nodes, and a reader may do without them."""
    made = documents(vectors=array([5, 3], "float32"), words__data=array([9], "uint8"))
    consolidated = parsed(made)["consolidated_metadata"]
    nodes = {
        key.removesuffix("/zarr.json"): parsed(made, key) for key in made if key != "zarr.json"
    }

    assert consolidated == {"kind": "inline", "must_understand": False, "metadata": nodes}


@pytest.mark.parametrize("use_consolidated", [True, False])
def test_zarr_opens_a_layer(use_consolidated: bool) -> None:  # noqa: FBT001 - zarr's own flag
    """With and without consolidated metadata the same arrays are found."""
    made = documents(
        vectors=array([5, 3], "float32"),
        words__data=array([9], "uint8"),
        lookup__blocks=array([2, 64], "uint8", chunk=1),
    )

    group = zarr.open_group(store_of(made), mode="r", use_consolidated=use_consolidated)

    assert sorted(name for name, _ in group.arrays()) == ["vectors"]
    assert sorted(name for name, _ in group.groups()) == ["lookup", "words"]
    assert np.asarray(group["lookup/blocks"]).shape == (2, 64)
    assert np.asarray(group["vectors"]).tolist() == [[0.0] * 3] * 5


# Arrays -------------------------------------------------------------------------------------------
def has_order(dtype: str) -> bool:
    """Tell whether the order of bytes matters."""
    return np.dtype(dtype).itemsize > 1 and np.dtype(dtype).kind != "S"


@pytest.mark.filterwarnings("ignore:The data type")
@pytest.mark.parametrize(
    "dtype",
    [
        *(name for name in spec.COLUMN_DTYPES if name != "bfloat16"),
        *("U3", "S1", "S3", "datetime64[ms]", "timedelta64[10s]"),
    ],
)
@pytest.mark.parametrize(("codec", "theirs"), CODECS.values(), ids=CODECS.keys())
def test_an_array_is_described_as_zarr_describes_it(
    dtype: str, codec: Codec, theirs: list[Any]
) -> None:
    """zarr-python, asked for the same array, comes to the same metadata."""
    made = documents(vectors=array([21, 3], dtype, codec=codec))
    expected = zarr.create_array(
        MemoryStore(),
        shape=(21, 3),
        dtype=dtype,
        chunks=(4, 3),
        shards=(8, 3),
        serializer=BytesCodec(endian="little" if has_order(dtype) else None),
        compressors=[*theirs, Crc32cCodec()],
        fill_value=np.zeros((), dtype)[()],
    )

    found = zarr.open_array(store_of(made), path="vectors", mode="r")

    assert found.metadata == expected.metadata


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [
        *[("bool", False), ("int8", 0), ("uint64", 0), ("float16", 0.0), ("bfloat16", 0.0)],
        *[
            ("float32", 0.0),
            ("float64", 0.0),
            ("complex64", [0.0, 0.0]),
            ("complex128", [0.0, 0.0]),
        ],
    ],
)
def test_what_is_not_stored_is_zero(dtype: str, fill: object) -> None:
    """The fill value is zero as JSON writes it for the type."""
    stored = parsed(documents(c=array([4], dtype)), "c/zarr.json")

    assert (stored["data_type"], json.dumps(stored["fill_value"])) == (dtype, json.dumps(fill))


def test_bytes_have_an_order_where_they_need_one() -> None:
    """Numbers of one byte have no byte order; all others are little-endian."""
    single = {"bool", "int8", "uint8"}

    for dtype in spec.COLUMN_DTYPES:
        chain = zarr_json.codec_chain(chunk_coding.NONE, dtype)
        expected: dict[str, Any] = {"name": "bytes"}
        if dtype not in single:
            expected["configuration"] = {"endian": "little"}
        assert chain == [expected, {"name": "crc32c"}]


def test_the_whole_document_of_an_array_is_known() -> None:
    """One array's metadata, word for word as the specification has them."""
    stored = parsed(documents(vectors=array([21, 3], "float32", codec=BLOSC)), "vectors/zarr.json")

    assert stored == {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [21, 3],
        "data_type": "float32",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [8, 3]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0.0,
        "codecs": [
            {
                "name": "sharding_indexed",
                "configuration": {
                    "chunk_shape": [4, 3],
                    "codecs": [
                        {"name": "bytes", "configuration": {"endian": "little"}},
                        {
                            "name": "blosc",
                            "configuration": {
                                "cname": "lz4",
                                "clevel": 5,
                                "shuffle": "shuffle",
                                "typesize": 4,
                                "blocksize": 0,
                            },
                        },
                        {"name": "crc32c"},
                    ],
                    "index_codecs": [
                        {"name": "bytes", "configuration": {"endian": "little"}},
                        {"name": "crc32c"},
                    ],
                    "index_location": "end",
                },
            }
        ],
        "attributes": {},
    }


@pytest.mark.parametrize("shape", [[21], [21, 3], [21, 2, 3]])
@pytest.mark.parametrize("codec", [codec for codec, _ in CODECS.values()], ids=str)
def test_zarr_reads_shards_by_this_metadata(shape: list[int], codec: Codec) -> None:
    """Our shards and our metadata together are an array that zarr-python reads."""
    made = documents(column=array(shape, "int32", codec=codec))
    data = np.arange(np.prod(shape), dtype="<i4").reshape(shape)
    grid = Grid(rows=21, row_bytes=data[0].nbytes, chunk=4, shard=2)
    for shard in range(grid.shards):
        key = "/".join(["column/c", str(shard), *["0"] * (len(shape) - 1)])
        rows = data[shard * 8 : (shard + 1) * 8]
        made[key] = b"".join(chunk_coding.encode_shard(rows, grid, codec)[0])

    found = zarr.open_array(store_of(made), path="column", mode="r")

    np.testing.assert_array_equal(found[:], data)


def test_no_rows_are_an_array() -> None:
    """An array without rows opens, in Zarr too."""
    made = documents(vectors=array([0, 3], "float32", chunk=1, shard=1))

    found = zarr.open_array(store_of(made), path="vectors", mode="r")

    np.testing.assert_array_equal(found[:], np.empty((0, 3), "float32"), strict=True)


def test_a_delta_names_the_layer_below_it(tmp_path: Path) -> None:
    """That is the one directly below; a base names none."""
    always = embzarr.DeltaPolicy(max_deltas=63, max_share=1000)
    with embzarr.Run(tmp_path) as run:
        run.save(["a", "b"], np.zeros((2, 3), "f4"))
        for row in range(2):
            run.save_delta([row], np.ones((1, 3), "f4"), policy=always)
        layers = run.open()._commit.manifest.layers

    told = [parsed(zarr_json.documents_of(layers[:at]))["attributes"] for at in (1, 2, 3)]
    below = [one["embzarr"].get("below") for one in told]
    assert below == [None, layers[0].path, layers[1].path]
