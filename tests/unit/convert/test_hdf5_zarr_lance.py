"""Arrays in HDF5, Zarr and Lance, as those libraries wrote them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr.convert import import_vectors
from unit.convert.others import MATRIX, WORDS, check, needs, words_file


@needs("h5py")
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f2", "f8"])
def test_hdf5_is_imported(tmp_path: Path, dtype: str) -> None:
    """A matrix among others of Keras' names, with its texts beside it, or with a vocabulary."""
    import h5py  # noqa: PLC0415 - it may not be there

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("layers/embedding/embeddings:0", data=MATRIX.astype(dtype), chunks=True)
        file.create_dataset("layers/dense/kernel:0", data=np.ones((3, 3), "f4"))
        file.create_dataset("words", data=WORDS)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x"] = MATRIX.astype(dtype)

    for name, given in (("a.h5", None), ("b.h5", words_file(tmp_path))):
        found = import_vectors(tmp_path / name, tmp_path / f"run-{name}", vocabulary=given)
        assert (found.format, list(found.checkpoint.words)) == ("hdf5", WORDS)
        np.testing.assert_array_equal(found.checkpoint.to_numpy(), MATRIX.astype(dtype))
    with pytest.raises(embzarr.InvalidInputError, match="vocabulary="):
        import_vectors(tmp_path / "b.h5", tmp_path / "run")


@needs("h5py")
def test_the_embedding_of_a_model_of_keras_is_found(tmp_path: Path) -> None:
    """Among the matrices of other layers, which Keras names by the kind of layer and a number."""
    import h5py  # noqa: PLC0415 - it may not be there

    with h5py.File(tmp_path / "a.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = np.ones((15, 2), "f4")
        file["layers/embedding/vars/0"] = MATRIX

    check(
        import_vectors(
            tmp_path / "a.weights.h5", tmp_path / "run", vocabulary=words_file(tmp_path)
        ),
        "hdf5",
    )


@needs("h5py")
def test_hdf5_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Cut, without a matrix, with several, or with numbers in other files."""
    import h5py  # noqa: PLC0415 - it may not be there

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"], file["y"] = MATRIX, MATRIX
    (tmp_path / "cut.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:1000])
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file["x"] = np.ones(3)
    with h5py.File(tmp_path / "outside.h5", "w") as file:
        outside = [(str(tmp_path / "raw"), 0, 48)]
        file.create_dataset("x", (2, 3), "f8", external=outside)
    for name, told in (
        ("a", "found 2: "),
        ("cut", "h5py cannot read it"),
        ("none", "found 0"),
        ("outside", "lie in other files"),
    ):
        with pytest.raises(embzarr.EmbzarrError, match=told):
            import_vectors(
                tmp_path / f"{name}.h5", tmp_path / "run", vocabulary=words_file(tmp_path)
            )


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_zarr_array_is_imported(tmp_path: Path, zarr_format: Any) -> None:
    """With a vocabulary file."""
    import zarr  # noqa: PLC0415 - slow to import

    zarr.create_array(tmp_path / "a.zarr", data=MATRIX, chunks=(2, 6), zarr_format=zarr_format)
    found = import_vectors(tmp_path / "a.zarr", tmp_path / "run", vocabulary=words_file(tmp_path))
    check(found, "zarr")
    assert found.source.name == "a.zarr"


@pytest.mark.filterwarnings("ignore::Warning")  # zarr's, of texts, which v3 has not settled
def test_a_zarr_group_brings_its_words(tmp_path: Path) -> None:
    """An array of as many texts."""
    import zarr  # noqa: PLC0415 - slow to import

    group = zarr.open_group(tmp_path / "g.zarr", mode="w")
    group.create_array("vectors", data=MATRIX)
    group.create_array("words", data=np.array(WORDS))
    check(import_vectors(tmp_path / "g.zarr", tmp_path / "run"), "zarr")


def test_a_zarr_group_has_one_matrix_of_numbers(tmp_path: Path) -> None:
    """Among arrays of other kinds and shapes; of two the one whose name says what it is."""
    import zarr  # noqa: PLC0415 - slow to import

    group = zarr.open_group(tmp_path / "g.zarr", mode="w")
    group.create_array("counts", data=np.ones((len(WORDS), 6), int))
    group.create_array("norms", data=MATRIX[:, 0].copy())
    words = words_file(tmp_path)
    with pytest.raises(embzarr.InvalidInputError, match="expected one matrix of floats, found 0"):
        import_vectors(tmp_path / "g.zarr", tmp_path / "run", vocabulary=words)
    group.create_array("one", data=MATRIX)
    check(import_vectors(tmp_path / "g.zarr", tmp_path / "one", vocabulary=words), "zarr")
    group.create_array("two", data=MATRIX + 1)
    with pytest.raises(embzarr.InvalidInputError, match="of floats, found 2: one, two"):
        import_vectors(tmp_path / "g.zarr", tmp_path / "run", vocabulary=words)
    group.create_array("weight", data=MATRIX)
    check(import_vectors(tmp_path / "g.zarr", tmp_path / "three", vocabulary=words), "zarr")


@needs("lance")
def test_a_lance_dataset_is_imported(tmp_path: Path) -> None:
    """Its newest version."""
    import lance  # noqa: PLC0415 - it may not be there
    import pyarrow as pa  # noqa: PLC0415

    def table(matrix: np.ndarray) -> Any:
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), 6)
        return pa.table({"id": list(range(len(WORDS))), "word": WORDS, "vector": vectors})

    lance.write_dataset(table(MATRIX + 1), str(tmp_path / "a.lance"))
    lance.write_dataset(table(MATRIX), str(tmp_path / "a.lance"), mode="overwrite")
    found = import_vectors(tmp_path / "a.lance", tmp_path / "run")
    check(found, "lance")
    assert found.source.name == "a.lance"


@pytest.mark.parametrize(
    ("package", "name", "data", "extra"),
    [
        ("h5py", "a.h5", b"\x89HDF\r\n\x1a\n", "hdf5"),
        ("lance", "a/_versions/1.manifest", b"x", "lance"),
    ],
)
def test_a_library_that_is_not_installed_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    name: str,
    data: bytes,
    extra: str,
) -> None:
    """With the extra that installs it."""
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(embzarr.UnsupportedError, match=rf"embzarr\[{extra}\]") as caught:
        import_vectors(tmp_path / Path(name).parts[0], tmp_path / "run")
    assert caught.value.code == "feature-unsupported"
