"""Formats of other libraries: what those wrote is what is imported."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import json
import sqlite3
import struct
import sys
import tarfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

import embzarr
import vector_files
from embzarr.convert import Imported, import_vectors
from embzarr.convert import _vocabulary as vocabulary_reader
from embzarr.convert._readers import csv_text, finalfusion
from embzarr.convert._readers import spacy as spacy_reader

WORDS = ["the", "of", "émigré", "in", "x y", 'q"uote', "a,b"]
MATRIX = np.random.default_rng(5).standard_normal((len(WORDS), 6), np.float32)


Test = TypeVar("Test", bound=Callable[..., None])


def needs(package: str) -> Callable[[Test], Test]:
    """Mark a test that has another library write its file."""
    is_there = importlib.util.find_spec(package) is not None
    skip = pytest.mark.skipif(not is_there, reason=f"needs {package}")

    def mark(test: Test) -> Test:
        marked: Test = pytest.mark.peers(skip(test))
        return marked

    return mark


def check(found: Imported, form: str, words: list[str] | None = None) -> None:
    """Compare what was imported with what was written, to the bit."""
    assert found.format == form
    assert list(found.checkpoint.words) == (WORDS if words is None else words)
    assert found.checkpoint.to_numpy().tobytes() == MATRIX[: len(found.checkpoint)].tobytes()


def words_file(folder: Path) -> Path:
    (folder / "words.txt").write_text("\n".join(WORDS))
    return folder / "words.txt"


# CSV ----------------------------------------------------------------------------------------------
def rows() -> list[list[str]]:
    return [[word, *map(repr, map(float, row))] for word, row in zip(WORDS, MATRIX, strict=True)]


def written(records: list[list[str]], **how: Any) -> bytes:
    file = io.StringIO()
    csv.writer(file, **how).writerows(records)
    return file.getvalue().encode()


HEADER = [["word", *map(str, range(6))]]
CSV = {
    "plain": written(rows()),
    "all in quotes": written(rows(), quoting=csv.QUOTE_ALL),
    "newline": written(rows(), lineterminator="\n"),
    "header": written(HEADER + rows()),
    "header counted from one": written([["word", *map(str, range(1, 7))], *rows()]),
    "header of names": written([["token", *"abcdef"], *rows()]),
    "header that begins with a number": written([["1", *"abcdef"], *rows()]),
    "header without a name for words": written([["", *map(str, range(6))], *rows()]),
    "index": written(
        [["", *HEADER[0]], *([str(number), *row] for number, row in enumerate(rows()))]
    ),
    "words behind": written([[*map(str, range(6)), "token"], *([*r[1:], r[0]] for r in rows())]),
    "mark of byte order": b"\xef\xbb\xbf" + written(HEADER + rows()),
    "no end of line": written(rows())[:-2],
}


@pytest.mark.parametrize(
    ("head", "is_csv"),
    [
        (b"a,1,2\nb,3,4\n", True),
        (b"\xef\xbb\xbfa,b,c\r\nx,1,\t2\r\n", True),
        (b"a,1,2\nb,3", True),  # what ends amid a line says nothing of it
        (b"a,1,2", True),
        (b"1,2,3\n", True),
        (b"a,1,2\n" * 20 + b"a,1\n", True),
        (b"a,1,2\n" * 19 + b"a,1\n", False),
        (b"a,1\nb,2\n", False),  # may be counts
        (b"a,1,2\nb,3,4\nc,x,5\n", False),
        (b'"a"b,1,2\n', False),
        (b"a\x1f,1,2\n", False),
        (b"a\0,1,2\n", False),
        (b"\n\n", False),
        (b"", False),
    ],
)
def test_csv_is_told_by_how_it_begins(head: bytes, *, is_csv: bool) -> None:
    """By up to twenty whole lines of one length, of three fields at least, the last of numbers."""
    assert csv_text.begins(head) is is_csv


@pytest.mark.parametrize("how", CSV)
def test_csv_is_imported_as_people_write_it(tmp_path: Path, how: str) -> None:
    """With and without a header, quotes and an index; words in whatever column they are."""
    (tmp_path / "a.csv").write_bytes(CSV[how])
    check(import_vectors(tmp_path / "a.csv", tmp_path / "run"), "csv")


def test_a_word_of_csv_may_hold_lines(tmp_path: Path) -> None:
    """Quotes hold them."""
    (tmp_path / "a.csv").write_bytes(b'"a\nb",1,2\r\n"c\r\nd",3,4\r\n')
    found = import_vectors(tmp_path / "a.csv", tmp_path / "run", format="csv").checkpoint
    assert list(found.words) == ["a\nb", "c\r\nd"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"a,1,2\nb,1\n", "line 2: expected 3 fields, found 2"),
        (b"a,1,2\nb,1,x\n", "line 2: could not convert"),
        (b'a,1,2\n"b,1,2\n', "line 2: unexpected end of data"),
        (b'a,1,2\n"b"c,1,2\n', "line 2: "),
        (b'"' + b"m" * 200_000 + b'",1,2\n', "line 1: field larger than field limit"),
        (b"word,0,1\nb,1\n", "line 2: expected 3 fields, found 2"),
        (b"a\nb\n", "expected vectors of 1 to"),
    ],
)
def test_damage_of_csv_is_told(tmp_path: Path, data: bytes, told: str) -> None:
    """With its line, and nothing is committed."""
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(embzarr.InvalidInputError, match=told):
        import_vectors(tmp_path / "a.csv", tmp_path / "run", format="csv")
    with pytest.raises(embzarr.NotFoundError):
        embzarr.open(tmp_path / "run")


# tar ----------------------------------------------------------------------------------------------
def tar(members: dict[str, bytes], mode: str = "w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]  # any
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


VECTORS = vector_files.word2vec_binary(WORDS[:4], MATRIX[:4])


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_the_only_file_of_a_tar_archive_is_imported(tmp_path: Path, mode: str) -> None:
    """As it is read, compressed or not; the digest is the archive's."""
    data = tar({"folder/a.bin": VECTORS}, mode)
    (tmp_path / "a.tar").write_bytes(data)

    found = import_vectors(tmp_path / "a.tar", tmp_path / "run")

    check(found, "word2vec", WORDS[:4])
    assert found.source.size == len(data)
    assert found.source.sha256 is not None


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_member_of_a_tar_archive_is_named(tmp_path: Path, mode: str) -> None:
    """Whatever stands before and behind it; what needs a path is unpacked."""
    members = {"readme": b"hello", "a.bin": VECTORS, "m.npz": npz(), "z": b"end"}
    (tmp_path / "a.tar").write_bytes(tar(members, mode))
    check(import_vectors(f"tar://a.bin::{tmp_path}/a.tar", tmp_path / "a"), "word2vec", WORDS[:4])
    check(import_vectors(f"tar://m.npz::{tmp_path}/a.tar", tmp_path / "b"), "npz")


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, words=np.array(WORDS), vectors=MATRIX)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "member", "told"),
    [
        (tar({"a.bin": VECTORS, "b": b"x"}), None, "several files: name one, such as tar://b::"),
        (tar({}), None, "no file|cannot|of no format"),
        (tar({"a.bin": VECTORS}), "b", "a tar archive of a.bin: no b"),
        (tar({"a.bin": VECTORS})[:700], None, "cut short|cannot be unpacked|tar archive"),
        (gzip.compress(tar({"a.bin": VECTORS}))[:-20], None, "cannot be unpacked|ended before"),
        (gzip.compress(tar({"a": bytes(512)})[:1024])[:-8] + bytes(8), "b", "archive: CRC check"),
    ],
    ids=["several", "none", "another", "cut", "cut while packed", "another checksum"],
)
def test_an_archive_that_is_not_sound_is_told(
    tmp_path: Path, data: bytes, member: str | None, told: str
) -> None:
    """Which files it has, or that it is damaged; nothing is committed."""
    (tmp_path / "a.tar").write_bytes(data)
    source = f"tar://{member}::{tmp_path}/a.tar" if member else tmp_path / "a.tar"
    with pytest.raises(embzarr.InvalidInputError, match=told):
        import_vectors(source, tmp_path / "run")
    with pytest.raises(embzarr.NotFoundError):
        embzarr.open(tmp_path / "run")


