"""hnswlib finds nearly all that looking at every vector finds; run by ``-m frameworks``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from interop.neighbours import DIM, VECTORS, WORDS, exact, recall

pytestmark = pytest.mark.frameworks(
    environment="torch"
)  # the library is compiled where it is installed


@pytest.fixture(scope="module")
def hnswlib() -> Any:
    """The library."""
    return pytest.importorskip("hnswlib")


@pytest.fixture(scope="module")
def adapter(hnswlib: Any) -> Any:  # noqa: ARG001 - first
    """Ours."""
    from embzarr.interop import hnswlib as ours  # noqa: PLC0415 - where the library is

    return ours


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> embzarr.Checkpoint:
    return embzarr.save(tmp_path_factory.mktemp("run"), WORDS, VECTORS, chunk_bytes=4096)


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
def test_most_neighbours_are_found(
    checkpoint: embzarr.Checkpoint, adapter: Any, metric: str
) -> None:
    """Nine of ten, with their scores; of a vector no word is left out."""
    index = adapter.build_index(checkpoint, metric=metric, threads=1)
    assert recall(index, metric) >= 0.9
    ((word, score), *_) = index.search(WORDS[3])
    assert score == pytest.approx(dict(exact(3, metric)).get(word, score), abs=2e-4)
    assert index.search("w7", topn=0) == []
    assert metric == "ip" or index.search(VECTORS[7], topn=1)[0][0] == "w7"


def test_an_index_is_kept(
    checkpoint: embzarr.Checkpoint, hnswlib: Any, adapter: Any, tmp_path: Path
) -> None:
    """By hnswlib's own means, to be asked by word later."""
    built = adapter.build_index(checkpoint)
    built.index.save_index(str(tmp_path / "x.hnsw"))
    loaded = hnswlib.Index("cosine", DIM)
    loaded.load_index(str(tmp_path / "x.hnsw"))
    assert adapter.HnswIndex(checkpoint, loaded, "cosine").search("w7") == built.search("w7")


def test_what_cannot_be_used_is_told(
    checkpoint: embzarr.Checkpoint, adapter: Any, tmp_path: Path
) -> None:
    """Metrics, settings, words that are not there, NaN; no rows have no neighbours."""
    with pytest.raises(embzarr.InvalidInputError, match="metric: expected cosine, ip or l2"):
        adapter.build_index(checkpoint, metric="dot")
    with pytest.raises(embzarr.InvalidInputError, match="links: expected a whole number from 2"):
        adapter.build_index(checkpoint, links=1)
    with pytest.raises(embzarr.WordNotFoundError):
        adapter.build_index(checkpoint).search("nowhere")
    bad = VECTORS[:100].copy()
    bad[41, 2] = np.nan
    saved = embzarr.save(tmp_path / "bad", WORDS[:100], bad, allow_nonfinite=True)
    with pytest.raises(embzarr.InvalidInputError, match="row 41"):
        adapter.build_index(saved)
    empty = embzarr.save(tmp_path / "empty", [], VECTORS[:0])
    assert adapter.build_index(empty).search(VECTORS[0]) == []
