"""Folders whose URL ends in a slash: stores of Zarr, static models, tables of several files."""

from __future__ import annotations

import io
import json
import sys
import tempfile
import zipfile
from pathlib import Path

import fsspec  # type: ignore[import-untyped]  # has no stubs
import pytest
import zarr

import embzarr
from embzarr._storage import open_store
from embzarr.convert import import_vectors
from embzarr.convert._folders import at_hand
from embzarr.convert._source import Source
from servers.s3 import S3Server
from unit.convert.others import MATRIX, WORDS, check, words_file
from unit.convert.test_matrices import safetensors

STATIC = {
    "model.safetensors": safetensors({"x": ("F32", [7, 6], MATRIX.tobytes())}),
    "tokenizer.json": json.dumps(
        {"model": {"vocab": {word: row for row, word in enumerate(WORDS)}}}
    ).encode(),
}


def test_a_store_of_zarr_on_s3_is_imported(
    moto_s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the SDK's own client, chunks as they are, and nothing of the copy stays."""
    monkeypatch.setitem(sys.modules, "s3fs", None)
    bucket = moto_s3.new_bucket()
    store = open_store(moto_s3.url(bucket, "a.zarr"), storage_options=moto_s3.options)
    zarr.create_array(tmp_path / "a.zarr", data=MATRIX, chunks=(2, 6))
    for path in (tmp_path / "a.zarr").rglob("*"):
        if path.is_file():
            store.put(path.relative_to(tmp_path / "a.zarr").as_posix(), path.read_bytes())
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    url, words = moto_s3.url(bucket, "a.zarr") + "/", words_file(tmp_path)
    found = import_vectors(
        url, tmp_path / "run", vocabulary=io.BytesIO(words.read_bytes()),
        source_options=moto_s3.options,
    )  # fmt: skip

    check(found, "zarr")
    assert found.source.name == "a.zarr"
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_static_model_of_any_filesystem_is_imported(tmp_path: Path, *, is_packed: bool) -> None:
    """Of fsspec's, a folder of an archive among them."""
    url = f"zip://m/::{tmp_path}/a.zip" if is_packed else "memory://static/m/"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, data in STATIC.items():
            archive.writestr(f"m/{name}", data)
            fsspec.filesystem("memory").pipe(f"/static/m/{name}", data)

    found = import_vectors(url, tmp_path / "run")

    check(found, "safetensors")
    assert found.source.name == "m"


@pytest.mark.parametrize("url", ["memory://nothing/", "memory://static/m"])
def test_a_folder_that_is_not_there_is_told(tmp_path: Path, url: str) -> None:
    """Of one without a slash, too, how it is to be written."""
    fsspec.filesystem("memory").pipe("/static/m/x", b"")
    with pytest.raises(embzarr.NotFoundError, match=r"without files|ends in a slash"):
        import_vectors(url, tmp_path / "run")


@pytest.mark.parametrize("source", ["https://host/x/", "tar://m/::a.tar", "a/folder/"])
def test_what_lists_nothing_is_no_folder_of_a_store(source: str) -> None:
    """A page of the web may end in a slash, and a path does not need one."""
    with at_hand(source, None) as given:
        assert given == source


@pytest.mark.parametrize("name", ["../out", "a//b", "a/../../out"])
def test_a_name_does_not_leave_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whatever a store lists."""
    fsspec.filesystem("memory").pipe("/listed/x", b"x")
    below = Source.below
    monkeypatch.setattr(Source, "below", lambda self: [(name, file) for _, file in below(self)])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    with pytest.raises(embzarr.InvalidInputError, match="leaves its folder"):
        import_vectors("memory://listed/", tmp_path / "run")

    assert [path.name for path in tmp_path.iterdir()] == ["temporary"]
