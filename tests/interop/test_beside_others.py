"""README's table of what other libraries do with word vectors: each cell is tried, or has a source.

Each library keeps fifty words and their vectors in a folder, by its own means. What the table says
of Magnitude is what its documentation says (github.com/plasticityai/magnitude); that is not tried.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from oracle import make_vectors

pytestmark = [
    pytest.mark.frameworks(environment="others"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

WORDS = [f"word{row}" for row in range(50)]
VECTORS = make_vectors(50, 16)
NEWER = -VECTORS

PEERS = ("gensim", "finalfusion", "safetensors", "Lance", "icechunk", "embedding_reader", "embzarr")
"""In the order of the table's columns."""
TABLE = {
    "a vector by its word": (True, True, False, True, False, False, True),
    "the nearest words": (True, True, False, True, False, False, True),
    "vectors of unknown words": (True, True, False, False, False, False, True),
    "what was saved before stays": (False, False, False, True, True, False, True),
    "one flipped bit is an error": (False, False, False, False, False, False, True),
}


class Peer:
    """What a library can do; what it cannot is not there, or not called so."""

    def save(self, folder: Path, vectors: Any) -> None:
        """Keep words and vectors, over what is there."""
        raise NotImplementedError

    def load(self, folder: Path) -> Any:
        """Return all vectors, newly read."""
        raise NotImplementedError

    by_word: Callable[[Path, str], Any] | None = None
    nearest: Callable[[Path, str], str] | None = None
    earlier: Callable[[Path], Any] | None = None
    unknown: Callable[[Path], Any] | None = None


class Gensim(Peer):
    """Its own format of word2vec."""

    def _table(self, folder: Path) -> Any:
        from gensim.models import KeyedVectors  # noqa: PLC0415

        return KeyedVectors.load_word2vec_format(str(folder / "a.bin"), binary=True)

    def save(self, folder: Path, vectors: Any) -> None:
        from gensim.models import KeyedVectors  # noqa: PLC0415

        table = KeyedVectors(vectors.shape[1])
        table.add_vectors(WORDS, vectors)
        table.save_word2vec_format(str(folder / "a.bin"), binary=True)

    def load(self, folder: Path) -> Any:
        return self._table(folder).vectors

    def by_word(self, folder: Path, word: str) -> Any:
        return self._table(folder)[word]

    def nearest(self, folder: Path, word: str) -> str:
        return str(self._table(folder).most_similar(word)[0][0])

    def unknown(self, _: Path) -> Any:
        from gensim.models import FastText  # noqa: PLC0415

        model = FastText([WORDS] * 5, vector_size=16, min_count=1, epochs=1)
        return model.wv["wordy"]


class Finalfusion(Peer):
    """Its own format."""

    def _table(self, folder: Path) -> Any:
        import finalfusion  # type: ignore[import-not-found]  # noqa: PLC0415

        return finalfusion.load_finalfusion(str(folder / "a.fifu"))

    def save(self, folder: Path, vectors: Any) -> None:
        from finalfusion import Embeddings  # noqa: PLC0415
        from finalfusion.storage import NdArray  # type: ignore[import-not-found]  # noqa: PLC0415
        from finalfusion.vocab import SimpleVocab  # type: ignore[import-not-found]  # noqa: PLC0415

        Embeddings(NdArray(vectors), SimpleVocab(WORDS)).write(str(folder / "a.fifu"))

    def load(self, folder: Path) -> Any:
        return np.asarray(self._table(folder).storage)

    def by_word(self, folder: Path, word: str) -> Any:
        return self._table(folder)[word]

    def nearest(self, folder: Path, word: str) -> str:
        return str(self._table(folder).word_similarity(word, k=2)[0].word)

    def unknown(self, _: Path) -> Any:
        from finalfusion import Embeddings  # noqa: PLC0415
        from finalfusion.storage import NdArray  # noqa: PLC0415
        from finalfusion.subword import FastTextIndexer  # type: ignore[import-not-found]  # noqa: PLC0415
        from finalfusion.vocab import FastTextVocab  # noqa: PLC0415

        rows = make_vectors(len(WORDS) + 20, 16)
        vocabulary = FastTextVocab(WORDS, FastTextIndexer(n_buckets=20))
        return Embeddings(NdArray(rows), vocabulary)["wordy"]


