"""What columns of texts, bytes and times promise: read as they were given, never cut or rounded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr._storage.backends.memory import MemoryStore

WORDS = ["the", "king", "猫"]
VECTORS = np.eye(3, dtype=np.float32)
NAT = np.iinfo(np.int64).min
GIVEN: dict[str, Any] = {
    "tag": ["NN", "", "a longer 名詞"],
    "objects": np.array(["x", "yy", "\U0001f418"], object),
    "pairs": np.array([["a", "b"], ["", "é"], ["c\0d", "e"]]),
    "big": np.array(["b", "é", "猫"], ">U2"),
    "raw": [b"a\0b", b"", b"\xff"],
    "letter": np.array([b"a", b"", b"c"], "S1"),
    "seen": np.array(["2026-01-01", "NaT", "1969-12-31"], "datetime64[s]"),
    "took": np.array([1, NAT, -3], "<i8").view("m8[25us]"),
}
COLUMNS = {
    name: np.asarray(given, str if name == "objects" else None) for name, given in GIVEN.items()
}
KINDS = {
    "tag": "U11",
    "objects": "U2",
    "pairs": "U3",
    "big": "U2",
    "raw": "S3",
    "letter": "S1",
    "seen": "datetime64[s]",
    "took": "timedelta64[25us]",
}
ALWAYS = embzarr.DeltaPolicy(max_share=1000)


@pytest.fixture
def store() -> MemoryStore:
    """An empty store."""
    return MemoryStore("memory://texts")


def saved(store: MemoryStore, compression: str = "auto") -> embzarr.Checkpoint:
    return embzarr.save(store, WORDS, VECTORS, columns=GIVEN, compression=compression)


def equal(found: Any, expected: Any) -> None:
    """Compare values, and the bits of times: no time at all equals nothing."""
    assert found.dtype == expected.dtype.newbyteorder("<")
    if expected.dtype.kind in "mM":
        found, expected = found.view("<i8"), expected.view("<i8")
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("compression", ["auto", "none", "zstd", "lz4"])
def test_what_was_given_is_read(store: MemoryStore, compression: str) -> None:
    """Lists of several lengths, objects that are all text, either byte order, rows of several."""
    checkpoint = saved(store, compression)

    assert {c.name: c.dtype for c in checkpoint.info().columns if c.name in KINDS} == KINDS
    loaded = checkpoint.load(["猫", "the"], columns=[*GIVEN])
    for name, expected in COLUMNS.items():
        equal(loaded.columns[name], expected[[2, 0]])
    assert checkpoint.verify().ok


def test_plain_zarr_reads_the_same(store: MemoryStore) -> None:
    """zarr-python knows the types by the metadata that the layer has."""
    group = saved(store).group()

    for name, expected in COLUMNS.items():
        equal(np.asarray(group[name]), expected)


def test_every_door_takes_them(store: MemoryStore) -> None:
    """Blocks, parts, what is saved in the background, and what a publisher adds."""
    kinds: dict[str, Any] = {
        name: (kind, (2,)) if name == "pairs" else kind for name, kind in KINDS.items()
    }
    with embzarr.create(store, 3, columns=kinds) as writer:
        for row in range(3):
            part = {name: COLUMNS[name][row : row + 1] for name in KINDS}
            writer.append(WORDS[row : row + 1], VECTORS[row : row + 1], **part)
    with embzarr.Run(store) as run:
        run.save_async(WORDS, VECTORS, columns=COLUMNS).result()
    later = {name: kinds.pop(name) for name in ("tag", "seen")}
    plan = embzarr.plan_step(store, 3, 3, 1, columns=kinds)
    with embzarr.write_part(store, plan, 0) as written:
        written.append(VECTORS, **{name: GIVEN[name] for name in kinds})
    embzarr.publish(store, plan, WORDS, columns={name: GIVEN[name] for name in later})

    for commit in (1, 2, 3):
        found = embzarr.open(store, commit=commit).load_rows(0, 3, columns=[*GIVEN])
        for name, expected in COLUMNS.items():
            equal(found.columns[name], expected)


def test_deltas_and_compaction_keep_them(store: MemoryStore) -> None:
    """Shorter texts and coarser units become those of the column; new words bring their own."""
    saved(store)
    run = embzarr.Run(store)
    rows = {name: [1, 3] for name in ["vectors", *GIVEN]}
    values = {name: column[[2, 0]] for name, column in COLUMNS.items()}
    values |= {"vectors": VECTORS[:2], "tag": np.array(["x", "yy"]), "raw": np.array([b"x", b""])}
    values["seen"] = np.array(["2020-01-01", "NaT"], "datetime64[D]")
    run.save_delta(rows, values, words=["new"], policy=ALWAYS)
    expected = {name: column[[0, 2, 2, 0]] for name, column in COLUMNS.items()}
    for name in ("tag", "raw", "seen"):
        expected[name][[1, 3]] = values[name]

    for checkpoint in (run.open(), run.compact()):
        found = checkpoint.load_rows(0, 4, columns=[*GIVEN])
        for name in GIVEN:
            equal(found.columns[name], expected[name])


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("tag", ["x" * 12], "of length 12: longer ones are not cut"),
        ("tag", [b"x"], "S1"),
        ("tag", ["\ud800"], "found 0xd800"),
        ("raw", [b"four"], "of length 4"),
        ("raw", ["x"], "U1"),
        ("seen", np.array([1], "datetime64[ms]"), r"datetime64\[ms\]"),
        ("seen", [1], "int64"),
        ("took", np.array([26], "timedelta64[us]"), r"timedelta64\[us\]"),
    ],
)
def test_nothing_is_cut_or_rounded(store: MemoryStore, name: str, value: Any, found: str) -> None:
    """A delta whose values do not fit the column is refused, and says why; nothing is written."""
    saved(store)
    before = {info.key for info in store.list("")}
    with pytest.raises(embzarr.InvalidInputError, match=f"{name}: expected .*{found}") as caught:
        embzarr.Run(store).save_delta([1], {name: value}, policy=ALWAYS)

    assert caught.value.code == "input-dtype"
    assert {info.key for info in store.list("")} == before


def test_a_longer_text_in_the_background_makes_a_full_step(store: MemoryStore) -> None:
    """What is no delta of the column's type is saved whole, as for every other type."""
    with embzarr.Run(store) as run:
        run.save_async(WORDS, VECTORS, columns={"tag": np.array(["a", "b", "c"])}).result()
        longer = np.array(["a", "b", "longer"])
        found = run.save_async(WORDS, VECTORS, columns={"tag": longer}, changed=[2]).result()

    assert found.load_rows(0, 3, columns=["tag"]).columns["tag"].tolist() == longer.tolist()
    assert found.info().kind == "full"


