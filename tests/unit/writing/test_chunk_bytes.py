"""What `chunk_bytes` promises: fewer bytes for scattered words, and chunks as they were chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from oracle import make_vectors, read_step

ROWS = 6000
WORDS = [f"word-{row}" for row in range(ROWS)]
VECTORS = make_vectors(ROWS, 50)


def column(checkpoint: embzarr.Checkpoint, name: str = "vectors") -> embzarr.ColumnInfo:
    return next(info for info in checkpoint.info().columns if info.name == name)


@pytest.mark.parametrize(
    ("chunk_bytes", "rows"), [(128 * 1024, 512), (4096, 16), (np.int64(3200), 16), (3199, 8)]
)
def test_a_chunk_takes_no_more_than_was_chosen(tmp_path: Path, chunk_bytes: int, rows: int) -> None:
    """It is the largest power of two of rows within; plain Zarr reads what is stored."""
    saved = embzarr.save(tmp_path, WORDS, VECTORS, chunk_bytes=chunk_bytes)

    assert column(saved).chunk_rows == rows
    found = read_step(tmp_path, saved.info().layers[0].path)
    assert found[0] == WORDS
    np.testing.assert_array_equal(found[1], VECTORS)


def test_a_chunk_holds_one_row_at_least(tmp_path: Path) -> None:
    """A row that is larger than a chunk should be is a chunk, of a column too."""
    vectors = make_vectors(10, 600)

    saved = embzarr.save(tmp_path, WORDS[:10], vectors, chunk_bytes=1024, counts=np.arange(10))

    assert (column(saved).chunk_rows, column(saved, "counts").chunk_rows) == (1, 16)
    np.testing.assert_array_equal(saved.to_numpy(), vectors)


def test_scattered_words_fetch_less(tmp_path: Path) -> None:
    """That is what it is for: the plan of some words at random wants a fraction of the bytes."""
    some = [WORDS[row] for row in np.random.default_rng(3).integers(0, ROWS, 10)]
    usual = embzarr.save(tmp_path / "usual", WORDS, VECTORS)
    small = embzarr.save(tmp_path / "small", WORDS, VECTORS, chunk_bytes=4096)

    assert small.plan(some).bytes_wanted < usual.plan(some).bytes_wanted / 10
    np.testing.assert_array_equal(small[some], usual[some])


@pytest.mark.parametrize("chunk_bytes", [4096, 16 * 1024, 128 * 1024])
def test_a_plan_tells_what_another_choice_would_want(tmp_path: Path, chunk_bytes: int) -> None:
    """What it says of each size is what the plan of a save with that size wants."""
    some = [WORDS[row] for row in np.random.default_rng(3).integers(0, ROWS, 40)]
    usual = embzarr.save(tmp_path / "usual", WORDS, VECTORS)
    other = embzarr.save(tmp_path / "other", WORDS, VECTORS, chunk_bytes=chunk_bytes)

    told = usual.plan(some).in_chunks_of[chunk_bytes]

    assert told == pytest.approx(other.plan(some).bytes_wanted, rel=0.02)
    assert usual.plan([]).in_chunks_of[chunk_bytes] == 0


def test_every_door_that_saves_takes_it(tmp_path: Path) -> None:
    """A writer in bounded memory, and a run, as `save` does."""
    with embzarr.create(tmp_path / "a", 50, chunk_bytes=4096) as writer:
        writer.append(WORDS, VECTORS)
    run = embzarr.Run(tmp_path / "b")

    assert column(embzarr.open(tmp_path / "a")).chunk_rows == 16
    assert column(run.save(WORDS, VECTORS, chunk_bytes=4096)).chunk_rows == 16


@pytest.mark.parametrize(("chunk_bytes", "rows"), [(4096, 16), (128 * 1024, 512)])
def test_it_stays_when_a_chain_is_compacted(tmp_path: Path, chunk_bytes: int, rows: int) -> None:
    """A full step that is made of a chain has chunks as its base was saved with."""
    run = embzarr.Run(tmp_path)
    run.save(WORDS, VECTORS, chunk_bytes=chunk_bytes)
    run.save_delta([5], VECTORS[:1])

    compacted = run.compact()

    assert (column(compacted).chunk_rows, len(compacted.info().layers)) == (rows, 1)
    np.testing.assert_array_equal(compacted[WORDS[5]], VECTORS[0])


def test_chunks_that_were_shrunk_grow_again(tmp_path: Path) -> None:
    """A base of few rows has one small chunk, which nobody chose."""
    run = embzarr.Run(tmp_path)
    run.save(WORDS[:2], VECTORS[:2])
    run.save_delta(np.arange(2, ROWS), VECTORS[2:], words=WORDS[2:])

    assert column(run.compact()).chunk_rows == 512


@pytest.mark.parametrize("chunk_bytes", [1023, 0, 2**28 + 1, "64k", True, [], 4096.5], ids=repr)
def test_what_is_no_size_of_a_chunk_is_refused(tmp_path: Path, chunk_bytes: Any) -> None:
    """The bounds are told, and nothing is written."""
    with pytest.raises(
        embzarr.InvalidInputError, match="chunk_bytes: expected a whole number from 1024"
    ):
        embzarr.save(tmp_path, WORDS, VECTORS, chunk_bytes=chunk_bytes)

    assert [*tmp_path.iterdir()] == []


def test_every_way_to_a_full_step_takes_it(tmp_path: Path) -> None:
    """Blocks, the background, parts and compaction; what is not asked for stays as it was."""
    settings: dict[str, Any] = {"chunk_bytes": 4096}
    with embzarr.create(tmp_path, 50, **settings) as writer:
        writer.append(WORDS, VECTORS)
    with embzarr.Run(tmp_path) as run:
        later = run.save_async(WORDS, VECTORS, **settings).result()
        plan = embzarr.plan_step(tmp_path, ROWS, 50, 2, **settings)
        for part in range(2):
            with embzarr.write_part(tmp_path, plan, part) as one:
                one.append(VECTORS[one.start : one.stop])
        published = embzarr.publish(tmp_path, plan, WORDS)
        run.save_delta([0], VECTORS[:1])
        same = run.compact()
        run.save_delta([0], VECTORS[:1])
        other = run.compact(chunk_bytes=2048)

    assert column(writer.checkpoint).chunk_rows == 16
    assert column(later).chunk_rows == column(published).chunk_rows == 16
    assert (column(same).chunk_rows, column(other).chunk_rows) == (16, 8)
    np.testing.assert_array_equal(published.to_numpy(), VECTORS)
    np.testing.assert_array_equal(other.to_numpy(), VECTORS)


@pytest.mark.parametrize("wrong", [0, 1023, 2**28 + 1, "4096", True, 4096.5])
def test_no_way_takes_what_is_no_size(tmp_path: Path, wrong: Any) -> None:
    """It is refused at the door, by its name, and nothing is written."""
    run = embzarr.Run(tmp_path)
    embzarr.save(tmp_path, WORDS, VECTORS)
    doors: list[Callable[[], object]] = [
        lambda: embzarr.create(tmp_path, 50, chunk_bytes=wrong),
        lambda: embzarr.plan_step(tmp_path, ROWS, 50, 1, chunk_bytes=wrong),
        lambda: run.save_async(WORDS, VECTORS, chunk_bytes=wrong),
        lambda: run.compact(chunk_bytes=wrong),
    ]
    for door in doors:
        with pytest.raises(embzarr.InvalidInputError, match="chunk_bytes: expected a whole number"):
            door()
    assert len(run.commits()) == 1
