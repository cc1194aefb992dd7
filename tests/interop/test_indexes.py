"""Indexes of neighbours find what looking at every vector finds, or nearly all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from oracle import make_vectors

pytestmark = pytest.mark.peers
faiss = pytest.importorskip("faiss")
hnswlib = pytest.importorskip("hnswlib")
from embzarr.interop import faiss as of_faiss  # noqa: E402 - where their libraries are
from embzarr.interop import hnswlib as of_hnswlib  # noqa: E402

ROWS, DIM = 3000, 16
WORDS = [f"w{row}" for row in range(ROWS)]
VECTORS = make_vectors(ROWS, DIM) + np.float32(0.3)
ASKED = [3, 500, 1500, 2999]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> embzarr.Checkpoint:
    return embzarr.save(tmp_path_factory.mktemp("run"), WORDS, VECTORS, chunk_bytes=4096)


def exact(row: int, metric: str) -> list[tuple[str, float]]:
    """Return what looking at every vector gives, in double precision."""
    wide = VECTORS.astype("f8")
    if metric == "l2":
        scores = -((wide - wide[row]) ** 2).sum(axis=1)
    else:
        lengths = np.linalg.norm(wide, axis=1) if metric == "cosine" else np.ones(ROWS)
        scores = (wide @ wide[row]) / lengths / lengths[row]
    best = [at for at in np.argsort(-scores, kind="stable") if at != row]
    return [(WORDS[at], abs(scores[at]) if metric == "l2" else scores[at]) for at in best[:10]]


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
def test_flat_is_exact(checkpoint: embzarr.Checkpoint, metric: str) -> None:
    """Words in order, and their scores; the word itself is left out."""
    index = of_faiss.build_index(checkpoint, metric=metric)
    for row in ASKED:
        found, expected = index.search(WORDS[row]), exact(row, metric)
        assert [word for word, _ in found] == [word for word, _ in expected]
        np.testing.assert_allclose([s for _, s in found], [s for _, s in expected], atol=2e-4)
    assert isinstance(index.index, faiss.IndexFlat)


def recall(index: Any, metric: str) -> float:
    hits = 0
    for row in ASKED:
        expected = {word for word, _ in exact(row, metric)}
        hits += len(expected & {word for word, _ in index.search(WORDS[row])})
    return hits / (10 * len(ASKED))


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
@pytest.mark.parametrize("kind", ["hnsw", "ivf", "hnswlib"])
def test_approximate_ones_find_most(checkpoint: embzarr.Checkpoint, kind: str, metric: str) -> None:
    """Nine of ten neighbours, with half of the lists looked at where there are lists."""
    if kind == "hnswlib":
        made: Any = of_hnswlib.build_index(checkpoint, metric=metric, threads=1)
    else:
        made = of_faiss.build_index(checkpoint, kind=kind, metric=metric)
    if kind == "ivf":
        made.index.nprobe = made.index.nlist // 2
    assert recall(made, metric) >= 0.9
    ((word, score), *_) = made.search(WORDS[3])
    assert score == pytest.approx(dict(exact(3, metric)).get(word, score), abs=2e-4)


def test_vectors_are_asked_for_as_well(checkpoint: embzarr.Checkpoint) -> None:
    """A vector leaves no word out; no more words come than there are."""
    for index in (of_faiss.build_index(checkpoint), of_hnswlib.build_index(checkpoint)):
        ((word, score),) = index.search(VECTORS[7] * 5, topn=1)
        assert word == "w7"
        assert score == pytest.approx(1, abs=1e-6)
        assert index.search("w7", topn=0) == []
    everything = of_faiss.build_index(checkpoint).search("w7", topn=ROWS + 5)
    assert len(everything) == ROWS - 1


def test_one_that_is_trained_sees_a_part(tmp_path: Path) -> None:
    """Bytes for numbers are learned from a part, and filled in while the next batch is read."""
    rows = 20_000
    vectors = make_vectors(rows, 64)
    saved = embzarr.save(tmp_path, [f"w{row}" for row in range(rows)], vectors)
    index = of_faiss.build_index(saved, kind="SQ8", train_rows=400)
    assert index.index.ntotal == rows
    size = len(faiss.serialize_index(index.index))
    assert size < vectors.nbytes / 3
    exactly = [word for word, _ in saved.most_similar("w17", topn=20)]
    assert {word for word, _ in index.search("w17", topn=10)} <= set(exactly)


def test_an_index_is_kept(checkpoint: embzarr.Checkpoint, tmp_path: Path) -> None:
    """By the libraries' own means, to be asked by word later."""
    built = of_faiss.build_index(checkpoint, kind="hnsw")
    faiss.write_index(built.index, str(tmp_path / "x.faiss"))
    again = of_faiss.FaissIndex(checkpoint, faiss.read_index(str(tmp_path / "x.faiss")), "cosine")
    assert again.search("w7") == built.search("w7")
    graph = of_hnswlib.build_index(checkpoint)
    graph.index.save_index(str(tmp_path / "x.hnsw"))
    loaded = hnswlib.Index("cosine", DIM)
    loaded.load_index(str(tmp_path / "x.hnsw"))
    assert of_hnswlib.HnswIndex(checkpoint, loaded, "cosine").search("w7") == graph.search("w7")


def test_what_cannot_be_used_is_told(checkpoint: embzarr.Checkpoint, tmp_path: Path) -> None:
    """Kinds, metrics, words and vectors that are not there, NaN, and no rows to train with."""
    with pytest.raises(embzarr.InvalidInputError, match="kind: expected flat, hnsw, ivf or what"):
        of_faiss.build_index(checkpoint, kind="best")
    for build in (of_faiss.build_index, of_hnswlib.build_index):
        with pytest.raises(embzarr.InvalidInputError, match="metric: expected cosine, ip or l2"):
            build(checkpoint, metric="dot")
        index = build(checkpoint)
        with pytest.raises(embzarr.WordNotFoundError):
            index.search("nowhere")
        with pytest.raises(embzarr.InvalidInputError, match=r"\(16,\), found \(3,\)"):
            index.search(np.ones(3))
        with pytest.raises(embzarr.InvalidInputError, match="topn"):
            index.search("w7", topn=-1)
        bad = VECTORS[:100].copy()
        bad[41, 2] = np.nan
        saved = embzarr.save(tmp_path / build.__module__, WORDS[:100], bad, allow_nonfinite=True)
        with pytest.raises(embzarr.InvalidInputError, match="row 41") as caught:
            build(saved)
        assert caught.value.code == "input-nonfinite"
        empty = embzarr.save(tmp_path / f"{build.__module__}-empty", [], VECTORS[:0])
        assert build(empty).search(VECTORS[0]) == []
    with pytest.raises(embzarr.InvalidInputError, match="needs rows"):
        of_faiss.build_index(empty, kind="ivf")
