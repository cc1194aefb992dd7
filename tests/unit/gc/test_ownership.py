"""A collection deletes what is known to be ours, by place and by name, and nothing else."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fsspec.implementations.dirfs import DirFileSystem  # type: ignore[import-untyped]  # no types
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]  # same

import embzarr
from embzarr._format import keys
from embzarr._gc import collect
from embzarr._storage.open import open_store

HEX = "0123456789abcdef" * 2
DIGITS = str(10**17 + 1)
FOREIGN = (
    "README", "notes/issue#12", f"notes/issue#{DIGITS}", f"notes/issue#{HEX}", f"issue#{HEX}",
    ".git/objects/ab/cd#123", f".git/index#{HEX}", f"sub/zarr.json#{HEX}", f"sub/latest.json#{HEX}",
    f"sub/commits/00000000000000000001.json#{HEX}", f"sub/steps/1-{HEX}/vectors/c/0/0#{HEX}",
    f"sub/steps/1-{HEX}/vectors/c/0/0", "steps/my-notes/today", f"steps/my-notes/today#{HEX}",
    f"steps/my-notes/zarr.json#{HEX}", f"steps/01-{HEX}/zarr.json", f"steps/1-{HEX[:-1]}/zarr.json",
    f"steps/1-{HEX.upper()}/zarr.json", f"steps/x#{HEX}", "commits/notes.txt",
    f"commits/1.json#{HEX}",
    "commits/00000000000000000001.json#7", f"tags/..json#{HEX}", f"tags/a/b.json#{HEX}",
    f"probe/mine#{HEX}", "quarantine/kept/README", "quarantine/kept/abc", f"quarantine/x#{HEX}",
    "latest.json#1", "latest.json~", f"latest.json.{HEX}.tmp",
)  # fmt: skip
"""What others may have below the root of a run."""
IN_A_LAYER = ("README", "vectors/c/0/0.bak", "vectors/.DS_Store", "vectors/c/0/0#1", "core")
"""What others may have in a folder that a write has for itself."""
OURS = (
    "latest.json", "zarr.json", "steps/zarr.json", "tags/best.json", f"probe/{HEX}",
    "commits/00000000000000000009.json", "quarantine/00000000000000000001.json",
    f"quarantine/kept/{HEX * 2}", f"steps/7-{HEX}/zarr.json", f"steps/7-{HEX}/vectors/c/0/0",
    f"steps/7-{HEX}/words/data/c/12", f"steps/7-{HEX}/parts/3.json",
)  # fmt: skip


def put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"somebody's")
    os.utime(path, (1, 1))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three steps."""
    for step in range(3):
        embzarr.save(tmp_path, ["a"], np.full((1, 2), step, "f4"), step=step)
    return tmp_path


def test_what_others_have_below_the_root_stays(root: Path) -> None:
    """Their files, old and named as they are, and a run of theirs below, half-written files too."""
    for key in FOREIGN:
        put(root / key)
    report = embzarr.Run(root).gc(keep_last=1, older_than=0)

    assert report.expired == (1, 2)
    assert [key for key in FOREIGN if not (root / key).exists()] == []
    assert embzarr.Run(root).gc(keep_last=1, older_than=0).objects == ()
    embzarr.repair(root, dry_run=False)
    assert [key for key in FOREIGN if not (root / key).exists()] == []


def test_what_others_have_in_a_layer_stays(root: Path) -> None:
    """A folder that is given up is emptied of what a layer holds, and of nothing else."""
    (layer,) = (root / "steps").glob("0-*")
    for name in IN_A_LAYER:
        put(layer / name)
    report = embzarr.Run(root).gc(keep_last=1)
    left = {path.relative_to(layer).as_posix() for path in layer.rglob("*") if path.is_file()}

    assert left == {*IN_A_LAYER}
    assert all(keys.is_ours(info.key) for info in report.objects)
    again = embzarr.Run(root).gc(keep_last=1)
    assert (again.commit, again.objects, again.waiting) == (None, (), ())


@pytest.mark.parametrize("digits", [HEX, DIGITS])
@pytest.mark.parametrize("key", OURS)
def test_half_an_object_of_ours_goes(key: str, digits: str, root: Path) -> None:
    """Where an object of ours was being written, by this version or an earlier one."""
    put(root / f"{key}#{digits}")
    report = embzarr.Run(root).gc()

    assert [info.key for info in report.objects] == [f"{key}#{digits}"]
    assert not (root / f"{key}#{digits}").exists()


@pytest.mark.parametrize("key", [*OURS, *FOREIGN])
def test_files_that_were_to_be_renamed(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where a file gets its name by a rename: in place of an object of ours, or not."""
    monkeypatch.setattr(collect, "_MAKING_SECONDS", 0)
    memory, name = MemoryFileSystem(), f"/renames-{secrets.token_hex(8)}"
    store = DirFileSystem(name, memory)
    embzarr.save(store, ["a"], [[1.0]])
    left = f"{name}/{key}.{HEX[::-1]}.tmp"
    memory.pipe_file(left, b"half")
    memory.store[left].created = memory.store[left].modified = memory.created(left).replace(
        year=1990
    )
    embzarr.Run(store).gc(older_than=0)

    assert memory.exists(left) == (key not in OURS)
    memory.rm(name, recursive=True)


def test_folders_of_others_are_not_looked_into(root: Path) -> None:
    """A folder that must not be read, such as ``lost+found``, does not end a collection."""
    walked: list[str] = []
    real = os.scandir

    def scandir(path: str) -> object:
        walked.append(Path(path).relative_to(root).as_posix())
        return real(path)

    put(root / "lost+found/file")
    put(root / "notes/file")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", scandir)
        embzarr.Run(root).gc(older_than=0)

    assert not any(name.startswith(("lost+found", "notes")) for name in walked)


def test_files_in_the_making_have_names_of_ours(root: Path) -> None:
    """A writer that is killed leaves files that a collection knows to be ours."""
    seen: list[str] = []
    real = os.link

    def link(source: Path, target: Path) -> None:
        seen.extend(path.relative_to(root).as_posix() for path in root.rglob("*#*"))
        real(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "link", link)
        embzarr.save(root, ["a"], [[1.0, 1.0]])
    kept: Callable[[str], bool] = keys.is_ours

    assert seen
    assert all(kept(name.partition("#")[0]) and len(name.partition("#")[2]) == 32 for name in seen)
    assert [*open_store(root).list("probe/")] == []