def test_rows_of_missing_words(store: MemoryStore) -> None:
    """Zero is the empty text and the beginning of 1970; no time stands for NaN."""
    checkpoint = saved(store)
    asked = ["the", "nowhere"]
    zeros = checkpoint.load(asked, missing="zeros", columns=[*GIVEN]).columns
    nan = checkpoint.load(asked, missing="nan", columns=["seen", "took"]).columns

    assert (zeros["tag"].tolist(), zeros["raw"].tolist()) == (["NN", ""], [b"a\0b", b""])
    assert zeros["seen"].view("<i8").tolist()[1] == 0
    assert nan["seen"].view("<i8").tolist()[1] == nan["took"].view("<i8").tolist()[1] == NAT
    with pytest.raises(embzarr.InvalidInputError, match=r"'tag'.*no NaN"):
        checkpoint.load(asked, missing="nan", columns=["tag"])


def test_a_repair_brings_them_back(store: MemoryStore) -> None:
    """A lost shard of texts is restored from a mirror, bit for bit."""
    folder = saved(store)._commit.manifest.top.path
    mirror = MemoryStore("memory://mirror")
    for info in store.list(""):
        mirror.put(info.key, bytes(store.get(info.key)))
    store.delete(f"{folder}/tag/c/0")
    report = embzarr.repair(store, source=mirror)

    assert report.ok
    equal(embzarr.open(store).load_rows(0, 3, columns=["tag"]).columns["tag"], COLUMNS["tag"])