# HDF5, Zarr, Lance --------------------------------------------------------------------------------
@needs("h5py")
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f2", "f8"])
def test_hdf5_is_imported(tmp_path: Path, dtype: str) -> None:
    """A matrix among others of Keras' names, with its texts beside it, or with a vocabulary."""
    import h5py  # noqa: PLC0415 - it may not be there

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("layers/embedding/embeddings:0", data=MATRIX.astype(dtype), chunks=True)
        file.create_dataset("layers/dense/kernel:0", data=np.ones((3, 3), "f4"))
        file.create_dataset("words", data=WORDS)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x"] = MATRIX.astype(dtype)

    for name, given in (("a.h5", None), ("b.h5", words_file(tmp_path))):
        found = import_vectors(tmp_path / name, tmp_path / f"run-{name}", vocabulary=given)
        assert (found.format, list(found.checkpoint.words)) == ("hdf5", WORDS)
        np.testing.assert_array_equal(found.checkpoint.to_numpy(), MATRIX.astype(dtype))
    with pytest.raises(embzarr.InvalidInputError, match="vocabulary="):
        import_vectors(tmp_path / "b.h5", tmp_path / "run")


@needs("h5py")
def test_hdf5_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Cut, without a matrix, with several, or with numbers in other files."""
    import h5py  # noqa: PLC0415 - it may not be there

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"], file["y"] = MATRIX, MATRIX
    (tmp_path / "cut.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:1000])
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file["x"] = np.ones(3)
    with h5py.File(tmp_path / "outside.h5", "w") as file:
        outside = [(str(tmp_path / "raw"), 0, 48)]
        file.create_dataset("x", (2, 3), "f8", external=outside)
    for name, told in (
        ("a", "found 2: "),
        ("cut", "h5py cannot read it"),
        ("none", "found 0"),
        ("outside", "lie in other files"),
    ):
        with pytest.raises(embzarr.EmbzarrError, match=told):
            import_vectors(
                tmp_path / f"{name}.h5", tmp_path / "run", vocabulary=words_file(tmp_path)
            )


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_zarr_array_is_imported(tmp_path: Path, zarr_format: Any) -> None:
    """With a vocabulary file."""
    import zarr  # noqa: PLC0415 - slow to import

    zarr.create_array(tmp_path / "a.zarr", data=MATRIX, chunks=(2, 6), zarr_format=zarr_format)
    found = import_vectors(tmp_path / "a.zarr", tmp_path / "run", vocabulary=words_file(tmp_path))
    check(found, "zarr")
    assert found.source.name == "a.zarr"


@pytest.mark.filterwarnings("ignore::Warning")  # zarr's, of texts, which v3 has not settled
def test_a_zarr_group_brings_its_words(tmp_path: Path) -> None:
    """An array of as many texts."""
    import zarr  # noqa: PLC0415 - slow to import

    group = zarr.open_group(tmp_path / "g.zarr", mode="w")
    group.create_array("vectors", data=MATRIX)
    group.create_array("words", data=np.array(WORDS))
    check(import_vectors(tmp_path / "g.zarr", tmp_path / "run"), "zarr")


def test_a_zarr_group_has_one_matrix_of_numbers(tmp_path: Path) -> None:
    """Among arrays of other kinds and shapes; of two the one whose name says what it is."""
    import zarr  # noqa: PLC0415 - slow to import

    group = zarr.open_group(tmp_path / "g.zarr", mode="w")
    group.create_array("counts", data=np.ones((len(WORDS), 6), int))
    group.create_array("norms", data=MATRIX[:, 0].copy())
    words = words_file(tmp_path)
    with pytest.raises(embzarr.InvalidInputError, match="expected one matrix of floats, found 0"):
        import_vectors(tmp_path / "g.zarr", tmp_path / "run", vocabulary=words)
    group.create_array("one", data=MATRIX)
    check(import_vectors(tmp_path / "g.zarr", tmp_path / "one", vocabulary=words), "zarr")
    group.create_array("two", data=MATRIX + 1)
    with pytest.raises(embzarr.InvalidInputError, match="of floats, found 2: one, two"):
        import_vectors(tmp_path / "g.zarr", tmp_path / "run", vocabulary=words)
    group.create_array("weight", data=MATRIX)
    check(import_vectors(tmp_path / "g.zarr", tmp_path / "three", vocabulary=words), "zarr")


@needs("lance")
def test_a_lance_dataset_is_imported(tmp_path: Path) -> None:
    """Its newest version."""
    import lance  # noqa: PLC0415 - it may not be there
    import pyarrow as pa  # noqa: PLC0415

    def table(matrix: np.ndarray) -> Any:
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), 6)
        return pa.table({"id": list(range(len(WORDS))), "word": WORDS, "vector": vectors})

    lance.write_dataset(table(MATRIX + 1), str(tmp_path / "a.lance"))
    lance.write_dataset(table(MATRIX), str(tmp_path / "a.lance"), mode="overwrite")
    found = import_vectors(tmp_path / "a.lance", tmp_path / "run")
    check(found, "lance")
    assert found.source.name == "a.lance"


@pytest.mark.parametrize(
    ("package", "name", "data", "extra"),
    [
        ("h5py", "a.h5", b"\x89HDF\r\n\x1a\n", "hdf5"),
        ("lance", "a/_versions/1.manifest", b"x", "lance"),
    ],
)
def test_a_library_that_is_not_installed_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    name: str,
    data: bytes,
    extra: str,
) -> None:
    """With the extra that installs it."""
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(embzarr.UnsupportedError, match=rf"embzarr\[{extra}\]") as caught:
        import_vectors(tmp_path / Path(name).parts[0], tmp_path / "run")
    assert caught.value.code == "feature-unsupported"


# Magnitude ----------------------------------------------------------------------------------------
def magnitude(
    path: Path, *, lengths: bool = True, precision: Any = 7, dim: Any = 6, table: str = "TABLE"
) -> Path:
    """Write a database as Magnitude's converter does."""
    database = sqlite3.connect(path)
    names = [f"dim_{number}" for number in range(6)]
    columns = ", ".join(["key TEXT NOT NULL", *(f"{name} INTEGER NOT NULL" for name in names)])
    kind = "TABLE" if table == "TABLE" else "TABLE hidden"
    database.execute(
        f"CREATE {kind} {'magnitude' * (table == 'TABLE')} ({columns}"
        f"{', magnitude REAL' * lengths})"
    )
    name = "magnitude" if table == "TABLE" else "hidden"
    for word, row in zip(WORDS, MATRIX.astype(float), strict=True):
        length = np.linalg.norm(row)
        numbers = [round(one / length * 10**7) for one in row]
        marks = ", ".join("?" * (7 + lengths))
        database.execute(
            f"INSERT INTO {name} VALUES ({marks})",  # noqa: S608 - a test
            [word, *numbers, *([length] if lengths else [])],
        )
    if table == "VIEW":
        database.execute("CREATE VIEW magnitude AS SELECT * FROM hidden")
    database.execute("CREATE TABLE magnitude_format (key TEXT, value INTEGER)")
    database.executemany(
        "INSERT INTO magnitude_format VALUES (?, ?)",
        [("dim", dim), ("precision", precision), ("size", len(WORDS))],
    )
    database.commit()
    database.close()
    return path


