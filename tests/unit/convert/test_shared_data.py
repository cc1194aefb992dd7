"""Real files of vectors, and damaged ones, each with the outcome that is promised for it."""

from __future__ import annotations

import importlib.util
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import embzarr
import vector_files
from embzarr.convert import import_vectors

DATA = Path(__file__).parents[4] / "shared" / "data"
Table = tuple[list[bytes], npt.NDArray[Any]]

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there")


# Small readers of our own, row by row -------------------------------------------------------------
def of_binary(data: bytes) -> Table:
    """Read word2vec's binary format."""
    at = data.index(b"\n") + 1
    rows, dim = map(int, data[:at].split())
    words, found = [], []
    for _ in range(rows):
        space = data.index(b" ", at)
        words.append(data[at:space].removeprefix(b"\n"))
        found.append(np.frombuffer(data, "<f4", dim, space + 1))
        at = space + 1 + dim * 4
    return words, np.array(found)


def of_text(data: bytes, dim: int) -> Table:
    """Read rows of text, after a header if there is one."""
    lines = data.decode("utf-8-sig").rstrip("\n").split("\n")
    parts = [line.rstrip().rsplit(" ", dim) for line in lines if line.count(" ") >= dim]
    return [p[0].encode() for p in parts], np.array([p[1:] for p in parts], float).astype("f4")


def of_fifu(data: bytes) -> Table:
    """Read a plain vocabulary and a matrix of finalfusion."""
    at = data.index(struct.pack("<I", 1), 20) + 12
    (count,) = struct.unpack_from("<Q", data, at)
    at, words = at + 8, []
    for _ in range(count):
        (length,) = struct.unpack_from("<I", data, at)
        words.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    rows, dim, _ = struct.unpack_from("<QII", data, at + 12)
    at = at + 28 + -(at + 28) % 4
    return words, np.frombuffer(data, "<f4", rows * dim, at).reshape(rows, dim)


def of_numpy(data: bytes) -> Table:
    """Read the archive of numpy, and the words in the second field of each line."""
    del data
    lines = (DATA / "embeddings/embedding_Tencent.vocab.tsv").read_bytes().split(b"\n")[:-1]
    with np.load(DATA / "embeddings/embedding_Tencent.npz") as archive:
        return [line.split(b"\t")[1] for line in lines], archive["embeddings"]


def of_safetensors(data: bytes) -> Table:
    """Read the only tensor, and the words, one a line."""
    words = (DATA / "embeddings/books_sg100_vocab.txt").read_bytes().split(b"\n")[:-1]
    begin = 8 + int.from_bytes(data[:8], "little")
    return words, np.frombuffer(data, "<f2", offset=begin).reshape(-1, 100)


SOUND: dict[str, tuple[str, Callable[[bytes], Table], str | None]] = {
    "books_ft50.vec": ("word2vec-text", lambda data: of_text(data, 50), None),
    "books_sg100.bin": ("word2vec", of_binary, None),
    "books_sg100_f16.safetensors": ("safetensors", of_safetensors, "books_sg100_vocab.txt"),
    "embedding_Tencent.npz": ("npz", of_numpy, "embedding_Tencent.vocab.tsv"),
    "ff_similarity.bin": ("word2vec", of_binary, None),
    "ff_similarity.fifu": ("finalfusion", of_fifu, None),
    "ff_similarity.nodims": ("glove", lambda data: of_text(data, 100), None),
    "ff_similarity.txt": ("word2vec-text", lambda data: of_text(data, 100), None),
    "glove.twitter.27B.25d.subset11925.txt": ("glove", lambda data: of_text(data, 25), None),
    "googlenews_1000x300.w2v.bin": ("word2vec", of_binary, None),
}
BY_GENSIM = {"books_ft50.bin", "ff_fasttext.bin"}
VOCABULARIES = {"books_sg100_vocab.txt", "embedding_Tencent.vocab.tsv"}


