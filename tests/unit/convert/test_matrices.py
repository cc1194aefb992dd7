"""What reading a matrix with its words beside it promises: numpy's files, and safetensors."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
import vector_files
from embzarr.convert import Imported, import_vectors
from embzarr.convert._readers import safetensors as safetensors_reader

WORDS = ["the", "of", "and", "in"]
MATRIX = vector_files.vectors(4, 5)
BF16 = (MATRIX.view(np.uint32) >> np.uint32(16)).astype(np.uint16)


def npy(array: np.ndarray) -> bytes:
    """Return an array as numpy saves it."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    """Return arrays as numpy saves them together."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # its stubs know one array
    return file.getvalue()


def safetensors(tensors: dict[str, tuple[str, list[int], bytes]], **further: Any) -> bytes:
    """Return tensors as their format's page tells it."""
    header: dict[str, Any] = dict(further)
    at = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(data for *_, data in tensors.values())


ONE = safetensors({"x": ("F32", [4, 5], MATRIX.tobytes())}, __metadata__={"format": "np"})


def imported(folder: Path, data: bytes, words: bytes | None = None, **choices: Any) -> Imported:
    """Import a matrix and its words, the usual ones unless others are given."""
    (folder / "matrix").write_bytes(data)
    (folder / "words.txt").write_bytes("\n".join(WORDS).encode() if words is None else words)
    choices = {"vocabulary": folder / "words.txt", **choices}
    return import_vectors(folder / "matrix", folder / "run", **choices)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2", "<f8", ">f8"])
@pytest.mark.parametrize("pack", [npy, lambda array: npz(x=array)], ids=["npy", "npz"])
def test_a_matrix_of_numpy_is_imported(tmp_path: Path, dtype: str, pack: Any) -> None:
    """In its precision, whatever the order of its bytes."""
    matrix = np.arange(20).reshape(4, 5).astype(dtype)

    found = imported(tmp_path, pack(matrix))

    stored = found.checkpoint.to_numpy()
    assert list(found.checkpoint.words) == WORDS
    assert stored.dtype == matrix.dtype.newbyteorder("=")
    np.testing.assert_array_equal(stored, matrix)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (ONE, MATRIX),
        (safetensors({"x": ("F16", [4, 5], np.ones((4, 5), "<f2").tobytes())}), np.ones((4, 5))),
        (
            safetensors({"x": ("BF16", [4, 5], BF16.tobytes())}),
            (BF16.astype(np.uint32) << np.uint32(16)).view(np.float32),
        ),
        (
            safetensors(
                {
                    "bias": ("F32", [3], bytes(12)),
                    "other": ("F32", [1, 3], bytes(12)),
                    "embeddings": ("F32", [4, 5], MATRIX.tobytes()),
                }
            ),
            MATRIX,
        ),
    ],
    ids=["float32", "float16", "bfloat16", "one of several"],
)
def test_a_matrix_of_safetensors_is_imported(
    tmp_path: Path, data: bytes, expected: np.ndarray
) -> None:
    """The only matrix, or the one whose name says what it is."""
    found = imported(tmp_path, data)

    np.testing.assert_array_equal(found.checkpoint.to_numpy(), expected)


@pytest.mark.parametrize("before", [1, 7, 8])
@pytest.mark.parametrize("at_once", [1, 3, 2**20])
def test_what_lies_before_a_matrix_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int, at_once: int
) -> None:
    """However little of it is read at a time."""
    monkeypatch.setattr(safetensors_reader, "_PIECE_BYTES", at_once)
    data = safetensors(
        {"a": ("U8", [before], bytes(before)), "x": ("F32", [4, 5], MATRIX.tobytes())}
    )

    assert imported(tmp_path, data).checkpoint.to_numpy().tobytes() == MATRIX.tobytes()


@pytest.mark.peers
def test_safetensors_itself_wrote_the_same(tmp_path: Path) -> None:
    """A file that the library has written is read to the bit."""
    library: Any = pytest.importorskip("safetensors.numpy")

    found = imported(tmp_path, library.save({"x": MATRIX}))

    assert found.checkpoint.to_numpy().tobytes() == MATRIX.tobytes()


@pytest.mark.parametrize(
    ("words", "expected", "counts"),
    [
        (b"a\nb\nc\nd\n", list("abcd"), None),
        (b"\xef\xbb\xbfa\r\nb\r\nc\r\nd", list("abcd"), None),
        (b"0\t \n1\t0\n2\t2\n3\tx y\n", [" ", "0", "2", "x y"], None),
        (b"1\ta\n2\tb\n3\tc\n4\td\n", list("abcd"), None),
        (b"0\ta\n1\tb\n3\tc\n4\td\n", list("0134"), None),
        (b"a\t9\nb\t7\nc\t7\nd\t1\n", list("abcd"), [9, 7, 7, 1]),
        (b"a\t%018d\nb\t7\nc\t7\nd\t%d\n" % (9, 10**18 - 1), list("abcd"), [9, 7, 7, 10**18 - 1]),
        (b"0\ta\t9\n1\tb\t7\n2\tc\t7\n3\td\t1\n", list("abcd"), [9, 7, 7, 1]),
        (b"a\n\nc d\n\xf0\x9f\x98\x80\n", ["a", "", "c d", "😀"], None),
    ],
)
def test_a_vocabulary_is_read_as_people_write_it(
    tmp_path: Path, words: bytes, expected: list[str], counts: list[int] | None
) -> None:
    """A word a line; numbered from 0 or 1; with counts, which become a column."""
    checkpoint = imported(tmp_path, npy(MATRIX), words).checkpoint

    assert list(checkpoint.words) == expected
    columns = {column.name for column in checkpoint.info().columns}
    assert ("counts" in columns) == (counts is not None)
    if counts is not None:
        assert checkpoint.load_rows(0, 4, columns=("counts",)).columns["counts"].tolist() == counts


