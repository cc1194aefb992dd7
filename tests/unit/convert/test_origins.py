"""What is told of the files that vectors came from, where there are several."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]  # has no stubs
import numpy as np
import pytest

import embzarr
from embzarr.convert import Imported, import_vectors
from embzarr.convert import _source as source_module
from embzarr.convert._source import Source
from unit.convert.others import MATRIX, WORDS, check, needs, words_file
from unit.convert.test_datasets import parts
from unit.convert.test_spacy_and_model2vec import spacy_folder, static_model, tokenizer
from unit.convert.test_staticvectors import static

VOCAB = tokenizer({word: row for row, word in enumerate(WORDS)})


def told_of(path: Path, name: str) -> dict[str, Any]:
    data = path.read_bytes()
    return {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def check_files(found: Imported, folder: Path, names: list[str]) -> None:
    """Compare what the metadata and the result say with the files."""
    told = found.checkpoint.metadata["import"]
    assert told["files"] == [told_of(folder / name, name) for name in names]
    assert [file.to_json() for file in found.files] == told["files"]
    assert "files_left_out" not in told


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the base names of files whose bytes are asked for, each time that they are."""
    names: list[str] = []
    unseen = Source._opened

    def seen(source: Source) -> Any:
        names.append(source.own_name)
        return unseen(source)

    monkeypatch.setattr(Source, "_opened", seen)
    return names


def test_a_file_that_is_read_alone_has_no_list(tmp_path: Path) -> None:
    """Nor has one with a vocabulary that was given: both have members of their own."""
    np.save(tmp_path / "a.npy", MATRIX)
    found = import_vectors(tmp_path / "a.npy", tmp_path / "run", vocabulary=words_file(tmp_path))
    assert found.files == ()
    assert "files" not in found.checkpoint.metadata["import"]


@pytest.mark.parametrize("cache", ["", "simplecache::"])
def test_a_member_of_an_archive_is_told_by_its_own_name(tmp_path: Path, cache: str) -> None:
    """Whose size and digest they are; a cache before it is no name."""
    np.save(tmp_path / "a.npy", MATRIX)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.npy", "in/a.npy")
    url = f"{cache}zip://in/a.npy::{tmp_path}/a.zip"

    found = import_vectors(url, tmp_path / "run", vocabulary=words_file(tmp_path))

    assert found.source.to_json() == told_of(tmp_path / "a.npy", "a.npy")


def test_files_of_spacy_are_told(tmp_path: Path) -> None:
    """Those that were read, by their names in the folder that was given."""
    (tmp_path / "p").mkdir()
    spacy_folder(tmp_path / "p" / "vocab")
    (tmp_path / "p" / "vocab" / "lookups.bin").write_bytes(b"not read")

    found = import_vectors(tmp_path / "p", tmp_path / "run")

    names = ["vocab/vectors", "vocab/key2row", "vocab/strings.json"]
    check_files(found, tmp_path / "p", names)
    assert found.source.name == "p"
    assert found.source.sha256 == told_of(tmp_path / "p/vocab/vectors", "")["sha256"]


@pytest.mark.parametrize("below", ["", "0_StaticEmbedding/"])
def test_files_of_a_static_model_are_told(tmp_path: Path, below: str) -> None:
    """Its tokenizer among them, which is the file of its words."""
    (tmp_path / "m").mkdir()
    made = static_model(tmp_path / "m" / "0_StaticEmbedding", VOCAB)
    folder = tmp_path / "m" if below else made

    found = import_vectors(folder, tmp_path / "run")

    check_files(found, folder, [f"{below}model.safetensors", f"{below}tokenizer.json"])
    assert found.vocabulary is not None
    assert found.vocabulary.to_json() == told_of(made / "tokenizer.json", "tokenizer.json")


def test_words_that_are_given_take_the_place_of_a_folders(tmp_path: Path) -> None:
    """Whose file is not read then, nor told of."""
    folder = static_model(tmp_path / "m", VOCAB)
    found = import_vectors(folder, tmp_path / "run", vocabulary=words_file(tmp_path))
    check_files(found, folder, ["model.safetensors"])
    assert found.vocabulary is not None
    assert found.vocabulary.name == "words.txt"


