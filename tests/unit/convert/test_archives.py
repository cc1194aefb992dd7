"""A file in an archive of tar, or of numpy."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

import embzarr
import vector_files
from embzarr.convert import import_vectors
from unit.convert.others import MATRIX, WORDS, check


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