def test_magnitude_is_imported_with_its_lengths(tmp_path: Path) -> None:
    """To the seven digits that it keeps; without them it is said that they are lost."""
    found = import_vectors(magnitude(tmp_path / "a.magnitude"), tmp_path / "a")
    older = import_vectors(magnitude(tmp_path / "b.magnitude", lengths=False), tmp_path / "b")

    assert (found.format, list(found.checkpoint.words)) == ("magnitude", WORDS)
    np.testing.assert_allclose(found.checkpoint.to_numpy(), MATRIX, atol=1e-6)
    assert found.checkpoint.metadata["import"]["file"]["lengths"] == "restored"
    unit = MATRIX / np.linalg.norm(MATRIX, axis=1, keepdims=True)
    np.testing.assert_allclose(older.checkpoint.to_numpy(), unit, atol=1e-6)
    assert "lost" in older.checkpoint.metadata["import"]["file"]["lengths"]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"precision": 99}, "expected 0 to 30 digits"),
        ({"precision": "x"}, "expected dimension and precision"),
        ({"dim": 7}, "expected the columns dim_0 to dim_6"),
        ({"dim": 2**40}, "expected vectors of 1 to"),
        ({"table": "VIEW"}, "not one of Magnitude"),
    ],
)
def test_an_odd_database_is_refused(tmp_path: Path, how: dict[str, Any], told: str) -> None:
    """A view, which could be anything, is not read."""
    with pytest.raises(embzarr.InvalidInputError, match=told):
        import_vectors(magnitude(tmp_path / "a.db", **how), tmp_path / "run")