@pytest.mark.shared_data
@needs_data
@pytest.mark.parametrize("name", SOUND)
def test_a_real_file_is_imported_to_the_bit(tmp_path: Path, name: str) -> None:
    """What a reader of a few lines finds in it is in the checkpoint."""
    form, read, vocabulary = SOUND[name]
    file = DATA / "embeddings" / name
    words, matrix = read(file.read_bytes())

    found = import_vectors(
        file,
        tmp_path / "run",
        vocabulary=None if vocabulary is None else DATA / "embeddings" / vocabulary,
    )

    assert found.format == form
    assert [word.encode() for word in found.checkpoint.words] == words
    assert found.checkpoint.to_numpy().tobytes() == matrix.tobytes()


@pytest.mark.shared_data
@needs_data
@pytest.mark.peers
@pytest.mark.skipif(importlib.util.find_spec("gensim") is None, reason="needs gensim")
@pytest.mark.parametrize("name", sorted(BY_GENSIM))
def test_a_real_model_of_fasttext_is_imported(tmp_path: Path, name: str) -> None:
    """As gensim computes it, but for the end of a sentence, which has no n-grams in fastText."""
    from gensim.models.fasttext import (  # noqa: PLC0415 - no types
        load_facebook_vectors,
    )

    found = import_vectors(DATA / "embeddings" / name, tmp_path / "run").checkpoint
    peer = load_facebook_vectors(DATA / "embeddings" / name)

    rows = [row for row, word in enumerate(peer.index_to_key) if word != "</s>"]
    assert list(found.words) == peer.index_to_key
    np.testing.assert_allclose(found.to_numpy()[rows], peer.vectors[rows], atol=1e-6)
    unknown = [f"{word}-{word[::-1]}q" for word in peer.index_to_key[1:50]]
    computed = found.load(unknown, missing="subwords").vectors
    np.testing.assert_allclose(computed, [peer[word] for word in unknown], atol=1e-6)


@pytest.mark.shared_data
@needs_data
def test_every_real_file_has_its_promise() -> None:
    """A file that joins the data is tested, too."""
    there = {path.name for path in (DATA / "embeddings").iterdir()}
    assert there == SOUND.keys() | BY_GENSIM | VOCABULARIES
    assert {path.name for path in (DATA / "hostile").iterdir()} == HOSTILE.keys()


# Damaged files ------------------------------------------------------------------------------------
HOSTILE: dict[str, tuple[str, tuple[int, int, int] | str]] = {
    "bom.txt": ("", (20, 0, 0)),
    "count_huge.bin": ("input-file", (20, 0, 0)),
    "count_one_too_many.bin": ("input-file", (20, 0, 0)),
    "cut_mid_vector.bin": ("input-file", (9, 1, 0)),
    "duplicate_word.bin": ("input-duplicate-word", "input-duplicate-word"),
    "empty.bin": ("input-file", "input-file"),
    "nan_inf_zero.bin": ("input-nonfinite", (20, 0, 2)),
    "not_a_number.txt": ("input-file", (19, 1, 0)),
    "ok_20x300.txt": ("", (20, 0, 0)),
    "ok_20x300_newline.bin": ("", (20, 0, 0)),
    "ok_20x300_no_newline.bin": ("", (20, 0, 0)),
    "ok_glove_no_header.txt": ("", (20, 0, 0)),
    "phrase_with_spaces.txt": ("", (20, 0, 0)),
    "row_short.txt": ("input-file", (19, 1, 0)),
    "word_bad_utf8.bin": ("input-word", (20, 0, 1)),
}
"""The code of the error that stops an import ("" where there is none), and with
``on_error="replace"`` the rows kept, skipped and mended, or the code all the same."""


@pytest.mark.shared_data
@needs_data
@pytest.mark.parametrize("name", HOSTILE)
def test_a_damaged_file_has_the_promised_outcome(tmp_path: Path, name: str) -> None:
    """Stopped at, or passed over and counted; nothing is committed after an error."""
    file = DATA / "hostile" / name
    code, outcome = HOSTILE[name]

    assert code_of(file, tmp_path / "stopped") == code
    if isinstance(outcome, str):
        assert code_of(file, tmp_path / "passed", on_error="replace") == outcome
        return
    found = import_vectors(file, tmp_path / "passed", on_error="replace")
    assert (len(found.checkpoint), found.skipped, found.replaced) == outcome
    assert np.isfinite(found.checkpoint.to_numpy()).all()


