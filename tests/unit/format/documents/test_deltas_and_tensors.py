"""What the gate asks of a delta upon its base, and of tensors and files: each bound by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from embzarr._format.documents import validate_deltas, validate_layers, validate_tensors
from embzarr._format.documents.manifests import Layer
from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Callable

NOTHING = object()
Arrays = dict[str, Any]


def array(dtype: str, *shape: int, index: Any = None, split: int = 0) -> dict[str, Any]:
    empty: Arrays = {"offset": [], "nbytes": [], "crc32c": []}
    return {
        "shape": list(shape),
        "dtype": dtype,
        "split": split,
        "chunk": 1,
        "shard": 1,
        "codec": {"name": "none"},
        "index": empty if index is None else index,
    }


def layer(kind: str, rows: int, columns: list[str], arrays: Arrays, **members: Any) -> Layer:
    known = {name: made for name, made in arrays.items() if made is not NOTHING}
    document = {
        "kind": kind,
        "path": "steps/1",
        "rows": rows,
        "placement": {"kind": "given"},
        "columns": columns,
        "arrays": known,
        "fences": [],
        "objects": {},
    }
    return msgspec.convert({**document, **members}, Layer)


def refused(check: Callable[[], None]) -> str:
    """Return what is said, without what is checked."""
    with pytest.raises(DamagedError) as caught:
        check()
    assert caught.value.code == "manifest-invalid"
    return str(caught.value).removesuffix(" [manifest-invalid]").partition(": ")[2]


# Deltas -------------------------------------------------------------------------------------------
BOTH = ["vectors", "counts"]
STORED: Arrays = {
    "vectors": array("float32", 8, 2),
    "counts": array("uint64", 8),
    "words/offsets": array("uint64", 9),
}


def delta(columns: list[str], rows: int = 8, words: int = 0, **arrays: Any) -> Layer:
    """Return a delta of three rows of each column, with some arrays in the place of others."""
    made: Arrays = {}
    for name in columns:
        made[name] = STORED.get(name, array("uint8", 8)) | {}
        made[name]["shape"] = [3, *made[name]["shape"][1:]]
        made[f"rows/{name}"] = array("uint64", 3)
    if words:
        made["words/offsets"] = array("uint64", words + 1)
    given = {name.replace("__", "/"): value for name, value in arrays.items()}
    return layer("delta", rows, columns, made | given)


def check_delta(made: Layer, **base: Any) -> None:
    full = layer("full", 8, BOTH, STORED | base)
    validate_deltas.check(made, full, full, "x")


SOUND_DELTAS = {
    "of no column": delta([]),
    "of one column": delta(["vectors"]),
    "of the other": delta(["counts"]),
    "of both": delta(["counts", "vectors"]),
    "with new words": delta(BOTH, 10, 2),
    "with new words alone": delta(BOTH, 11, 3),
    "of halves": delta(["vectors"], vectors=array("float16", 3, 2)),
    "with scales": delta(
        ["vectors"], vectors=array("int8", 3, 2), scales__vectors=array("float32", 3)
    ),
    "of every row": delta(
        ["vectors"], vectors=array("float32", 8, 2), rows__vectors=array("uint64", 8)
    ),
}


@pytest.mark.parametrize("made", SOUND_DELTAS.values(), ids=SOUND_DELTAS)
def test_deltas_of_any_columns_are_sound(made: Layer) -> None:
    """Some or all of the base's, in any order, and in smaller numbers."""
    check_delta(made)


