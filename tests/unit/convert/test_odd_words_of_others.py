"""Odd words from files that are read and not written here, into every format that is written."""

from __future__ import annotations

import csv
import importlib.util
import json
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from embzarr._storage.backends.memory import MemoryStore
from embzarr.convert import EXPORT_FORMATS, import_vectors
from embzarr.convert._readers import FORMATS
from embzarr.convert._readers import spacy as spacy_reader
from embzarr.errors import InvalidInputError
from unit.convert.test_matrices import npy
from unit.convert.test_models import fasttext
from unit.convert.test_odd_words import (
    PEERS,
    PLAIN,
    REFUSED,
    WORDS,
    marked,
    matrix,
    run_of,
    there_and_back,
)
from unit.convert.test_staticvectors import static

Write = Callable[[Path, list[str], np.ndarray], Path]
MIB = {"1 MiB"}
NULS = {"NUL", "NUL last"}


def write_csv(folder: Path, words: list[str], rows: np.ndarray) -> Path:
    with (folder / "a.csv").open("w", newline="", encoding="utf-8") as file:
        table = zip(words, rows.tolist(), strict=True)
        csv.writer(file).writerows([word, *row] for word, row in table)
    return folder / "a.csv"


def write_fasttext(folder: Path, words: list[str], rows: np.ndarray) -> Path:
    data = fasttext(words, rows, bucket=0, maxn=0)
    (folder / "a.bin").write_bytes(data)
    return folder / "a.bin"


def write_magnitude(folder: Path, words: list[str], rows: np.ndarray) -> Path:
    with sqlite3.connect(folder / "a.db") as database:
        names = ", ".join(f"dim_{number} INTEGER" for number in range(rows.shape[1]))
        database.execute(f"CREATE TABLE magnitude (key TEXT, {names})")
        marks = ", ".join("?" * (rows.shape[1] + 1))
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        table = zip(words, np.round(units * 10**7).astype(int).tolist(), strict=True)
        fill = f"INSERT INTO magnitude VALUES ({marks})"  # noqa: S608 - a test
        database.executemany(fill, [[word, *row] for word, row in table])
        database.execute("CREATE TABLE magnitude_format (key TEXT, value INTEGER)")
        facts = [("dim", rows.shape[1]), ("precision", 7), ("size", len(words))]
        database.executemany("INSERT INTO magnitude_format VALUES (?, ?)", facts)
    database.close()
    return folder / "a.db"


def write_spacy(folder: Path, words: list[str], rows: np.ndarray) -> Path:
    (folder / "vectors").write_bytes(npy(rows))
    keys = [spacy_reader.key_of(word.encode()) for word in words]
    pairs = [struct.pack(">BQB", 0xCF, key, row) for row, key in enumerate(keys)]
    (folder / "key2row").write_bytes(struct.pack(">BH", 0xDE, len(words)) + b"".join(pairs))
    (folder / "strings.json").write_text(json.dumps(words))
    return folder


def write_staticvectors(folder: Path, words: list[str], rows: np.ndarray) -> Path:
    return static(folder / "m", {"vectors": rows}, words)


def write_tokenizer(folder: Path, words: list[str], rows: np.ndarray) -> Path:
    (folder / "a.npy").write_bytes(npy(rows))
    vocabulary = {word: row for row, word in enumerate(words)}
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}}))
    return folder / "a.npy"


def write_zarr(folder: Path, words: list[str], rows: np.ndarray) -> Path:
    import zarr  # noqa: PLC0415 - slow to import

    group = zarr.open_group(folder / "a.zarr", mode="w")
    group.create_array("vectors", data=rows)
    group.create_array("words", data=np.array(words))
    return folder / "a.zarr"


def write_hdf5(folder: Path, words: list[str], rows: np.ndarray) -> Path:
    import h5py  # noqa: PLC0415 - it may not be there

    with h5py.File(folder / "a.h5", "w") as file:
        file["embeddings"], file["words"] = rows, words
    return folder / "a.h5"


def write_lance(folder: Path, words: list[str], rows: np.ndarray) -> Path:
    import lance  # noqa: PLC0415 - it may not be there
    import pyarrow as pa  # noqa: PLC0415

    vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
    lance.write_dataset(pa.table({"word": words, "vector": vectors}), str(folder / "a.lance"))
    return folder / "a.lance"


def write_lmdb(folder: Path, words: list[str], rows: np.ndarray) -> Path:
    import lmdb  # noqa: PLC0415 - it may not be there

    database = lmdb.open(str(folder / "db"), map_size=1 << 20)
    with database, database.begin(write=True) as change:
        for word, row in zip(words, rows, strict=True):
            change.put(word.encode(), row.tobytes())
    return folder / "db"


OTHERS: dict[str, tuple[Write, set[str]]] = {
    "csv": (write_csv, MIB),
    "fasttext": (write_fasttext, NULS),
    "magnitude": (write_magnitude, set()),
    "spacy": (write_spacy, set()),
    "staticvectors": (write_staticvectors, set()),
    "tokenizer": (write_tokenizer, set()),
    "zarr": (write_zarr, MIB | {"NUL last"}),
    "hdf5": (write_hdf5, NULS),
    "lance": (write_lance, set()),
    "lmdb": (write_lmdb, MIB | {"empty"}),
}
"""How a file comes about, and the odd words that its format cannot hold."""
NEEDS = {"hdf5": "h5py", "lance": "lance", "lmdb": "lmdb"}


def test_every_format_that_is_read_is_here() -> None:
    """Or in `test_odd_words`; of floret's tables, which have no words, and gensim's elsewhere."""
    assert OTHERS.keys() | EXPORT_FORMATS.keys() | {"floret"} == FORMATS.keys() | {"tokenizer"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::Warning")  # zarr's, of texts, which v3 has not settled
@pytest.mark.parametrize("name", [*marked(OTHERS, NEEDS)])
def test_odd_words_come_in_and_go_out_as_every_format(tmp_path: Path, name: str) -> None:
    """All that a format holds, and from there all that each exporter holds, to the bit."""
    write, refused = OTHERS[name]
    words = [PLAIN[0], *(word for odd, word in WORDS.items() if odd not in refused), PLAIN[1]]
    source = write(tmp_path, words, matrix(len(words)))
    given = tmp_path / "tokenizer.json" if name == "tokenizer" else None
    form = name if name in FORMATS else None

    store = MemoryStore("memory://in")
    found = import_vectors(source, store, vocabulary=given, format=form).checkpoint

    assert sorted(found.words) == sorted(words)
    if name != "magnitude":  # which keeps seven digits
        assert found.load(words).vectors.tobytes() == matrix(len(words)).tobytes()
    for target in EXPORT_FORMATS:
        if target in PEERS and importlib.util.find_spec(PEERS[target]) is None:
            continue
        odd = {WORDS[kind] for kind in REFUSED[target][0]}
        some = found.load([word for word in found.words if word not in odd])
        again = there_and_back(run_of([*some.words], some.vectors), tmp_path, target)
        assert (target, list(again.words)) == (target, list(some.words))
        assert again.to_numpy().tobytes() == some.vectors.tobytes()


def test_a_word_that_is_too_long_for_csv_is_refused_with_the_reason(tmp_path: Path) -> None:
    """Python's reader has a limit, for the whole process."""
    source = write_csv(tmp_path, [PLAIN[0], WORDS["1 MiB"]], matrix(2))
    with pytest.raises(InvalidInputError, match=r"line 2: field larger than field limit") as caught:
        import_vectors(source, MemoryStore("memory://in"), format="csv")
    assert caught.value.code == "input-file"
