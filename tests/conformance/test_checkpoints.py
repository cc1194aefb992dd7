"""Every frozen store: read by the SDK, by plain zarr, and by the text of the specification."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import embzarr
from conformance import plain_reader
from conformance.corpus import CHECKPOINTS, Frozen, stores

if TYPE_CHECKING:
    from numpy.typing import NDArray

FROZEN = stores(CHECKPOINTS)
COMMITS = [
    pytest.param(frozen, commit, id=f"{frozen.name}-{commit['commit']}")
    for frozen in FROZEN
    for commit in frozen.expected["commits"]
]
each_commit = pytest.mark.parametrize(("frozen", "expected"), COMMITS)
each_store = pytest.mark.parametrize(
    "frozen", [pytest.param(frozen, id=frozen.name) for frozen in FROZEN]
)


def told(data: NDArray[Any], expected: dict[str, Any]) -> dict[str, Any]:
    """Return what `expected` says of an array, for the array that was read."""
    raw = np.ascontiguousarray(data).tobytes()
    bits = {"hex": raw.hex()} if "hex" in expected else {"sha256": plain_reader.sha256(raw)}
    kind, size = data.dtype.kind, data.dtype.itemsize
    name = {"U": f"U{size // 4}", "S": f"S{size}"}.get(kind, data.dtype.name)
    return {"dtype": name, "shape": list(data.shape), **bits}


@each_commit
def test_the_sdk_reads_what_was_saved(frozen: Frozen, expected: dict[str, Any]) -> None:
    """Words, columns, metadata and placement come back bit by bit."""
    checkpoint = embzarr.open(str(frozen.store), commit=expected["commit"])
    loaded = checkpoint.load_rows(0, len(checkpoint), columns=checkpoint.columns)

    assert expected["rows"] == len(checkpoint)
    assert expected["step"] == checkpoint.step
    assert expected["metadata"] == checkpoint.metadata
    assert expected["placement"] == checkpoint.info().placement
    assert expected["words"] == checkpoint.words
    assert [*expected["columns"]] == [*checkpoint.columns]
    found = {name: told(loaded.columns[name], e) for name, e in expected["columns"].items()}
    assert expected["columns"] == found


@each_commit
def test_the_sdk_reads_tensors_and_files(frozen: Frozen, expected: dict[str, Any]) -> None:
    """Each comes back bit by bit with its shape and type, and so does the record of the model."""
    checkpoint = embzarr.open(str(frozen.store), commit=expected["commit"])
    tensors, files = expected.get("tensors", {}), expected.get("files", {})

    loaded = checkpoint.tensors.load(raw=True)
    assert checkpoint.tensors.keys() == tensors.keys()
    for name, one in tensors.items():
        assert one == told(loaded[name], one) | {k: one[k] for k in {"type"} & one.keys()}
        assert checkpoint.tensors[name].type == one.get("type", one["dtype"])
    assert checkpoint.files.keys() == files.keys()
    for name, one in files.items():
        data = checkpoint.files[name].read()
        assert (len(data), plain_reader.sha256(data)) == (one["size"], one["sha256"])
        assert one.get("hex", data.hex()) == data.hex()
    assert expected.get("model", {}) == checkpoint.model


@each_commit
def test_plain_zarr_reads_tensors_and_files(frozen: Frozen, expected: dict[str, Any]) -> None:
    """A Zarr reader finds each with its true shape, and small ones where the manifest says."""
    plain = plain_reader.read_commit(frozen.store, expected["commit"])
    tensors, files = expected.get("tensors", {}), expected.get("files", {})

    found = plain.tensors()
    assert found.keys() == tensors.keys()
    for name, one in tensors.items():
        stored = {**one, "dtype": one["dtype"].replace("bfloat16", "uint16")}
        assert stored.pop("type", None) == found[name][1]
        assert stored == told(found[name][0], one)
    kept = {name: (len(data), digest) for name, (data, digest) in plain.files().items()}
    assert kept == {name: (one["size"], one["sha256"]) for name, one in files.items()}
    for data, digest in plain.files().values():
        assert plain_reader.sha256(data) == digest


@each_commit
def test_the_sdk_finds_words(frozen: Frozen, expected: dict[str, Any]) -> None:
    """Words, ranges and prefixes give their rows; a word that is not there is named so."""
    checkpoint = embzarr.open(str(frozen.store), commit=expected["commit"])
    words = expected["words"]
    if not expected["columns"]:
        with pytest.raises(embzarr.NotFoundError) as caught:
            checkpoint.load(expected["missing"])
        assert caught.value.code == "table-missing"
        return

    found = checkpoint.load(words).rows.tolist()
    assert found == [*range(len(words))]
    for bounds in expected["ranges"]:
        assert bounds["words"] == [*checkpoint.load_range(bounds["first"], bounds["last"]).words]
    for prefix, found in expected["prefixes"].items():
        assert found == [*checkpoint.load_prefix(prefix).words]
    for word in expected["missing"]:
        with pytest.raises(embzarr.WordNotFoundError):
            checkpoint[word]


@each_commit
def test_the_sdk_verifies(frozen: Frozen, expected: dict[str, Any]) -> None:
    """A verifier reports no problem."""
    report = embzarr.open(str(frozen.store), commit=expected["commit"]).verify()

    assert report.problems == ()


@each_store
def test_the_newest_commit_and_the_tags_are_found(frozen: Frozen) -> None:
    """The last commit is the newest; steps and tags lead to their commits."""
    run = embzarr.Run(str(frozen.store))
    commits = frozen.expected["commits"]
    by_step = {commit["step"]: commit["commit"] for commit in commits}

    assert commits[-1]["commit"] == embzarr.open(str(frozen.store)).commit
    assert [commit["commit"] for commit in commits] == [c.commit for c in reversed(run.commits())]
    assert frozen.expected["tags"] == run.tags()
    for name, number in frozen.expected["tags"].items():
        assert number == run.open(tag=name).commit
    for step, number in by_step.items():
        assert number == run.open(step=step).commit


@each_commit
def test_plain_zarr_reads_what_was_saved(frozen: Frozen, expected: dict[str, Any]) -> None:
    """A Zarr reader that knows nothing of embzarr finds the same words and numbers."""
    plain = plain_reader.read_commit(frozen.store, expected["commit"])

    assert expected["words"] == plain.words()
    for name, column in expected["columns"].items():
        stored = {**column, "dtype": column["dtype"].replace("bfloat16", "uint16")}
        assert stored == told(plain.column(name), column)


@each_commit
def test_the_text_leads_to_every_word(frozen: Frozen, expected: dict[str, Any]) -> None:
    """Fences and lookup blocks, read by their byte table, give the row of every word."""
    plain = plain_reader.read_commit(frozen.store, expected["commit"])
    words = [*expected["words"][:40], *expected["missing"]]
    rows = [plain.find(word.encode()) for word in words]

    assert [*range(len(rows) - len(expected["missing"]))] == rows[: -len(expected["missing"])]
    assert [-1] * len(expected["missing"]) == rows[-len(expected["missing"]) :]


@each_commit
def test_chunk_index_and_shards_agree(frozen: Frozen, expected: dict[str, Any]) -> None:
    """Manifest or chunk table, shard index and the checksums behind the chunks are the same."""
    plain = plain_reader.read_commit(frozen.store, expected["commit"])

    for layer in plain.layers:
        for name in layer.layer["arrays"]:
            assert layer.shard_index(name) == layer.chunk_index(name)


@each_commit
def test_every_object_is_listed_with_its_digest(frozen: Frozen, expected: dict[str, Any]) -> None:
    """The manifest lists each object below the layer but pages and receipts, and nothing else."""
    for layer in plain_reader.read_commit(frozen.store, expected["commit"]).layers:
        files = [path for path in layer.folder.rglob("*") if path.is_file()]
        found = {
            path.relative_to(layer.folder).as_posix(): {
                "size": path.stat().st_size,
                "sha256": plain_reader.sha256(path.read_bytes()),
            }
            for path in files
        }

        pages = {name for name in found if name.startswith("pages/")}
        assert pages == {f"pages/{at}.json" for at in range(len(pages))}
        receipts = {name for name in found if name.startswith("parts/")}
        assert receipts == {f"parts/{at}.json" for at in range(len(receipts))}
        listed = {name: told for name, told in found.items() if name not in pages | receipts}
        assert layer.layer["objects"] == listed


@each_store
def test_commits_form_a_chain(frozen: Frozen) -> None:
    """Each manifest names the one before by its digest, and all have one store id."""
    ids, before = set(), None
    for number in range(1, plain_reader.newest(frozen.store) + 1):
        data = (frozen.store / f"commits/{number:020d}.json").read_bytes()
        record = json.loads(data)
        ids.add(record["store"])
        expired = record["kind"] == "expired"
        assert expired or before == record["parent"]
        sha256 = record["sha256"] if expired else plain_reader.sha256(data)
        before = {"commit": number, "sha256": sha256}

    assert len(ids) == 1