OTHER_DELTAS = {
    "rows without words": (delta(BOTH, 9), "9 rows upon 8"),
    "words without rows": (delta(BOTH, 8, 1), "8 rows upon 8"),
    "a column of its own": (delta(["counts", "new"]), "a delta of a column ['new'] that its base"),
    "words of one column": (delta(["vectors"], 10, 2), "new words need all columns"),
    "words of none": (delta([], 10, 2), "new words need all columns"),
    "more words than rows": (delta(BOTH, 12, 4), "column 'vectors' of a delta: 3 rows of 12"),
    "more rows than there are": (
        delta(["counts"], counts=array("uint64", 9)),
        "column 'counts' of a delta: 9 rows of 8",
    ),
    "longer rows": (delta(["vectors"], vectors=array("float32", 3, 3)), "another shape"),
    "wider numbers": (delta(["vectors"], vectors=array("float64", 3, 2)), "is float64"),
    "halves of whole numbers": (delta(["counts"], counts=array("float16", 3)), "is float16"),
    "bytes without scales": (delta(["vectors"], vectors=array("int8", 3, 2)), "is int8"),
    "scales of floats": (delta(["vectors"], scales__vectors=array("float32", 3)), "is float32"),
    "scales of numbers": (
        delta(["counts"], counts=array("int8", 3), scales__counts=array("float32", 3)),
        "is int8",
    ),
    "no row numbers": (delta(["counts"], rows__counts=NOTHING), "its row numbers: missing"),
    "few row numbers": (
        delta(["counts"], rows__counts=array("uint64", 2)),
        "its row numbers: have another shape",
    ),
    "signed row numbers": (
        delta(["counts"], rows__counts=array("int64", 3)),
        "its row numbers: have another shape",
    ),
    "row numbers in a table": (
        delta(["counts"], rows__counts=array("uint64", 3, index="chunks/rows")),
        "its row numbers: their index must be inline",
    ),
    "few scales": (
        delta(["vectors"], vectors=array("int8", 3, 2), scales__vectors=array("float32", 2)),
        "its scales: have another shape",
    ),
    "wide scales": (
        delta(["vectors"], vectors=array("int8", 3, 2), scales__vectors=array("float64", 3)),
        "its scales: have another shape",
    ),
}


@pytest.mark.parametrize(("made", "told"), OTHER_DELTAS.values(), ids=OTHER_DELTAS)
def test_other_deltas_are_refused(made: Layer, told: str) -> None:
    """Each with what is wrong in it."""
    assert told in refused(lambda: check_delta(made))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_numbers_of_a_base_may_become_smaller(dtype: str) -> None:
    """Floats of 32 or 64 bits halves; floats of any kind bytes with scales."""
    halves = delta(["vectors"], vectors=array("float16", 3, 2))
    scaled = SOUND_DELTAS["with scales"]
    base = array(dtype, 8, 2)

    check_delta(scaled, vectors=base)
    if dtype == "bfloat16":
        assert "is float16" in refused(lambda: check_delta(halves, vectors=base))
    else:
        check_delta(halves, vectors=base)


def test_whole_numbers_have_no_scales() -> None:
    """Of a matrix of them neither."""
    made = delta(["vectors"], vectors=array("int8", 3, 2), scales__vectors=array("float32", 3))

    assert "is int8" in refused(lambda: check_delta(made, vectors=array("int32", 8, 2)))


def test_words_need_a_table() -> None:
    """Upon tensors alone there are no rows for them."""
    base = layer("full", 0, [], {})
    made = delta([], 2, 2)

    assert refused(lambda: validate_deltas.check(made, base, base, "x")) == (
        "new words need all columns"
    )


# Tensors and files --------------------------------------------------------------------------------
HELD: Arrays = {
    "tensors/0": array("float32", 4, 3),
    "tensors/1": array("uint8", 6),
    "small/float32": array("float32", 10),
    "small/uint8": array("uint8", 10),
}
PLACED: dict[str, dict[str, Any]] = {
    "own": {"array": "tensors/0", "shape": [4, 3]},
    "first": {"array": "small/float32", "start": 0, "shape": [2, 3]},
    "last": {"array": "small/float32", "start": 6, "shape": [4]},
    "scalar": {"array": "small/uint8", "start": 9, "shape": []},
    "none": {"array": "small/uint8", "start": 10, "shape": [0, 7]},
    "named": {"array": "small/uint8", "start": 0, "shape": [3], "type": "float8"},
}
FILES: dict[str, dict[str, Any]] = {
    "config.json": {"array": "tensors/1", "size": 6, "sha256": "ab" * 32},
    "more.txt": {"array": "small/uint8", "start": 3, "size": 6, "sha256": "ab" * 32},
}


def check_tensors(
    tensors: dict[str, Any] | None = None, files: dict[str, Any] | None = None, **arrays: Any
) -> None:
    given = {name.replace("__", "/"): value for name, value in arrays.items()}
    members = {"tensors": PLACED | (tensors or {}), "files": FILES | (files or {})}
    validate_tensors.check(layer("full", 0, [], HELD | given, **members), "x")


def test_tensors_and_files_lie_anywhere_that_is_theirs() -> None:
    """In an array of their own or many in one, up to its last number."""
    check_tensors()
    check_tensors(tensors__0=array("float32", 4, 3, split=1))
    check_tensors(tensors={"a/b.c-0": {"array": "small/uint8", "start": 9, "shape": [0]}})


