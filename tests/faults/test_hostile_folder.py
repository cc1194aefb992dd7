"""Folders of an enemy, as they come out of an archive: links, pipes, and objects without end."""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numcodecs import zstd  # type: ignore[import-untyped]

import embzarr
from embzarr_tools.fixtures._plain import PlainArray
from embzarr_tools.fixtures._plain_commit import commit
from embzarr_tools.fixtures._samples import plain_store
from faults.exercise import exercise
from faults.hostile.register import KEY, PATH, sound
from faults.tally import Tally

pytestmark = pytest.mark.faults

MOST_BYTES = 64 * 2**20
KEYS = (
    KEY, "latest.json", "tags/best.json", "zarr.json", f"{PATH}/vectors/c/0/0",
    f"{PATH}/words/data/c/0", f"{PATH}/lookup/blocks/c/0/0", f"{PATH}/zarr.json",
)  # fmt: skip


def laid_out(folder: Path, without: str) -> Path:
    """Write a sound store without one object, and return the path of that."""
    for key, data in sound().items():
        if key != without:
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    (folder / without).parent.mkdir(parents=True, exist_ok=True)
    return folder / without


def outside(folder: Path, key: str) -> Path:
    """Return a file beside the store, the sound object's own bytes in it."""
    path = folder.parent / "secret"
    path.write_bytes(sound().get(key, sound()[KEY]))
    return path


def _socket(path: Path, _: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket has room for some hundred bytes
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


def _link_by_way_of_a_link(path: Path, secret: Path) -> None:
    path.with_name("x").symlink_to(secret)
    path.symlink_to("x")


LINKS: dict[str, Callable[[Path, Path], None]] = {
    "a link to a file": lambda path, secret: path.symlink_to(secret),
    "a relative link": lambda path, secret: path.symlink_to(
        os.path.relpath(secret, path.parent.resolve())
    ),
    "a link by way of a link": _link_by_way_of_a_link,
    "a link to a folder of the system": lambda path, _: path.symlink_to("/proc/self"),
    "a link to a file of the system": lambda path, _: path.symlink_to("/proc/self/environ"),
    "a link to a device": lambda path, _: path.symlink_to("/dev/zero"),
    "a link to nothing": lambda path, _: path.symlink_to("/nonexistent"),
    "a link to itself": lambda path, _: path.symlink_to(path.name),
    "a named pipe": lambda path, _: os.mkfifo(path),
    "a socket": _socket,
    "a folder": lambda path, _: path.mkdir(),
}


@pytest.mark.skipif(sys.platform != "linux", reason="devices and /proc")
def test_links_pipes_and_devices_are_refused(tmp_path: Path, tally: Tally) -> None:
    """A link that leaves the store, or what is no file, is never read, and never waited for."""
    failures = []
    for number, (what, make) in enumerate(LINKS.items()):
        for at, key in enumerate(KEYS):
            folder = tmp_path / f"{number}-{at}" / "run"
            make(laid_out(folder, key), outside(folder, key))
            failures += [f"{what} as {key}: {fault}" for fault in _faults(folder, key)]

    tally("links, pipes and devices in a local store", len(LINKS) * len(KEYS), failures=failures)


def _faults(folder: Path, key: str) -> list[str]:
    asked: list[object] = []
    thread = threading.Thread(target=lambda: asked.append(_outcomes(folder)), daemon=True)
    thread.start()
    thread.join(10)
    if not asked:
        return ["it hangs"]
    (found,) = asked
    if isinstance(found, Exception):
        return [f"untyped {found!r}"]
    return [] if _refused(found, key) else [f"was not refused: {found}"]  # type: ignore[arg-type]


def _outcomes(folder: Path) -> object:
    try:
        return exercise(folder)
    except Exception as exc:  # noqa: BLE001 - the finding
        return exc


def _refused(outcomes: dict[str, object], key: str) -> bool:
    """Tell whether the operation that reads the object ended as if it were not there, or worse."""
    if key in {"latest.json", "zarr.json"}:
        return True  # a hint and another reader's entrance: nobody need tell
    if "tags" in key:
        return isinstance(outcomes["tag"], embzarr.EmbzarrError)
    if key == KEY:
        return isinstance(outcomes["open"], embzarr.EmbzarrError)
    report = outcomes["verify"]
    assert isinstance(report, embzarr.VerifyReport), report
    return [problem.key for problem in report.problems] == [key]


def _growth(work: Callable[[], object]) -> int:
    """Return by how many bytes the resident memory grew, at most, during a call."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _peak()
    work()
    return _peak() - before


def _peak() -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"^VmHWM:\s+(\d+)", text, re.MULTILINE)[0]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by way of /proc")
@pytest.mark.parametrize("key", ["latest.json", "tags/best.json", KEY])
def test_an_object_of_terabytes_is_not_read_to_find_out(tmp_path: Path, key: str) -> None:
    """A manifest, hint or tag of 4 TiB (a file of holes) is refused by its size."""
    path = laid_out(tmp_path / "run", key)
    with path.open("wb") as file:
        file.truncate(2**42)

    found: list[dict[str, object]] = []
    grown = _growth(lambda: found.append(exercise(tmp_path / "run")))

    assert grown < MOST_BYTES
    if key != "latest.json":
        refused = found[0]["tag" if "tags" in key else "open"]
        assert isinstance(refused, embzarr.DamagedError)
        assert refused.code == "json-too-large"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by way of /proc")
def test_a_bomb_within_the_limits_is_decoded_a_chunk_at_a_time(tmp_path: Path) -> None:
    """Chunks of 48 MiB that compress to 5 KB are legal, and never in memory by the dozen."""
    store = plain_store()
    rows, dim = 10, 12 * 2**20
    store.arrays["vectors"] = PlainArray(
        data=np.broadcast_to(np.zeros(1, "<f4"), (rows, dim)),
        chunk=1,
        shard=16,
        codec={"name": "zstd", "level": 1},
        compress=lambda raw: bytes(zstd.compress(raw, 1)),
    )
    for key, data in commit(store).items():
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    checkpoint = embzarr.open(tmp_path)

    read = _growth(lambda: checkpoint.load_rows(0, rows, dims=slice(0, 1)).vectors)
    verified = _growth(checkpoint.verify)

    assert read < 4 * 48 * 2**20
    assert verified < 4 * 48 * 2**20