def test_a_cut_database_is_told(tmp_path: Path) -> None:
    """By SQLite's own words."""
    data = magnitude(tmp_path / "a.db").read_bytes()
    (tmp_path / "a.db").write_bytes(data[: len(data) // 2])
    with pytest.raises(embzarr.InvalidInputError, match=r"SQLite cannot read|not one of Magnitude"):
        import_vectors(tmp_path / "a.db", tmp_path / "run")


def test_a_database_whose_error_cannot_be_read_is_told(tmp_path: Path) -> None:
    """SQLite quotes what is wrong, which may be no text."""
    data = magnitude(tmp_path / "a.db").read_bytes()
    (tmp_path / "a.db").write_bytes(
        data.replace(b"CREATE TABLE magnitude ", b"CRE\xff\xff\xff TABLE magnitude")
    )
    with pytest.raises(embzarr.InvalidInputError) as caught:
        import_vectors(tmp_path / "a.db", tmp_path / "run")
    assert caught.value.code == "input-file"


# spaCy, model2vec ---------------------------------------------------------------------------------
@needs("spacy")
@pytest.mark.filterwarnings("ignore")
def test_spacys_own_folders_are_imported(tmp_path: Path) -> None:
    """A pipeline's vocabulary, and vectors alone; names of its own are known while it is there."""
    import spacy  # noqa: PLC0415 - it may not be there

    words = [*WORDS[:5], "NOUN", "long " * 9]
    pipeline = spacy.blank("en")
    for word, row in zip(words, MATRIX, strict=True):
        pipeline.vocab.set_vector(word, row)
    pipeline.to_disk(tmp_path / "pipeline")
    pipeline.vocab.vectors.to_disk(tmp_path / "vectors")

    for name in ("pipeline", "pipeline/vocab", "vectors"):
        found = import_vectors(tmp_path / name, tmp_path / f"run-{name.replace('/', '-')}")
        check(found, "spacy", words)
    for word in ["", "a", "é", "猫" * 40, *WORDS]:
        assert spacy_reader.key_of(word.encode()) == pipeline.vocab.strings[word]


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("", 0),
        ("apple", 8566208034543834098),
        ("coffee", 3197928453018144401),
        ("12345678", 9871996032675327904),
        ("123456789", 2056675840866671865),
        ("a" * 16, 17247622914660140996),
        ("é", 16256712947286012828),
    ],
)
def test_keys_are_those_of_spacy(word: str, key: int) -> None:
    """As spaCy 3.8 has them; the second and the third stand in its documentation."""
    assert spacy_reader.key_of(word.encode()) == key


