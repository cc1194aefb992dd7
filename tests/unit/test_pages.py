"""What a manifest that is split promises: the same checkpoint, of which less is read."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

import embzarr
from embzarr._format import pages, spec
from embzarr._storage import open_store
from embzarr._writing.layers import layer_files
from embzarr_tools.fixtures._frozen import frozen
from faults.crashing import FaultyMemory, Killed
from faulty import PassThrough

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr._storage import Data
    from faults.crashing import Kind

ROWS, DIM = 120, 8
WORDS = [f"word {row}" for row in range(ROWS)]
ALWAYS = embzarr.DeltaPolicy(max_deltas=63, max_share=1000)


class Watched(PassThrough):
    """Notes what is read."""

    def __init__(self, root: Path) -> None:
        super().__init__(open_store(str(root)))
        self.read: list[str] = []
        self._lock = threading.Lock()

    def get_range(self, key: str, start: int, length: int) -> Data:
        with self._lock:
            self.read.append(key)
        return super().get_range(key, start, length)

    @property
    def pages(self) -> list[str]:
        """Pages that were read."""
        return [key for key in self.read if "/pages/" in key]


@pytest.fixture(autouse=True)
def _split() -> Iterator[None]:
    """Split manifests above 2 KB into pages of about 1 KB, and cut arrays small."""
    with frozen("pages", (64, 512), (2000, 1000)):
        yield


def vectors() -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(7).standard_normal((ROWS, DIM), np.float32)


def tensors() -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    found = {f"layer {at}": np.full((20, 4), at, np.float32) for at in range(8)}
    return {**found, "scale": np.ones(2, np.float32), "long": np.ones((40, 40), np.float32)}


FILES = {"a.txt": b"a", "b.bin": bytes(700)}


def save(root: Path, **more: Any) -> embzarr.Checkpoint:
    return embzarr.save(root, WORDS, vectors(), **more)


def layer_of(root: Path, number: int = 1) -> dict[str, Any]:
    manifest = json.loads((root / f"commits/{number:020d}.json").read_bytes())
    found: dict[str, Any] = manifest["layers"][-1]
    return found


def page_files(root: Path, kind: str) -> list[Path]:
    layer = layer_of(root)
    folder = root / layer["path"] / "pages"
    return [folder / f"{at}.json" for at, one in enumerate(layer["pages"]) if one["kind"] == kind]


def test_a_small_manifest_is_not_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the bound nothing is different: no member, no object."""
    monkeypatch.setattr(spec, "SPLIT_BYTES", 2**20)
    save(tmp_path, tensors=tensors(), files=FILES)

    assert "pages" not in layer_of(tmp_path)
    assert not list(tmp_path.rglob("pages"))


def test_words_and_rows_read_no_page(tmp_path: Path) -> None:
    """A lookup takes what it takes with a whole manifest, and a tenth of what is to be opened."""
    for compression in ("none", "zstd"):
        root = tmp_path / compression
        save(root, tensors=tensors(), compression=compression)
        store = Watched(root)
        checkpoint = embzarr.open(store)
        opened = checkpoint.traffic

        np.testing.assert_array_equal(checkpoint["word 77"], vectors()[77])
        np.testing.assert_array_equal(checkpoint.to_numpy(), vectors())
        assert store.pages == []
        assert opened.bytes_read < 2 * spec.SPLIT_BYTES + 20_000
        assert sum(one["count"] for one in layer_of(root)["pages"]) > 60


def test_tensors_and_files_are_what_they_were(tmp_path: Path) -> None:
    """Pages of contents are read once, when one is asked for; those of objects are not."""
    save(tmp_path, tensors=tensors(), files=FILES)
    store = Watched(tmp_path)
    checkpoint = embzarr.open(store)
    assert store.pages == []

    found = checkpoint.tensors.load()

    assert found.keys() == tensors().keys()
    for name, held in tensors().items():
        np.testing.assert_array_equal(found[name], held)
    assert {name: file.read() for name, file in checkpoint.files.items()} == FILES
    assert sorted(store.pages) == sorted(
        str(path.relative_to(tmp_path)) for path in page_files(tmp_path, "contents")
    )


