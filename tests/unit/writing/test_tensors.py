"""What tensors and files promise: they come back as they were, in part too, or not at all."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import zarr
from obstore.store import MemoryStore

import embzarr
from embzarr._format import cut_tensor, spec
from embzarr._storage.open import open_store
from faulty import SlowStore

ALWAYS = embzarr.DeltaPolicy(max_deltas=63, max_share=1000)
RNG = np.random.default_rng(7)


def noise(*shape: int, dtype: str = "f4") -> np.ndarray[Any, Any]:
    """Return numbers that do not compress."""
    return RNG.standard_normal(shape, dtype="f4").astype(dtype)


@pytest.fixture
def divided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small arrays be divided as large ones are: chunks of 256 bytes, shards of 1,024."""
    sizes = {"SMALL": 64, "TENSOR_CHUNK": 256, "TENSOR_ROW": 1024, "SHARD": 1024}
    for name, size in sizes.items():
        monkeypatch.setattr(spec, f"{name}_BYTES", size)


ODD: dict[str, Any] = {
    "scalar": np.float64(3.5),
    "empty": np.empty((0, 5), "i4"),
    "empty within": np.empty((5, 0, 2), "f4"),
    "big endian": np.arange(5, dtype=">i4"),
    "transposed": noise(40, 30).T,
    "strided": noise(40, 30)[::3, ::-2],
    "list": [[1, 2], [3, 4]],
    "bool": np.array([True, False]),
    "complex": np.array([1 + 2j]),
    "bfloat16": noise(30, 20).astype(ml_dtypes.bfloat16),
    "float8": np.arange(10).astype(ml_dtypes.float8_e4m3fn),
    "int4": np.arange(8).astype(ml_dtypes.int4),
    "float8 of kind f": np.arange(10).astype(ml_dtypes.float8_e5m2),
    "text": np.array(["a", "", "bcd"]),
    "long text": np.array(["x" * 20_000, "y"]),
    "time": np.array(["2020-01-01", "NaT"], "M8[D]"),
    "nan": np.array([np.nan, np.inf, -0.0], "f4"),
    "experts": noise(3, 70, 31),
    "long": np.arange(7 * 1001, dtype="i4").reshape(7, 1001),
    "one row": noise(1, 5000),
    "deep": noise(2, 3, 2, 70, 5),
    "eight": noise(1, 2, 1, 2, 1, 2, 1, 2),
    "猫/..": np.ones(2),
    "A": noise(50, 50),
    "a": noise(50, 50),
    "x-0123456789abcdef": noise(50, 50),
    "zarr.json": noise(50, 50),
    "n" * 1024: np.zeros(1),
}


@pytest.mark.parametrize("compression", ["auto", "none", "zstd"])
@pytest.mark.usefixtures("divided")
def test_whatever_an_array_is_it_comes_back(compression: str) -> None:
    """Shape, type and bits are the same, and of large ones any Zarr reader finds the true shape."""
    saved = embzarr.save(MemoryStore(), tensors=ODD, compression=compression)
    loaded = saved.tensors.load()

    assert loaded.keys() == saved.tensors.keys() == ODD.keys()
    for name, given in ODD.items():
        array, tensor = np.asarray(given), saved.tensors[name]
        assert (tensor.shape, tensor.ndim, tensor.size) == (array.shape, array.ndim, array.size)
        assert loaded[name].dtype == array.dtype.newbyteorder("=")
        for found in (loaded[name], tensor.load(), np.asarray(tensor)):
            assert found.tobytes() == array.astype(found.dtype).tobytes(), name
    assert saved.verify().ok
    group = saved.group()
    for name in ("experts", "long", "deep", "one row", "transposed"):
        stored = group[saved.tensors[name].array]
        assert isinstance(stored, zarr.Array)
        assert stored.shape == np.asarray(ODD[name]).shape
        assert np.array_equal(np.asarray(stored[...]), ODD[name])