def spacy_folder(
    folder: Path, *, rows: int = 2, strings: Any = ("a", "b"), cut: int = 0, first: int = 0
) -> Path:
    """Write what spaCy writes: of two words, or of a key that is given and the second."""
    folder.mkdir()
    file = io.BytesIO()
    np.save(file, MATRIX[:rows])
    (folder / "vectors").write_bytes(file.getvalue()[: len(file.getvalue()) - cut])
    keys = [first or spacy_reader.key_of(b"a"), spacy_reader.key_of(b"b")]
    packed = b"\x82" + b"".join(
        b"\xcf" + struct.pack(">Q", key) + bytes([n]) for n, key in enumerate(keys)
    )
    (folder / "key2row").write_bytes(packed)
    (folder / "strings.json").write_text(json.dumps(strings))
    return folder


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"strings": ["a"]}, "no text in strings.json has it"),
        ({"strings": {"a": 1}}, "strings.json: Expected `array`"),
        ({"rows": 1}, "row 1 of 1"),
        ({"rows": 0}, "row 0 of 0"),
        ({"cut": 1}, "cut short"),
    ],
)
def test_spacys_folder_that_is_not_sound_is_told(
    tmp_path: Path, how: dict[str, Any], told: str
) -> None:
    """Which file, and which key."""
    with pytest.raises(embzarr.InvalidInputError, match=told):
        import_vectors(spacy_folder(tmp_path / "v", **how), tmp_path / "run")


def test_words_of_spacy_without_a_text_may_be_passed_over(tmp_path: Path) -> None:
    """And are counted."""
    folder = spacy_folder(tmp_path / "v", strings=["a"])
    found = import_vectors(folder, tmp_path / "run", on_error="skip")
    assert (list(found.checkpoint.words), found.skipped) == (["a"], 1)


@pytest.mark.parametrize("key", [1, 92, 2**16 - 1])
def test_names_of_spacys_own_are_known_by_spacy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: int
) -> None:
    """Their keys are small numbers, of which it is said that spaCy would know them."""
    folder = spacy_folder(tmp_path / "v", first=key)
    monkeypatch.setitem(sys.modules, "spacy.symbols", None)
    with pytest.raises(embzarr.InvalidInputError, match=f"key {key}: .* if spaCy is installed"):
        import_vectors(folder, tmp_path / "run")

    monkeypatch.setitem(sys.modules, "spacy", types.ModuleType("spacy"))
    monkeypatch.setitem(sys.modules, "spacy.symbols", types.SimpleNamespace(IDS={"NOUN": key}))
    found = import_vectors(folder, tmp_path / "run")
    assert list(found.checkpoint.words) == ["NOUN", "b"]


def test_other_keys_are_known_by_their_texts_alone(tmp_path: Path) -> None:
    """Nothing but the text is missing, whoever is installed."""
    with pytest.raises(embzarr.InvalidInputError, match=r"json has it \[input-file\]$"):
        import_vectors(spacy_folder(tmp_path / "v", first=2**16), tmp_path / "run")


def test_vectors_of_floret_have_no_words(tmp_path: Path) -> None:
    """It is said why they are not read."""
    folder = spacy_folder(tmp_path / "v")
    (folder / "vectors.cfg").write_text('{"mode": "floret"}')
    with pytest.raises(embzarr.UnsupportedError, match="of n-grams"):
        import_vectors(folder, tmp_path / "run")


def tokenizer(vocab: Any, added: Any = ()) -> str:
    return json.dumps({"version": "1.0", "model": {"vocab": vocab}, "added_tokens": list(added)})


def static_model(folder: Path, text: str) -> Path:
    """Write a matrix and its tokenizer, as static models of Hugging Face have them."""
    folder.mkdir()
    header = {"embeddings": {"dtype": "F32", "shape": [7, 6], "data_offsets": [0, 168]}}
    told = json.dumps(header).encode()
    data = struct.pack("<Q", len(told)) + told + MATRIX.tobytes()
    (folder / "model.safetensors").write_bytes(data)
    (folder / "tokenizer.json").write_text(text)
    return folder


@pytest.mark.parametrize(
    "text",
    [
        tokenizer({word: row for row, word in enumerate(WORDS)}),
        tokenizer([[word, -1.5] for word in WORDS]),
        tokenizer(
            {word: row for row, word in enumerate(WORDS[:6])}, [{"id": 6, "content": WORDS[6]}]
        ),
    ],
)
def test_a_static_model_has_the_words_of_its_tokenizer(tmp_path: Path, text: str) -> None:
    """By their ids, or in their order; tokens that were added are words, too."""
    check(import_vectors(static_model(tmp_path / "m", text), tmp_path / "run"), "safetensors")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{}", "input-file"),
        (tokenizer({"a": 0, "b": 2}), "input-rows"),
        (tokenizer({"a": 0, "b": 0}), "input-rows"),
        (tokenizer({"a": 0}), "input-rows"),
        (tokenizer({"a": "0"}), "input-file"),
    ],
)
def test_an_odd_tokenizer_is_refused(tmp_path: Path, text: str, code: str) -> None:
    """Ids that are left out or stand twice, and fewer than there are rows."""
    with pytest.raises(embzarr.InvalidInputError) as caught:
        import_vectors(static_model(tmp_path / "m", text), tmp_path / "run")
    assert caught.value.code == code


