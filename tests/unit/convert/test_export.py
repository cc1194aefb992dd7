from __future__ import annotations

import errno
import hashlib
import io
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path

import fsspec  # type: ignore[import-untyped]  # no types
import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

import embzarr
from embzarr import convert
from embzarr.convert import _targets
from servers.moto import Moto
from unit.convert.readers import READERS

WORDS = [f"w{number}" for number in range(300)] + [
    "猫",
    "naïve",
    "😀",
    "</s>",
    "\ufeffbom",
    "a" * 500,
]
DIM = 5
ODD = ["", "two words", "tab\there", "line\nend", "return\r", "nul\0", "end\0", "sep\u2028x", " x"]


def numbers(rows: int, seed: int = 0) -> NDArray[np.float32]:
    """Bit patterns of finite floats, subnormal and huge ones and both zeros among them."""
    bits = np.random.default_rng(seed).integers(0, 2**32, (rows, DIM), np.uint32)
    table = bits.view(np.float32)
    table[~np.isfinite(table)] = -0.0
    return table


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> embzarr.Checkpoint:
    return embzarr.save(tmp_path_factory.mktemp("run"), WORDS, numbers(len(WORDS)))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> embzarr.Checkpoint:
    words = [*ODD, "m" * 2**20]
    return embzarr.save(tmp_path_factory.mktemp("odd"), words, numbers(len(words)))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def same_bits(found: NDArray[np.generic], expected: NDArray[np.generic]) -> bool:
    return (found.shape, found.dtype, found.tobytes()) == (
        expected.shape,
        expected.dtype,
        expected.tobytes(),
    )


# Open files ---------------------------------------------------------------------------------------
def test_an_open_file_gets_what_a_path_gets(checkpoint: embzarr.Checkpoint, tmp_path: Path) -> None:
    """The same bytes, and it stays open; where one file is not enough, nothing is written."""
    convert.export_vectors(checkpoint, tmp_path / "x.bin")
    with (tmp_path / "y").open("wb") as file:
        done = convert.export_vectors(checkpoint, file, format="word2vec")
        assert not file.closed

    assert (tmp_path / "y").read_bytes() == (tmp_path / "x.bin").read_bytes()
    assert done.sha256 == hashlib.sha256((tmp_path / "x.bin").read_bytes()).hexdigest()
    buffer = io.BytesIO()
    for how, said in (
        ({"format": "npy"}, "a file beside it"),
        ({}, "does not tell the format"),
        ({"format": "glove", "target_options": {"a": 1}}, "target_options go with a URL"),
    ):
        with pytest.raises(embzarr.InvalidInputError, match=said):
            convert.export_vectors(checkpoint, buffer, **how)
    assert buffer.getvalue() == b""


# Formats ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", READERS)
def test_an_independent_reader_finds_the_same_bits(
    checkpoint: embzarr.Checkpoint, tmp_path: Path, name: str
) -> None:
    """What is exported is what was saved: words, order, and every bit of every number."""
    ending, read = READERS[name]
    target = tmp_path / f"x{ending}"

    done = convert.export_vectors(checkpoint, target, format=name)

    words, vectors = read(target)
    assert words == WORDS
    assert same_bits(vectors, numbers(len(WORDS)))
    assert (done.rows, done.dim, done.dtype, done.format) == (len(WORDS), DIM, "float32", name)
    written = {file.name: (tmp_path / file.name).read_bytes() for file in done.files}
    assert set(names_in(tmp_path)) == set(written)
    assert {file.name: file.sha256 for file in done.files} == {
        name: hashlib.sha256(data).hexdigest() for name, data in written.items()
    }
    assert done.bytes == sum(map(len, written.values()))


@pytest.mark.parametrize("name", [name for name in READERS if name != "glove"])
def test_the_ending_tells_the_format(
    checkpoint: embzarr.Checkpoint, tmp_path: Path, name: str
) -> None:
    """A name that ends as the format's files do needs no format=."""
    done = convert.export_vectors(checkpoint, tmp_path / f"X{READERS[name][0].upper()}")
    assert done.format == name


