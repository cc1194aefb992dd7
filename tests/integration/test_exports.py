"""The libraries that people use read what is exported, to the bit."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import embzarr
from embzarr import convert
from servers.minio import Minio

pytestmark = pytest.mark.servers

WORDS = [f"w{number}" for number in range(3000)] + ["猫", "naïve", "😀", "</s>"]
DIM = 20


def table(dtype: str = "float32") -> NDArray[Any]:
    return np.random.default_rng(5).standard_normal((len(WORDS), DIM)).astype(dtype)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> embzarr.Checkpoint:
    return embzarr.save(tmp_path_factory.mktemp("run"), WORDS, table())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # gensim's open file
@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("x.bin", {"binary": True}),
        ("x.vec", {}),
        ("x.glove", {"no_header": True}),
    ],
)
def test_gensim_reads_word2vec_and_glove(
    checkpoint: embzarr.Checkpoint, tmp_path: Path, name: str, how: dict[str, bool]
) -> None:
    """gensim's readers find the same words and bits."""
    gensim = pytest.importorskip("gensim.models")
    named = "glove" if name.endswith("glove") else None
    convert.export_vectors(checkpoint, tmp_path / name, format=named)
    found = gensim.KeyedVectors.load_word2vec_format(str(tmp_path / name), **how)
    assert found.index_to_key == WORDS
    assert found.vectors.tobytes() == table().tobytes()


def test_word2vec_is_what_gensim_writes(checkpoint: embzarr.Checkpoint, tmp_path: Path) -> None:
    """The binary file is gensim's own, byte by byte."""
    gensim = pytest.importorskip("gensim.models")
    convert.export_vectors(checkpoint, tmp_path / "ours.bin")
    theirs = gensim.KeyedVectors(DIM)
    theirs.add_vectors(WORDS, table())
    theirs.save_word2vec_format(str(tmp_path / "theirs.bin"), binary=True, sort_attr=None)
    assert (tmp_path / "ours.bin").read_bytes() == (tmp_path / "theirs.bin").read_bytes()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_gensim_loads_its_own_format(tmp_path: Path, dtype: str) -> None:
    """KeyedVectors.load gives words, bits and neighbours; the checkpoint's part too."""
    gensim = pytest.importorskip("gensim.models")
    stored = embzarr.save(tmp_path / "run", WORDS, table(dtype))
    convert.export_vectors(stored, tmp_path / "x.kv", rows=range(5, 2000))
    found = gensim.KeyedVectors.load(str(tmp_path / "x.kv"))
    assert found.index_to_key == WORDS[5:2000]
    assert found.vectors.tobytes() == table(dtype)[5:2000].tobytes()
    nearest = [word for word, _ in found.most_similar("w7", topn=3)]
    part = embzarr.save(tmp_path / "part", WORDS[5:2000], table(dtype)[5:2000])
    assert nearest == [word for word, _ in part.most_similar("w7", topn=3)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_safetensors_reads_every_type(tmp_path: Path, dtype: str) -> None:
    """The library itself finds shape, type and bits."""
    library = pytest.importorskip("safetensors")
    half = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    stored = embzarr.save(tmp_path / "run", WORDS, table().astype(half))
    convert.export_vectors(stored, tmp_path / "x.safetensors")
    ((name, tensor),) = library.deserialize((tmp_path / "x.safetensors").read_bytes())
    assert (name, tensor["shape"]) == ("embeddings", [len(WORDS), DIM])
    assert bytes(tensor["data"]) == table().astype(half).tobytes()
    assert (tmp_path / "x.txt").read_text("utf-8").splitlines() == WORDS


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", ["x.parquet", "x.arrow"])
def test_arrow_reads_every_type(tmp_path: Path, dtype: str, name: str) -> None:
    """pyarrow finds words and lists of fixed size, to the bit; of odd words every one."""
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    words = [*WORDS, "", "two words", "nul\0", "line\nend"]
    vectors = np.concatenate((table(dtype), table(dtype)[:4]))
    stored = embzarr.save(tmp_path / "run", words, vectors)
    convert.export_vectors(stored, tmp_path / name)
    with (tmp_path / name).open("rb") as file:
        found = (
            parquet.read_table(file) if "parquet" in name else arrow.ipc.open_file(file).read_all()
        )
    column = found["vector"].combine_chunks()
    assert column.type.list_size == DIM
    assert found["word"].to_pylist() == words
    assert column.flatten().to_numpy().tobytes() == vectors.tobytes()


@pytest.mark.parametrize("package", ["pyarrow", "gensim"])
def test_what_is_not_installed_is_told(
    checkpoint: embzarr.Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    """A format whose library is not there is refused with what to install."""
    monkeypatch.setitem(__import__("sys").modules, package, None)
    name, extra = {"pyarrow": ("x.arrow", "arrow"), "gensim": ("x.kv", "gensim")}[package]
    with pytest.raises(embzarr.UnsupportedError, match=rf"embzarr\[{extra}\]") as caught:
        convert.export_vectors(checkpoint, tmp_path / name)
    assert caught.value.code == "feature-unsupported"
    assert not list(tmp_path.iterdir())


def test_a_large_object_is_whole_on_minio(tmp_path: Path, minio: Minio, minio_bucket: str) -> None:
    """What goes up in parts is, on a real server, what the result's digest says, and all of it."""
    vectors = np.random.default_rng(1).standard_normal((40_000, 300), np.float32)
    words = [f"w{number}" for number in range(len(vectors))]
    stored = embzarr.save(tmp_path / "run", words, vectors)
    url = minio.url(minio_bucket, "out/x.npy")
    done = convert.export_vectors(stored, url, target_options=minio.options)
    found = {
        name: minio.client.get_object(Bucket=minio_bucket, Key=f"out/{name}")["Body"].read()
        for name in ("x.npy", "x.txt")
    }
    assert [hashlib.sha256(found[file.name]).hexdigest() for file in done.files] == [
        file.sha256 for file in done.files
    ]
    assert np.load(io.BytesIO(found["x.npy"])).tobytes() == vectors.tobytes()
    assert found["x.txt"].decode().split() == words
