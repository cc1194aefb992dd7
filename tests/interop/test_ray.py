"""Datasets of a real Ray hold what was saved, read by its workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from oracle import make_vectors

pytestmark = [
    pytest.mark.frameworks(environment="others"),
    pytest.mark.filterwarnings("ignore"),
]
ROWS, DIM = 3000, 8
WORDS = [f"w{row}" for row in range(ROWS)]
VECTORS = make_vectors(ROWS, DIM)
COUNTS = np.arange(ROWS, dtype=np.int64)[::-1].copy()
KINDS = np.array(["noun", "verb"] * (ROWS // 2))
PLACES = np.arange(ROWS * 6, dtype="i4").reshape(ROWS, 3, 2)


def table_of(*given: Any, **how: Any) -> Any:
    from embzarr.interop.ray import to_ray  # noqa: PLC0415 - where the library is

    return to_ray(*given, **how)


@pytest.fixture
def checkpoint(ray_nodes: Any, tmp_path: Path) -> embzarr.Checkpoint:
    """A run in 8 groups, on a Ray that runs."""
    assert ray_nodes.is_initialized()
    columns = {"kind": KINDS, "place": PLACES}
    how: dict[str, Any] = {"counts": COUNTS, "columns": columns, "placement": "hash:8"}
    return embzarr.save(tmp_path / "run", WORDS, VECTORS, **how)


def whole(table: Any) -> dict[str, Any]:
    """Return all rows, sorted by their words, as numpy has them."""
    batches = list(table.iter_batches(batch_size=None))
    columns = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    order = np.argsort(columns["word"].astype(str))
    return {name: column[order] for name, column in columns.items()}


def test_rows_are_those_that_were_saved(checkpoint: embzarr.Checkpoint) -> None:
    """Each once, with every column in its shape, whatever is committed meanwhile."""
    tables = [
        table_of(checkpoint, tasks=tasks, by=by) for tasks, by in ((3, "hash"), (2, "weight"))
    ]
    embzarr.save(checkpoint.url, ["new"], VECTORS[:1])
    order = np.argsort(WORDS)
    for table in tables:
        found = whole(table)
        assert found["word"].tolist() == sorted(WORDS)
        assert found["vectors"].tobytes() == VECTORS[order].tobytes()
        assert found["counts"].tolist() == COUNTS[order].tolist()
        assert found["kind"].tolist() == KINDS[order].tolist()
        assert found["place"].tobytes() == PLACES[order].tobytes()


def test_tasks_read_their_share_alone(checkpoint: embzarr.Checkpoint) -> None:
    """Whole groups of a placement, as `load_part` has them; and of columns those asked for."""
    table = table_of(checkpoint.url, ["counts"], tasks=4, by="hash").materialize()
    blocks = {tuple(batch["word"]) for batch in table.iter_batches(batch_size=None)}
    assert table.columns() == ["word", "counts"]
    assert blocks == {checkpoint.load_part(at, 4, by="hash").words for at in range(4)}


def test_what_cannot_be_used_is_told(checkpoint: embzarr.Checkpoint) -> None:
    """At the door, before Ray has anything."""
    for how, message in (
        ({"tasks": 0}, "tasks: expected a whole number from 1"),
        ({"by": "words"}, "by: expected rows, weight or hash"),
        ({"columns": ["nope"]}, "no column 'nope'"),
    ):
        with pytest.raises(embzarr.InvalidInputError, match=message):
            table_of(checkpoint, **how)