def test_an_ending_that_tells_nothing_is_refused(
    checkpoint: embzarr.Checkpoint, tmp_path: Path
) -> None:
    """A .txt may be GloVe's or word2vec's: the caller says which, from a list in the message."""
    with pytest.raises(
        embzarr.InvalidInputError, match=r"format= must: word2vec \.bin, .* glove, "
    ) as caught:
        convert.export_vectors(checkpoint, tmp_path / "x.txt")
    assert caught.value.code == "input-argument"
    with pytest.raises(embzarr.InvalidInputError, match="expected one of word2vec, "):
        convert.export_vectors(checkpoint, tmp_path / "x.txt", format="word3vec")


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("stored", ["float16", "bfloat16"])
def test_half_precision_is_exact(tmp_path: Path, name: str, stored: str) -> None:
    """Numbers of two bytes stand in the file as they are, or as the float32 that equals them."""
    half = np.dtype(ml_dtypes.bfloat16) if stored == "bfloat16" else np.dtype(stored)
    table = np.random.default_rng(1).standard_normal((20, DIM)).astype(half)
    checkpoint = embzarr.save(tmp_path / "run", WORDS[:20], table)
    ending, read = READERS[name]

    done = convert.export_vectors(checkpoint, tmp_path / f"x{ending}", format=name)

    _, found = read(tmp_path / f"x{ending}")
    if done.dtype == "bfloat16":
        found = found.view(half)
    assert done.dtype in {stored, "float32"}
    assert np.array_equal(found.astype(np.float64), table.astype(np.float64))


def test_doubles_are_rounded_only_where_that_is_asked_for(tmp_path: Path) -> None:
    """A format of float32 refuses float64 until the caller says so; one of float64 keeps it."""
    table = np.random.default_rng(1).standard_normal((20, DIM))
    checkpoint = embzarr.save(tmp_path / "run", WORDS[:20], table)

    with pytest.raises(embzarr.InvalidInputError, match="dtype='float32' rounds") as caught:
        convert.export_vectors(checkpoint, tmp_path / "x.bin")
    assert caught.value.code == "input-dtype"
    convert.export_vectors(checkpoint, tmp_path / "x.bin", dtype=np.float32)
    assert same_bits(READERS["word2vec"][1](tmp_path / "x.bin")[1], table.astype(np.float32))
    convert.export_vectors(checkpoint, tmp_path / "x.npy")
    assert same_bits(np.load(tmp_path / "x.npy"), table)
    convert.export_vectors(checkpoint, tmp_path / "x.vec")
    texts = [line.split(" ")[1:] for line in (tmp_path / "x.vec").read_text().splitlines()[1:]]
    assert same_bits(np.array([[float(one) for one in row] for row in texts]), table)


@pytest.mark.parametrize("name", READERS)
def test_not_a_number_is_kept_or_refused(tmp_path: Path, name: str) -> None:
    """NaN and infinities read back; JSON, which has none, refuses them with the word and row."""
    table = numbers(3)
    table[1, 2:4] = np.nan, -np.inf
    checkpoint = embzarr.save(tmp_path / "run", ["a", "b", "c"], table, allow_nonfinite=True)
    ending, read = READERS[name]

    if name == "jsonl":
        with pytest.raises(embzarr.InvalidInputError, match="'b', row 1") as caught:
            convert.export_vectors(checkpoint, tmp_path / "x.jsonl")
        assert caught.value.code == "input-nonfinite"
        assert names_in(tmp_path) == ["run"]
    else:
        convert.export_vectors(checkpoint, tmp_path / f"x{ending}", format=name)
        assert np.array_equal(read(tmp_path / f"x{ending}")[1], table, equal_nan=True)


@pytest.mark.parametrize("name", READERS)
def test_an_odd_word_is_kept_or_refused_by_name(
    odd: embzarr.Checkpoint, tmp_path: Path, name: str
) -> None:
    """A word that the format cannot hold is named with its row, and nothing is written."""
    ending, read = READERS[name]
    for row, word in enumerate(odd.words):
        target = tmp_path / f"{row}{ending}"
        if _holds(odd, target, name, word):
            words, vectors = read(target)
            assert words == [word]
            assert same_bits(vectors, numbers(len(odd))[row : row + 1])
            continue
        refusal = rf"(?s){name} cannot hold the word .* of row {row}: \w"
        with pytest.raises(embzarr.InvalidInputError, match=refusal) as caught:
            convert.export_vectors(odd, target, format=name, words=[word])
        assert caught.value.code == "input-word"
        assert not [found for found in names_in(tmp_path) if found.startswith(f"{row}.")]


