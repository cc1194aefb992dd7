"""LMDB, read without its library: what that wrote, and what no library should follow."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

import embzarr
import vector_files
from embzarr.convert import import_vectors
from unit.convert.others import MATRIX, WORDS, needs

LMDB_PAGE = 256
"""Bytes: as few as may be."""


def lmdb_page(number: int, kind: int, entries: list[bytes]) -> bytes:
    """Lay entries into a page of LMDB's: their places at its beginning, they at its end."""
    places = np.cumsum([len(entry) for entry in entries])
    head = struct.pack("<Q4H", number, 0, kind, 16 + 2 * len(entries), LMDB_PAGE)
    head += (LMDB_PAGE - places).astype("<u2").tobytes()
    return head + b"".join(reversed(entries)).rjust(LMDB_PAGE - len(head), b"\0")


def lmdb_entry(key: bytes, value: bytes, *, page: int = 0) -> bytes:
    """Return an entry of a leaf, the value in it, or where it begins in a page of its own."""
    there = page.to_bytes(8, "little") if page else value
    return struct.pack("<2I", len(value), (len(key) << 16) + bool(page))[:8] + key + there


def lmdb_branch(pages: list[int]) -> list[bytes]:
    """Return entries that lead to other pages."""
    return [struct.pack("<I2H", page, 0, 1) + b"k" for page in pages]


def lmdb_file(pages: list[bytes], root: int, rows: int, flags: int = 0) -> bytes:
    """Return a file of LMDB's of pages from the second on, of 256 bytes: as small as may be."""
    metas = b""
    for number in range(2):
        known = struct.pack("<2I16xI48xH26x4Q", 0xBEEFC0DE, 1, LMDB_PAGE, flags, rows, root,
                            len(pages) + 1, number)  # fmt: skip
        metas += (bytes(16) + known).ljust(LMDB_PAGE, b"\0")
    return metas + b"".join(pages)


LEAVES = [
    lmdb_page(2, 2, [lmdb_entry(b"a", MATRIX[0].tobytes()), lmdb_entry(b"b", MATRIX[1].tobytes())]),
    lmdb_page(3, 2, [lmdb_entry(b"c", MATRIX[2].tobytes(), page=5)]),
    lmdb_page(4, 1, lmdb_branch([2, 3])),
    lmdb_page(5, 4, [])[:16] + MATRIX[2].tobytes().ljust(LMDB_PAGE - 16, b"\0"),
]
LMDB = lmdb_file(LEAVES, 4, 3)


def test_pages_of_lmdb_are_read_in_order(tmp_path: Path) -> None:
    """Leaves by way of a branch, and a value in a page of its own; no library is needed."""
    (tmp_path / "a.mdb").write_bytes(LMDB)
    found = import_vectors(tmp_path / "a.mdb", tmp_path / "run")
    assert list(found.checkpoint.words) == ["a", "b", "c"]
    assert found.checkpoint.to_numpy().tobytes() == MATRIX[:3].tobytes()


def test_a_value_may_end_where_the_file_does(tmp_path: Path) -> None:
    """In a page of its own that it fills to the last byte; not a byte behind it."""
    row = np.arange((LMDB_PAGE - 16) // 4, dtype="f4")
    page = lmdb_page(3, 4, [])[:16] + row.tobytes()
    leaf = lmdb_page(2, 2, [lmdb_entry(b"a", row.tobytes(), page=3)])
    (tmp_path / "a.mdb").write_bytes(lmdb_file([leaf, page], 2, 1))
    found = import_vectors(tmp_path / "a.mdb", tmp_path / "run").checkpoint
    assert found.to_numpy().tolist() == [row.tolist()]
    longer = lmdb_page(2, 2, [lmdb_entry(b"a", row.tobytes() + bytes(4), page=3)])
    refuse(tmp_path, lmdb_file([longer, page], 2, 1), "page 2 is none")


def test_a_value_may_be_long(tmp_path: Path) -> None:
    """Its length has two numbers of 16 bits, and it goes on over as many pages."""
    row = np.arange(300 * LMDB_PAGE // 4 - 4, dtype="f4")
    data = lmdb_page(3, 4, [])[:16] + row.tobytes()
    pages = [data[at : at + LMDB_PAGE] for at in range(0, len(data), LMDB_PAGE)]
    leaf = lmdb_page(2, 2, [lmdb_entry(b"a", row.tobytes(), page=3)])
    (tmp_path / "a.mdb").write_bytes(lmdb_file([leaf, *pages], 2, 1))

    found = import_vectors(tmp_path / "a.mdb", tmp_path / "run").checkpoint

    assert found.to_numpy().tobytes() == row.tobytes()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b"\x80\x04K\x01.", "pickles"),
        (b"", "expected values of float32, found one of 0 bytes"),
        (b"12345", "expected values of float32, found one of 5 bytes"),
    ],
)
def test_values_that_are_no_vectors_are_told(tmp_path: Path, value: bytes, told: str) -> None:
    """No pickle is opened."""
    refuse(tmp_path, lmdb_file([lmdb_page(2, 2, [lmdb_entry(b"a", value)])], 2, 1), told)


@pytest.mark.parametrize("value", [b"\x80\0\0\x3f", b"\0\0\0."])
def test_numbers_may_look_like_half_a_pickle(tmp_path: Path, value: bytes) -> None:
    """Which begins and ends in its own way."""
    data = lmdb_file([lmdb_page(2, 2, [lmdb_entry(b"a", value)])], 2, 1)
    (tmp_path / "a.mdb").write_bytes(data)
    found = import_vectors(tmp_path / "a.mdb", tmp_path / "run").checkpoint
    assert found.to_numpy().tobytes() == value


LEAF = LEAVES[1]


