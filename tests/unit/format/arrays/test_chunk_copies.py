"""Small arrays of deltas stand in the manifest as well: read from there, bounded, compared."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr._format import spec, validate
from embzarr._storage.open import open_store
from faulty import RecordingStore
from oracle import make_vectors, make_words

WORDS = make_words(400)
VECTORS = make_vectors(400, 16)
ALWAYS = embzarr.DeltaPolicy(max_deltas=63, max_share=1000)
DELTAS = 3


def save_chain(folder: Path) -> np.ndarray[Any, Any]:
    """Save a full step and three deltas, each with a word more, the last in int8; as it reads."""
    embzarr.save(folder, WORDS, VECTORS, step=0)
    run, held = embzarr.Run(folder), VECTORS
    for step in range(1, DELTAS + 1):
        rows = np.append(np.arange(step, 400, 7 + step), 399 + step)
        held = np.concatenate((held, np.zeros((1, 16), np.float32)))
        held[rows] = np.float32(127) * (-1) ** rows[:, None]  # whole in int8
        lossy: Any = "int8" if step == DELTAS else None
        run.save_delta(rows, held[rows], words=[f"new {step}"], lossy=lossy, policy=ALWAYS)
    return held


def newest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "latest.json").read_bytes())
    return found


def copies(folder: Path) -> dict[tuple[int, str], bytes]:
    """Return the copies in the newest manifest, by layer and array."""
    return {
        (at, name): base64.b64decode(array["data"], validate=True)
        for at, layer in enumerate(newest(folder)["layers"])
        for name, array in layer["arrays"].items()
        if "data" in array
    }


def test_copies_are_what_is_stored(tmp_path: Path) -> None:
    """Of each delta what is read before its rows is copied, byte for byte, and of no full layer."""
    save_chain(tmp_path)

    found = copies(tmp_path)

    lists = {(at, name) for at in (1, 2, 3) for name in ("rows/vectors", "lookup/blocks")}
    assert found.keys() == {*lists, (3, "scales/vectors")}
    layers = newest(tmp_path)["layers"]
    for (at, name), data in found.items():
        shard = next((tmp_path / layers[at]["path"] / name / "c").rglob("0*"))
        shard = shard if shard.is_file() else shard / "0"
        assert shard.read_bytes()[: len(data)] == data
        assert layers[at]["arrays"][name]["index"]["nbytes"] == [len(data)]


def test_what_is_copied_is_not_read(tmp_path: Path) -> None:
    """A chain is read without a request for row numbers, scales, or the lookups of deltas."""
    held = save_chain(tmp_path)
    store = RecordingStore(open_store(tmp_path))
    asked = [*WORDS, *(f"new {step}" for step in range(1, DELTAS + 1))]

    vectors = embzarr.open(store)[asked]

    np.testing.assert_array_equal(vectors, held)
    full, *deltas = [layer["path"] for layer in newest(tmp_path)["layers"]]
    read = {key for key in store.asked if key.startswith("steps/")}
    names = ("lookup/blocks/c/0/0", "vectors/c/0/0")
    assert read == {f"{full}/{name}" for name in names} | {f"{x}/vectors/c/0/0" for x in deltas}


def test_copies_are_bounded_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk that takes more than the limit is not copied."""
    save_chain(tmp_path / "all")
    sizes = sorted(map(len, copies(tmp_path / "all").values()))
    monkeypatch.setattr(spec, "MAX_INLINE_BYTES", sizes[3])

    held = save_chain(tmp_path / "some")

    assert max(map(len, copies(tmp_path / "some").values())) == sizes[3]
    np.testing.assert_array_equal(embzarr.open(tmp_path / "some").to_numpy(), held)


def test_copies_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a chain has used up the room, later deltas do without, and the gate asks for it."""
    save_chain(tmp_path / "all")
    sizes = {at: len(data) for at, data in copies(tmp_path / "all").items()}
    room = sum(size for (at, _), size in sizes.items() if at < DELTAS)
    monkeypatch.setattr(spec, "MAX_INLINE_SUM", room)

    held = save_chain(tmp_path / "some")

    assert {at for at, _ in copies(tmp_path / "some")} == {1, 2}
    np.testing.assert_array_equal(embzarr.open(tmp_path / "some").to_numpy(), held)
    with pytest.raises(embzarr.DamagedError, match="of copied chunks") as caught:
        embzarr.open(tmp_path / "all")
    assert caught.value.code == "manifest-invalid"


def test_a_copy_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    """However well everything else of the manifest fits to it."""
    save_chain(tmp_path)
    manifest = newest(tmp_path)
    array = manifest["layers"][0]["arrays"]["words/data"]
    for nbytes, fits in ((spec.MAX_INLINE_BYTES, True), (spec.MAX_INLINE_BYTES + 1, False)):
        array["shape"], array["chunk"] = [1 << 15], 1 << 15
        array["index"] = {"offset": [0], "nbytes": [nbytes], "crc32c": [0]}
        array["data"] = base64.b64encode(bytes(nbytes)).decode()
        manifest["layers"][0]["objects"]["words/data/c/0"]["size"] = 1 << 16
        text = json.dumps(manifest).encode()
        if fits:
            assert validate.parse(text, what="x").base.copied_bytes == nbytes
            continue
        with pytest.raises(embzarr.DamagedError) as caught:
            validate.parse(text, what="x")
        assert caught.value.code == "manifest-invalid"


@pytest.mark.parametrize("name", ["rows/vectors", "scales/vectors", "lookup/blocks"])
def test_a_lost_object_is_restored_from_its_copy(name: str, tmp_path: Path) -> None:
    """With nothing else to take it from."""
    save_chain(tmp_path)
    folder = tmp_path / newest(tmp_path)["layers"][DELTAS]["path"]
    shard = folder / name / "c" / ("0/0" if name == "lookup/blocks" else "0")
    stored = shard.read_bytes()
    shard.unlink()

    report = embzarr.repair(tmp_path, dry_run=False)

    assert report.ok
    assert shard.read_bytes() == stored
    assert embzarr.open(tmp_path).verify().ok


def test_a_wrong_copy_is_no_reason_to_write(tmp_path: Path) -> None:
    """It is told, and the commit given up for a sound one; the sound object stays as it is."""
    save_chain(tmp_path)
    manifest = newest(tmp_path)
    array = manifest["layers"][DELTAS]["arrays"]["rows/vectors"]
    array["data"] = base64.b64encode(base64.b64decode(array["data"])[::-1]).decode()
    for key in ("latest.json", f"commits/{DELTAS + 1:020d}.json"):
        (tmp_path / key).write_text(json.dumps(manifest))
    layer = manifest["layers"][DELTAS]["path"]
    (problem,) = embzarr.open(tmp_path).verify().problems

    report = embzarr.repair(tmp_path, dry_run=False)

    assert (problem.code, problem.key) == ("manifest-invalid", f"{layer}/rows/vectors")
    assert [action.key for action in report.actions if action.key.startswith(layer)] == []
    assert embzarr.open(tmp_path).info().layers[-1].path != layer
    assert embzarr.open(tmp_path).verify().ok
