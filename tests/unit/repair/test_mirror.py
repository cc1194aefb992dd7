"""What a repair promises of its source: what cannot be read of it costs nothing but itself."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

import embzarr
from embzarr._storage.open import open_store
from embzarr._storage.port import Data, ObjectInfo, Store
from embzarr.errors import AccessDeniedError, EmbzarrError, StoreError
from embzarr_tools import cli
from faults.tally import Effort, Tally
from faulty import PassThrough
from tools.asking import Answer

WORDS = [f"w{row:03}" for row in range(300)]
VECTORS = np.random.default_rng(0).standard_normal((300, 64), np.float32)


def _link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


HARMS: Mapping[str, Callable[[Path], None]] = {
    "link": _link,
    "loop": _loop,
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two steps of the same vectors, so that each shard lies in two places."""
    folder = tmp_path / "run"
    for step in (1, 2):
        embzarr.save(folder, WORDS, VECTORS, step=step, compression="none")
    return folder


@pytest.fixture
def mirror(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "mirror"))


def files(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def shards(folder: Path) -> list[str]:
    return sorted(key for key in files(folder) if "/vectors/c/" in key)


@pytest.mark.parametrize("harm", HARMS)
def test_what_cannot_be_read_of_a_mirror_is_had_elsewhere(
    run: Path, mirror: Path, harm: str
) -> None:
    """One shard of the mirror is no file: another step of it has the same bytes."""
    sound = files(run)
    for key in shards(run):
        (run / key).unlink()
    first = mirror / shards(mirror)[-1]
    first.unlink()
    HARMS[harm](first)

    report = embzarr.repair(run, source=mirror, dry_run=False)

    assert report.ok
    assert files(run) == sound
    told = [] if harm == "folder" else [("key-escapes-root", first.relative_to(mirror).as_posix())]
    assert [(skipped.code, skipped.key) for skipped in report.skipped] == told


@pytest.mark.faults
def test_each_object_of_a_mirror_may_be_unreadable(
    run: Path, mirror: Path, tmp_path: Path, tally: Tally, full: Effort
) -> None:
    """Whichever object of the mirror is no file, what the others hold is restored."""
    failures = []
    cases = full.some(itertools.product(HARMS, files(mirror)), 13)
    for harm, key in cases:
        case, source = tmp_path / "case", tmp_path / "source"
        shutil.copytree(run, case)
        shutil.copytree(mirror, source)
        for shard in shards(case):
            (case / shard).unlink()
        (source / key).unlink()
        HARMS[harm](source / key)

        if not embzarr.repair(case, source=source, dry_run=False).ok:
            failures.append((harm, key))

        shutil.rmtree(case)
        shutil.rmtree(source)
    tally("objects of a mirror that are links, pipes or folders", len(cases), failures=failures)


def test_a_mirror_of_nothing_but_links_is_no_copy(run: Path, mirror: Path) -> None:
    """Links are not followed, so that there is nothing: the caller is told, and nothing is done."""
    for key in files(mirror):
        (mirror / key).unlink()
        _link(mirror / key)
    for key in shards(run):
        (run / key).unlink()
    before = files(run)

    with pytest.raises(embzarr.NotFoundError, match="links are not followed") as caught:
        embzarr.repair(run, source=mirror)

    assert caught.value.code == "checkpoint-missing"
    assert files(run) == before


class Refusing(PassThrough):
    """Answers to reads of some objects with an error."""

    def __init__(self, store: Store, error: EmbzarrError, part: str) -> None:
        super().__init__(store)
        self.error, self.part, self.asked = error, part, 0

    def get_range(self, key: str, start: int, length: int) -> Data:
        self._refuse(key)
        return super().get_range(key, start, length)

    def head(self, key: str) -> ObjectInfo:
        self._refuse(key)
        return super().head(key)

    def _refuse(self, key: str) -> None:
        if self.part in key:
            self.asked += 1
            raise self.error


DENIED = AccessDeniedError("access-denied", "no right to read this")
FAILED = StoreError("store-failed", "an input/output error")


@pytest.mark.parametrize("error", [DENIED, FAILED], ids=["denied", "failed"])
def test_what_may_not_be_read_of_a_mirror_is_passed_over(
    run: Path, mirror: Path, error: EmbzarrError
) -> None:
    """A file without the right to read it, or on a bad sector, ends no repair."""
    key = shards(run)[-1]
    (run / key).unlink()
    source = Refusing(open_store(mirror), error, key)
    other = shards(run)[0]
    assert other != key
    (run / other).unlink()

    report = embzarr.repair(run, source=source, dry_run=False)

    assert report.ok
    assert [(skipped.code, skipped.key) for skipped in report.skipped] == [(error.code, key)]


def test_a_mirror_that_does_not_answer_is_an_error(run: Path, mirror: Path) -> None:
    """A source that is down is not taken for one that holds nothing: three requests tell."""
    for key in shards(run):
        (run / key).unlink()
    source = Refusing(open_store(mirror), FAILED, "")
    with pytest.raises(StoreError):
        embzarr.repair(run, source=source)
    assert source.asked == 3


def test_the_command_line_tells_what_was_passed_over(
    capsys: pytest.CaptureFixture[str], run: Path, mirror: Path
) -> None:
    """A row for each, after what is lost."""
    for key in shards(run):
        (run / key).unlink()
    key = shards(mirror)[-1]
    (mirror / key).unlink()
    _link(mirror / key)

    code = cli.run(["repair", str(run), "--from", str(mirror)])
    answer = Answer(code, *capsys.readouterr())

    assert answer.code == 0
    assert [row[:2] for row in answer.rows if row[0] == "skipped"] == [["skipped", key]]
