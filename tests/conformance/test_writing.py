"""What a writer does and in which order: section "Commit", by what it asks of the store."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.implementations.dirfs import (  # type: ignore[import-untyped]  # fsspec has no types
    DirFileSystem,
)
from fsspec.implementations.memory import (  # type: ignore[import-untyped]  # the same
    MemoryFileSystem,
)

import embzarr
from conformance.plain_reader import read_commit, sha256
from conformance.recorder import Recorder
from embzarr._storage.open import open_store
from embzarr.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

FIRST, SECOND = (f"commits/{number:020d}.json" for number in (1, 2))


def save(url: object, word: str = "w", **options: Any) -> embzarr.Checkpoint:
    """Save one word with a vector of one number."""
    return embzarr.save(url, [word], [[1.0]], **options)


def test_everything_is_stored_before_the_manifest_and_the_hint_after(tmp_path: Path) -> None:
    """Objects of the layer and the root, then the manifest by create alone, then the hint."""
    store = Recorder(open_store(tmp_path))
    checkpoint = save(store)
    written = [(verb, key) for verb, key in store.log if verb in {"put", "create"}]
    path = read_commit(tmp_path, 1).layer["path"]

    assert written[-2:] == [("create", FIRST), ("put", "latest.json")]
    own = [key for _, key in written[:-2] if key.startswith(f"{path}/")]
    others = [(verb, key) for verb, key in written[:-2] if key not in own]
    assert sorted(others) == [("create", "steps/zarr.json"), ("create", "zarr.json")]
    assert len(own) == len(read_commit(tmp_path, 1).layer["objects"])
    assert checkpoint.commit == 1


def test_numbers_follow_each_other(tmp_path: Path) -> None:
    """Commits are numbered from 1 without gaps, each naming the one before."""
    numbers = [save(tmp_path, step=step).commit for step in (5, 3, 5)]
    parents = [read_commit(tmp_path, number).manifest["parent"] for number in numbers]
    first = (tmp_path / FIRST).read_bytes()

    assert numbers == [1, 2, 3]
    assert parents[:2] == [None, {"commit": 1, "sha256": sha256(first)}]


def test_a_hint_that_cannot_be_written_fails_no_commit(tmp_path: Path) -> None:
    """The commit stands whether or not `latest.json` was replaced."""
    (tmp_path / "latest.json").mkdir(parents=True)

    assert save(tmp_path).commit == 1
    assert (tmp_path / FIRST).is_file()


def test_a_taken_number_is_followed(tmp_path: Path) -> None:
    """Where another writer was first, a full step takes the next number and names the winner."""
    rivals = iter(["rival"])

    def rival_first(key: str) -> None:
        if key.startswith("commits/"):
            for word in rivals:
                save(tmp_path, word)

    ours = save(Recorder(open_store(tmp_path), before_create=rival_first), "ours")
    parent = read_commit(tmp_path, 2).manifest["parent"]

    assert ours.commit == 2
    assert parent["sha256"] == sha256((tmp_path / FIRST).read_bytes())
    assert embzarr.open(tmp_path, commit=1).words == ["rival"]


@pytest.mark.usefixtures("no_pauses")
def test_a_lost_answer_is_looked_up(tmp_path: Path) -> None:
    """A manifest that was created although the store did not say so is found and kept."""

    def lose(key: str) -> None:
        if key.startswith("commits/"):
            raise StoreError("store-failed", "the answer is lost")

    store = Recorder(open_store(tmp_path), after_create=lose)
    commit = save(store).commit
    after = store.log[store.log.index(("create", FIRST)) + 1]

    assert commit == 1
    assert after == ("get", FIRST)
    assert len(embzarr.Run(tmp_path).commits()) == 1


@pytest.mark.usefixtures("no_pauses")
def test_a_lost_request_that_a_rival_overtook_is_looked_up(tmp_path: Path) -> None:
    """Where the create never arrived and another writer's did, the number is theirs."""
    rivals = iter(["rival"])

    def lose(key: str) -> None:
        for word in rivals if key.startswith("commits/") else ():
            save(tmp_path, word)
            raise StoreError("store-failed", "the request is lost")

    ours = save(Recorder(open_store(tmp_path), before_create=lose), "ours")

    assert ours.commit == 2
    assert embzarr.open(tmp_path, commit=1).words == ["rival"]


@pytest.mark.usefixtures("no_pauses")
def test_an_unknown_outcome_is_reported_and_nothing_is_deleted(tmp_path: Path) -> None:
    """A writer that cannot learn what became of its manifest says so and leaves all as it is."""

    def fail(key: str) -> None:
        if key.startswith("commits/"):
            raise StoreError("store-failed", "no answer")

    store = Recorder(open_store(tmp_path), before_create=fail)
    with pytest.raises(StoreError) as caught:
        save(store)

    assert caught.value.code == "commit-unknown"
    assert store.keys("delete") == []


