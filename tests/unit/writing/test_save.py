"""What `save` promises: exact bits, one commit, and nothing at all after bad input."""

from __future__ import annotations

import itertools
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

import embzarr
from embzarr._storage.open import open_store
from oracle import make_vectors, make_words, read_step

WORDS = ["king", "queen", "国王", "", "🐘", "naïve"]
VECTORS = make_vectors(6, 5)


def objects_of(url: object) -> list[str]:
    return sorted(info.key for info in open_store(url).list(""))


def test_saves_and_opens_bit_for_bit(tmp_path: Any) -> None:
    """What was saved comes back from a fresh open, word by word and whole."""
    embzarr.save(tmp_path / "run", WORDS, VECTORS, step=7)

    checkpoint = embzarr.open(tmp_path / "run")

    assert checkpoint.step == 7
    assert checkpoint.words == WORDS
    np.testing.assert_array_equal(checkpoint.to_numpy(), VECTORS)
    np.testing.assert_array_equal(checkpoint["国王"], VECTORS[2])


@pytest.mark.parametrize("rows", [0, 1, 2, 63, 64, 65])
def test_edge_sizes(rows: int, tmp_path: Any) -> None:
    """No number of rows around a chunk's edge loses one, by ours or by plain zarr."""
    words, vectors = make_words(rows), make_vectors(rows, 300)

    checkpoint = embzarr.save(tmp_path, words, vectors)

    np.testing.assert_array_equal(checkpoint.to_numpy(), vectors)
    read_words, read_vectors = read_step(tmp_path, checkpoint.info().layers[0].path)
    assert read_words == words
    np.testing.assert_array_equal(read_vectors, vectors)
    assert checkpoint.verify().ok


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_around_a_shard(offset: int, tmp_path: Any) -> None:
    """One row short of a shard, a full one, and one row over: every row is where it should be."""
    dim = 16 * 1024  # 64 KiB a row, two rows a chunk, 256 rows a shard
    rows = 256 + offset
    vectors = np.arange(rows, dtype=np.float16)[:, None].repeat(2 * dim, axis=1)

    checkpoint = embzarr.save(tmp_path, [str(i) for i in range(rows)], vectors, compression="lz4")

    column = checkpoint.info().columns[0]
    assert column.shard_chunks * column.chunk_rows == min(256, rows + rows % 2)
    np.testing.assert_array_equal(checkpoint["254"], vectors[254])
    np.testing.assert_array_equal(checkpoint.load_rows(252, rows).vectors, vectors[252:])
    _, read = read_step(tmp_path, checkpoint.info().layers[0].path)
    np.testing.assert_array_equal(read, vectors)


def test_one_dimension_and_one_word(tmp_path: Any) -> None:
    """The smallest matrix is a checkpoint like any other."""
    checkpoint = embzarr.save(tmp_path, ["x"], [[1.5]], dtype="float32")

    assert checkpoint["x"].tolist() == [1.5]


def test_a_word_of_a_mebibyte(tmp_path: Any) -> None:
    """A word far beyond a lookup block is found, and so are its neighbours."""
    words = ["a", "x" * 2**20, "x" * 2**20 + "y", "z"]

    checkpoint = embzarr.save(tmp_path, words, make_vectors(4, 3))

    np.testing.assert_array_equal(checkpoint[words], make_vectors(4, 3))
    assert checkpoint.load_prefix("xx").words == (words[1], words[2])
    assert checkpoint.verify().ok


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", ml_dtypes.bfloat16])
@pytest.mark.parametrize(
    "compression",
    [
        "auto",
        "none",
        "lz4",
        "zstd",
        "zstd:-5",
        "blosc:zstd",
        "blosc:lz4hc:bitshuffle:9",
        "blosc:zlib:noshuffle:1",
        "blosc:blosclz",
    ],
)
def test_every_type_and_codec(dtype: Any, compression: str, tmp_path: Any) -> None:
    """No data type or codec changes a bit."""
    vectors = make_vectors(300, 7).astype(dtype)

    checkpoint = embzarr.save(tmp_path, make_words(300), vectors, compression=compression)

    loaded = embzarr.open(tmp_path).to_numpy()
    assert loaded.dtype == vectors.dtype
    assert loaded.tobytes() == vectors.tobytes()
    assert checkpoint.verify().ok
    if vectors.dtype != ml_dtypes.bfloat16:  # zarr-python does not know that type
        _, read = read_step(tmp_path, checkpoint.info().layers[0].path)
        assert read.tobytes() == vectors.tobytes()