@pytest.mark.parametrize(
    ("data", "words", "code", "told"),
    [
        (npy(MATRIX), b"a\nb\nc\n", "input-rows", "each of 4 rows, found 3"),
        (npy(MATRIX), b"a\nb\nc\nd\ne\n", "input-rows", "each of 4 rows, found more"),
        (npy(MATRIX), b"", "input-rows", "each of 4 rows, found 0"),
        (
            npy(MATRIX),
            b"a\t1\nb\t1\nc\t1\nd\t%d\n" % 10**18,
            "input-file",
            "line 4: expected a count",
        ),
        (npy(MATRIX)[:-1], None, "input-file", "row 3: cut short"),
        (npy(MATRIX)[:60], None, "input-file", "no header of a .npy"),
        (npy(MATRIX[0]), None, "input-file", "expected a matrix"),
        (npy(MATRIX.astype(int)), None, "input-file", "expected a matrix of floating"),
        (npy(np.asfortranarray(MATRIX)), None, "input-file", "stored by columns"),
        (npy(MATRIX).replace(b"(4, 5)", b"(-4,5)"), None, "input-file", "expected a matrix"),
        (npy(MATRIX).replace(b"(4, 5)", b"(4,5.)"), None, "input-file", "no header of a .npy"),
        (npy(MATRIX).replace(b"(4, 5), ", b"(True,5)"), None, "input-file", "no header of a .npy"),
        (npz(a=MATRIX, b=MATRIX), None, "input-file", "expected one matrix, found 2"),
        (npz(a=MATRIX)[:-30], None, "input-file", "zip"),
        (ONE[:-1], None, "input-file", "row 3: cut short"),
        (ONE[:20], None, "input-file", "no header of safetensors"),
        (ONE.replace(b"[0, 80]", b"[0, 81]"), None, "input-file", "do not fit bytes"),
        (ONE.replace(b"[0, 80]", b"[9, 80]"), None, "input-file", "do not fit bytes"),
        (ONE.replace(b"[4, 5]", b"[4,-5]"), None, "input-file", "do not fit bytes"),
        (ONE.replace(b'"F32"', b'"I32"'), None, "input-file", "not floating point"),
        (
            safetensors({n: ("F32", [1, 1], bytes(4)) for n in "ab"}),
            None,
            "input-file",
            "expected one matrix, found 2: a, b",
        ),
    ],
)
def test_damage_is_told(
    tmp_path: Path, data: bytes, words: bytes | None, code: str, told: str
) -> None:
    """A typed error, and nothing is committed."""
    with pytest.raises(embzarr.InvalidInputError, match=told) as caught:
        imported(tmp_path, data, words)

    assert caught.value.code == code
    with pytest.raises(embzarr.NotFoundError):
        embzarr.open(tmp_path / "run")


def test_words_of_an_archive_are_its_only_texts(tmp_path: Path) -> None:
    """Numbers of as many rows are none."""
    data = npz(x=MATRIX, words=np.array(list("abcd")), counts=np.arange(4))

    assert list(imported(tmp_path, data, vocabulary=None).checkpoint.words) == list("abcd")


def test_a_matrix_of_no_rows_is_imported(tmp_path: Path) -> None:
    """It is a checkpoint of no words."""
    found = imported(tmp_path, npy(MATRIX[:0]), b"").checkpoint

    assert (len(found), found.dim) == (0, 5)


def test_one_column_lies_in_columns_and_in_rows(tmp_path: Path) -> None:
    """Whichever its header says: the numbers are in one order."""
    data = npy(MATRIX[:, :1]).replace(b"'fortran_order': False", b"'fortran_order': True ")

    assert imported(tmp_path, data).checkpoint.to_numpy().tolist() == MATRIX[:, :1].tolist()


def test_a_matrix_without_words_asks_for_them(tmp_path: Path) -> None:
    """The message names the argument."""
    with pytest.raises(embzarr.InvalidInputError, match="vocabulary="):
        imported(tmp_path, npy(MATRIX), vocabulary=None)


def test_an_archive_that_is_a_bomb_is_refused(tmp_path: Path) -> None:
    """A member that unpacks to a thousand times its size is no matrix, and is not unpacked."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("x.npy", npy(np.zeros((100, 1), np.float32)) + bytes(70 << 20))

    with pytest.raises(embzarr.InvalidInputError, match="no vectors"):
        imported(tmp_path, file.getvalue())
