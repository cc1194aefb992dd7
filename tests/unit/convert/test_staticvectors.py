"""Folders of staticvectors, as its writer makes them: plain, quantised, of fastText, and SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr._reading import ngram_hashes
from embzarr.convert import import_vectors
from unit.convert.others import MATRIX, WORDS, check
from unit.convert.test_matrices import safetensors

CODES = np.random.default_rng(1).integers(0, 4, (len(WORDS), 3)).astype("u1")
CENTROIDS = np.random.default_rng(2).standard_normal((3, 4, 2), np.float32)
TYPES = {"float32": "F32", "uint8": "U8", "int64": "I64"}
NGRAMS = {"format": "fasttext", "bucket": 20, "minn": 2, "maxn": 4}


def static(
    folder: Path,
    tensors: Mapping[str, np.ndarray],
    words: Any = WORDS,
    config: Mapping[str, Any] | None = None,
) -> Path:
    """Write what staticvectors 0.2 writes."""
    folder.mkdir()
    stored = {
        name: (TYPES[array.dtype.name], list(array.shape), array.tobytes())
        for name, array in tensors.items()
    }
    (folder / "model.safetensors").write_bytes(safetensors(stored))
    tokens = {word: row for row, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps({"tokens": tokens, "labels": ["x"]}))
    told = {"model_type": "staticvectors", "format": "text", "dim": 6, **(config or {})}
    (folder / "config.json").write_text(json.dumps(told))
    return folder


def quantised(codes: np.ndarray) -> dict[str, np.ndarray]:
    return {"vectors": codes, "pq": np.array([2, 3]), "codewords": CENTROIDS}


def decoded(codes: np.ndarray) -> np.ndarray:
    return np.array([np.concatenate(CENTROIDS[range(3), row]) for row in codes])


def test_a_folder_of_staticvectors_is_imported(tmp_path: Path) -> None:
    """With the words of its vocabulary."""
    found = import_vectors(static(tmp_path / "m", {"vectors": MATRIX}), tmp_path / "run")

    check(found, "staticvectors")
    assert found.checkpoint.metadata["import"]["file"] == {"format": "text"}


def test_a_quantised_matrix_is_put_together(tmp_path: Path) -> None:
    """Part by part."""
    found = import_vectors(static(tmp_path / "m", quantised(CODES)), tmp_path / "run")

    np.testing.assert_array_equal(found.checkpoint.to_numpy(), decoded(CODES))


@pytest.mark.parametrize("is_quantised", [False, True])
def test_vectors_of_fasttext_are_made_of_ngrams(tmp_path: Path, *, is_quantised: bool) -> None:
    """Means of the rows of a word and its n-grams; of a word that is not there, of these alone."""
    codes = np.random.default_rng(3).integers(0, 4, (len(WORDS) + 20, 3)).astype("u1")
    rows = decoded(codes)
    tensors = quantised(codes) if is_quantised else {"vectors": rows}

    folder = static(tmp_path / "m", tensors, config=NGRAMS)
    found = import_vectors(folder, tmp_path / "run").checkpoint

    for word in ("the", "émigré", "kingdom"):
        buckets = ngram_hashes([word.encode()], 2, 4)[1] % 20 + len(WORDS)
        own = [WORDS.index(word)] if word in WORDS else []
        expected = rows[[*own, *buckets.tolist()]].mean(axis=0)
        np.testing.assert_allclose(found.get_vector(word), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_database_of_staticvectors_is_imported(tmp_path: Path, *, is_folder: bool) -> None:
    """To seven digits; nothing is said of lengths, which it keeps."""
    with sqlite3.connect(tmp_path / "model.sqlite") as database:
        names = ", ".join(f"dim_{number} INTEGER" for number in range(6))
        database.execute("CREATE TABLE config (key TEXT, value INTEGER)")
        database.execute(f"CREATE TABLE vectors (key TEXT, {names})")
        facts = [("size", len(WORDS)), ("dim", 6), ("precision", 7)]
        database.executemany("INSERT INTO config VALUES (?, ?)", facts)
        table = zip(WORDS, (MATRIX * 10**7).astype("i4").tolist(), strict=True)
        fill = "INSERT INTO vectors VALUES (?, ?, ?, ?, ?, ?, ?)"
        database.executemany(fill, [[word, *row] for word, row in table])
    database.close()

    source = tmp_path if is_folder else tmp_path / "model.sqlite"
    found = import_vectors(source, tmp_path / "run").checkpoint

    assert list(found.words) == WORDS
    np.testing.assert_allclose(found.to_numpy(), MATRIX, atol=2e-7)
    assert found.metadata["import"]["file"] == {"precision": 7}


@pytest.mark.parametrize(
    ("tensors", "how", "told"),
    [
        ({"x": MATRIX}, {}, "expected a tensor 'vectors', found x"),
        ({"vectors": CODES}, {}, "tensor 'vectors': U8"),
        (quantised(CODES + 2), {}, "expected codes below 4"),
        (quantised(CODES[:, :2].copy()), {}, "vectors of 2 parts"),
        ({"vectors": MATRIX[:6]}, {}, "expected 7 rows"),
        ({"vectors": MATRIX}, {"words": WORDS[:6]}, "expected 6 rows"),
        ({"vectors": MATRIX}, {"config": NGRAMS}, "expected 27 rows"),
        ({"vectors": MATRIX}, {"config": {"bucket": 2, "maxn": 65}}, "cannot be"),
        ({"vectors": MATRIX}, {"config": {"bucket": "2"}}, "config.json: Expected"),
    ],
)
def test_a_folder_that_is_not_sound_is_told(
    tmp_path: Path, tensors: dict[str, np.ndarray], how: dict[str, Any], told: str
) -> None:
    """With what was expected of it, and nothing is stored."""
    with pytest.raises(embzarr.InvalidInputError, match=told):
        import_vectors(static(tmp_path / "m", tensors, **how), tmp_path / "run")
    assert not (tmp_path / "run" / "latest.json").exists()


def test_a_file_without_its_words_is_told(tmp_path: Path) -> None:
    """They stand in another one."""
    file = static(tmp_path / "m", {"vectors": MATRIX}) / "model.safetensors"
    with pytest.raises(embzarr.InvalidInputError, match=r"vocab\.json as vocabulary="):
        import_vectors(file, tmp_path / "run", format="staticvectors")
