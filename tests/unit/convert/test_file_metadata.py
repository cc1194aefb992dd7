"""What files say of themselves is in the checkpoint's metadata."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embzarr.convert import import_vectors
from embzarr.convert._blocks import told
from unit.convert.others import MATRIX, WORDS, words_file

ABOUT = {"licence": "PDDL", "texts": "Wikipédia, 2018"}


def write_safetensors(path: Path) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt", **ABOUT}}
    header["x"] = {"dtype": "F32", "shape": [7, 6], "data_offsets": [0, 168]}
    data = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(data)) + data + MATRIX.tobytes())


def write_hdf5(path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        file["x"] = MATRIX
        file.attrs["licence"] = ABOUT["licence"]
        file["x"].attrs["texts"] = ABOUT["texts"]


def write_zarr(path: Path) -> None:
    import zarr  # noqa: PLC0415 - slow to import

    group = zarr.open_group(path, mode="w", attributes={"licence": ABOUT["licence"]})
    group.create_array("x", data=MATRIX, attributes={"texts": ABOUT["texts"]})


def table() -> Any:
    pa = pytest.importorskip("pyarrow")
    columns = pa.table({"word": WORDS, "vector": MATRIX.tolist()})
    return columns.replace_schema_metadata({**ABOUT, "pandas": "{}"})


def write_parquet(path: Path) -> None:
    found = table()
    import pyarrow.parquet as pq  # noqa: PLC0415 - an extra

    pq.write_table(found, path)


def write_arrow(path: Path) -> None:
    found = table()
    import pyarrow as pa  # noqa: PLC0415 - an extra

    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, found.schema) as writer:
        writer.write_table(found)


@pytest.mark.parametrize(
    "write",
    [
        write_safetensors,
        write_zarr,
        *(
            pytest.param(one, marks=pytest.mark.peers)
            for one in (write_hdf5, write_parquet, write_arrow)
        ),
    ],
)
def test_what_a_file_says_of_itself_is_kept(tmp_path: Path, write: Callable[[Path], None]) -> None:
    """As texts; but how libraries made their own types of it."""
    write(tmp_path / "a")
    given = None if write in {write_parquet, write_arrow} else words_file(tmp_path)

    found = import_vectors(tmp_path / "a", tmp_path / "run", vocabulary=given).checkpoint

    assert found.metadata["import"]["file"] == {"metadata": ABOUT}


def test_what_is_told_is_text_and_no_more_than_there_is_room_for() -> None:
    """What is none, or too long, is counted."""
    given = {
        "a": "x",
        b"b": b"y",
        "c": [1, {"d": None}],
        "n": np.float32(0.5),
        "bytes": b"\xff",
        "odd": {1j},
        "half": "\ud800",
        "long": "x" * 2**16,
    }

    found = told(given)

    kept = {"a": "x", "b": "y", "c": '[1, {"d": null}]', "n": "0.5"}
    assert found == {"metadata": kept, "metadata_left_out": 4}
    assert told({}) == told(None) == {}


def test_a_header_without_a_mapping_is_refused(tmp_path: Path) -> None:
    """safetensors has texts there, each with a name."""
    data = json.dumps({"__metadata__": ["x"]}).encode()
    source = io.BytesIO(struct.pack("<Q", len(data)) + data)
    with pytest.raises(ValueError, match="no header of safetensors"):
        import_vectors(source, tmp_path / "run", vocabulary=words_file(tmp_path))