def test_a_tokenizer_has_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the byte: more is not held in memory."""
    text = tokenizer({word: row for row, word in enumerate(WORDS)})
    monkeypatch.setattr(vocabulary_reader, "_MOST_TOKENIZER_BYTES", len(text))
    check(import_vectors(static_model(tmp_path / "m", text), tmp_path / "run"), "safetensors")
    monkeypatch.setattr(vocabulary_reader, "_MOST_TOKENIZER_BYTES", len(text) - 1)
    with pytest.raises(embzarr.InvalidInputError, match=r"tokenizer\.json: no tokenizer"):
        import_vectors(tmp_path / "m", tmp_path / "other")


@needs("model2vec")
def test_model2vec_itself_wrote_it(tmp_path: Path) -> None:
    """Its folder is read to the bit."""
    from model2vec import StaticModel  # noqa: PLC0415 - it may not be there
    from tokenizers import Tokenizer  # noqa: PLC0415
    from tokenizers.models import WordLevel  # noqa: PLC0415
    from tokenizers.pre_tokenizers import Whitespace  # noqa: PLC0415

    words = ["[UNK]", *WORDS[:6]]
    made = Tokenizer(WordLevel({word: row for row, word in enumerate(words)}, "[UNK]"))
    made.pre_tokenizer = Whitespace()
    StaticModel(MATRIX, made, {}).save_pretrained(tmp_path / "m")
    check(import_vectors(tmp_path / "m", tmp_path / "run"), "safetensors", words)


def test_a_folder_of_something_else_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is expected, and its name, also where that is a dot."""
    (tmp_path / "f").mkdir()
    with pytest.raises(embzarr.InvalidInputError, match="/f: a folder of no kind that is read"):
        import_vectors(tmp_path / "f", tmp_path / "run")
    monkeypatch.chdir(tmp_path / "f")
    with pytest.raises(embzarr.InvalidInputError, match=r"^\.: a folder of no kind"):
        import_vectors(".", tmp_path / "run")


# finalfusion, quantised and with n-grams ----------------------------------------------------------
def chunked(chunks: list[tuple[int, bytes, bytes | None]]) -> bytes:
    """Return a file of chunks: a head, padding as finalfusion counts it, and numbers."""
    data = b"FiFu" + struct.pack("<II", 0, len(chunks))
    data += b"".join(struct.pack("<I", kind) for kind, *_ in chunks)
    for kind, head, numbers in chunks:
        padding = b"" if numbers is None else b"\0" * (4 - (len(data) + 12 + len(head)) % 4)
        body = head + padding + (numbers or b"")
        data += struct.pack("<IQ", kind, len(body)) + body
    return data


def texts(words: list[str]) -> bytes:
    encoded = [word.encode() for word in words]
    return b"".join(struct.pack("<I", len(word)) + word for word in encoded)


def vocabulary(kind: int, words: list[str]) -> tuple[int, bytes, None]:
    """Return a vocabulary of words, or with buckets or names of n-grams."""
    if kind == 8:
        ngrams = b"".join(texts([gram]) + struct.pack("<Q", 0) for gram in ("ab", "bc"))
        return kind, struct.pack("<QQII", len(words), 2, 2, 3) + texts(words) + ngrams, None
    buckets = b"" if kind == 1 else struct.pack("<III", 2, 3, 4)
    return kind, struct.pack("<Q", len(words)) + buckets + texts(words), None


def plain(matrix: np.ndarray) -> tuple[int, bytes, bytes]:
    return 2, struct.pack("<QII", *matrix.shape, 10), matrix.tobytes()


CODES = np.random.default_rng(2).integers(0, 5, (len(WORDS), 3)).astype(np.uint8)
CENTROIDS = np.random.default_rng(3).standard_normal((3, 5, 2), np.float32)
TURN = np.random.default_rng(4).standard_normal((6, 6), np.float32)


def quantised(*, turn: bool, norms: bool, codes: np.ndarray = CODES) -> tuple[int, bytes, bytes]:
    head = struct.pack("<IIIIIQII", turn, norms, 3, 6, 5, len(codes), 1, 10)
    parts = [TURN.tobytes() * turn, CENTROIDS.tobytes()]
    lengths = np.arange(1, len(codes) + 1, dtype=np.float32)
    return 4, head, b"".join([*parts, lengths.tobytes() * norms, codes.tobytes()])


@pytest.mark.parametrize("kind", [3, 7, 8])
def test_words_of_finalfusion_come_without_the_rows_of_ngrams(tmp_path: Path, kind: int) -> None:
    """Their own rows, as finalfusion answers for them; what is left out is counted."""
    matrix = np.concatenate((MATRIX, np.ones((4, 6), np.float32)))
    (tmp_path / "a.fifu").write_bytes(chunked([vocabulary(kind, WORDS), plain(matrix)]))
    found = import_vectors(tmp_path / "a.fifu", tmp_path / "run")
    check(found, "finalfusion")
    assert found.checkpoint.metadata["import"]["file"] == {"rows_of_ngrams_left_out": 4}