@pytest.mark.shared_data
@needs_data
@pytest.mark.parametrize("name", HOSTILE)
def test_a_damaged_file_in_an_archive_has_the_same_outcome(tmp_path: Path, name: str) -> None:
    """Packed as .tar.gz, alone and behind another one."""
    code, outcome = HOSTILE[name]
    with tarfile.open(tmp_path / "one.tar.gz", "w:gz") as archive:
        archive.add(DATA / "hostile" / name, name)
    with tarfile.open(tmp_path / "two.tar.gz", "w:gz") as archive:
        archive.add(__file__, "readme")
        archive.add(DATA / "hostile" / name, name)

    assert code_of(tmp_path / "one.tar.gz", tmp_path / "stopped") == code
    named = f"tar://{name}::{tmp_path}/two.tar.gz"
    if isinstance(outcome, str):
        assert code_of(named, tmp_path / "passed", on_error="replace") == outcome
        return
    found = import_vectors(named, tmp_path / "passed", on_error="replace")
    assert (len(found.checkpoint), found.skipped, found.replaced) == outcome


def code_of(file: Path | str, url: Path, **choices: Any) -> str:
    """Return the code of an import's error, "" where there is none."""
    try:
        import_vectors(file, url, **choices)
    except embzarr.EmbzarrError as exc:
        with pytest.raises(embzarr.NotFoundError):
            embzarr.open(url)
        return exc.code
    return ""


# gensim's own test files --------------------------------------------------------------------------
GENSIM: dict[str, str] = {
    "EN.1-10.cbow1_wind5_hs0_neg10_size300_smpl1e-05.txt": "word2vec-text",
    "IT.1-10.cbow1_wind5_hs0_neg10_size300_smpl1e-05.txt": "word2vec-text",
    "cp852_fasttext.bin": "input-file",  # of before fastText had a version in its files
    "crime-and-punishment.bin": "fasttext",
    "crime-and-punishment.vec": "word2vec-text",
    "euclidean_vectors.bin": "word2vec",
    "high_precision.kv.bin": "word2vec",
    "high_precision.kv.txt": "word2vec-text",
    "lee_fasttext.bin": "input-file",  # as above
    "lee_fasttext.vec": "word2vec-text",
    "non_ascii_fasttext.bin": "input-file",  # as above
    "pang_lee_polarity_fasttext.bin": "input-word",  # a word that is no UTF-8
    "poincare_vectors.bin": "word2vec",
    "pretrained.vec": "input-file",  # says 3 rows, and has one
    "test_glove.txt": "glove",
    "toy-model-pretrained.bin": "fasttext",
    "toy-model.bin": "fasttext",
    "toy-model.vec": "word2vec-text",
}
"""The format, or the code of the error."""


def gensim_data() -> Path:
    """Return where gensim keeps its test files."""
    spec = importlib.util.find_spec("gensim")
    return Path(spec.origin or "").parent / "test" / "test_data" if spec else Path("none")


@pytest.mark.peers
@pytest.mark.skipif(not gensim_data().is_dir(), reason="needs gensim")
@pytest.mark.parametrize("name", GENSIM)
def test_a_test_file_of_gensim_is_imported_or_refused(tmp_path: Path, name: str) -> None:
    """Every file of word vectors that it has, by content."""
    code = code_of(gensim_data() / name, tmp_path / "run")
    found = code or embzarr.open(tmp_path / "run").metadata["import"]["format"]

    assert found == GENSIM[name]


@pytest.mark.peers
@pytest.mark.skipif(not gensim_data().is_dir(), reason="needs gensim")
def test_a_model_of_fasttext_gives_what_fasttext_itself_wrote(tmp_path: Path) -> None:
    """The program wrote both files: the text has its own answers, in five digits."""
    folder = gensim_data()
    import_vectors(folder / "crime-and-punishment.bin", tmp_path / "model")
    import_vectors(folder / "crime-and-punishment.vec", tmp_path / "text")

    model, written = vector_files.stored(tmp_path / "model"), vector_files.stored(tmp_path / "text")
    assert model[0] == written[0]
    np.testing.assert_allclose(model[1], written[1], rtol=1e-4, atol=1e-5)
