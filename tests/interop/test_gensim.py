"""gensim's tables, both ways, and its own answers over vectors that stay in the store."""

from __future__ import annotations

import itertools
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from oracle import make_vectors

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:gensim"),
]
gensim = pytest.importorskip("gensim.models")
from embzarr.interop import gensim as adapter  # noqa: E402 - where gensim is

DATA = Path(pytest.importorskip("gensim").__file__).parent / "test" / "test_data"
PAIRS, ANALOGIES = DATA / "wordsim353.tsv", DATA / "questions-words.txt"
FILLERS = [f"filler-{row}" for row in range(1500)]
DIM = 20
CHECKOUT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("EMBZARR_SHARED_DATA", CHECKOUT.parent / "shared" / "data"))


def words_of(file: Path) -> list[str]:
    lines = file.read_text().splitlines()
    texts = [line for line in lines if not line.startswith((":", "#"))]
    return list(dict.fromkeys(word for line in texts for word in line.split("\t")[:2]))


WORDS = [*words_of(PAIRS), *FILLERS]
VECTORS = make_vectors(len(WORDS), DIM)
COUNTS = np.arange(len(WORDS))[::-1].copy()
A, B, C = WORDS[3], WORDS[400], FILLERS[-1]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of many small chunks."""
    path = tmp_path_factory.mktemp("run")
    embzarr.save(path, WORDS, VECTORS, counts=COUNTS, chunk_bytes=1024)
    return path


@pytest.fixture(scope="module")
def keyed() -> Any:
    """The same in gensim, by its own means."""
    table = gensim.KeyedVectors(DIM)
    table.add_vectors(WORDS, VECTORS)
    for word, count in zip(WORDS, COUNTS.tolist(), strict=True):
        table.set_vecattr(word, "count", count)
    return table


@pytest.fixture(params=[256 * 2**20, 40_000], ids=["kept", "streamed"])
def lazy(url: Path, request: pytest.FixtureRequest) -> Any:
    """The lazy one, once with room for all vectors, and once with much less."""
    return adapter.LazyKeyedVectors(url, memory_bytes=request.param)


def test_a_table_is_what_gensim_makes(url: Path, keyed: Any) -> None:
    """Words, bits, rows and counts are those of a table that gensim filled."""
    found = adapter.to_keyed_vectors(url)
    assert type(found) is gensim.KeyedVectors
    assert found.index_to_key == keyed.index_to_key
    assert found.key_to_index == keyed.key_to_index
    assert found.vectors.tobytes() == keyed.vectors.tobytes()
    assert found.get_vecattr(A, "count") == keyed.get_vecattr(A, "count")
    assert found.expandos["count"].dtype == keyed.expandos["count"].dtype
    assert found.most_similar(A) == keyed.most_similar(A)
    found.add_vectors(["new"], VECTORS[:1])
    assert found["new"].tobytes() == VECTORS[0].tobytes()


def test_a_part_is_in_the_callers_order(url: Path) -> None:
    """Words that are not there are an error, or left out; one that is asked twice is refused."""
    found = adapter.to_keyed_vectors(url, [B, "nowhere", A], missing="skip", dtype="float16")
    assert found.index_to_key == [B, A]
    assert found[A].tobytes() == VECTORS[3].astype("f2").tobytes()
    assert found.get_vecattr(B, "count") == COUNTS[400]
    with pytest.raises(embzarr.WordNotFoundError):
        adapter.to_keyed_vectors(url, [B, "nowhere"])
    with pytest.raises(embzarr.InvalidInputError) as caught:
        adapter.to_keyed_vectors(url, [A, B, A])
    assert caught.value.code == "input-duplicate-word"


def test_there_and_back(tmp_path: Path, keyed: Any) -> None:
    """What gensim holds is saved with its counts and attributes, and comes back equal."""
    keyed.set_vecattr(A, "kind", "noun")
    try:
        saved = adapter.from_keyed_vectors(tmp_path, keyed, step=5, metadata={"by": "gensim"})
    finally:
        del keyed.expandos["kind"]
    assert (saved.step, saved.metadata) == (5, {"by": "gensim"})
    loaded = saved.load([B, A], columns=("counts", "vectors"))
    assert loaded.columns["counts"].tolist() == [COUNTS[400], COUNTS[3]]
    back = adapter.to_keyed_vectors(saved)
    assert back.vectors.tobytes() == keyed.vectors.tobytes()
    assert back.get_vecattr(A, "kind") == "noun"
    with pytest.raises(embzarr.InvalidInputError, match=r"of a model, its \.wv"):
        adapter.from_keyed_vectors(tmp_path, VECTORS)


def test_a_trained_model_is_saved(tmp_path: Path) -> None:
    """word2vec as gensim trains it goes in by its ``wv``, counts and all."""
    texts = [["a", "b", "c"], ["b", "c"], ["c"]] * 4
    model = gensim.Word2Vec(texts, vector_size=8, min_count=1, workers=1)
    saved = adapter.from_keyed_vectors(tmp_path, model.wv)
    assert saved.columns == ("vectors", "counts")
    assert list(saved) == ["c", "b", "a"]
    assert saved.load_rows(None, None, columns=("counts",)).columns["counts"].tolist() == [12, 8, 4]
    assert saved["b"].tobytes() == model.wv["b"].tobytes()


def counts_of(table: Any) -> list[Any]:
    return [(word, table.get_vecattr(word, "count")) for word in table.index_to_key]


QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "get_vector": lambda table: table.get_vector(A),
    "get_vector at length 1": lambda table: table.get_vector(A, norm=True),
    "by number": lambda table: table[5],
    "a list": lambda table: table[[A, C, B, A]],
    "contains": lambda table: (A in table, "nowhere" in table, 7 in table, None in table),
    "has_index_for": lambda table: table.has_index_for(C),
    "get_index": lambda table: (table.get_index(C), table.get_index("nowhere", -5)),
    "len": len,
    "words": lambda table: (table.index_to_key[7], list(table.index_to_key[-2:])),
    "similarity": lambda table: table.similarity(A, B),
    "distance": lambda table: table.distance(A, C),
    "distances": lambda table: table.distances(A, [B, C]),
    "all distances": lambda table: table.distances(VECTORS[9]),
    "n_similarity": lambda table: table.n_similarity([A, B], [C, A]),
    "mean": lambda table: table.get_mean_vector([A, VECTORS[3], "nowhere"], weights=[1, 2, 3]),
    "doesnt_match": lambda table: table.doesnt_match([A, B, "nowhere", C]),
    "rank_by_centrality": lambda table: table.rank_by_centrality([A, B, C], use_norm=False),
    "most_similar_to_given": lambda table: table.most_similar_to_given(A, [B, C]),
    "most_similar": lambda table: table.most_similar(A, topn=7),
    "an analogy": lambda table: table.most_similar(positive=[A, (B, 0.5)], negative=[C]),
    "first rows": lambda table: table.most_similar(A, restrict_vocab=100),
    "a clip": lambda table: table.most_similar(A, clip_start=200, clip_end=900),
    "every score": lambda table: table.most_similar(A, topn=None),
    "by vector": lambda table: table.similar_by_vector(VECTORS[8], topn=3),
    "cosmul": lambda table: table.most_similar_cosmul(positive=[A, B], negative=[C]),
    "closer_than": lambda table: table.closer_than(A, B),
    "rank": lambda table: table.rank(A, B),
    "relative": lambda table: table.relative_cosine_similarity(A, B),
    "normed": lambda table: table.get_normed_vectors(),
    "a table of some": lambda table: table.vectors_for_all([A, "nowhere", B]).vectors,
    "count": lambda table: table.get_vecattr(A, "count"),
    "count by number": lambda table: table.get_vecattr(5, "count"),
    "counts": lambda table: (list(table.expandos), table.expandos["count"][-9:]),
    "counts of some": lambda table: counts_of(table.vectors_for_all([A, B], copy_vecattrs=True)),
    "distances of a generator": lambda table: table.distances(A, (word for word in (B, C))),
    "arithmetic": lambda table: (2 * table.vectors - table.vectors.mean(axis=0))[7],
    "str": lambda table: str(table).partition("<")[2],
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_answers_are_gensims(name: str, lazy: Any, keyed: Any) -> None:
    """Words and numbers are those of the table in memory; cosines to the rounding of one sum."""
    expected = QUESTIONS[name](keyed)
    assert isinstance(lazy, gensim.KeyedVectors)

    assert flat(QUESTIONS[name](lazy)) == pytest.approx(flat(expected), abs=2e-6)


def flat(answer: Any) -> list[Any]:
    """Spread an answer, so that texts compare as such and numbers as numbers."""
    if isinstance(answer, np.ndarray):
        return answer.ravel().tolist()
    if isinstance(answer, list | tuple):
        return list(itertools.chain.from_iterable(map(flat, answer)))
    return [answer]


@pytest.mark.parametrize("dummy", [False, True])
def test_word_pairs_are_evaluated_alike(url: Path, keyed: Any, *, dummy: bool) -> None:
    """On WordSim-353, correlations and p-values are equal to the last bit."""
    lazy = adapter.LazyKeyedVectors(url)
    how: dict[str, Any] = {"restrict_vocab": 300, "dummy4unknown": dummy}
    assert lazy.evaluate_word_pairs(str(PAIRS), **how) == keyed.evaluate_word_pairs(
        str(PAIRS), **how
    )
    assert lazy.similarity(A, B) == keyed.similarity(A, B)


def test_analogies_are_evaluated_alike(url: Path, keyed: Any, tmp_path: Path) -> None:
    """Of analogies the same ones are right and wrong, with one read of the first vectors."""
    asked = [f"{A} {B} {word} {WORDS[at]}" for at, word in enumerate(WORDS[5:60])]
    asked += [f"{word} {word} {C} {C}" for word in WORDS[:40]]
    (tmp_path / "asked.txt").write_text("\n".join([": one", *asked[:30], ": two", *asked[30:]]))
    lazy = adapter.LazyKeyedVectors(url)
    for restrict in (None, 200):
        how: dict[str, Any] = {"restrict_vocab": restrict}
        expected = keyed.evaluate_word_analogies(str(tmp_path / "asked.txt"), **how)
        assert lazy.evaluate_word_analogies(str(tmp_path / "asked.txt"), **how) == expected
    assert lazy.checkpoint.traffic.bytes_read < 2.5 * VECTORS.nbytes


def test_many_words_are_one_read(url: Path) -> None:
    """A mean of forty words takes as many dependent round trips as one word."""
    lazy = adapter.LazyKeyedVectors(url)
    lazy.n_similarity(WORDS[:20], WORDS[20:40])
    before = lazy.checkpoint.traffic.requests
    assert lazy.checkpoint.traffic.round_trips <= 8
    lazy.doesnt_match(WORDS[:40])
    assert lazy.checkpoint.traffic.requests == before


def test_nothing_can_be_changed(url: Path) -> None:
    """What would write says how to get a table that may be written to."""
    lazy = adapter.LazyKeyedVectors(url)
    changes: list[Callable[[], Any]] = [
        lambda: lazy.add_vector("new", VECTORS[0]),
        lambda: lazy.__setitem__(A, VECTORS[0]),
        lazy.unit_normalize_all,
        lazy.sort_by_descending_frequency,
    ]
    for change in changes:
        with pytest.raises(embzarr.InvalidInputError, match="to_keyed_vectors"):
            change()
    with pytest.raises(ValueError, match="read-only"):
        lazy[A][0] = 1
    with pytest.raises(KeyError, match="nowhere"):
        lazy.get_vector("nowhere")


def test_it_travels(url: Path, tmp_path: Path, keyed: Any) -> None:
    """A pickle holds no vector, and answers where it is unpacked; gensim saves it as a table."""
    lazy = adapter.LazyKeyedVectors(url, memory_bytes=12345)
    lazy.most_similar(A)
    packed = pickle.dumps(lazy)
    assert len(packed) < 20_000
    again = pickle.loads(packed)  # noqa: S301 - our own
    assert (again.memory_bytes, again[A].tobytes()) == (12345, VECTORS[3].tobytes())
    lazy.save(str(tmp_path / "lazy.kv"))
    assert gensim.KeyedVectors.load(str(tmp_path / "lazy.kv")).similarity(A, B) == lazy.similarity(
        A, B
    )
    adapter.LazyKeyedVectors(url).save_word2vec_format(str(tmp_path / "x.bin"), binary=True)
    table = gensim.KeyedVectors.load_word2vec_format(str(tmp_path / "x.bin"), binary=True)
    assert table.vectors.tobytes() == keyed.vectors.tobytes()


def test_it_goes_in_again_with_its_counts(url: Path, tmp_path: Path) -> None:
    """What is saved of it has the columns that it was read from."""
    again = adapter.from_keyed_vectors(tmp_path, adapter.LazyKeyedVectors(url))
    assert again.load([A, B], columns=("counts",)).columns["counts"].tolist() == [
        COUNTS[3],
        COUNTS[400],
    ]


@pytest.mark.slow
@pytest.mark.shared_data
def test_evaluations_of_real_vectors_are_gensims(tmp_path: Path) -> None:
    """On 15,000 words of books every evaluation has gensim's own result, to the last bit."""
    if not SHARED.exists():
        pytest.skip(f"no {SHARED}")
    table = gensim.KeyedVectors.load_word2vec_format(
        str(SHARED / "embeddings" / "books_sg100.bin"), binary=True, limit=15_000
    )
    lazy = adapter.LazyKeyedVectors(adapter.from_keyed_vectors(tmp_path, table))
    pairs, analogies = SHARED / "eval" / "wordsim353.tsv", SHARED / "eval" / "questions-words.txt"
    assert lazy.evaluate_word_pairs(str(pairs)) == table.evaluate_word_pairs(str(pairs))
    for restrict in (2000, 5000):
        found = lazy.evaluate_word_analogies(str(analogies), restrict_vocab=restrict)
        assert found == table.evaluate_word_analogies(str(analogies), restrict_vocab=restrict)
        assert len(found[1][-1]["correct"]) > 0
    emma, scarf = table.index_to_key[100], table.index_to_key[9000]
    for name in ("men_dev.txt", "wordsim240_zh.txt", "analogy_zh.txt"):
        words = (SHARED / "eval" / name).read_text("utf-8").split()
        known = [word for word in dict.fromkeys(words) if word in table][:50]
        assert [word for word in words if word in lazy][:9] == [w for w in words if w in table][:9]
        asked = [emma, scarf, *known]
        assert lazy.doesnt_match(asked) == table.doesnt_match(asked)
        assert lazy.n_similarity(asked, [emma]) == table.n_similarity(asked, [emma])


@pytest.mark.slow
def test_wordsim_reads_a_twentieth_of_a_matrix(tmp_path: Path) -> None:
    """Of a million words by frequency, WordSim-353 reads under 5 % of the matrix' bytes."""
    rows, dim = 1_000_000, 50
    rng = np.random.default_rng(3)
    asked = words_of(PAIRS)
    words = [f"word{row}" for row in range(rows)]
    for row, word in zip(rng.choice(30_000, len(asked), replace=False), asked, strict=True):
        words[row] = word
    vectors = rng.standard_normal((rows, dim), np.float32)
    embzarr.save(tmp_path, words, vectors)
    vocabulary = embzarr.open(tmp_path)
    assert len(vocabulary.words) == rows
    lazy = adapter.LazyKeyedVectors(tmp_path)

    found = lazy.evaluate_word_pairs(str(PAIRS), restrict_vocab=None)

    read = lazy.checkpoint.traffic.bytes_read - vocabulary.traffic.bytes_read
    assert 0 < read < 0.05 * vectors.nbytes
    assert found == adapter.to_keyed_vectors(tmp_path).evaluate_word_pairs(
        str(PAIRS), restrict_vocab=None
    )