PARTS: list[Any] = [
    slice(1, 3),
    slice(None, None, -1),
    slice(-2, None),
    slice(5, 2),
    0,
    -1,
    np.int64(1),
    (slice(0, 2), 0),
    (1, slice(0, 2)),
    (Ellipsis, 0),
    Ellipsis,
    None,
    (),
    [2, 0, 2],
    np.array([1, 1]),
    ([0, 2], slice(0, 2)),
]


@pytest.mark.parametrize("part", PARTS, ids=str)
@pytest.mark.usefixtures("divided")
def test_a_part_is_what_numpy_gives(part: Any) -> None:
    """Numbers, slices and tuples of them take what they take of an array."""
    held = {"rows": noise(40, 30), "blocks": noise(3, 700), "small": noise(4, 3)}
    saved = embzarr.save(MemoryStore(), tensors=held)
    for name, array in held.items():
        assert np.array_equal(saved.tensors[name][part], array[part]), name


@pytest.mark.parametrize("part", [4, -5, "a", 1.5, slice("a", None), (0, 0, 0), (0, 9)], ids=str)
def test_a_part_that_is_not_there_is_refused(part: Any) -> None:
    """An index out of range, or none at all, names the tensor and its shape."""
    saved = embzarr.save(MemoryStore(), tensors={"w": np.ones((4, 3))})
    with pytest.raises(embzarr.InvalidInputError):
        saved.tensors["w"][part]


def test_a_tensor_is_walked_through_as_an_array_is() -> None:
    """Row by row, of which some MiB are read at a time; without dimensions there are none."""
    held = {"large": noise(3000, 1500), "blocks": noise(3, 700), "nothing": np.empty((0, 4))}
    saved = embzarr.save(MemoryStore(), tensors=held | {"scalar": np.float64(1)})
    for name, array in held.items():
        rows = list(saved.tensors[name])
        assert len(rows) == len(array)
        assert all(map(np.array_equal, rows, array))
    with pytest.raises(TypeError):
        iter(saved.tensors["scalar"]).__next__()


def test_more_names_than_a_document_could_hold_stand_in_pages() -> None:
    """A layer's own metadata has a limit, which no number of tensors passes: it tells of none."""
    store, names = MemoryStore(), {f"{at:01000}": np.ones(1) for at in range(17_000)}
    saved = embzarr.save(store, tensors=names)
    manifest = next(meta for chunk in store.list("commits/") for meta in chunk)

    assert manifest["size"] < 100_000
    assert saved.tensors.keys() == names.keys()
    assert saved.tensors[f"{77:01000}"].load() == 1
    assert saved.verify(quick=True).ok


def test_no_chunk_is_large() -> None:
    """However a shape is, chunks take some MiB at most and padding a sixteenth or little more."""
    experts, embedding = (64, 4096, 14336), (50257, 768)
    for shape in [(1, 500_000_000), (7, 500_000_003), experts, embedding, (3, 1 << 40)]:
        cut = cut_tensor(shape, 4)
        row = int(np.prod(shape[cut.split + 1 :], dtype=object)) * 4
        assert cut.chunk * row <= 4 * 1024**2
        assert cut.chunk * cut.shard * row <= 17 * 1024**2
        assert cut.block_rows <= cut.length * 1.13
        assert cut.shape == shape


def test_little_of_a_tensor_is_padding() -> None:
    """However many rows there are, what is stored is a sixteenth longer at most, or 4 KiB."""
    for shape in [(300, 100), (880, 880), (257, 1024), (129, 5000), (3, 300_000), (50_257, 768)]:
        cut = cut_tensor(shape, 4)
        padding = -cut.length % cut.chunk * int(np.prod(cut.row_shape)) * 4
        assert padding <= max(int(np.prod(shape)) * 4 / 16, 4096)
    saved = embzarr.save(MemoryStore(), tensors={"w": noise(300, 100)}, compression="none")
    stored = sum(one.size for one in saved._commit.manifest.base.objects.values())
    assert stored < 1.1 * noise(300, 100).nbytes