def test_which_odd_words_each_format_holds(odd: embzarr.Checkpoint, tmp_path: Path) -> None:
    """The formats with lengths or quotes hold every word; GloVe's holds blanks inside."""
    held = {
        name: [word for word in ODD if _holds(odd, tmp_path / f"{name}{at}", name, word)]
        for at, name in enumerate(READERS)
    }
    assert held == {
        "word2vec": ["sep\u2028x"],
        "word2vec-text": ["sep\u2028x"],
        "glove": ["two words", "sep\u2028x"],
        "tsv": ["two words", "sep\u2028x", " x"],
        "jsonl": ODD,
        "npy": ["two words", " x"],
        "npz": [word for word in ODD if not word.endswith("\0")],
        "safetensors": ["two words", " x"],
        "finalfusion": ODD,
    }


def _holds(checkpoint: embzarr.Checkpoint, target: Path, name: str, word: str) -> bool:
    try:
        convert.export_vectors(checkpoint, target, format=name, words=[word], overwrite=True)
    except embzarr.InvalidInputError:
        return False
    return True


@pytest.mark.parametrize("name", READERS)
def test_nothing_is_a_table_too(checkpoint: embzarr.Checkpoint, tmp_path: Path, name: str) -> None:
    """No rows make a sound file of no rows."""
    ending, read = READERS[name]
    done = convert.export_vectors(checkpoint, tmp_path / f"x{ending}", format=name, words=[])
    assert (done.rows, read(tmp_path / f"x{ending}")[0]) == (0, [])


# Rows ---------------------------------------------------------------------------------------------
def test_a_part_is_written_as_it_is_loaded(checkpoint: embzarr.Checkpoint, tmp_path: Path) -> None:
    """Words in the caller's order, a prefix, a range of words or rows, and a worker's share."""
    asked = ["w7", "猫", "w0"]
    for part, expected in (
        ({"words": asked}, checkpoint.load(asked)),
        ({"prefix": "w1"}, checkpoint.load_prefix("w1")),
        ({"between": ("w1", "w2")}, checkpoint.load_range("w1", "w2")),
        ({"rows": range(10, 20)}, checkpoint.load_rows(10, 20)),
        ({"rows": range(295, 10**9)}, checkpoint.load_rows(295, None)),
        ({"part": (2, 7)}, checkpoint.load_part(2, 7)),
        ({"part": (299, 1000)}, checkpoint.load_part(299, 1000)),
    ):
        convert.export_vectors(checkpoint, tmp_path / "x.bin", overwrite=True, **part)
        words, vectors = READERS["word2vec"][1](tmp_path / "x.bin")
        assert words == [*expected.words]
        assert same_bits(vectors, expected.vectors)


def test_missing_words(checkpoint: embzarr.Checkpoint, tmp_path: Path) -> None:
    """They are refused, left out, or zeros or NaN in their place, as a load has them."""
    asked = ["w7", "nowhere", "w0"]
    read = READERS["npy"][1]
    with pytest.raises(embzarr.WordNotFoundError):
        convert.export_vectors(checkpoint, tmp_path / "x.npy", words=asked)
    assert names_in(tmp_path) == []
    for missing, words, row in (
        ("skip", ["w7", "w0"], None),
        ("zeros", asked, 0),
        ("nan", asked, np.nan),
    ):
        target = tmp_path / f"{missing}.npy"
        convert.export_vectors(checkpoint, target, words=asked, missing=missing)  # type: ignore[arg-type]  # of a list
        found, vectors = read(target)
        assert found == words
        if row is not None:
            assert np.array_equal(vectors[1], np.full(DIM, row, "f4"), equal_nan=True)


