"""A model of several files lies in a folder that is lent to it, whatever a store calls them."""

from __future__ import annotations

from pathlib import Path

import pytest

import embzarr
from embzarr.interop._models.own_form import save_folder

OUTSIDE = (
    "../out", "a/../../out", "..", "/out", "//host/out", "a/..", "..\\out", "a\\..\\..\\out",
    "C:\\out", "C:out", "\\out", "a\0b", "out\0",
)  # fmt: skip


@pytest.mark.parametrize("name", [*OUTSIDE, "{outside}/out"])
def test_no_file_of_a_stranger_leaves_its_folder(tmp_path: Path, name: str) -> None:
    """Up, from the root of this system or of another, or by what ends a name."""
    name = name.replace("{outside}", str(tmp_path))
    saved = embzarr.save(tmp_path / "run", files={"metadata/part": b"x", name: b"stranger's"})
    lent = tmp_path / "lent" / "model"
    lent.mkdir(parents=True)

    with pytest.raises(embzarr.DamagedError, match="a file named") as caught:
        save_folder(saved, lent)

    assert caught.value.code == "model-invalid"
    assert not [*lent.iterdir()]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lent", "run"]


def test_a_file_for_a_folder_is_told(tmp_path: Path) -> None:
    """A name that cannot be beside another one is the store's fault."""
    saved = embzarr.save(tmp_path / "run", files={"a": b"1", "a/b": b"2"})
    with pytest.raises(embzarr.DamagedError, match="a file named 'a/b'"):
        save_folder(saved, tmp_path / "model")


def test_files_have_their_names(tmp_path: Path) -> None:
    """Dots and blanks are no reason to refuse one."""
    names = ["a", "b/c.d/e f", "..g", "h..", "data/part-00000-猫.snappy.parquet"]
    saved = embzarr.save(tmp_path / "run", files={name: name.encode() for name in names})

    save_folder(saved, tmp_path / "model")

    found = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert {str(path.relative_to(tmp_path / "model")): path.read_bytes() for path in found} == {
        name: name.encode() for name in names
    }