def test_many_small_tensors_take_few_requests() -> None:
    """A thousand of a kilobyte are a few objects to write, and to read three round trips."""
    held = {f"layer.{at}.bias": noise(256) for at in range(1000)}
    store = MemoryStore()
    embzarr.save(store, tensors=held)
    objects = [meta["path"] for chunk in store.list() for meta in chunk]
    checkpoint = embzarr.open(SlowStore(open_store(store), 0.02))
    loaded = checkpoint.tensors.load()

    assert len(objects) < 10
    assert all(np.array_equal(loaded[name], given) for name, given in held.items())
    assert checkpoint.traffic.round_trips <= 3
    assert checkpoint.traffic.requests <= 12


def test_one_tensor_is_read_alone() -> None:
    """Of many, only the chunks of the one that is asked for are fetched; of it only the rows."""
    held = {f"w{at}": noise(1024, 1024) for at in range(4)}
    store = MemoryStore()
    embzarr.save(store, tensors=held, compression="none")
    checkpoint = embzarr.open(store)
    before = checkpoint.traffic.bytes_read
    assert np.array_equal(checkpoint.tensors["w2"].load(), held["w2"])
    whole = checkpoint.traffic.bytes_read - before
    assert np.array_equal(checkpoint.tensors["w3"][10:20], held["w3"][10:20])
    part = checkpoint.traffic.bytes_read - before - whole

    assert held["w2"].nbytes <= whole < held["w2"].nbytes * 1.01
    assert part <= 1.1 * 1024**2


def test_a_given_array_is_filled() -> None:
    """`out` is filled in place; one of another shape, type or order is refused and untouched."""
    held = {"w": noise(300, 300), "b": noise(300)}
    saved = embzarr.save(MemoryStore(), tensors=held)
    out = {name: np.empty_like(array) for name, array in held.items()}
    found = saved.tensors.load(out=out)

    assert all(found[name] is out[name] for name in held)
    assert all(np.array_equal(out[name], held[name]) for name in held)
    wrong = [np.empty((300, 301), "f4"), np.empty((300, 300), "f8"), np.empty((300, 300), "f4").T]
    readonly = np.empty((300, 300), "f4")
    readonly.flags.writeable = False
    for one in [*wrong, readonly, [1, 2]]:
        with pytest.raises(embzarr.InvalidInputError):
            saved.tensors["w"].load(one)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tensors", "code"),
    [
        ({"": np.ones(1)}, "input-argument"),
        ({"n" * 1025: np.ones(1)}, "input-argument"),
        ({"猫" * 342: np.ones(1)}, "input-argument"),
        ({"\ud800": np.ones(1)}, "input-argument"),
        ({1: np.ones(1)}, "input-argument"),
        ([np.ones(1)], "input-argument"),
        ({"a": np.ones((1,) * 9)}, "input-shape"),
        ({"a": np.array([object()])}, "input-dtype"),
        ({"a": np.zeros(2, [("x", "i4")])}, "input-dtype"),
        ({"a": np.zeros(2, "V8")}, "input-dtype"),
        ({"a": np.zeros(2, "V1")}, "input-dtype"),
        ({"a": np.array("x" * 20_000)}, "input-shape"),
        ({"a": np.zeros(2, np.longdouble)}, "input-dtype"),
        ({"a": None}, "input-argument"),
    ],
)
def test_what_is_no_tensor_is_refused(tensors: Any, code: str) -> None:
    """A typed error, and nothing is written."""
    store = MemoryStore()
    with pytest.raises(embzarr.InvalidInputError) as caught:
        embzarr.save(store, tensors=tensors)

    assert caught.value.code == code
    assert list(store.list()) == []


def test_a_checkpoint_without_a_table_says_so() -> None:
    """It has no words, and who asks for them is told what there is."""
    saved = embzarr.save(MemoryStore(), tensors={"w": np.ones(1)}, model={"framework": "x"})

    assert (len(saved), list(saved), "king" in saved, saved.columns) == (0, [], False, ())
    assert saved.info().dim == 0
    assert saved.model == {"framework": "x"}
    bare: list[Callable[[], object]] = [
        lambda: saved["king"],
        lambda: saved.shape,
        saved.to_numpy,
        lambda: saved.load(["king"], columns=()),
        lambda: saved.load_prefix("k", columns=()),
    ]
    for ask in bare:
        with pytest.raises(embzarr.NotFoundError) as caught:
            ask()
        assert caught.value.code == "table-missing"
    assert "1 tensors" in repr(saved)