def test_missing_words_are_made_of_their_ngrams(tmp_path: Path) -> None:
    """Where the checkpoint has some."""
    grams = np.arange(14, dtype="f4").reshape(7, 2)
    record = {"form": "subwords", "bucket": 7, "minn": 2, "maxn": 3}
    run = embzarr.save(
        tmp_path / "run", ["a"], np.ones((1, 2), "f4"), tensors={"subwords": grams}, model=record
    )

    convert.export_vectors(run, tmp_path / "x.npy", words=["bc", "a"], missing="subwords")

    words, vectors = READERS["npy"][1](tmp_path / "x.npy")
    assert words == ["bc", "a"]
    assert same_bits(vectors, np.stack((run.get_vector("bc"), run["a"])))


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ({"words": ["w1", "w2", "w1"]}, "input-duplicate-word"),
        ({"words": ["w1"], "prefix": "w"}, "input-argument"),
        ({"rows": range(0, 10, 2)}, "input-argument"),
        ({"rows": (0, 10)}, "input-argument"),
        ({"part": (3, 3)}, "input-argument"),
        ({"part": 3}, "input-argument"),
        ({"part": (0, 3), "by": "luck"}, "input-argument"),
        ({"part": (0, 3), "by": "weight"}, "input-argument"),
        ({"part": (0, 3), "rows": range(2)}, "input-argument"),
        ({"words": ["w1"], "missing": "sometimes"}, "input-argument"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(
    checkpoint: embzarr.Checkpoint, tmp_path: Path, part: dict[str, object], code: str
) -> None:
    """A word twice, two ways at once, or rows with gaps: refused, and nothing is written."""
    with pytest.raises(embzarr.InvalidInputError) as caught:
        convert.export_vectors(checkpoint, tmp_path / "x.jsonl", **part)  # type: ignore[arg-type]  # wrong on purpose
    assert caught.value.code == code
    assert names_in(tmp_path) == []


def test_a_place_is_opened_and_progress_told(tmp_path: Path) -> None:
    """The first argument may be the place of a run; progress ends with all rows of all."""
    embzarr.save(tmp_path / "run", WORDS, numbers(len(WORDS)))
    told: list[tuple[int, int]] = []
    convert.export_vectors(
        tmp_path / "run", tmp_path / "x.bin", progress=lambda *now: told.append(now)
    )
    assert told[-1] == (len(WORDS), len(WORDS))


# Targets ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_file_keeps_its_name(
    checkpoint: embzarr.Checkpoint, tmp_path: Path, *, overwrite: bool
) -> None:
    """A folder, a pipe, and a device behind a link as /dev/stdout is: none is replaced."""
    (tmp_path / "folder.bin").mkdir()
    os.mkfifo(tmp_path / "pipe.bin")
    (tmp_path / "link.bin").symlink_to("/dev/null")
    before = sorted(tmp_path.iterdir())
    for name, found in (("folder", "a folder"), ("pipe", "a device"), ("link", "a device")):
        with pytest.raises(embzarr.InvalidInputError, match=f"expected a file, found {found}"):
            convert.export_vectors(checkpoint, tmp_path / f"{name}.bin", overwrite=overwrite)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "pipe.bin").is_fifo()
    assert (tmp_path / "link.bin").is_symlink()


def test_a_link_stays_one(checkpoint: embzarr.Checkpoint, tmp_path: Path) -> None:
    """The file that it points to is replaced."""
    (tmp_path / "x.bin").write_bytes(b"old")
    (tmp_path / "link.bin").symlink_to(tmp_path / "x.bin")
    with pytest.raises(embzarr.ConflictError):
        convert.export_vectors(checkpoint, tmp_path / "link.bin")
    convert.export_vectors(checkpoint, tmp_path / "link.bin", words=["w1"], overwrite=True)
    assert (tmp_path / "link.bin").is_symlink()
    assert READERS["word2vec"][1](tmp_path / "x.bin")[0] == ["w1"]