def member(array: str, shape: list[int], start: int | None = None, **more: Any) -> dict[str, Any]:
    return {"array": array, "shape": shape, "start": start, **more}


OTHER_TENSORS = {
    "an array that is not there": (member("tensors/9", [1]), "its array is missing"),
    "a column": (member("vectors", [1]), "its array is missing"),
    "another shape": (member("tensors/0", [3, 4]), "its array has another shape"),
    "all of one that holds many": (member("small/uint8", [10]), "its array has another shape"),
    "a stretch of an array of its own": (member("tensors/1", [1], 0), "not one for small tensors"),
    "a stretch of a matrix": (member("small/matrix", [1], 0), "not one for small tensors"),
    "beyond the last number": (member("small/uint8", [2], 9), "ends beyond its array"),
    "behind the last number": (member("small/uint8", [0], 11), "ends beyond its array"),
    "an array twice": (member("tensors/0", [4, 3]), "array 'tensors/0' is used twice"),
    "a file's array": (member("tensors/1", [6]), "array 'tensors/1' is used twice"),
    "a number twice": (member("small/float32", [1], 5), "array 'small/float32' is used twice"),
    "the last twice": (member("small/float32", [1], 9), "array 'small/float32' is used twice"),
    "floats of a type": (
        member("small/float32", [0], 0, type="float8"),
        "tensor 'odd' of a type of its own, not in bytes",
    ),
    "too large": (member("tensors/0", [2**27, 2**26, 0]), "dimensions are too large"),
}


@pytest.mark.parametrize(("odd", "told"), OTHER_TENSORS.values(), ids=OTHER_TENSORS)
def test_other_tensors_are_refused(odd: dict[str, Any], told: str) -> None:
    """Each with what is wrong in it."""
    more = {"vectors": array("float32", 1), "small__matrix": array("uint8", 1, 1)}

    assert told in refused(lambda: check_tensors({"odd": odd}, **more))


def test_files_are_bytes_with_a_name() -> None:
    """Of as many as they have, and under no name that leads elsewhere."""
    floats = {"array": "small/float32", "start": 10, "size": 0, "sha256": "ab" * 32}
    short = {"array": "tensors/1", "size": 5, "sha256": "ab" * 32}

    assert "file 'odd' is not of bytes" in refused(lambda: check_tensors(files={"odd": floats}))
    assert "another shape" in refused(lambda: check_tensors(files={"config.json": short}))
    assert "named ''" in refused(lambda: check_tensors(files={"": FILES["more.txt"]}))
    assert "named ''" in refused(lambda: check_tensors({"": PLACED["last"]}))


def test_only_arrays_of_tensors_are_divided_further_in() -> None:
    """Rows are of the first dimension; and where there is nothing, nothing is divided."""
    column, empty = array("float32", 4, 3, split=1), array("float32", 0, 3, split=1)

    assert "'odd' divided further in" in refused(lambda: check_tensors(odd=column))
    assert "'tensors/2' is empty" in refused(lambda: check_tensors(tensors__2=empty))


# Layers -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("placement", "told"),
    [
        ({"kind": "given", "groups": 1}, "groups without hashing"),
        ({"kind": "given", "starts": [0]}, "groups without hashing"),
        ({"kind": "hash", "groups": 0, "starts": [0]}, "group starts do not span the rows"),
        ({"kind": "hash", "groups": 1, "starts": [0]}, "group starts do not span the rows"),
        ({"kind": "hash", "groups": 1, "starts": [0, 4]}, "group starts do not span the rows"),
        ({"kind": "hash", "groups": 1, "starts": [1, 5]}, "group starts do not span the rows"),
        ({"kind": "hash", "groups": 2, "starts": [0, 5]}, "group starts do not span the rows"),
        ({"kind": "hash", "groups": 3, "starts": [0, 3, 2, 5]}, "group starts fall"),
    ],
)
def test_groups_span_the_rows(placement: dict[str, Any], told: str) -> None:
    """As many as are named, from the first row to the last."""
    made = layer("full", 5, [], {}, placement=placement)

    assert refused(lambda: validate_layers._check_placement(made, "x")) == told


def test_rows_in_groups_pass() -> None:
    """Groups may be empty, and no groups need no starts."""
    for placement in ({"kind": "hash", "groups": 3, "starts": [0, 2, 2, 5]}, {"kind": "lexical"}):
        validate_layers._check_placement(layer("full", 5, [], {}, placement=placement), "x")