def test_what_is_said_of_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes, tensors and files are told as of a manifest that is not split; pages are objects."""
    split = save(tmp_path / "split", tensors=tensors(), files=FILES, compression="none").info()
    sizes = embzarr.open(tmp_path / "split").stored_sizes()
    monkeypatch.setattr(spec, "SPLIT_BYTES", 2**20)
    whole = save(tmp_path / "whole", tensors=tensors(), files=FILES, compression="none")
    pages = layer_of(tmp_path / "split")["pages"]

    assert split.tensors == whole.info().tensors
    assert split.files == whole.info().files
    assert split.columns == whole.info().columns
    assert split.layers[0].objects == whole.info().layers[0].objects + len(pages)
    assert sizes.tolist() == whole.stored_sizes().tolist()
    assert split.bytes_stored == sum(
        path.stat().st_size for path in (tmp_path / "split/steps").rglob("*") if path.is_file()
    ) - len(b'{"attributes":{},"node_type":"group","zarr_format":3}')


def test_it_is_sound_and_so_are_its_copies(tmp_path: Path) -> None:
    """Verified in full and quickly, mirrored, copied by itself, and as a plain Zarr group."""
    checkpoint = save(tmp_path / "run", tensors=tensors(), files=FILES)
    embzarr.Run(tmp_path / "run").save_delta([3], vectors()[:1], policy=ALWAYS)
    embzarr.copy(tmp_path / "run", tmp_path / "mirror")
    embzarr.copy(tmp_path / "run", tmp_path / "one", commit=2)

    assert checkpoint.verify().ok
    assert checkpoint.verify(quick=True).ok
    array = checkpoint.group()["vectors"]
    assert isinstance(array, zarr.Array)
    assert array.shape == (ROWS, DIM)
    for root in (tmp_path / "mirror", tmp_path / "one"):
        assert embzarr.open(root).verify().ok
        np.testing.assert_array_equal(embzarr.open(root)["word 3"], vectors()[0])
    assert layer_of(tmp_path / "mirror")["pages"] == layer_of(tmp_path / "run")["pages"]
    assert embzarr.copy(tmp_path / "run", tmp_path / "one", commit=2).commits == ()


def test_chains_repeat_no_entry(tmp_path: Path) -> None:
    """A delta names the pages below it; what it leaves as it was it does not store again."""
    save(tmp_path, tensors=tensors(), files=FILES)
    changed = {**tensors(), "layer 3": -tensors()["layer 3"]}
    run = embzarr.Run(tmp_path)
    delta = run.save_delta([1], vectors()[:1], tensors=changed, files=FILES, policy=ALWAYS)
    pages_below = json.loads((tmp_path / "latest.json").read_bytes())["layers"][0]["pages"]

    assert pages_below == layer_of(tmp_path)["pages"]
    assert [*layer_of(tmp_path, 2).get("tensors", {})] in ([], ["layer 3"])
    assert len(delta.tensors) == len(changed)
    np.testing.assert_array_equal(delta.tensors["layer 3"].load(), changed["layer 3"])
    assert delta.verify().ok
    full = run.compact()
    assert full.verify().ok
    np.testing.assert_array_equal(full.tensors["layer 3"].load(), changed["layer 3"])
    assert {name: file.read() for name, file in full.files.items()} == FILES


def test_parts_are_published_in_pages(tmp_path: Path) -> None:
    """A step that several have written is split as any."""
    plan = embzarr.plan_step(tmp_path, rows=ROWS, dim=DIM, parts=3)
    for index in range(3):
        with embzarr.write_part(tmp_path, plan, index) as part:
            part.append(vectors()[part.start : part.stop])
    made = embzarr.publish(tmp_path, plan, WORDS)

    assert page_files(tmp_path, "objects")
    np.testing.assert_array_equal(made.to_numpy(), vectors())
    assert made.verify().ok


def test_a_collection_takes_pages_too(tmp_path: Path) -> None:
    """Nothing is left of a step that is given up."""
    save(tmp_path)
    save(tmp_path)
    old = tmp_path / layer_of(tmp_path)["path"]
    embzarr.Run(tmp_path).gc(keep_last=1, older_than=0)

    assert not old.exists()
    assert embzarr.open(tmp_path).verify().ok


@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_page_of_objects_is_restored_from_them(tmp_path: Path, damage: str) -> None:
    """It is found, and computed again to the byte, one or all of them, a dry run telling so."""
    save(tmp_path, tensors=tensors())
    held = {path: path.read_bytes() for path in page_files(tmp_path, "objects")}
    for broken in ([*held][:1], [*held]):
        for path in broken:
            if damage == "gone":
                path.unlink()
            else:
                data = held[path]
                path.write_bytes(data[:-1] if damage == "cut" else b"[" + data[1:])
        found = {problem.code for problem in embzarr.open(tmp_path).verify().problems}
        told = embzarr.repair(tmp_path, dry_run=True)
        done = embzarr.repair(tmp_path)

        assert found == {
            {"cut": "object-size", "changed": "object-digest", "gone": "object-missing"}[damage]
        }
        assert told.actions == done.actions
        assert {action.kind for action in done.actions} == {"restore"}
        assert {path: path.read_bytes() for path in held} == held
    assert embzarr.repair(tmp_path).actions == ()


def test_what_a_lost_page_listed_is_restored_after_it(tmp_path: Path) -> None:
    """From a mirror first the page, and then the shard that only the page told of."""
    save(tmp_path / "run", tensors=tensors())
    embzarr.copy(tmp_path / "run", tmp_path / "mirror")
    lost = [path for kind in spec.PAGE_KINDS for path in page_files(tmp_path / "run", kind)]
    layer = layer_of(tmp_path / "run")
    shard = tmp_path / "run" / layer["path"] / "vectors/c/1/0"
    for path in (*lost, shard):
        path.write_bytes(b"damaged")
    report = embzarr.repair(tmp_path / "run", source=tmp_path / "mirror")

    assert report.ok
    assert embzarr.open(tmp_path / "run").verify().ok
    assert embzarr.repair(tmp_path / "run").actions == ()


def test_a_lost_page_of_tensors_costs_tensors_alone(tmp_path: Path) -> None:
    """The commit is in quarantine; words are read as before, and no tensor is given."""
    save(tmp_path, tensors=tensors())
    path = page_files(tmp_path, "contents")[0]
    path.write_bytes(path.read_bytes().replace(b"layer", b"mayor"))
    report = embzarr.repair(tmp_path)
    checkpoint = embzarr.open(tmp_path)

    assert [problem.code for problem in report.lost] == ["object-digest"]
    np.testing.assert_array_equal(checkpoint["word 5"], vectors()[5])
    with pytest.raises(embzarr.DamagedError, match="SHA-256") as caught:
        checkpoint.tensors.load(["scale"])
    assert caught.value.code == "object-digest"


@pytest.mark.parametrize("damage", ["none", "changed", "missing"])
def test_what_is_shown_reads_no_page(tmp_path: Path, damage: str) -> None:
    """How many there are, and of how many bytes, is told once they were asked for."""
    save(tmp_path, tensors=tensors(), files={"a": b"12345"})
    for path in page_files(tmp_path, "contents") if damage != "none" else ():
        path.write_text("{}") if damage == "changed" else path.unlink()
    watched = Watched(tmp_path)
    checkpoint = embzarr.open(watched)
    told = [repr(one) for one in (checkpoint, checkpoint.tensors, checkpoint.files)]
    html = checkpoint._repr_html_()

    assert watched.pages == []
    assert told[0].endswith(f": 120 x 8 float32, {len(tensors()) + 1} tensors and files in pages>")
    assert told[1:] == [
        f"<embzarr.{kind} that were not listed yet>" for kind in ("Tensors", "Files")
    ]
    assert "120 x 8 float32" in html
    if damage == "none":
        size = sum(tensor.nbytes for tensor in tensors().values())
        assert len(checkpoint.tensors) == len(tensors())
        assert repr(checkpoint.tensors) == f"<embzarr.Tensors {len(tensors())} of {size} bytes>"
        assert repr(checkpoint.files) == "<embzarr.Files 1 of 5 bytes>"


def test_what_is_written_anew_is_split(tmp_path: Path) -> None:
    """Where another library compresses otherwise, values and pages come below a new folder."""
    save(tmp_path, compression="zstd")
    layer = layer_of(tmp_path)
    for name in ("words/data/c/0", "words/offsets/c/0"):
        (tmp_path / layer["path"] / name).write_bytes(b"")
    report = embzarr.repair(tmp_path)

    assert report.ok or report.lost
    assert embzarr.open(tmp_path).verify().ok


@pytest.mark.parametrize("kind", ["save", "delta"])
@pytest.mark.parametrize("fault", ["killed-before", "applied", "late"])
def test_a_save_that_is_killed_leaves_nothing_half(kind: str, fault: Kind) -> None:
    """At each request: the checkpoint before, or all of the new one with all its pages."""
    first = FaultyMemory({})
    embzarr.save(first, WORDS[:9], vectors()[:9], single_writer=True)
    before = first.end()

    def write(store: FaultyMemory) -> None:
        if kind == "save":
            embzarr.save(store, WORDS[:40], vectors()[:40], single_writer=True)
        else:
            run = embzarr.Run(store, single_writer=True)
            run.save_delta([1], vectors()[:1], tensors=tensors(), policy=ALWAYS)

    whole = FaultyMemory(before)
    write(whole)
    assert any("/pages/" in verb for verb in whole.verbs)
    seen = set()
    ats = [at for at, verb in enumerate(whole.verbs) if "pages/" in verb or "commits/" in verb]
    for at in (*ats, len(whole.verbs) - 1):
        store = FaultyMemory(before, {at: fault})
        with suppress(Killed, embzarr.EmbzarrError):
            write(store)
        checkpoint = embzarr.open(FaultyMemory(store.end()))
        seen.add(checkpoint.commit)
        assert checkpoint.verify().ok
    assert seen == {1, 2}


def test_too_many_objects_are_refused_before_they_are_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error tells how many there would be and how many there may be; nothing is stored."""
    monkeypatch.setattr(spec, "MAX_OBJECTS", 10)

    def stream() -> None:
        with embzarr.create(tmp_path, DIM) as writer:
            writer.append(WORDS, vectors())

    for write in (
        lambda: save(tmp_path),
        stream,
        lambda: embzarr.plan_step(tmp_path, rows=ROWS, dim=DIM, parts=16),
    ):
        with pytest.raises(embzarr.InvalidInputError, match=r"at most 10 objects, found \d+") as e:
            write()
        assert e.value.code == "input-argument"
    assert not list(tmp_path.rglob("vectors"))