def test_a_target_that_is_there_is_refused(checkpoint: embzarr.Checkpoint, tmp_path: Path) -> None:
    """Neither the file nor the one of its words is replaced unless overwrite=True."""
    for name in ("x.npy", "x.txt"):
        (tmp_path / name).write_bytes(b"mine")
        with pytest.raises(embzarr.ConflictError, match=f"{name} exists") as caught:
            convert.export_vectors(checkpoint, tmp_path / "x.npy")
        assert caught.value.code == "object-exists"
        assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]
        (tmp_path / name).unlink()
    (tmp_path / "x.npy").write_bytes(b"mine")
    convert.export_vectors(checkpoint, tmp_path / "x.npy", overwrite=True)
    assert READERS["npy"][1](tmp_path / "x.npy")[0] == WORDS


def test_a_target_that_came_meanwhile_is_refused(
    checkpoint: embzarr.Checkpoint, tmp_path: Path
) -> None:
    """Who writes the same name during an export keeps it."""
    target = tmp_path / "x.bin"

    def meanwhile(_done: int, _total: int) -> None:
        target.write_bytes(b"other")

    with pytest.raises(embzarr.ConflictError):
        convert.export_vectors(checkpoint, target, progress=meanwhile)
    assert target.read_bytes() == b"other"
    assert names_in(tmp_path) == ["x.bin"]


@pytest.mark.parametrize(
    ("failure", "raised", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), embzarr.StoreError, "store-full"),
        (OSError(errno.EIO, "Input/output error"), embzarr.StoreError, "store-failed"),
        (PermissionError(errno.EACCES, "Denied"), embzarr.AccessDeniedError, "access-denied"),
        (KeyboardInterrupt(), KeyboardInterrupt, None),
    ],
)
@pytest.mark.parametrize("older", [True, False])
@pytest.mark.parametrize("name", ["word2vec", "npy", "npz"])
def test_no_half_file_gets_the_name(
    checkpoint: embzarr.Checkpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException,
    raised: type[BaseException],
    code: str | None,
    older: bool,  # noqa: FBT001 - a case
    name: str,
) -> None:
    """A full disk, a broken one or an interrupt leave what was there, and nothing besides."""
    target = tmp_path / f"x{READERS[name][0]}"
    if older:
        target.write_bytes(b"older")
    append = _targets.Sink.append

    def failing(sink: _targets.Sink, data: bytes) -> int:
        if sink.size:
            raise failure
        return append(sink, data)

    monkeypatch.setattr(_targets.Sink, "append", failing)
    monkeypatch.setattr("embzarr.convert._rows._BATCH_BYTES", 100)
    with pytest.raises(raised) as caught:
        convert.export_vectors(checkpoint, target, format=name, overwrite=True)
    assert getattr(caught.value, "code", None) == code
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"older"] * older


def test_a_killed_export_leaves_no_file_of_its_name(
    checkpoint: embzarr.Checkpoint, tmp_path: Path
) -> None:
    """A process that ends at the last row, with all bytes written, has named nothing."""
    code = (
        "import os, signal, sys; from embzarr import convert; convert.export_vectors("
        "sys.argv[1], sys.argv[2], progress=lambda *_: os.kill(os.getpid(), signal.SIGKILL))"
    )
    command = [sys.executable, "-c", code, checkpoint.url, str(tmp_path / "x.bin")]
    done = subprocess.run(command, check=False)  # noqa: S603 - our own interpreter
    assert done.returncode == -signal.SIGKILL
    assert [name for name in names_in(tmp_path) if not name.endswith(".tmp")] == []
    convert.export_vectors(checkpoint, tmp_path / "x.bin")
    assert READERS["word2vec"][1](tmp_path / "x.bin")[0] == WORDS


def test_damage_under_way_leaves_nothing(tmp_path: Path) -> None:
    """A checkpoint that turns out to be damaged gives its error and no file."""
    checkpoint = embzarr.save(
        tmp_path / "run", WORDS, numbers(len(WORDS)), compression="none", chunk_bytes=1024
    )
    (shard,) = (tmp_path / "run").glob("steps/*/vectors/c/0/0")
    data = bytearray(shard.read_bytes())
    data[4000] ^= 1
    shard.write_bytes(data)
    with pytest.raises(embzarr.DamagedError):
        convert.export_vectors(checkpoint, tmp_path / "x.bin")
    assert names_in(tmp_path) == ["run"]