class Safetensors(Peer):
    """A tensor by its name."""

    def save(self, folder: Path, vectors: Any) -> None:
        from safetensors.numpy import save_file  # noqa: PLC0415

        save_file({"vectors": vectors}, folder / "a.safetensors")

    def load(self, folder: Path) -> Any:
        from safetensors.numpy import load_file  # noqa: PLC0415

        return load_file(folder / "a.safetensors")["vectors"]


class Lance(Peer):
    """A table of two columns."""

    def _dataset(self, folder: Path, **version: int) -> Any:
        import lance  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: PLC0415

        return lance.dataset(str(folder / "a.lance"), **version)

    def save(self, folder: Path, vectors: Any) -> None:
        import lance  # noqa: PLC0415
        import pyarrow as pa  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415

        lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
        lance.write_dataset(
            pa.table({"word": WORDS, "vector": lists}), str(folder / "a.lance"), mode="overwrite"
        )

    def load(self, folder: Path) -> Any:
        return np.stack(self._dataset(folder).to_table()["vector"].to_numpy())

    def by_word(self, folder: Path, word: str) -> Any:
        (row,) = self._dataset(folder).to_table(filter=f"word = '{word}'").to_pylist()
        return np.array(row["vector"], np.float32)

    def nearest(self, folder: Path, word: str) -> str:
        how = {"column": "vector", "q": self.by_word(folder, word), "k": 2, "metric": "cosine"}
        return str(self._dataset(folder).to_table(nearest=how)["word"][1])

    def earlier(self, folder: Path) -> Any:
        return np.stack(self._dataset(folder, version=1).to_table()["vector"].to_numpy())


class Icechunk(Peer):
    """An array of Zarr, whose rows have numbers."""

    def _repository(self, folder: Path) -> Any:
        import icechunk  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

        return icechunk.Repository.open_or_create(
            icechunk.local_filesystem_storage(str(folder / "a"))
        )

    def save(self, folder: Path, vectors: Any) -> None:
        import zarr  # noqa: PLC0415

        session = self._repository(folder).writable_session("main")
        group = zarr.group(session.store, overwrite=True)
        group.create_array("vectors", data=vectors, compressors=None)
        session.commit("saved")

    def load(self, folder: Path) -> Any:
        return self._of(self._repository(folder).readonly_session("main"))

    def earlier(self, folder: Path) -> Any:
        repository = self._repository(folder)
        before = [one.id for one in repository.ancestry(branch="main")][1]
        return self._of(repository.readonly_session(snapshot_id=before))

    @staticmethod
    def _of(session: Any) -> Any:
        import zarr  # noqa: PLC0415

        array: Any = zarr.open_group(session.store, mode="r")["vectors"]
        return array[:]


class EmbeddingReader(Peer):
    """A folder of numpy's files, written by numpy."""

    def save(self, folder: Path, vectors: Any) -> None:
        np.save(folder / "a.npy", vectors)

    def load(self, folder: Path) -> Any:
        import embedding_reader  # type: ignore[import-not-found]  # noqa: PLC0415

        reader = embedding_reader.EmbeddingReader(embeddings_folder=str(folder), file_format="npy")
        batches = reader(batch_size=50, start=0, end=50, show_progress=False)
        return np.concatenate([batch for batch, _ in batches])


class Ours(Peer):
    """A run."""

    def save(self, folder: Path, vectors: Any) -> None:
        tensors = {"subwords": np.ones((20, 16), np.float32)}
        record = {"form": "subwords", "minn": 3, "maxn": 6, "bucket": 20}
        embzarr.save(
            folder / "a", WORDS, vectors, tensors=tensors, model=record, compression="none"
        )

    def load(self, folder: Path) -> Any:
        return embzarr.open(folder / "a").to_numpy()

    def by_word(self, folder: Path, word: str) -> Any:
        return embzarr.open(folder / "a")[word]

    def nearest(self, folder: Path, word: str) -> str:
        return embzarr.open(folder / "a").most_similar(word)[0][0]

    def earlier(self, folder: Path) -> Any:
        return embzarr.open(folder / "a", commit=1).to_numpy()

    def unknown(self, folder: Path) -> Any:
        self.save(folder, VECTORS)
        return embzarr.open(folder / "a").get_vector("wordy")