@pytest.mark.parametrize("kind", [1, 3])
@pytest.mark.parametrize("turn", [False, True])
@pytest.mark.parametrize("norms", [False, True])
def test_a_quantised_matrix_is_put_together(
    tmp_path: Path, kind: int, *, turn: bool, norms: bool
) -> None:
    """Part by part, turned back, and made as long as it was."""
    words = WORDS if kind == 1 else WORDS[:5]
    chunks = [vocabulary(kind, words), quantised(turn=turn, norms=norms)]
    (tmp_path / "a.fifu").write_bytes(chunked(chunks))

    found = import_vectors(tmp_path / "a.fifu", tmp_path / "run").checkpoint

    expected = []
    for row in range(len(words)):
        vector = np.concatenate([CENTROIDS[part, CODES[row, part]] for part in range(3)])
        vector = TURN @ vector if turn else vector
        expected.append(vector * (row + 1 if norms else 1))
    np.testing.assert_allclose(found.to_numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("chunks", "code"),
    [
        ([vocabulary(1, WORDS), quantised(turn=False, norms=False, codes=CODES + 3)], "input-file"),
        ([vocabulary(1, WORDS[:3]), quantised(turn=False, norms=False)], "input-rows"),
        ([vocabulary(3, [*WORDS, "more"]), quantised(turn=False, norms=False)], "input-rows"),
        ([(9, struct.pack("<IIIIIII", 2, 3, 4, 5, 6, 1, 1), None), plain(MATRIX)], None),
    ],
)
def test_an_odd_file_of_finalfusion_is_told(
    tmp_path: Path, chunks: list[Any], code: str | None
) -> None:
    """A code that stands for nothing, other lengths, and floret's table, which has no words."""
    (tmp_path / "a.fifu").write_bytes(chunked(chunks))
    with pytest.raises(embzarr.EmbzarrError) as caught:
        import_vectors(tmp_path / "a.fifu", tmp_path / "run")
    assert caught.value.code == (code or "feature-unsupported")


@pytest.mark.parametrize(
    "head",
    [
        *((0, 6, 5, 1, 10), (4, 6, 5, 1, 10), (7, 6, 5, 1, 10)),
        *((3, 6, 0, 1, 10), (3, 6, 257, 1, 10), (3, 6, 5, 2, 10), (3, 6, 5, 1, 11)),
    ],
)
def test_a_quantised_matrix_is_whole_parts_of_few_centroids(
    tmp_path: Path, head: tuple[int, ...]
) -> None:
    """Of 256 at most, which a byte can tell; what the head says besides is refused."""
    for parts, dim, centroids, code, number in (
        (3, 6, 256, 1, 10),
        (6, 6, 1, 1, 10),
        (1, 6, 1, 1, 10),
        head,
    ):
        told = struct.pack("<IIIIIQII", 0, 0, parts, dim, centroids, len(WORDS), code, number)
        numbers = np.ones(centroids * dim, np.float32).tobytes() + bytes(len(WORDS) * parts)
        (tmp_path / "a.fifu").write_bytes(chunked([vocabulary(1, WORDS), (4, told, numbers)]))
        if (parts, dim, centroids, code, number) != head:
            found = import_vectors(tmp_path / "a.fifu", tmp_path / f"run-{parts}").checkpoint
            assert found.to_numpy().tolist() == [[1] * dim] * len(WORDS)
    with pytest.raises(embzarr.InvalidInputError, match="no sound quantised matrix of 7 rows"):
        import_vectors(tmp_path / "a.fifu", tmp_path / "run")


@pytest.mark.parametrize("room", [0, 1])
def test_metadata_of_finalfusion_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """As text, whatever its bytes are; where it is too long it is passed over."""
    note = 'x = "é"\n'.encode() + b"\xff"
    monkeypatch.setattr(finalfusion, "_MOST_METADATA_BYTES", len(note) - 1 + room)
    (tmp_path / "a.fifu").write_bytes(
        chunked([(5, note, None), vocabulary(1, WORDS), plain(MATRIX)])
    )

    found = import_vectors(tmp_path / "a.fifu", tmp_path / "run")

    check(found, "finalfusion")
    told = {"metadata": 'x = "é"\n\ufffd'} if room else {}
    assert found.checkpoint.metadata["import"].get("file", {}) == told


def test_a_file_of_finalfusion_has_sixteen_chunks_at_most(tmp_path: Path) -> None:
    """More are not looked for."""
    parts = [vocabulary(1, WORDS), plain(MATRIX)]
    (tmp_path / "a.fifu").write_bytes(chunked([(5, b"", None)] * 14 + parts))
    check(import_vectors(tmp_path / "a.fifu", tmp_path / "run"), "finalfusion")
    (tmp_path / "a.fifu").write_bytes(chunked([(5, b"", None)] * 15 + parts))
    with pytest.raises(embzarr.InvalidInputError, match="byte 0: expected a header"):
        import_vectors(tmp_path / "a.fifu", tmp_path / "other")


