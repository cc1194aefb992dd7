"""What `create` promises: a stream of blocks becomes one commit, or nothing."""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr._storage.open import open_store
from oracle import make_vectors, make_words, read_step

WORDS = make_words(1000)
VECTORS = make_vectors(1000, 12)


def test_blocks_of_any_size_become_one_checkpoint(tmp_path: Path) -> None:
    """Uneven blocks, empty ones too, give the rows in the order of their appends."""
    edges = [0, 1, 1, 500, 999, 1000]

    with embzarr.create(tmp_path, 12, step=4, columns={"counts": "uint32"}) as writer:
        for start, stop in itertools.pairwise(edges):
            writer.append(
                WORDS[start:stop], VECTORS[start:stop], counts=np.arange(start, stop, dtype="u4")
            )
        writer.metadata["rows"] = 1000

    checkpoint = embzarr.open(tmp_path)
    assert (checkpoint.words, checkpoint.step) == (WORDS, 4)
    assert checkpoint.metadata == {"rows": 1000}
    np.testing.assert_array_equal(checkpoint.to_numpy(), VECTORS)
    _, read = read_step(tmp_path, writer.checkpoint.info().layers[0].path)
    np.testing.assert_array_equal(read, VECTORS)


def test_the_callers_array_may_be_used_again(tmp_path: Path) -> None:
    """A buffer that is overwritten after each append does not change what was appended."""
    buffer = np.empty((10, 12), np.float32)

    with embzarr.create(tmp_path, 12) as writer:
        for start in range(0, 1000, 10):
            buffer[:] = VECTORS[start : start + 10]
            writer.append(WORDS[start : start + 10], buffer)
            buffer[:] = -1

    np.testing.assert_array_equal(writer.checkpoint.to_numpy(), VECTORS)


@pytest.mark.parametrize("compression", ["none", "lz4"])
def test_many_shards(tmp_path: Path, compression: str) -> None:
    """Rows that fill several shards, appended across their edges, stay as they are."""
    wide = np.arange(100, dtype=np.float32)[:, None] + np.zeros(2**18, np.float32)  # 1 MiB a row

    with embzarr.create(tmp_path, 2**18, compression=compression) as writer:
        for start in range(0, 100, 30):
            writer.append(map(str, range(start, min(start + 30, 100))), wide[start : start + 30])

    assert writer.checkpoint.info().columns[0].shard_chunks == 16
    np.testing.assert_array_equal(writer.checkpoint["63"], wide[63])
    np.testing.assert_array_equal(writer.checkpoint.load_rows(14, 18).vectors, wide[14:18])
    np.testing.assert_array_equal(writer.checkpoint.to_numpy(), wide)


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    """After an error inside the block no commit is visible and the data is removed."""
    embzarr.save(tmp_path, ["a"], [[1.0]])
    before = {info.key for info in open_store(tmp_path).list("")}

    def fail_half_way() -> None:
        with embzarr.create(tmp_path, 2**18, allow_new_dim=True) as writer:
            writer.append(map(str, range(100)), np.ones((100, 2**18), np.float32))
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail_half_way()

    assert {info.key for info in open_store(tmp_path).list("")} == before
    assert embzarr.open(tmp_path).words == ["a"]


def test_a_writer_without_a_block_takes_nothing(tmp_path: Path) -> None:
    """What it took would never be committed, since nothing tells it that all is there."""
    writer = embzarr.create(tmp_path, 1)

    with pytest.raises(embzarr.InvalidInputError, match=r"with embzarr\.create") as caught:
        writer.append(["a"], [[1.0]])
    assert caught.value.code == "store-closed"
    with pytest.raises(embzarr.InvalidInputError, match=r"with embzarr\.create"):
        writer.add(files={"a": b"1"})
    with writer:
        writer.append(["a"], [[1.0]])
    assert embzarr.open(tmp_path).words == ["a"]


def test_duplicates_over_blocks_are_refused(tmp_path: Path) -> None:
    """A word that comes again in a later block is named with both rows; nothing is committed."""
    writer = ExitStack().enter_context(embzarr.create(tmp_path, 1))
    writer.append(["a", "b"], [[1.0], [2.0]])
    writer.append(["c", "b"], [[3.0], [4.0]])

    with pytest.raises(embzarr.InvalidInputError, match="rows 1 and 3"), writer:
        pass

    with pytest.raises(embzarr.NotFoundError):
        embzarr.open(tmp_path)