@pytest.mark.parametrize(
    "dtype",
    [
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "float32",
        "float64",
        "complex64",
        "complex128",
    ],
)
def test_columns_of_every_core_type(dtype: str, tmp_path: Any) -> None:
    """Row-aligned columns of any Zarr core type keep every bit, vectors of them too."""
    flat = np.arange(50).astype(dtype)
    wide = np.arange(50 * 6).astype(dtype).reshape(50, 2, 3)

    checkpoint = embzarr.save(
        tmp_path, make_words(50), make_vectors(50, 4), columns={"flat": flat, "wide": wide}
    )

    loaded = checkpoint.load(make_words(50)[::-1], columns=("flat", "wide"))
    np.testing.assert_array_equal(loaded.columns["flat"], flat[::-1])
    np.testing.assert_array_equal(loaded.columns["wide"], wide[::-1])
    group = zarr.open_group(tmp_path, path=checkpoint.info().layers[0].path, mode="r")
    np.testing.assert_array_equal(np.asarray(group["wide"]), wide)


def test_big_endian_and_strided_input(tmp_path: Any) -> None:
    """Input in another byte order, or a view, is stored as the numbers that it shows."""
    wide = make_vectors(10, 8).astype(">f4")

    checkpoint = embzarr.save(
        tmp_path, make_words(10), wide[:, ::2], counts=np.arange(10, dtype=">i8")
    )

    np.testing.assert_array_equal(checkpoint.to_numpy(), wide[:, ::2])
    np.testing.assert_array_equal(
        checkpoint.load_rows(0, 10, columns=("counts",)).columns["counts"], np.arange(10)
    )


def test_conversion_declares_its_error(tmp_path: Any) -> None:
    """Half precision is stored when asked for, and the manifest says what it cost."""
    vectors = make_vectors(100, 9)

    checkpoint = embzarr.save(tmp_path, make_words(100), vectors, dtype="float16")

    column = checkpoint.info().columns[0]
    expected = float(np.abs(vectors.astype(np.float64) - vectors.astype(np.float16)).max())
    assert (column.source_dtype, column.max_abs_error) == ("float32", expected)
    np.testing.assert_array_equal(checkpoint.to_numpy(), vectors.astype(np.float16))


def test_auto_compresses_what_shrinks(tmp_path: Any) -> None:
    """Auto leaves noise as it is and compresses a column that shrinks."""
    checkpoint = embzarr.save(
        tmp_path, make_words(5000), make_vectors(5000, 8), counts=np.full(5000, 3)
    )

    codecs = {column.name: column.codec for column in checkpoint.info().columns}
    assert codecs["counts"] == "blosc:lz4:bitshuffle:5"
    assert checkpoint.info().columns[1].bytes_stored < 5000 * 8 / 10


def test_steps_count_up_by_default(tmp_path: Any) -> None:
    """Without a step, each save is the next one."""
    steps = [embzarr.save(tmp_path, WORDS, VECTORS).step for _ in range(3)]

    assert steps == [0, 1, 2]


def test_metadata_comes_back(tmp_path: Any) -> None:
    """Any JSON is kept, other scripts included."""
    metadata = {"loss": [0.5, 1e-9], "语料": {"name": "书", "n": 2**53 - 1}, "none": None}

    embzarr.save(tmp_path, WORDS, VECTORS, metadata=metadata)

    assert embzarr.open(tmp_path).metadata == metadata


SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "vectors_not_a_matrix": ({"vectors": VECTORS[0]}, "input-shape"),
    "vectors_of_rank_three": ({"vectors": VECTORS[None]}, "input-shape"),
    "no_dimension": ({"vectors": VECTORS[:, :0]}, "input-shape"),
    "fewer_rows_than_words": ({"vectors": VECTORS[:4]}, "input-rows"),
    "counts_of_other_length": ({"counts": [1, 2]}, "input-rows"),
    "duplicate_word": ({"words": [*WORDS[:5], "king"]}, "input-duplicate-word"),
    "lone_surrogate": ({"words": [*WORDS[:5], "\ud800"]}, "input-word"),
    "invalid_utf8": ({"words": [*WORDS[:5], b"\xff"]}, "input-word"),
    "word_not_text": ({"words": [*WORDS[:5], 3]}, "input-word"),
    "nan": ({"vectors": np.where(VECTORS[3, 2] == VECTORS, np.nan, VECTORS)}, "input-nonfinite"),
    "infinity": (
        {"vectors": np.where(VECTORS[3, 2] == VECTORS, np.inf, VECTORS)},
        "input-nonfinite",
    ),
    "beyond_half_precision": ({"vectors": VECTORS * 1e9, "dtype": "float16"}, "input-nonfinite"),
    "integer_vectors": ({"vectors": np.ones((6, 5), int)}, "input-dtype"),
    "objects_column": ({"columns": {"tag": np.array(["x", None] * 3)}}, "input-dtype"),
    "reserved_column": ({"columns": {"words": np.arange(6)}}, "input-argument"),
    "vectors_as_a_column": ({"columns": {"vectors": VECTORS}}, "input-argument"),
    "counts_twice": (
        {"counts": np.arange(6), "columns": {"counts": np.arange(6)}},
        "input-argument",
    ),
    "column_with_a_slash": ({"columns": {"a/b": np.arange(6)}}, "input-argument"),
    "unknown_placement": ({"placement": "best"}, "input-argument"),
    "no_groups": ({"placement": "hash:0"}, "input-argument"),
    "family_without_families": ({"placement": "family"}, "input-argument"),
    "too_few_families": ({"placement": "family", "families": [1]}, "input-rows"),
    "unknown_codec": ({"compression": "brotli"}, "input-argument"),
    "codec_level_beyond": ({"compression": "zstd:99"}, "input-argument"),
    "negative_step": ({"step": -1}, "input-argument"),
    "step_beyond_json": ({"step": 2**53}, "input-argument"),
    "metadata_not_json": ({"metadata": {"x": object()}}, "input-argument"),
    "metadata_nan": ({"metadata": {"loss": float("nan")}}, "input-argument"),
    "metadata_with_a_surrogate": ({"metadata": {"x": "\udfff"}}, "input-argument"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_bad_input_writes_nothing(name: str, tmp_path: Any) -> None:
    """Input that cannot be saved is refused by a typed error, and no object is written."""
    changed, code = SETTINGS[name]
    arguments: dict[str, Any] = {"words": WORDS, "vectors": VECTORS, **changed}

    with pytest.raises(embzarr.InvalidInputError) as caught:
        embzarr.save(tmp_path / "run", **arguments)

    assert caught.value.code == code
    assert objects_of(tmp_path / "run") == []


def test_duplicates_are_named_with_their_rows(tmp_path: Any) -> None:
    """The message says which word and which rows."""
    with pytest.raises(ValueError, match="'b' in rows 1 and 3"):
        embzarr.save(tmp_path, ["a", "b", "c", "b"], make_vectors(4, 2))


def test_nonfinite_is_named_with_its_place(tmp_path: Any) -> None:
    """The message says row and dimension."""
    vectors = make_vectors(5, 4)
    vectors[3, 1] = np.nan

    with pytest.raises(ValueError, match="row 3, dimension 1 is nan"):
        embzarr.save(tmp_path, make_words(5), vectors)


def test_nonfinite_is_stored_on_request(tmp_path: Any) -> None:
    """NaN payloads and infinities keep their bits when they are allowed."""
    vectors = make_vectors(5, 4)
    vectors[1] = [np.nan, np.inf, -np.inf, -0.0]

    checkpoint = embzarr.save(tmp_path, make_words(5), vectors, allow_nonfinite=True)

    assert checkpoint.to_numpy().tobytes() == vectors.tobytes()


def test_large_finite_numbers_are_not_mistaken_for_infinity(tmp_path: Any) -> None:
    """Numbers whose sum overflows are finite each for itself."""
    vectors: NDArray[np.float32] = np.full((4, 4), np.finfo(np.float32).max, np.float32)

    checkpoint = embzarr.save(tmp_path, make_words(4), vectors)

    np.testing.assert_array_equal(checkpoint.to_numpy(), vectors)


def test_a_foreign_zarr_root_is_left_alone(tmp_path: Any) -> None:
    """A folder that is somebody's Zarr group is refused, not overwritten."""
    zarr.create_group(tmp_path, attributes={"mine": 1})
    before = (tmp_path / "zarr.json").read_bytes()

    with pytest.raises(embzarr.ConflictError) as caught:
        embzarr.save(tmp_path, WORDS, VECTORS)

    assert caught.value.code == "root-foreign"
    assert (tmp_path / "zarr.json").read_bytes() == before


@pytest.mark.parametrize("placement", ["given", "lexical", "hash:4", "hash", "family:3"])
def test_placements_keep_rows_with_their_words(placement: str, tmp_path: Any) -> None:
    """Whatever the order of the rows, each word keeps its vector, count and column."""
    words, vectors = make_words(500), make_vectors(500, 6)
    families = [word[:1] for word in words] if placement.startswith("family") else None

    checkpoint = embzarr.save(
        tmp_path, words, vectors, counts=np.arange(500), placement=placement, families=families
    )

    loaded = checkpoint.load(words, columns=("vectors", "counts"))
    np.testing.assert_array_equal(loaded.vectors, vectors)
    np.testing.assert_array_equal(loaded.columns["counts"], np.arange(500))
    assert sorted(checkpoint.words) == sorted(words)
    assert checkpoint.verify().ok
    if placement == "lexical":
        assert checkpoint.words == sorted(words, key=str.encode)
    if families:
        labels = [word[:1] for word in checkpoint.words]
        changes = sum(a != b for a, b in itertools.pairwise(labels))
        assert changes + 1 == len(set(labels)), "a family lies in one stretch"