def test_a_save_of_nothing_is_refused() -> None:
    """Neither words nor tensors nor files, columns without words, words without vectors."""
    named = {"words": {"w": np.ones(3)}}
    table = {"words": ["a"]}, {"vectors": np.ones((1, 2))}
    for given in ({}, {"columns": {"x": [1]}}, *table, named):
        with pytest.raises(embzarr.InvalidInputError):
            embzarr.save(MemoryStore(), **given)


def test_a_table_is_not_followed_by_none_unasked() -> None:
    """A run with vectors takes a step without them only if that is meant."""
    store = MemoryStore()
    embzarr.save(store, ["a"], np.ones((1, 2)))
    with pytest.raises(embzarr.InvalidInputError) as caught:
        embzarr.save(store, tensors={"w": np.ones(1)})
    assert "vectors of dimension 2; found no vectors" in str(caught.value)

    assert embzarr.save(store, tensors={"w": np.ones(1)}, allow_new_dim=True).commit == 2


def test_names_that_are_not_there_are_told_all_at_once() -> None:
    """A mapping's own error, with a code."""
    saved = embzarr.save(MemoryStore(), tensors={"w": np.ones(1)})
    with pytest.raises(KeyError, match=r"'x', 'y'; 2 in all"):
        saved.tensors.load(["w", "x", "y"])
    with pytest.raises(embzarr.MemberNotFoundError) as caught:
        saved.files["x"]
    assert caught.value.code == "file-missing"
    assert (saved.tensors.get("x"), "x" in saved.tensors, len(saved.tensors)) == (None, False, 1)
    named = embzarr.save(MemoryStore(), tensors={"layer.weight": np.ones(1)}, files={"a.json": b""})
    for ask in (lambda: named.tensors["layer.wieght"], lambda: named.files["b.json"]):
        with pytest.raises(KeyError, match="did you mean"):
            ask()


# Files --------------------------------------------------------------------------------------------
def test_files_come_back(tmp_path: Path) -> None:
    """From bytes, a path or an open file; whole, by range, as a file, saved to a path."""
    large = RNG.bytes(5_000_001)
    (tmp_path / "large").write_bytes(large)
    given: dict[str, Any] = {
        "a.json": b"{}",
        "empty": b"",
        "view": memoryview(b"abc")[1:],
        "strides": memoryview(b"abcde")[::2],
        "path.bin": tmp_path / "large",
        "text path.txt": str(tmp_path / "large"),
        "open.bin": io.BytesIO(large),
        "../up/%2e\n": b"x" * 70_000,
    }
    saved = embzarr.save(MemoryStore(), files=given)
    expected = dict.fromkeys(("path.bin", "text path.txt", "open.bin"), large)
    expected |= {
        "a.json": b"{}",
        "empty": b"",
        "view": b"bc",
        "strides": b"ace",
        "../up/%2e\n": b"x" * 70_000,
    }

    for name, data in expected.items():
        file = saved.files[name]
        assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert file.read() == data
        assert file.read(-3, None) == data[-3:]
        assert file.read(10, 20) == data[10:20]
        assert file.save(tmp_path / "out").read_bytes() == data
        with file.open() as opened:
            opened.seek(-2, io.SEEK_END) if data else None
            assert opened.read() == data[-2:]
    assert saved.files["a.json"].media_type == "application/json"
    assert saved.files["empty"].media_type == ""
    assert saved.verify().ok