BLOCKS: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "narrow": ((["a"], [[1.0]]), {}, "input-shape"),
    "rows": ((["a"], [[1.0, 2.0], [1.0, 2.0]]), {}, "input-rows"),
    "flat": ((["a", "b"], [1.0, 2.0]), {}, "input-shape"),
    "column_not_declared": ((["a"], [[1.0, 2.0]]), {"counts": [1]}, "input-argument"),
    "nan": ((["a"], [[1.0, np.nan]]), {}, "input-nonfinite"),
    "text": ((["a"], [["x", "y"]]), {}, "input-dtype"),
    "surrogate": ((["\ud800"], [[1.0, 2.0]]), {}, "input-word"),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_bad_blocks(name: str, tmp_path: Path) -> None:
    """A block that does not fit is refused, and the writer may go on without it."""
    positional, keywords, code = BLOCKS[name]

    with embzarr.create(tmp_path, 2) as writer:
        with pytest.raises(embzarr.InvalidInputError) as caught:
            writer.append(*positional, **keywords)
        writer.append(["good"], [[1.0, 2.0]])

    assert caught.value.code == code
    assert embzarr.open(tmp_path).words == ["good"]


@pytest.mark.parametrize("between", ["nothing", "a step far on"])
def test_two_at_once_have_two_steps(tmp_path: Path, between: str) -> None:
    """Where no step is given, it is the one after the newest checkpoint's when it is committed."""
    embzarr.save(tmp_path, ["a"], VECTORS[:1], step=4)
    with embzarr.create(tmp_path, 12) as later, embzarr.create(tmp_path, 12) as first:
        first.append(["first"], VECTORS[:1])
        later.append(["later"], VECTORS[:1])
        if between == "a step far on":
            embzarr.save(tmp_path, ["a"], VECTORS[:1], step=100)
    newest = 101 if between == "a step far on" else 5

    assert (first.checkpoint.step, later.checkpoint.step) == (newest, newest + 1)
    assert embzarr.open(tmp_path, step=newest).words == ["first"]
    assert embzarr.open(tmp_path).words == ["later"]
    for number in embzarr.Run(tmp_path).numbers():
        assert embzarr.open(tmp_path, commit=number).verify().ok


@pytest.mark.parametrize("meant", [False, True])
def test_two_at_once_have_vectors_of_one_length(tmp_path: Path, *, meant: bool) -> None:
    """Of two first saves the second to commit is refused as if it had begun then, and removed."""
    with ExitStack() as both:
        if not meant:
            both.enter_context(
                pytest.raises(embzarr.InvalidInputError, match="holds vectors of dimension 2")
            )
        with embzarr.create(tmp_path, 3, allow_new_dim=meant) as later:
            later.append(["later"], np.ones((1, 3)))
            embzarr.save(tmp_path, ["first"], np.ones((1, 2)))

    dims = [embzarr.open(tmp_path, commit=number).dim for number in embzarr.Run(tmp_path).numbers()]
    assert dims == ([3, 2] if meant else [2])
    layers = [path for path in (tmp_path / "steps").iterdir() if any(path.rglob("c"))]
    assert len(layers) == len(dims)


def test_a_step_that_is_given_stays(tmp_path: Path) -> None:
    """Two writers may mean the same step: the later commit is the one that is opened."""
    with embzarr.create(tmp_path, 12, step=7) as later, embzarr.create(tmp_path, 12, step=7) as one:
        one.append(["one"], VECTORS[:1])
        later.append(["later"], VECTORS[:1])

    assert (one.checkpoint.step, later.checkpoint.step) == (7, 7)
    assert embzarr.open(tmp_path, step=7).words == ["later"]


def test_no_step_comes_after_the_last(tmp_path: Path) -> None:
    """It is refused before anything is written, and not as if the store were damaged."""
    embzarr.save(tmp_path, ["a"], VECTORS[:1], step=2**53 - 1)
    with pytest.raises(embzarr.InvalidInputError, match="none comes after it"):
        embzarr.save(tmp_path, ["a"], VECTORS[:1])

    assert embzarr.Run(tmp_path).numbers() == [1]