KINDS = (Gensim, Finalfusion, Safetensors, Lance, Icechunk, EmbeddingReader, Ours)


@pytest.fixture(params=range(len(PEERS)), ids=PEERS)
def column(request: pytest.FixtureRequest) -> int:
    """The place of a library in the table."""
    return int(request.param)


def says(row: str, column: int) -> bool:
    """Return what the table says."""
    return TABLE[row][column]


def test_a_vector_comes_by_its_word(column: int, tmp_path: Path) -> None:
    """The library itself looks the word up; nobody else has a list of them."""
    peer = KINDS[column]()
    peer.save(tmp_path, VECTORS)
    if peer.by_word:
        np.testing.assert_array_equal(peer.by_word(tmp_path, "word7"), VECTORS[7])
    assert bool(peer.by_word) == says("a vector by its word", column)


def test_nearest_words_are_found(column: int, tmp_path: Path) -> None:
    """The same as by numpy."""
    peer = KINDS[column]()
    units = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)  # as finalfusion keeps them
    peer.save(tmp_path, units)
    if peer.nearest:
        expected = WORDS[int(np.argsort(units @ units[7])[-2])]
        assert peer.nearest(tmp_path, "word7") == expected
    assert bool(peer.nearest) == says("the nearest words", column)


def test_unknown_words_have_vectors(column: int, tmp_path: Path) -> None:
    """Of their n-grams."""
    peer = KINDS[column]()
    if peer.unknown:
        found = peer.unknown(tmp_path)
        assert found.shape == (16,)
        assert np.any(found != 0)
    assert bool(peer.unknown) == says("vectors of unknown words", column)


def test_what_was_saved_before_stays(column: int, tmp_path: Path) -> None:
    """After another save to the same place."""
    peer = KINDS[column]()
    peer.save(tmp_path, VECTORS)
    peer.save(tmp_path, NEWER)
    np.testing.assert_array_equal(peer.load(tmp_path), NEWER)
    if peer.earlier:
        np.testing.assert_array_equal(peer.earlier(tmp_path), VECTORS)
    assert bool(peer.earlier) == says("what was saved before stays", column)


def test_a_flipped_bit_is_noticed(column: int, tmp_path: Path) -> None:
    """Or other numbers are read, and nothing is said; uncompressed, as trained vectors lie best."""
    peer = KINDS[column]()
    peer.save(tmp_path, VECTORS)
    np.testing.assert_array_equal(peer.load(tmp_path), VECTORS)
    assert flipped(tmp_path, VECTORS[7].tobytes()) == 1
    if says("one flipped bit is an error", column):
        with pytest.raises(embzarr.DamagedError):
            peer.load(tmp_path)
    else:
        assert (peer.load(tmp_path) != VECTORS).sum() == 1


def flipped(folder: Path, vector: bytes) -> int:
    """Flip a bit of a vector in the files below a folder; return how many hold it."""
    held = [file for file in folder.rglob("*") if file.is_file() and vector in file.read_bytes()]
    for file in held:
        data = bytearray(file.read_bytes())
        data[data.index(vector) + 5] ^= 1
        file.write_bytes(data)
    return len(held)


def test_readme_has_this_table() -> None:
    """Where README compares, it does so in these words."""
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
    lines = [line for line in readme.splitlines() if line.startswith("| ")]
    for row, cells in TABLE.items():
        (line,) = [line for line in lines if line.startswith(f"| {row} |")]
        gensim, magnitude, *others = [cell.strip() for cell in line.split("|")[2:-1]]
        assert [gensim, *others] == ["yes" if cell else "no" for cell in cells]
        assert magnitude in {"–", "[yes](https://github.com/plasticityai/magnitude)"}  # noqa: RUF001