# floret -------------------------------------------------------------------------------------------
@needs("floret")
def test_words_are_made_of_a_table_of_floret(tmp_path: Path) -> None:
    """As floret itself answers, words that it never saw included."""
    import floret  # noqa: PLC0415 - it may not be there

    # Not its first word, for which it does not answer the mean of the rows that it names.
    words = ["king", "é", "there", "猫", "unheard-of", "a b", "x" * 40]
    (tmp_path / "text").write_text("the king and the queen sat é here there\n" * 200)
    model = floret.train_unsupervised(
        str(tmp_path / "text"),
        model="cbow",
        mode="floret",
        dim=6,
        bucket=50,
        minn=2,
        maxn=5,
        hashCount=3,
        minCount=1,
        epoch=5,
        thread=1,
        verbose=0,
        lr=0.5,
    )
    model.save_floret_vectors(str(tmp_path / "a.floret"))
    (tmp_path / "words.txt").write_text("\n".join(words))

    found = import_vectors(
        tmp_path / "a.floret", tmp_path / "run", vocabulary=tmp_path / "words.txt"
    )

    assert (found.format, list(found.checkpoint.words)) == ("floret", words)
    expected = [model.get_word_vector(word) for word in words]
    np.testing.assert_allclose(found.checkpoint.to_numpy(), expected, rtol=2e-3, atol=1e-5)
    assert found.checkpoint.metadata["import"]["file"]["hash_count"] == 3
    # Words that the import was not asked for, of the table that it kept.
    unknown = ["kingdom", "queens", "çé", "q", "over there", "猫猫"]
    made = found.checkpoint.load([*unknown, "king"], missing="subwords")
    assert made.rows.tolist() == [-1] * 6 + [0]
    expected = [model.get_word_vector(word) for word in [*unknown, "king"]]
    np.testing.assert_allclose(made.vectors, expected, rtol=2e-3, atol=1e-5)
    np.testing.assert_array_equal(found.checkpoint.get_vector("queens"), made.vectors[1])
    # To the bits that an import gives that is asked for them.
    (tmp_path / "more.txt").write_text("\n".join(unknown))
    asked = import_vectors(tmp_path / "a.floret", tmp_path / "b", vocabulary=tmp_path / "more.txt")
    np.testing.assert_array_equal(asked.checkpoint.to_numpy(), made.vectors[:-1])


def floret_record(**members: Any) -> dict[str, Any]:
    """Return the record of a model of floret's table of 7 rows."""
    usual = {"form": "floret", "bucket": 7, "minn": 2, "maxn": 4, "hash_count": 2}
    return {**usual, "hash_seed": 1, "begin": "<", "end": ">", **members}


@pytest.mark.parametrize(
    "members",
    [
        {"bucket": 0},
        {"bucket": 8},
        {"bucket": True},
        {"minn": 5},
        {"maxn": 1000},
        {"hash_count": 5},
        {"hash_seed": -1},
        {"begin": 1},
        {"end": "x" * 1000},
        {"minn": None},
    ],
)
def test_n_grams_of_floret_that_cannot_be_are_refused(
    tmp_path: Path, members: dict[str, Any]
) -> None:
    """The record of a model may be a stranger's."""
    tensors = {"subwords": np.ones((7, 2), "f4")}
    saved = embzarr.save(
        tmp_path / "run", ["a"], np.ones((1, 2), "f4"), tensors=tensors, model=floret_record()
    )
    np.testing.assert_array_equal(saved.get_vector("b"), [1, 1])
    odd = embzarr.save(
        tmp_path / "run",
        ["a"],
        np.ones((1, 2), "f4"),
        tensors=tensors,
        model=floret_record(**members),
    )
    with pytest.raises(embzarr.DamagedError) as caught:
        odd.get_vector("b")
    assert caught.value.code == "model-invalid"


FLORET = b"3 2 2 3 2 2166136261 < >\n0 1 2 \n1 3 4 \n2 5 6 \n"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (FLORET[:-7], "expected 3 rows, found 2"),
        (FLORET.replace(b"1 3 4", b"2 3 4"), "row 1: expected its number"),
        (FLORET.replace(b"1 3 4", b"1 3"), "row 1: expected its number and 2 others, found 1"),
        (FLORET.replace(b"1 3 4", b"1 3 x"), "row 1: JSON"),
        (FLORET.replace(b"3 2 2 3 2", b"0 2 2 3 2"), "no sound parameters"),
    ],
)
def test_a_table_of_floret_that_is_not_sound_is_told(
    tmp_path: Path, data: bytes, told: str
) -> None:
    """With its row."""
    (tmp_path / "a.floret").write_bytes(data)
    with pytest.raises(embzarr.InvalidInputError, match=told):
        import_vectors(
            tmp_path / "a.floret",
            tmp_path / "run",
            format="floret",
            vocabulary=words_file(tmp_path),
        )


def test_a_table_of_floret_asks_for_words(tmp_path: Path) -> None:
    """The message names the argument; a word that is very long is not made."""
    (tmp_path / "a.floret").write_bytes(FLORET)
    with pytest.raises(embzarr.InvalidInputError, match="vocabulary="):
        import_vectors(tmp_path / "a.floret", tmp_path / "run")
    (tmp_path / "words.txt").write_text("a\n" + "m" * 2000)
    found = import_vectors(
        tmp_path / "a.floret",
        tmp_path / "run",
        vocabulary=tmp_path / "words.txt",
        on_error="skip",
    )
    assert (list(found.checkpoint.words), found.skipped) == (["a"], 1)