@pytest.mark.parametrize(
    ("pages", "told"),
    {
        "circle": ({4: lmdb_page(4, 1, lmdb_branch([2, 4]))}, "page 4 is none"),
        "beyond": ({4: lmdb_page(4, 1, lmdb_branch([2, 9]))}, "page 9 is none"),
        "another kind": ({3: lmdb_page(3, 4, [])}, "page 3 is none"),
        "places beyond": ({3: LEAF[:12] + b"\xff\xff" + LEAF[14:]}, "page 3 is none"),
        "entry beyond": ({3: LEAF[:16] + b"\xff\xff" + LEAF[18:]}, "page 3 is none"),
        "value elsewhere": (
            {3: lmdb_page(3, 2, [lmdb_entry(b"c", bytes(24), page=2**60)])},
            "page 3 is none",
        ),
        "value beyond": ({3: lmdb_page(3, 2, [lmdb_entry(b"c", bytes(24))[:-9]])}, "page 3 is"),
    }.values(),
)
def test_a_page_that_deceives_is_told(tmp_path: Path, pages: dict[int, bytes], told: str) -> None:
    """LMDB's own library follows what stands there, and the process may end."""
    found = [pages.get(number, page) for number, page in enumerate(LEAVES, 2)]
    refuse(tmp_path, lmdb_file(found, 4, 3), told)


def test_a_head_that_deceives_is_told(tmp_path: Path) -> None:
    """A root, a count and a kind of table that the pages have not."""
    refuse(tmp_path, lmdb_file(LEAVES, 2**63, 3), "page 9223372036854775808 is none")
    refuse(tmp_path, lmdb_file(LEAVES, 4, 4), "tells of 4 entries, found 3")
    refuse(tmp_path, lmdb_file(LEAVES, 4, 3, flags=4), "several values")


def refuse(folder: Path, data: bytes, told: str) -> None:
    """Import a file, which is to be refused with these words."""
    (folder / "a.mdb").write_bytes(data)
    with pytest.raises(embzarr.InvalidInputError, match=told) as caught:
        import_vectors(folder / "a.mdb", folder / "run")
    assert caught.value.code == "input-file"


@needs("lmdb")
@pytest.mark.parametrize("left", [100, 4096, 5000, 9000, -4096, -1])
def test_a_cut_file_of_lmdb_is_told(tmp_path: Path, left: int) -> None:
    """LMDB's own library would read behind the end of the file that it has mapped: SIGBUS."""
    import lmdb  # noqa: PLC0415 - it may not be there

    with lmdb.open(str(tmp_path / "db"), subdir=False, map_size=1 << 20) as database:
        for word in WORDS:
            with database.begin(write=True) as writing:
                writing.put(word.encode(), bytes(3000))
    file = tmp_path / "db"
    file.write_bytes(file.read_bytes()[:left])

    with pytest.raises(embzarr.InvalidInputError, match="cut short") as caught:
        import_vectors(file, tmp_path / "run", format="lmdb")
    assert caught.value.code == "input-file"


@needs("lmdb")
def test_what_lmdb_wrote_over_time_is_imported(tmp_path: Path) -> None:
    """A tree of several levels, words taken away, values in pages of their own."""
    import lmdb  # noqa: PLC0415 - it may not be there

    matrix = vector_files.vectors(4000, 600)
    with lmdb.open(str(tmp_path / "db"), map_size=1 << 26) as database:
        for first in range(0, 4000, 1000):
            with database.begin(write=True) as change:
                for row in range(first, first + 1000):
                    change.put(f"word number {row * 7919 % 4000}".encode(), matrix[row].tobytes())
        with database.begin(write=True) as change:
            for row in range(0, 4000, 3):
                change.delete(f"word number {row}".encode())
        with database.begin() as reading:
            expected = [(word.decode(), value) for word, value in reading.cursor()]

    found = import_vectors(tmp_path / "db", tmp_path / "run").checkpoint

    assert list(found.words) == [word for word, _ in expected]
    assert found.to_numpy().tobytes() == b"".join(value for _, value in expected)


@needs("lmdb")
def test_lmdb_is_imported(tmp_path: Path) -> None:
    """In the order of its keys, by folder or by file."""
    import lmdb  # noqa: PLC0415 - it may not be there

    database = lmdb.open(str(tmp_path / "db"), map_size=1 << 20)
    with database, database.begin(write=True) as change:
        for word, row in zip(WORDS, MATRIX, strict=True):
            change.put(word.encode(), row.tobytes())
    order = sorted(range(len(WORDS)), key=lambda row: WORDS[row].encode())

    for source in (tmp_path / "db", tmp_path / "db/data.mdb"):
        found = import_vectors(source, tmp_path / f"run-{source.name}")
        assert found.format == "lmdb"
        assert list(found.checkpoint.words) == [WORDS[row] for row in order]
        assert found.checkpoint.to_numpy().tobytes() == MATRIX[order].tobytes()


@needs("lmdb")
@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([b"\x80\x04K\x01."], "pickles"),
        ([b"abc"], "expected values of float32"),
        ([bytes(8), bytes(12)], "row 1: expected 8 bytes, found 12"),
        ([], "expected values of float32, found one of 0 bytes"),
    ],
)
def test_lmdb_of_something_else_is_refused(tmp_path: Path, values: list[bytes], told: str) -> None:
    """No pickle is opened."""
    import lmdb  # noqa: PLC0415 - it may not be there

    database = lmdb.open(str(tmp_path / "db"), map_size=1 << 20)
    with database, database.begin(write=True) as change:
        for number, value in enumerate(values):
            change.put(b"%d" % number, value)
    with pytest.raises(embzarr.InvalidInputError, match=told):
        import_vectors(tmp_path / "db", tmp_path / "run")