def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A folder, what lies below a file, a NUL: none of them is an error of Python's own."""
    file = embzarr.save(MemoryStore(), files={"x": b"x"}).files["x"]
    (tmp_path / "file").touch()

    for path in (tmp_path, Path(), Path("/"), tmp_path / "file" / "x", f"{tmp_path}/nul\0", 5):
        with pytest.raises(embzarr.InvalidInputError, match="path"):
            file.save(path)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_open_file_is_sought_in_as_one_of_a_disk() -> None:
    """Past its end nothing is read, and one stays where one was."""
    with embzarr.save(MemoryStore(), files={"x": b"0123"}).files["x"].open() as file:
        assert (file.seek(100), file.read(), file.tell()) == (100, b"", 100)
        assert (file.seek(-2, io.SEEK_END), file.read()) == (2, b"23")
        for offset, whence in ((-1, io.SEEK_SET), (0, 7)):
            with pytest.raises(ValueError, match=r"seek|whence"):
                file.raw.seek(offset, whence)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """Nothing of the save stays."""
    path, store = tmp_path / "log", MemoryStore()
    path.write_bytes(bytes(10_000_000))

    original = Path.open

    def opened(self: Path, *args: Any, **kwargs: Any) -> Any:
        file = original(self, *args, **kwargs)
        with original(path, "ab") as more:
            more.write(b"x")
        return file

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", opened)
        with pytest.raises(embzarr.InvalidInputError) as caught:
            embzarr.save(store, files={"log": path})

    assert caught.value.code == "input-changed"
    assert not [meta for chunk in store.list("steps/") for meta in chunk if "files" in meta["path"]]


@pytest.mark.parametrize(
    "given", [{"a": 1}, {"a": None}, ["a"], {"": b"x"}, {"a": io.StringIO("text")}, {"a": "nul\0"}]
)
def test_what_is_no_file_is_refused(given: Any) -> None:
    """A typed error names it."""
    with pytest.raises(embzarr.InvalidInputError):
        embzarr.save(MemoryStore(), files=given)


def test_a_path_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A folder, a missing file and a pipe are no files."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "none", tmp_path / "pipe"):
        with pytest.raises(embzarr.InvalidInputError) as caught:
            embzarr.save(MemoryStore(), files={"x": path})
        assert caught.value.code == "input-file"


# Deltas -------------------------------------------------------------------------------------------
def check(found: embzarr.Checkpoint, tensors: dict[str, Any], files: dict[str, bytes]) -> None:
    """Compare all of a checkpoint."""
    loaded = found.tensors.load()
    assert loaded.keys() == tensors.keys()
    for name, given in tensors.items():
        assert np.array_equal(loaded[name], given), name
    assert {name: file.read() for name, file in found.files.items()} == files
    assert found.verify().ok


def test_a_step_in_which_one_layer_changed_writes_that_layer() -> None:
    """Of 24 layers one is written again, and the others are read where they were."""
    tensors = {f"layer.{at}.weight": noise(512, 512) for at in range(24)}
    tensors |= {f"layer.{at}.bias": noise(512) for at in range(24)}
    store = MemoryStore()
    files = {"config": b"x" * 100_000}
    full = embzarr.save(store, tensors=tensors, files=files, compression="none")
    tensors["layer.7.weight"] = noise(512, 512)
    run = embzarr.Run(store)
    changed = run.save_delta(tensors=tensors, files=files)
    sizes = [layer.bytes_stored for layer in changed.info().layers]

    assert changed.info().kind == "delta"
    assert sizes[1] * 15 < sizes[0]
    check(changed, tensors, files)
    assert full.tensors["layer.7.weight"].load().sum() != tensors["layer.7.weight"].sum()


@pytest.mark.usefixtures("divided")
def test_chains_compactions_and_collections_keep_tensors() -> None:
    """Whatever becomes of the layers, what is read stays the same."""
    store, files = MemoryStore(), {"a": b"1", "b": bytes(5000)}
    tensors: dict[str, Any] = dict(ODD)
    embzarr.save(store, tensors=tensors, files=files, model={"v": 1})
    run = embzarr.Run(store)
    tensors |= {"experts": -tensors["experts"], "scalar": np.float64(2), "new": noise(9)}
    files |= {"b": bytes(5001)}
    run.save_delta(tensors=tensors, files=files, policy=ALWAYS, model={"v": 2})
    run.save_delta(files={"c": b"c"}, policy=ALWAYS)
    files |= {"c": b"c"}
    unchanged = run.save_delta(tensors=tensors, policy=ALWAYS)
    assert unchanged.info().layers[-1].objects == 1
    for found in (run.open(), run.compact(), run.open()):
        loaded = found.tensors.load()
        assert loaded.keys() == tensors.keys()
        for name, array in loaded.items():
            given = np.asarray(tensors[name]).astype(array.dtype)
            assert (array.shape, array.tobytes()) == (given.shape, given.tobytes()), name
        assert {name: file.read() for name, file in found.files.items()} == files
        assert found.model == {"v": 2}
        assert found.verify().ok
    run.gc(keep_last=1, older_than=0)
    assert run.open().verify().ok