def test_files_of_staticvectors_are_told(tmp_path: Path) -> None:
    """Its words and its parameters."""
    folder = static(tmp_path / "m", {"vectors": MATRIX}, WORDS, {})
    found = import_vectors(folder, tmp_path / "run")
    check_files(found, folder, ["model.safetensors", "vocab.json", "config.json"])


def test_what_was_read_from_beginning_to_end_is_not_read_again(
    tmp_path: Path, opened: list[str]
) -> None:
    """For its digest, which is made as it goes by; words are read twice by their reader."""
    import_vectors(static(tmp_path / "m", {"vectors": MATRIX}, WORDS, {}), tmp_path / "run")
    once = ["model.safetensors", "config.json"]
    assert sorted(opened) == sorted([*once, "vocab.json", "vocab.json"])


def test_the_array_beside_a_pickle_is_told(tmp_path: Path, opened: list[str]) -> None:
    """Though the pickle itself is but the name by which it was given."""
    (tmp_path / "a.kv").write_bytes(b"\x80\x04never loaded.")
    np.save(tmp_path / "a.kv.vectors.npy", MATRIX)

    found = import_vectors(
        tmp_path / "a.kv", tmp_path / "run", format="gensim", vocabulary=words_file(tmp_path)
    )

    check(found, "gensim")
    check_files(found, tmp_path, ["a.kv", "a.kv.vectors.npy"])
    assert opened.count("a.kv.vectors.npy") == 1


def test_files_beside_one_of_any_filesystem_are_found_and_told(tmp_path: Path) -> None:
    """Where that is, and not in the folder of a temporary copy."""
    memory = fsspec.filesystem("memory")
    folder = spacy_folder(tmp_path / "v")
    memory.put(str(folder), "/of-origins/v", recursive=True)
    try:
        found = import_vectors("memory://of-origins/v/vectors", tmp_path / "run", format="spacy")
        check_files(found, folder, ["vectors", "key2row", "strings.json"])
        memory.rm("/of-origins/v/key2row")
        with pytest.raises(embzarr.NotFoundError, match="key2row: expected a file"):
            import_vectors("memory://of-origins/v/vectors", tmp_path / "b", format="spacy")
    finally:
        memory.rm("/of-origins", recursive=True)


def test_an_open_file_has_none_beside_it(tmp_path: Path) -> None:
    """So that a format that needs them is refused."""
    folder = spacy_folder(tmp_path / "v")
    with (
        (folder / "vectors").open("rb") as file,
        pytest.raises(embzarr.NotFoundError, match="nothing is beside an open file"),
    ):
        import_vectors(file, tmp_path / "run", format="spacy")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_files_of_a_zarr_array_are_told(tmp_path: Path, zarr_format: Any) -> None:
    """Its chunks, too, in the order of their names, and nothing twice."""
    import zarr  # noqa: PLC0415 - slow to import

    folder = tmp_path / "a.zarr"
    zarr.create_array(folder, data=MATRIX, chunks=(2, 6), zarr_format=zarr_format)
    found = import_vectors(
        folder, tmp_path / "run", vocabulary=words_file(tmp_path), duplicates="last"
    )
    first = "zarr.json" if zarr_format == 3 else ".zarray"
    others = sorted(
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and file.name != first
    )
    check_files(found, folder, [first, *others])


