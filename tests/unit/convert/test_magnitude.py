"""Magnitude's databases."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr.convert import import_vectors
from unit.convert.others import MATRIX, WORDS


def magnitude(
    path: Path, *, lengths: bool = True, precision: Any = 7, dim: Any = 6, table: str = "TABLE"
) -> Path:
    """Write a database as Magnitude's converter does."""
    database = sqlite3.connect(path)
    names = [f"dim_{number}" for number in range(6)]
    columns = ", ".join(["key TEXT NOT NULL", *(f"{name} INTEGER NOT NULL" for name in names)])
    kind = "TABLE" if table == "TABLE" else "TABLE hidden"
    database.execute(
        f"CREATE {kind} {'magnitude' * (table == 'TABLE')} ({columns}"
        f"{', magnitude REAL' * lengths})"
    )
    name = "magnitude" if table == "TABLE" else "hidden"
    for word, row in zip(WORDS, MATRIX.astype(float), strict=True):
        length = np.linalg.norm(row)
        numbers = [round(one / length * 10**7) for one in row]
        marks = ", ".join("?" * (7 + lengths))
        database.execute(
            f"INSERT INTO {name} VALUES ({marks})",  # noqa: S608 - a test
            [word, *numbers, *([length] if lengths else [])],
        )
    if table == "VIEW":
        database.execute("CREATE VIEW magnitude AS SELECT * FROM hidden")
    database.execute("CREATE TABLE magnitude_format (key TEXT, value INTEGER)")
    database.executemany(
        "INSERT INTO magnitude_format VALUES (?, ?)",
        [("dim", dim), ("precision", precision), ("size", len(WORDS))],
    )
    database.commit()
    database.close()
    return path


def test_magnitude_is_imported_with_its_lengths(tmp_path: Path) -> None:
    """To the seven digits that it keeps; without them it is said that they are lost."""
    found = import_vectors(magnitude(tmp_path / "a.magnitude"), tmp_path / "a")
    older = import_vectors(magnitude(tmp_path / "b.magnitude", lengths=False), tmp_path / "b")

    assert (found.format, list(found.checkpoint.words)) == ("magnitude", WORDS)
    np.testing.assert_allclose(found.checkpoint.to_numpy(), MATRIX, atol=1e-6)
    assert found.checkpoint.metadata["import"]["file"]["lengths"] == "restored"
    unit = MATRIX / np.linalg.norm(MATRIX, axis=1, keepdims=True)
    np.testing.assert_allclose(older.checkpoint.to_numpy(), unit, atol=1e-6)
    assert "lost" in older.checkpoint.metadata["import"]["file"]["lengths"]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"precision": 99}, "expected 0 to 30 digits"),
        ({"precision": "x"}, "expected dimension and precision"),
        ({"dim": 7}, "expected the columns dim_0 to dim_6"),
        ({"dim": 2**40}, "expected vectors of 1 to"),
        ({"table": "VIEW"}, "not one of Magnitude"),
    ],
)
def test_an_odd_database_is_refused(tmp_path: Path, how: dict[str, Any], told: str) -> None:
    """A view, which could be anything, is not read."""
    with pytest.raises(embzarr.InvalidInputError, match=told):
        import_vectors(magnitude(tmp_path / "a.db", **how), tmp_path / "run")


def test_a_cut_database_is_told(tmp_path: Path) -> None:
    """By SQLite's own words."""
    data = magnitude(tmp_path / "a.db").read_bytes()
    (tmp_path / "a.db").write_bytes(data[: len(data) // 2])
    with pytest.raises(embzarr.InvalidInputError, match=r"SQLite cannot read|not one of Magnitude"):
        import_vectors(tmp_path / "a.db", tmp_path / "run")


def test_a_database_whose_error_cannot_be_read_is_told(tmp_path: Path) -> None:
    """SQLite quotes what is wrong, which may be no text."""
    data = magnitude(tmp_path / "a.db").read_bytes()
    (tmp_path / "a.db").write_bytes(
        data.replace(b"CREATE TABLE magnitude ", b"CRE\xff\xff\xff TABLE magnitude")
    )
    with pytest.raises(embzarr.InvalidInputError) as caught:
        import_vectors(tmp_path / "a.db", tmp_path / "run")
    assert caught.value.code == "input-file"
