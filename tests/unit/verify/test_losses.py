"""Which rows of a damaged chain can be read, and that `verify` tells just the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import embzarr
from embzarr._format import spec
from oracle import make_vectors, make_words


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def save_chain(tmp_path: Path) -> embzarr.Run:
    """Save a thousand rows in chunks of 32, and two deltas of every third and every fifth row."""
    words, vectors = make_words(1000), make_vectors(1000, 1024)
    embzarr.save(tmp_path, words, vectors, counts=np.arange(1000), step=0, compression="none")
    run = embzarr.Run(tmp_path)
    for step, lossy in ((3, None), (5, "int8")):
        rows = np.arange(0, 1000, step)
        run.save_delta(rows, vectors[rows] + step, step=step, lossy=lossy, compression="none")  # type: ignore[arg-type]  # one of them
    return run


@pytest.fixture
def chain(tmp_path: Path) -> embzarr.Run:
    """The chain as it is."""
    return save_chain(tmp_path)


@pytest.fixture
def bare_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> embzarr.Run:
    """The same with a chunk table for each column and no copies of chunks in manifests."""
    monkeypatch.setattr(spec, "INLINE_CHUNKS", 1)
    monkeypatch.setattr(spec, "MAX_INLINE_SUM", 0)
    run = save_chain(tmp_path)
    monkeypatch.undo()
    return run


def array_of(run: embzarr.Run, tmp_path: Path, layer: int, name: str) -> Path:
    return tmp_path / run.open().info().layers[layer].path / name


def succeeds(read: Callable[[], object]) -> bool:
    try:
        read()
    except embzarr.DamagedError:
        return False
    return True


def readable(checkpoint: embzarr.Checkpoint, row: int) -> bool:
    """Tell whether a row can be read, by its number, and by its word too."""
    reads: list[Callable[[], object]] = [
        lambda: checkpoint.load_rows(row, row + 1),
        lambda: checkpoint.load([checkpoint.words[row]]),
    ]
    found = list(map(succeeds, reads))
    assert found in ([False, False], [True, True])
    return found[0]


def test_rows_of_a_delta_are_told(chain: embzarr.Run, tmp_path: Path) -> None:
    """A chunk of a delta names the rows that it holds, and their words."""
    flip(array_of(chain, tmp_path, 1, "vectors/c/0/0"), 5)
    checkpoint = chain.open()
    (problem,) = checkpoint.verify().problems

    held = np.arange(0, 1000, 3)[:32]
    assert (problem.column, problem.places, problem.rows) == ("vectors", (0, 32), (0, 94))
    assert problem.words == tuple(checkpoint.words[row] for row in held[:8])


@pytest.mark.slow
def test_all_lost_rows(chain: embzarr.Run, tmp_path: Path) -> None:
    """Exactly the rows that cannot be read are told: those that a newer delta holds, can be."""
    for layer in (0, 1):
        flip(array_of(chain, tmp_path, layer, "vectors/c/0/0"), 5)
    checkpoint = chain.open()
    report = checkpoint.verify()
    lost = checkpoint.lost_rows(report)

    expected = [
        row
        for row in range(1000)
        if row % 5 and ((row % 3 == 0 and row < 32 * 3) or (row % 3 and row < 32))
    ]
    assert lost.tolist() == expected
    assert [row for row in range(200) if not readable(chain.open(), row)] == expected
    assert checkpoint.lost_rows(report, "counts").tolist() == []


def third(row: int) -> bool:
    """Tell whether the older delta holds a row, and the newer one does not."""
    return row % 3 == 0 and row % 5 != 0


@pytest.mark.parametrize(
    ("layer", "name", "lost"),
    [
        (2, "scales/vectors/c/0", lambda row: row % 5 == 0),
        (2, "rows/vectors/c/0", lambda _: True),
        (1, "rows/vectors/c/0", lambda row: row % 5 != 0),
        (2, "chunks/vectors/c/0/0", lambda row: row % 5 == 0),
        (1, "chunks/vectors/c/0/0", third),
        (0, "chunks/vectors/c/0/0", lambda row: row % 3 != 0 and row % 5 != 0),
    ],
)
def test_rows_fail_only_where_they_must(
    layer: int, name: str, lost: Callable[[int], bool], bare_chain: embzarr.Run, tmp_path: Path
) -> None:
    """Without its row numbers any row may lie in a delta, but not those of a newer one.

    Without its scales or its chunk table a layer's own rows are lost, and no others.
    """
    flip(array_of(bare_chain, tmp_path, layer, name), 7)
    checkpoint = bare_chain.open()

    expected = [row for row in range(1000) if lost(row)]
    assert checkpoint.lost_rows(checkpoint.verify()).tolist() == expected
    told = [readable(bare_chain.open(), row) for row in range(30)]
    assert told == [row not in expected for row in range(30)]


@pytest.mark.parametrize("name", ["scales/vectors/c/0", "rows/vectors/c/0"])
def test_what_the_manifest_holds_is_not_lost(name: str, chain: embzarr.Run, tmp_path: Path) -> None:
    """A missing object of which the manifest has a copy is told, and costs no row."""
    before = chain.open().to_numpy()
    array_of(chain, tmp_path, 2, name).unlink()
    checkpoint = chain.open()
    report = checkpoint.verify()

    assert [problem.code for problem in report.problems] == ["object-missing"]
    assert checkpoint.lost_rows(report).tolist() == []
    np.testing.assert_array_equal(checkpoint.to_numpy(), before)