def test_lexical_streams_must_rise(tmp_path: Path) -> None:
    """A stream that claims byte order is held to it."""
    with embzarr.create(tmp_path / "good", 1, placement="lexical") as writer:
        writer.append(["a", "b"], [[1.0], [2.0]])
    writer = ExitStack().enter_context(embzarr.create(tmp_path / "bad", 1, placement="lexical"))
    writer.append(["b", "a"], [[1.0], [2.0]])
    with pytest.raises(embzarr.InvalidInputError, match="belongs after"), writer:
        pass

    assert embzarr.open(tmp_path / "good").info().placement == "lexical"


def test_groups_need_all_words(tmp_path: Path) -> None:
    """A stream cannot be placed by hash, and says what can."""
    with pytest.raises(embzarr.InvalidInputError, match="use save"):
        embzarr.create(tmp_path, 1, placement="hash")  # type: ignore[arg-type]


def test_rows_larger_than_a_chunk_may_be(tmp_path: Path) -> None:
    """A row that no reader would accept is refused before anything is written."""
    with pytest.raises(embzarr.InvalidInputError, match="rows of at most 268435456 bytes"):
        embzarr.create(tmp_path, 2**27)

    assert list(open_store(tmp_path).list("")) == []


def test_a_store_of_a_later_version_is_left_as_it_is(tmp_path: Path) -> None:
    """Nothing is written to a store that this version cannot read."""
    embzarr.save(tmp_path, ["a"], [[1.0]])
    manifest = tmp_path / "commits/00000000000000000001.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"version":1', b'"version":2'))
    (tmp_path / "latest.json").unlink()
    before = {info.key for info in open_store(tmp_path).list("")}

    with pytest.raises(embzarr.UnsupportedError) as caught:
        embzarr.save(tmp_path, ["b"], [[1.0]], step=7)

    assert caught.value.code == "version-unsupported"
    assert {info.key for info in open_store(tmp_path).list("")} == before


def test_nothing_after_the_commit(tmp_path: Path) -> None:
    """A writer that has committed takes no more rows."""
    with embzarr.create(tmp_path, 1) as writer:
        writer.append(["a"], [[1.0]])

    with pytest.raises(embzarr.InvalidInputError) as caught:
        writer.append(["b"], [[1.0]])
    assert caught.value.code == "store-closed"


@pytest.mark.parametrize("size", [3, 300])
def test_a_name_that_was_given_is_not_given_again(tmp_path: Path, size: int) -> None:
    """Both would be under way to one place; what was given first stays, and may be committed."""
    first, second = make_vectors(size, 300), make_vectors(size, 300, seed=9)

    with embzarr.create(tmp_path, 12) as writer:
        writer.append(WORDS, VECTORS)
        writer.add(tensors={"w": first}, files={"f": b"1"})
        for given in ({"tensors": {"new": second, "w": second}}, {"files": {"f": b"2"}}):
            with pytest.raises(embzarr.InvalidInputError, match="was given before"):
                writer.add(**given, chunk_bytes=4096)
        writer.add(tensors={"new": second}, files={"w": b"3"})

    found = embzarr.open(tmp_path)
    np.testing.assert_array_equal(found.tensors["w"].load(), first)
    np.testing.assert_array_equal(found.tensors["new"].load(), second)
    assert {name: file.read() for name, file in found.files.items()} == {"f": b"1", "w": b"3"}
    assert found.verify().problems == ()


def test_what_failed_midway_is_not_committed(tmp_path: Path) -> None:
    """A tensor before a file that cannot be read is there, and not what was given with it."""
    with ExitStack() as stack:
        writer = stack.enter_context(embzarr.create(tmp_path / "run", 12))
        writer.append(WORDS, VECTORS)
        with pytest.raises(embzarr.InvalidInputError, match="missing"):
            writer.add(tensors={"w": VECTORS}, files={"f": tmp_path / "missing"})
        with pytest.raises(embzarr.InvalidInputError, match="failed midway"):
            stack.close()

    assert embzarr.Run(tmp_path / "run").commits() == []
    assert [path for path in (tmp_path / "run").rglob("*") if path.is_file()] == []