def test_a_write_that_fails_before_its_manifest_is_not_seen(tmp_path: Path) -> None:
    """What an aborted write may delete is its own, and nothing of it is visible."""
    save(tmp_path, "before")
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    with (
        pytest.raises(embzarr.InvalidInputError),
        embzarr.create(tmp_path, 1, placement="lexical") as writer,
    ):
        writer.append(["b", "a"], [[1.0], [2.0]])

    assert before <= {path for path in tmp_path.rglob("*") if path.is_file()}
    assert embzarr.open(tmp_path).words == ["before"]


def test_the_store_id_of_the_first_writer_is_kept(tmp_path: Path) -> None:
    """A writer whose root document was not the first takes the id that stands there."""
    save(tmp_path / "other")
    root = (tmp_path / "other/zarr.json").read_bytes()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/zarr.json").write_bytes(root)
    save(tmp_path / "mine")
    told = json.loads(root)["attributes"]["embzarr"]["store"]

    assert told == read_commit(tmp_path / "mine", 1).manifest["store"]
    assert root == (tmp_path / "mine/zarr.json").read_bytes()


def test_a_foreign_root_is_refused(tmp_path: Path) -> None:
    """Below a Zarr node of something else nothing is committed."""
    (tmp_path / "zarr.json").write_text('{"zarr_format":3,"node_type":"group","attributes":{}}')
    with pytest.raises(embzarr.ConflictError) as caught:
        save(tmp_path)

    assert caught.value.code == "root-foreign"
    assert not (tmp_path / "commits").exists()


def test_every_write_has_an_id_of_its_own(tmp_path: Path) -> None:
    """Saving one step again and again never writes to the same folder."""
    for _ in range(3):
        save(tmp_path, step=1)
    ids = {read_commit(tmp_path, number).manifest["write_id"] for number in (1, 2, 3)}

    assert len(ids) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)
    assert {f"1-{each}" for each in ids} == {p.name for p in tmp_path.glob("steps/1-*")}


class _Unknown(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A filesystem of which nobody knows whether it can create exclusively."""

    protocol = "unknown"


def test_a_store_without_exclusive_create_is_refused() -> None:
    """Only a caller who vouches to be the only writer may write there."""
    folder = DirFileSystem("/conformance-unknown", _Unknown())
    with pytest.raises(embzarr.UnsupportedError) as caught:
        save(folder)

    assert caught.value.code == "create-not-exclusive"
    assert save(folder, single_writer=True).commit == 1


def test_a_store_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    """A writer adds no commit after one that it cannot read."""
    save(tmp_path)
    later = (tmp_path / FIRST).read_bytes().replace(b'"version":1', b'"version":2')
    (tmp_path / FIRST).write_bytes(later)
    (tmp_path / "latest.json").unlink()
    for step in (None, 7):
        with pytest.raises(embzarr.UnsupportedError) as caught:
            save(tmp_path, step=step)

        assert caught.value.code == "version-unsupported"
    assert [path.name for path in (tmp_path / "commits").iterdir()] == [FIRST[8:]]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"metadata": json.loads('{"a":' * 32 + "1" + "}" * 32)}, id="too deep"),
        pytest.param({"metadata": {"a": 2**53}}, id="too large an integer"),
        pytest.param({"metadata": {"a": float("nan")}}, id="not a number"),
        pytest.param({"columns": {f"c{at}": [1] for at in range(256)}}, id="too many columns"),
        pytest.param({"columns": {"words.data": [1]}}, id="a reserved name"),
    ],
)
def test_what_no_reader_would_take_is_refused_first(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    """Input that breaks a limit of the manifest is refused before anything is written."""
    with pytest.raises(embzarr.InvalidInputError):
        save(tmp_path / "run", **options)

    assert not (tmp_path / "run").exists()


def test_no_secret_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither options of the store nor the environment leave a trace in any object."""
    secret = "kUbuG3heim"  # noqa: S105 - made up
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    folder = DirFileSystem("/conformance-secret", MemoryFileSystem(token=secret))
    save(folder)
    objects = [folder.cat_file(key) for key in folder.find("")]

    assert len(objects) > 10
    assert not [data for data in objects if secret.encode() in data]


def test_a_tag_is_put_after_its_commit(tmp_path: Path) -> None:
    """Naming a commit that is not there writes nothing."""
    save(tmp_path)
    store = Recorder(open_store(tmp_path))
    with pytest.raises(embzarr.NotFoundError):
        embzarr.Run(store).tag("best", commit=2)

    assert store.keys("put") == []
    assert not (tmp_path / SECOND).exists()
