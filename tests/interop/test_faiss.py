"""FAISS finds what looking at every vector finds, or nearly all of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import embzarr
from interop.neighbours import ASKED, ROWS, VECTORS, WORDS, exact, recall
from oracle import make_vectors

pytestmark = pytest.mark.peers
faiss = pytest.importorskip("faiss")
from embzarr.interop.faiss import FaissIndex, build_index  # noqa: E402 - where the library is


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> embzarr.Checkpoint:
    return embzarr.save(tmp_path_factory.mktemp("run"), WORDS, VECTORS, chunk_bytes=4096)


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
def test_flat_is_exact(checkpoint: embzarr.Checkpoint, metric: str) -> None:
    """Words in order, and their scores; the word itself is left out."""
    index = build_index(checkpoint, metric=metric)
    for row in ASKED:
        found, expected = index.search(WORDS[row]), exact(row, metric)
        assert [word for word, _ in found] == [word for word, _ in expected]
        np.testing.assert_allclose([s for _, s in found], [s for _, s in expected], atol=2e-4)
    assert isinstance(index.index, faiss.IndexFlat)


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_approximate_ones_find_most(checkpoint: embzarr.Checkpoint, kind: str, metric: str) -> None:
    """Nine of ten neighbours, with half of the lists looked at where there are lists."""
    index = build_index(checkpoint, kind=kind, metric=metric)
    if kind == "ivf":
        index.index.nprobe = index.index.nlist // 2
    assert recall(index, metric) >= 0.9
    ((word, score), *_) = index.search(WORDS[3])
    assert score == pytest.approx(dict(exact(3, metric)).get(word, score), abs=2e-4)


def test_vectors_are_asked_for_as_well(checkpoint: embzarr.Checkpoint) -> None:
    """A vector leaves no word out; no more words come than there are."""
    index = build_index(checkpoint)
    ((word, score),) = index.search(VECTORS[7] * 5, topn=1)
    assert word == "w7"
    assert score == pytest.approx(1, abs=1e-6)
    assert index.search("w7", topn=0) == []
    assert len(index.search("w7", topn=ROWS + 5)) == ROWS - 1


def test_one_that_is_trained_sees_a_part(tmp_path: Path) -> None:
    """Bytes for numbers are learned from a part, and filled in while the next batch is read."""
    rows = 20_000
    vectors = make_vectors(rows, 64)
    saved = embzarr.save(tmp_path, [f"w{row}" for row in range(rows)], vectors)
    index = build_index(saved, kind="SQ8", train_rows=400)
    assert index.index.ntotal == rows
    assert len(faiss.serialize_index(index.index)) < vectors.nbytes / 3
    exactly = [word for word, _ in saved.most_similar("w17", topn=20)]
    assert {word for word, _ in index.search("w17", topn=10)} <= set(exactly)


def test_an_index_is_kept(checkpoint: embzarr.Checkpoint, tmp_path: Path) -> None:
    """By FAISS' own means, to be asked by word later."""
    built = build_index(checkpoint, kind="hnsw")
    faiss.write_index(built.index, str(tmp_path / "x.faiss"))
    again = FaissIndex(checkpoint, faiss.read_index(str(tmp_path / "x.faiss")), "cosine")
    assert again.search("w7") == built.search("w7")


def test_what_cannot_be_used_is_told(checkpoint: embzarr.Checkpoint, tmp_path: Path) -> None:
    """Kinds, metrics, words and vectors that are not there, NaN, and no rows to train with."""
    with pytest.raises(embzarr.InvalidInputError, match="kind: expected flat, hnsw, ivf or what"):
        build_index(checkpoint, kind="best")
    with pytest.raises(embzarr.InvalidInputError, match="metric: expected cosine, ip or l2"):
        build_index(checkpoint, metric="dot")
    index = build_index(checkpoint)
    with pytest.raises(embzarr.WordNotFoundError):
        index.search("nowhere")
    with pytest.raises(embzarr.InvalidInputError, match=r"\(16,\), found \(3,\)"):
        index.search(np.ones(3))
    with pytest.raises(embzarr.InvalidInputError, match="topn"):
        index.search("w7", topn=-1)
    bad = VECTORS[:100].copy()
    bad[41, 2] = np.nan
    saved = embzarr.save(tmp_path / "bad", WORDS[:100], bad, allow_nonfinite=True)
    with pytest.raises(embzarr.InvalidInputError, match="row 41") as caught:
        build_index(saved)
    assert caught.value.code == "input-nonfinite"
    empty = embzarr.save(tmp_path / "empty", [], VECTORS[:0])
    assert build_index(empty).search(VECTORS[0]) == []
    with pytest.raises(embzarr.InvalidInputError, match="needs rows"):
        build_index(empty, kind="ivf")