def test_files_have_a_largest_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more than a thousand, how many they are is told: metadata are read by each open."""
    import zarr  # noqa: PLC0415 - slow to import

    monkeypatch.setattr(source_module, "MOST_FILES", 2)
    zarr.create_array(tmp_path / "a.zarr", data=MATRIX, chunks=(1, 6))
    found = import_vectors(
        tmp_path / "a.zarr", tmp_path / "run", vocabulary=words_file(tmp_path), duplicates="last"
    )
    told = found.checkpoint.metadata["import"]
    assert [file["name"] for file in told["files"]] == ["zarr.json", "c/0/0", "c/1/0"]
    assert told["files_left_out"] == len(WORDS) - 2


def test_what_a_limit_leaves_unread_has_no_digest(tmp_path: Path) -> None:
    """But size and name; small files that were read whole have one."""
    folder = spacy_folder(tmp_path / "v")
    found = import_vectors(folder, tmp_path / "run", limit=1)
    _, *whole = found.files
    assert found.files[0].sha256 is None
    assert [file.to_json() for file in whole] == [
        told_of(folder / name, name) for name in ("key2row", "strings.json")
    ]
    array = tmp_path / "a.zarr"

    import zarr  # noqa: PLC0415 - slow to import

    zarr.create_array(array, data=MATRIX, chunks=(4, 6))
    found = import_vectors(array, tmp_path / "b", vocabulary=words_file(tmp_path), limit=1)
    assert [(file.name, file.sha256) for file in found.files] == [
        ("zarr.json", None), ("c/0/0", None), ("c/1/0", None),
    ]  # fmt: skip
    assert found.files[1].size == (array / "c/0/0").stat().st_size


@needs("pyarrow")
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_files_of_a_table_are_told(tmp_path: Path, ending: str) -> None:
    """Each, beside the size and the digest of all of them one behind the other."""
    folder = parts(tmp_path / "table", ending)
    names = sorted(file.name for file in folder.glob(f"part-*.{ending}"))
    check_files(import_vectors(folder, tmp_path / "run"), folder, names)
    assert import_vectors(folder, tmp_path / "limited", limit=1).files == ()


@needs("lance")
def test_files_of_a_version_of_lance_are_told(tmp_path: Path) -> None:
    """Of the newest one: its manifest, its data, and what was deleted; not those of others."""
    import lance  # noqa: PLC0415 - it may not be there
    import pyarrow as pa  # noqa: PLC0415

    def table(rows: slice) -> Any:
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(MATRIX[rows].reshape(-1)), 6)
        return pa.table({"word": WORDS[rows], "vector": vectors})

    folder = tmp_path / "a.lance"
    lance.write_dataset(table(slice(7)), str(folder))
    lance.write_dataset(table(slice(4)), str(folder), mode="overwrite")
    lance.write_dataset(table(slice(4, 7)), str(folder), mode="append")
    lance.dataset(str(folder)).delete("word = 'in'")

    found = import_vectors(folder, tmp_path / "run")

    assert list(found.checkpoint.words) == [word for word in WORDS if word != "in"]
    names = [file.name for file in found.files]
    assert [name.partition("/")[0] for name in sorted(names)] == [
        "_deletions", "_versions", "data", "data",
    ]  # fmt: skip
    check_files(found, folder, names)
    assert names[0] == f"_versions/{2**64 - 1 - 4}.manifest"


@needs("gensim")
@pytest.mark.parametrize("ending", [".kv", ".model"])
@pytest.mark.parametrize("is_remote", [False, True])
def test_files_that_gensim_reads_by_itself_are_told(
    tmp_path: Path, ending: str, *, is_remote: bool
) -> None:
    """Wherever they lie; one that an earlier save has left is none of them."""
    from gensim.models import Word2Vec  # noqa: PLC0415 - it may not be there

    folder = tmp_path / "in"
    folder.mkdir()
    model = Word2Vec([WORDS] * 3, vector_size=6, min_count=1, workers=1, seed=1)
    saved = model.wv if ending == ".kv" else model
    saved.save(str(folder / f"a{ending}"), sep_limit=1)
    names = sorted(file.name for file in folder.glob("*.npy"))
    assert len(names) > 1
    (folder / f"a{ending}.stale.npy").write_bytes(b"of an earlier save")
    source: Any = folder / f"a{ending}"
    if is_remote:
        fsspec.filesystem("memory").put(str(folder), "/of-gensim", recursive=True)
        source = f"memory://of-gensim/a{ending}"
    try:
        found = import_vectors(source, tmp_path / "run", allow_pickle=True)
    finally:
        if is_remote:
            fsspec.filesystem("memory").rm("/of-gensim", recursive=True)

    told = [file.name for file in found.files]
    assert (told[0], sorted(told[1:])) == (f"a{ending}", names)
    check_files(found, folder, told)