@pytest.mark.parametrize("target", ["", "folder/", "x\0.bin"])
def test_a_name_that_no_file_has_is_refused(checkpoint: embzarr.Checkpoint, target: str) -> None:
    """A target names a file."""
    with pytest.raises(embzarr.InvalidInputError):
        convert.export_vectors(checkpoint, target, format="tsv")


def test_a_long_name_may_be_had(checkpoint: embzarr.Checkpoint, tmp_path: Path) -> None:
    """What a file system takes as a name, an export takes too."""
    convert.export_vectors(checkpoint, tmp_path / f"{'猫' * 80}.bin")
    assert names_in(tmp_path) == [f"{'猫' * 80}.bin"]


def test_a_folder_that_is_not_there_is_told(checkpoint: embzarr.Checkpoint, tmp_path: Path) -> None:
    """A mistyped folder is not made."""
    with pytest.raises(embzarr.NotFoundError, match="no folder"):
        convert.export_vectors(checkpoint, tmp_path / "nowhere" / "x.bin")


def test_any_filesystem_of_fsspec_takes_a_file(checkpoint: embzarr.Checkpoint) -> None:
    """The file is uploaded beside its name and renamed; an older one is kept or replaced."""
    fs = fsspec.filesystem("memory")
    fs.mkdirs("/exports", exist_ok=True)
    url = "memory://exports/x.npy"
    try:
        convert.export_vectors(checkpoint, url)
        assert {Path(name).name for name in fs.ls("/exports", detail=False)} == {"x.npy", "x.txt"}
        with fs.open("/exports/x.npy") as file:
            assert same_bits(np.load(file), numbers(len(WORDS)))
        with pytest.raises(embzarr.ConflictError):
            convert.export_vectors(checkpoint, url)
        convert.export_vectors(checkpoint, url, words=["w3"], overwrite=True)
        assert fs.cat_file("/exports/x.txt") == b"w3\n"
    finally:
        fs.rm("/exports", recursive=True)


@pytest.mark.parametrize("kind", [ConnectionError, LookupError])
def test_an_upload_that_fails_leaves_nothing(
    checkpoint: embzarr.Checkpoint, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    """It leaves neither the name nor half a file beside it, and no secret in what it says."""
    failure = kind("the peer went away, password Vq7-hunter2-Zk")
    fs = fsspec.filesystem("memory")
    fs.mkdirs("/broken", exist_ok=True)

    def broken(_: object, path: str, beside: str) -> None:
        fs.pipe_file(beside, Path(path).read_bytes()[:10])
        raise failure

    monkeypatch.setattr(type(fs), "put_file", broken)
    with pytest.raises(embzarr.StoreError, match="the peer went away") as caught:
        convert.export_vectors(
            checkpoint, "memory://broken/x.bin", target_options={"password": "Vq7-hunter2-Zk"}
        )
    assert caught.value.code == "store-failed"
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert fs.ls("/broken") == []


def test_s3_takes_a_file(checkpoint: embzarr.Checkpoint, moto_s3: Moto, moto_bucket: str) -> None:
    """An object shows when its upload is complete, and one that is there is kept."""
    url = moto_s3.url(moto_bucket, "out/x.bin")
    convert.export_vectors(checkpoint, url, target_options=moto_s3.options)
    folder = moto_s3.url(moto_bucket, "out")
    store = embzarr._storage.open_store(folder, storage_options=moto_s3.options)
    data = bytes(store.get("x.bin"))
    assert data.startswith(f"{len(WORDS)} {DIM}\nw0 ".encode())
    assert data.endswith(numbers(len(WORDS))[-1].tobytes())
    with pytest.raises(embzarr.ConflictError):
        convert.export_vectors(checkpoint, url, target_options=moto_s3.options)


# Importing ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("module", "absent"),
    [("embzarr", "embzarr.convert"), ("embzarr.convert", "pyarrow gensim fsspec zarr")],
)
def test_what_is_not_used_is_not_imported(module: str, absent: str) -> None:
    """The package comes with its own import alone, and a format's library with the format."""
    code = f"import sys, {module}; print([n for n in {absent.split()} if n in sys.modules])"
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
