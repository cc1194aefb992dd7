"""Stored texts that are no characters: what reading refuses, verifying tells of, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import embzarr
from embzarr._format import dtypes, grids

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

ROWS = 40
WORDS = [f"w{row}" for row in range(ROWS)]
WRONG = (3, 21, 22, 39)
CHUNK = 8
REFUSED = [*range(8), *range(16, 24), *range(32, 40)]
"""Rows are read by the chunk."""
BEYOND, HALF = 0x110000, 0xD800


def texts(shape: tuple[int, ...], wrong: dict[int, int]) -> NDArray[Any]:
    """Return texts of two letters, the last number of some rows being another."""
    codes = np.full((ROWS, *shape, 2), ord("a"), "<u4")
    for row, code in wrong.items():
        codes[row, ..., 1] = code
    return codes.view("<U2").reshape(ROWS, *shape)


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Writes whatever it is given, in chunks of eight rows."""
    monkeypatch.setattr(dtypes, "_no_characters", lambda _: None)
    monkeypatch.setattr(grids, "choose_chunk", lambda _: CHUNK)
    monkeypatch.setattr(grids, "choose_shard", lambda _: 2)
    return monkeypatch


def refused(checkpoint: embzarr.Checkpoint, column: str) -> list[int]:
    """Return the rows that reading refuses."""
    found = []
    for row in range(ROWS):
        try:
            checkpoint.load_rows(row, row + 1, columns=[column])
        except embzarr.DamagedError as exc:
            assert exc.code == "chunk-decode"  # noqa: PT017 - others are read
            found.append(row)
    return found


@pytest.mark.parametrize("shape", [(), (2, 3)], ids=["a column", "a cube"])
@pytest.mark.parametrize("code", [BEYOND, HALF], ids=hex)
def test_rows_that_reading_refuses_are_told(
    shape: tuple[int, ...], code: int, careless: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the code that reading gives, chunk, rows and words; all others are sound."""
    tags = texts(shape, dict.fromkeys(WRONG, code))
    vectors = np.zeros((ROWS, 4), "f4")
    checkpoint = embzarr.save(tmp_path, WORDS, vectors, columns={"tag": tags})
    careless.undo()
    assert refused(checkpoint, "tag") == REFUSED
    with pytest.raises(embzarr.DamagedError, match="chunk-decode"):  # chunks that go in whole
        checkpoint.load_rows(0, 8, columns=["tag"])

    report = checkpoint.verify()
    assert [(p.code, p.chunk, p.rows, p.words[0]) for p in report.problems] == [
        ("chunk-decode", 0, (0, 8), "w0"),
        ("chunk-decode", 2, (16, 24), "w16"),
        ("chunk-decode", 4, (32, 40), "w32"),
    ]
    assert checkpoint.lost_rows(report, "tag").tolist() == REFUSED
    assert checkpoint.verify(quick=True).ok
    assert embzarr.repair(tmp_path).head is None


def test_the_rows_of_a_delta_are_told(careless: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As the checkpoint numbers them, whether the manifest holds a copy of them or not."""
    tags = texts((), {})
    embzarr.save(tmp_path, WORDS, np.zeros((ROWS, 4), "f4"), columns={"tag": tags})
    rows = [5, 21, 22]
    changed = texts((), dict.fromkeys(WRONG, HALF))[rows]
    checkpoint = embzarr.Run(tmp_path).save_delta({"tag": rows}, {"tag": changed})
    careless.undo()

    assert refused(checkpoint, "tag") == rows
    report = checkpoint.verify()
    assert [problem.code for problem in report.problems] == ["chunk-decode"]
    assert checkpoint.lost_rows(report, "tag").tolist() == rows