def test_tensors_and_rows_change_together() -> None:
    """A delta of a table holds changed rows and changed tensors; either may be left out."""
    store = MemoryStore()
    embzarr.save(store, ["a", "b"], np.zeros((2, 2)), tensors={"w": np.zeros(3)})
    run = embzarr.Run(store)
    run.save_delta([1], [[5, 5]], tensors={"w": np.ones(3)}, policy=ALWAYS)
    run.save_delta([0], [[7, 7]], policy=ALWAYS)
    found = run.save_delta([2], [[8, 8]], words=["c"], files={"x": b"x"}, policy=ALWAYS)

    assert found.to_numpy().tolist() == [[7, 7], [5, 5], [8, 8]]
    check(found, {"w": np.ones(3)}, {"x": b"x"})
    with pytest.raises(embzarr.InvalidInputError):
        run.save_delta()


@pytest.mark.parametrize("most", [0, 8])
def test_a_save_in_the_background_keeps_tensors(most: int) -> None:
    """Changed rows leave them as they were, in a delta and in a full step."""
    store, words, vectors = MemoryStore(), ["a", "b"], np.zeros((2, 2), "f4")
    embzarr.save(store, words, vectors, tensors={"w": np.ones(3)}, files={"x": b"x"})
    run = embzarr.Run(store)
    vectors[1] = 5
    policy = embzarr.DeltaPolicy(max_deltas=most, max_share=1000)
    found = run.save_async(words, vectors, changed=[1], base=run.open(), policy=policy).result()

    assert found.info().kind == ("delta" if most else "full")
    assert found.to_numpy().tolist() == vectors.tolist()
    check(found, {"w": np.ones(3)}, {"x": b"x"})


@pytest.mark.usefixtures("divided")
def test_damage_is_named_and_never_read() -> None:
    """Each chunk of each tensor is checked; what lies beside a damaged one is given."""
    store = MemoryStore()
    held = {"w": noise(40, 30), "deep": noise(3, 700), "v": noise(40, 30)}
    saved = embzarr.save(store, tensors=held, compression="none")
    key = next(k for k in saved._commit.manifest.base.objects if "deep" in k and "/c/1/" in k)
    path = f"{saved._commit.manifest.base.path}/{key}"
    data = bytearray(store.get(path).bytes().to_bytes())
    data[3] ^= 1
    store.put(path, bytes(data))
    checkpoint = embzarr.open(store)

    assert np.array_equal(checkpoint.tensors["deep"][0], held["deep"][0])
    for read in (lambda: checkpoint.tensors["deep"][1], checkpoint.tensors.load):
        with pytest.raises(embzarr.DamagedError) as caught:
            read()
        assert caught.value.code == "chunk-checksum"
    assert np.array_equal(checkpoint.tensors["v"].load(), held["v"])
    (problem,) = checkpoint.verify().problems
    assert (problem.code, problem.key) == ("chunk-checksum", path)


@pytest.mark.usefixtures("divided")
def test_a_mirror_restores_tensors() -> None:
    """Objects that are gone come back from a copy; what follows from the manifest needs none."""
    store, mirror = MemoryStore(), MemoryStore()
    for place in (store, mirror):
        embzarr.save(place, tensors=ODD, files={"f": bytes(5000)}, step=1)
    for chunk in store.list():
        for meta in chunk:
            mirror.put(meta["path"], store.get(meta["path"]).bytes().to_bytes())
    gone = [meta["path"] for chunk in store.list("steps/") for meta in chunk][::3]
    for path in gone:
        store.delete(path)
    assert not embzarr.open(store).verify().ok
    report = embzarr.repair(store, source=mirror)

    assert report.lost == ()
    assert embzarr.open(store).verify().ok