def test_names_that_no_pages_hold_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the commit, with the bytes that there are."""
    monkeypatch.setattr(spec, "MAX_PAGES", 3)
    with pytest.raises(embzarr.InvalidInputError, match="3 pages of the manifest"):
        save(tmp_path, tensors=tensors())

    assert not list(tmp_path.glob("commits/*"))
    assert not list(tmp_path.rglob("pages"))


def test_chunks_of_a_long_chunk_table_grow() -> None:
    """Its own index stays within what a manifest may hold: 2 TiB of 128 KiB are not the end."""
    assert layer_files._table_chunk(10) == spec.TABLE_CHUNK_ROWS
    assert layer_files._table_chunk(4096**2) == 4096
    assert layer_files._table_chunk(4096**2 + 1) == 8192
    assert layer_files._table_chunk(10**8) * spec.MAX_INLINE_INDEX >= 10**8


def test_all_pages_of_a_manifest_are_bounded(tmp_path: Path) -> None:
    """1,025 pages are refused, be they of several layers."""
    save(tmp_path)
    embzarr.Run(tmp_path).save_delta([1], vectors()[:1], policy=ALWAYS)
    path = tmp_path / f"commits/{2:020d}.json"
    manifest = json.loads(path.read_bytes())
    for layer, count in zip(manifest["layers"], (1000, 25), strict=True):
        page = {"kind": "objects", "size": 90, "sha256": "0" * 64, "count": 1}
        layer["pages"] = [page] * count
        layer["objects"].update(layer["objects"])
    path.write_bytes(json.dumps(manifest).encode())
    (tmp_path / "latest.json").unlink()

    with pytest.raises(embzarr.DamagedError, match="1025 pages"):
        embzarr.open(tmp_path)


def test_pages_are_cut_in_the_order_of_names(tmp_path: Path) -> None:
    """Each but the last of a kind is filled, and names rise from page to page."""
    save(tmp_path, tensors=tensors())
    listed = [json.loads(path.read_bytes())["objects"] for path in page_files(tmp_path, "objects")]
    names = [name for page in listed for name in page]

    assert names == sorted(names)
    assert len(names) == len(set(names))
    assert "zarr.json" not in names
    assert all(path.stat().st_size <= 1100 for path in page_files(tmp_path, "objects"))
    assert pages.room_beside(()) == spec.SPLIT_BYTES
