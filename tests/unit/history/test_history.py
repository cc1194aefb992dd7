"""Finding commits: what is claimed decides neither what is built on nor what it costs."""

from __future__ import annotations

import gc
import json
import re
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from obstore.store import MemoryStore

import embzarr
from embzarr._storage.open import open_store
from embzarr._storage.port import Data, ObjectInfo
from embzarr.errors import DamagedError, EmbzarrError, NotFoundError, UnsupportedError
from embzarr_tools.fixtures._plain import canonical, sha256
from embzarr_tools.fixtures._plain_commit import commit_key
from faulty import PassThrough

FAR = 10**9
LARGEST = 2**53 - 1


class NoListing(PassThrough):
    """Cannot list, as a web server."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        raise UnsupportedError("store-cannot-list", f"cannot list {prefix}")


def save(url: object, step: int) -> embzarr.Checkpoint:
    return embzarr.save(url, ["a", "b"], [[step, 0.0], [step, 1.0]], step=step)


def contents(client: MemoryStore) -> dict[str, bytes]:
    return {
        info.key: bytes(open_store(client).get(info.key)) for info in open_store(client).list("")
    }


@pytest.fixture
def ahead() -> MemoryStore:
    """A copy of a store whose ``latest.json`` is ahead: commits 1 and 2, the hint of commit 4."""
    client = MemoryStore()
    for step in range(4):
        save(client, step)
    for number in (3, 4):
        client.delete(commit_key(number))
    return client


BUILDERS: dict[str, Callable[[embzarr.Run], object]] = {
    "save": lambda run: save(run._store, 9),
    "save_delta": lambda run: run.save_delta([0], [[9.0, 9.0]], step=9),
    "save_async": lambda run: run.save_async(["a"], np.full((1, 2), 9, "f4"), step=9).result(),
    "gc": lambda run: run.gc(keep_last=1),
}


@pytest.mark.parametrize("how", BUILDERS)
@pytest.mark.parametrize("kind", [PassThrough, NoListing])
def test_nobody_builds_on_a_hint(how: str, kind: type[PassThrough], ahead: MemoryStore) -> None:
    """Commits go on from the newest that is there: a hint that is ahead leaves no gap in them."""
    if how == "gc" and kind is NoListing:
        pytest.skip("a collector lists")
    run = embzarr.Run(kind(open_store(ahead)))
    assert run.open().commit == 2
    BUILDERS[how](run)

    commits = sorted(key for key in contents(ahead) if key.startswith("commits/"))
    assert commits == [commit_key(number) for number in (1, 2, 3)]
    third = json.loads(bytes(open_store(ahead).get(commit_key(3))))
    assert third["parent"] == {"commit": 2, "sha256": sha256(contents(ahead)[commit_key(2)])}
    assert all("steps/" not in path or path.startswith(("steps/0-", "steps/1-", "steps/9-"))
               for path in re.findall(r"steps/[0-9]+-", json.dumps(third)))  # fmt: skip
    assert embzarr.Run(ahead).gc().unreadable == ()
    assert embzarr.open(ahead).verify().ok


def test_a_hint_of_other_bytes_is_no_copy() -> None:
    """A hint of the newest number is taken only if it has the size of what stands there."""
    client = MemoryStore()
    save(client, 1)
    other = json.loads(contents(client)["latest.json"])
    client.put("latest.json", canonical({**other, "metadata": {"changed": "here"}}))

    assert embzarr.open(client).metadata == {}
    assert save(client, 2).verify().ok


def far(number: int) -> MemoryStore:
    """Commit 1, and another one of a number that is far off; both sound in themselves."""
    client = MemoryStore()
    save(client, 1)
    one = contents(client)[commit_key(1)]
    parent = {"commit": number - 1, "sha256": sha256(one)}
    late = canonical({**json.loads(one), "commit": number, "parent": parent, "step": 3})
    client.put(commit_key(number), late)
    client.put("latest.json", late)
    return client


REFUSALS = {"commit-missing", "step-missing", "store-cannot-list", "manifest-invalid"}

QUESTIONS: dict[str, Callable[[embzarr.Run], Any]] = {
    "open": lambda run: run.open().commit,
    "open(step=)": lambda run: run.open(step=2),
    "open(step=1)": lambda run: run.open(step=1).commit,
    "numbers": lambda run: run.numbers(),
    "commits": lambda run: len(run.commits()),
    "gc": lambda run: run.gc(keep_last=1),
    "gc, nothing changed": lambda run: run.gc(dry_run=True),
    "save": lambda run: save(run._store, 9).commit,
    "save_delta": lambda run: run.save_delta([0], [[9.0, 9.0]], step=9).commit,
    "repair": lambda run: embzarr.repair(run._store, dry_run=True).commits,
    "tag": lambda run: run.tag("a"),
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("number", [FAR, LARGEST])
@pytest.mark.parametrize("kind", [PassThrough, NoListing])
def test_a_number_costs_what_is_there(question: str, number: int, kind: type[PassThrough]) -> None:
    """A commit of number a billion costs no more than one of number 2, whatever is asked."""
    run = embzarr.Run(kind(open_store(far(number))))
    tracemalloc.start()
    try:
        QUESTIONS[question](run)
    except EmbzarrError as exc:
        assert exc.code in REFUSALS, exc  # noqa: PT017 - all answers are cheap
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert peak < 8 * 2**20


def test_a_number_that_no_commit_can_have_is_no_key_of_one(tmp_path: Path) -> None:
    """Beyond the largest integer of a manifest there is no commit, and such a file hinders none."""
    save(tmp_path, 1)
    (tmp_path / f"commits/{LARGEST + 1:020d}.json").write_bytes(b"not ours")
    (tmp_path / f"commits/{0:020d}.json").write_bytes(b"not ours")

    assert save(tmp_path, 2).commit == 2
    assert embzarr.Run(tmp_path).numbers() == [2, 1]


class Babbling(NoListing):
    """Answers with a line of text for whatever it does not have, and calls that success."""

    def get_range(self, key: str, start: int, length: int) -> Data:
        try:
            return super().get_range(key, start, length)
        except NotFoundError:
            return b"welcome"


def test_a_store_that_answers_for_every_number_is_not_walked_for_ever() -> None:
    """One damaged commit hides no other; sixteen in a row are what the store says of anything."""
    client = MemoryStore()
    for step in (1, 2):
        save(client, step)

    with pytest.raises(DamagedError, match=r"commits/\d+\.json: not JSON"):
        embzarr.open(Babbling(open_store(client)), step=1)


@pytest.mark.slow
def test_nothing_is_held_of_damaged_manifests() -> None:
    """Each is read, refused and let go of: an error that is kept holds nothing of what was read."""
    client = MemoryStore()
    store = open_store(client)
    embzarr.save(client, ["a"], [[1.0]])
    wrong = b'{"embzarr":{"version":1},"more":[' + b"{}," * 100_000 + b"{}]}"
    for number in range(2, 22):
        store.put(commit_key(number), wrong)
    run = embzarr.Run(client)

    gc.disable()
    tracemalloc.start()
    try:
        with pytest.raises(DamagedError):
            run.commits()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()

    assert held < 8 * 2**20
