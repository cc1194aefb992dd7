"""What `validate` promises: what passes is sound, and all else is refused by a code."""

from __future__ import annotations

import copy
import functools
import hashlib
import math
import operator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embzarr._format import json, manifests, spec, validate
from embzarr._format.words.placements import Placement
from embzarr.errors import DamagedError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from embzarr._format.documents.manifests import Manifest

ID, OTHER_ID = "0123456789abcdef" * 2, "f" * 32
SHA = "ab" * 32
NOTHING = object()
"""Stands for a member that is taken away."""
INDEX_ENTRY, CRC = 16, 4
SIZES = {"float32": 4, "float16": 2, "bfloat16": 2, "uint64": 8, "uint8": 1, "float64": 8}

Change = dict[tuple[str | int, ...], Any]


def array(shape: list[int], dtype: str, chunk: int, *, shard: int = 1) -> dict[str, Any]:
    """Return a sound, uncompressed array whose chunks lie end to end."""
    chunks = -(-shape[0] // chunk)
    stride = chunk * SIZES[dtype] * math.prod(shape[1:]) + CRC
    return {
        "shape": shape,
        "dtype": dtype,
        "chunk": chunk,
        "shard": shard,
        "codec": {"name": "none"},
        "index": {
            "offset": [number % shard * stride for number in range(chunks)],
            "nbytes": [stride] * chunks,
            "crc32c": list(range(chunks)),
        },
    }


def objects_of(arrays: dict[str, Any]) -> dict[str, Any]:
    """Return the objects of arrays, each shard just as large as it must be."""
    objects: dict[str, Any] = {"zarr.json": {"size": 900, "sha256": SHA}}
    for name, made in arrays.items():
        nbytes, shard = made["index"]["nbytes"], made["shard"]
        for number in range(-(-len(nbytes) // shard)):
            held = sum(nbytes[number * shard : (number + 1) * shard])
            key = "/".join([name, "c", str(number), *["0"] * (len(made["shape"]) - 1)])
            objects[key] = {"size": held + INDEX_ENTRY * shard + CRC, "sha256": SHA}
    return objects


def document(**arrays: dict[str, Any]) -> dict[str, Any]:
    """Return a sound manifest of five words, with further columns where given."""
    parts = {
        "vectors": array([5, 3], "float32", 2, shard=2),
        "counts": array([5], "uint64", 8),
        **arrays,
        "words/data": array([19], "uint8", 32),
        "words/offsets": array([6], "uint64", 8),
        "lookup/blocks": array([2, 64], "uint8", 1, shard=2),
    }
    layer = {
        "kind": "full",
        "path": f"steps/100-{ID}",
        "rows": 5,
        "placement": {"kind": "given"},
        "columns": ["vectors", "counts", *arrays],
        "arrays": parts,
        "fences": ["", "\U0001f418"],
        "objects": objects_of(parts),
    }
    return {
        "format": "embzarr",
        "version": 1,
        "store": OTHER_ID,
        "commit": 7,
        "write_id": ID,
        "parent": {"commit": 6, "sha256": SHA},
        "step": 100,
        "kind": "full",
        "created": "2026-11-22T15:30:40Z",
        "writer": "embzarr 0.1.0",
        "layers": [layer],
        "metadata": {"loss": 0.25, "notes": [None, {"must_understand": True}]},
    }


def empty() -> dict[str, Any]:
    """Return a sound manifest of no words."""
    made = document()
    parts = {
        "vectors": array([0, 3], "float32", 1),
        "counts": array([0], "uint64", 1),
        "words/data": array([0], "uint8", 1),
        "words/offsets": array([1], "uint64", 1),
        "lookup/blocks": array([0, 64], "uint8", 1),
    }
    made["layers"][0] |= {"rows": 0, "arrays": parts, "fences": [], "objects": objects_of(parts)}
    return made


def at(made: Any, path: tuple[str | int, ...]) -> Any:
    return functools.reduce(operator.getitem, path, made)


def changed(change: Change, made: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a manifest with some members replaced, added or taken away."""
    result = copy.deepcopy(document() if made is None else made)
    for path, value in change.items():
        holder = at(result, path[:-1])
        if value is NOTHING:
            del holder[path[-1]]
        else:
            holder[path[-1]] = value
    return result


def parse(made: object) -> Manifest:
    return validate.parse(json.dumps(made), what="commits/7.json")


def refusal(made: object) -> str:
    with pytest.raises(
        (DamagedError, UnsupportedError), match=r"commits/7\.json|object key"
    ) as caught:
        parse(made)
    assert len(str(caught.value)) < 1000
    return caught.value.code


def assert_soundness_kept(made: dict[str, Any]) -> None:
    """A sound manifest keeps every member: written again it has the same bytes."""
    assert manifests.encode(parse(made)) == json.dumps(made)


LAYER = ("layers", 0)
ARRAYS = (*LAYER, "arrays")
VECTORS = (*ARRAYS, "vectors")
BLOCKS = (*ARRAYS, "lookup/blocks")
OFFSETS = (*ARRAYS, "words/offsets")
OBJECTS = (*LAYER, "objects")
PLACEMENT = (*LAYER, "placement")


# What passes --------------------------------------------------------------------------------------
def test_a_sound_manifest_is_read_member_by_member() -> None:
    """Everything that a manifest says is there, typed."""
    manifest = parse(document())

    assert (manifest.commit, manifest.step, manifest.store) == (7, 100, OTHER_ID)
    assert manifest.metadata == document()["metadata"]
    assert manifest.parent == manifests.Parent(commit=6, sha256=SHA)
    assert (manifest.base.rows, manifest.base.columns) == (5, ["vectors", "counts"])
    assert manifest.base.order == Placement(kind="given")
    assert manifest.base.shard_key("vectors", 1) == f"steps/100-{ID}/vectors/c/1/0"
    assert manifest.base.shard_sizes("vectors").tolist() == [92, 64]
    assert manifest.base.arrays["vectors"].grid.chunks == 3
    assert manifest.base.arrays["vectors"].inline_index is not None


def test_metadata_of_more_than_16_mib_is_refused() -> None:
    """As much as a writer may store is read, and no more."""
    most = spec.MAX_METADATA_BYTES - len('{"x":""}')
    sound = document() | {"metadata": {"x": "y" * most}}
    assert parse(sound).metadata == {"x": "y" * most}
    for name in ("metadata", "model"):
        with pytest.raises(DamagedError) as caught:
            parse(document() | {name: {"x": "y" * (most + 1)}})
        assert caught.value.code == "manifest-invalid"


def test_a_manifest_is_written_as_it_was_read() -> None:
    """Parsing and encoding keep the bytes, and so the identity, of a commit."""
    data = json.dumps(document())

    assert manifests.encode(parse(document())) == data
    assert manifests.identity(data) == hashlib.sha256(data).hexdigest()


def test_any_buffer_is_parsed() -> None:
    """A store may hand over bytes, bytearray or memoryview."""
    data = json.dumps(document())

    for form in (data, bytearray(data), memoryview(data)):
        assert validate.parse(form, what="x") == parse(document())


def test_no_rows_are_a_checkpoint() -> None:
    """A commit without words has arrays without objects, and no fences."""
    assert parse(empty()).base.rows == 0
    assert_soundness_kept(empty())


SOUND: dict[str, Change] = {
    "the first commit": {("commit",): 1, ("parent",): None},
    "the largest step": {("step",): 2**53 - 1},
    "step zero": {("step",): 0},
    "no metadata": {("metadata",): {}},
    "hash": {PLACEMENT: {"kind": "hash", "groups": 3, "starts": [0, 0, 5, 5]}},
    "family": {PLACEMENT: {"kind": "family", "groups": 1, "starts": [0, 5]}},
    "lexical": {PLACEMENT: {"kind": "lexical"}},
    "zstd": {(*VECTORS, "codec"): {"name": "zstd", "level": -5}},
    "zstd level 0": {(*VECTORS, "codec"): {"name": "zstd", "level": 0}},
    "blosc": {
        (*VECTORS, "codec"): {
            "name": "blosc",
            "cname": "lz4hc",
            "clevel": 0,
            "shuffle": "bitshuffle",
            "typesize": 255,
        }
    },
    "lossy": {
        (*VECTORS, "lossy"): {
            "source_dtype": "float64",
            "max_abs_error": 0.0,
            "rms_error": 0.0,
            "relative_error": 0.5,
        }
    },
    "another path below steps": {(*LAYER, "path"): "steps/elsewhere/1"},
    "fences that share beginnings": {(*LAYER, "fences"): ["", "\x00"]},
    "an object that is no array's": {(*OBJECTS, "notes.txt"): {"size": 0, "sha256": SHA}},
}


@pytest.mark.parametrize("change", SOUND.values(), ids=SOUND.keys())
def test_sound_variants_pass(change: Change) -> None:
    """Everything that the format allows is read, and written again to the same bytes."""
    assert_soundness_kept(changed(change))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_vectors_have_four_types(dtype: str) -> None:
    """Each floating type of vectors passes, as do columns of higher rank."""
    made = document(extra=array([5, 2, 2], dtype, 16))
    made["layers"][0]["arrays"]["vectors"] = array([5, 3], dtype, 2, shard=2)
    made = changed({OBJECTS: objects_of(made["layers"][0]["arrays"])}, made)

    assert parse(made).base.arrays["extra"].grid.row_bytes == 4 * SIZES[dtype]
    assert_soundness_kept(made)


def with_table(rows: int = 3) -> dict[str, Any]:
    """Return a manifest whose vectors have their places in a chunk table."""
    table = array([rows, 3], "uint64", 4096)
    made = document()
    arrays = made["layers"][0]["arrays"]
    arrays["chunks/vectors"] = table
    objects = objects_of(arrays)
    arrays["vectors"]["index"] = "chunks/vectors"
    return changed({OBJECTS: objects}, made)


def test_places_may_stand_in_a_table() -> None:
    """An index that is an array of the layer is not in the manifest."""
    manifest = parse(with_table())

    assert manifest.base.arrays["vectors"].inline_index is None
    assert_soundness_kept(with_table())


def test_optional_members_are_left_out() -> None:
    """A later version may add what a reader need not understand, at three levels."""
    optional = {"must_understand": False, "more": [1]}
    change: Change = {
        ("later",): optional,
        (*LAYER, "later"): optional,
        (*VECTORS, "later"): optional,
    }

    assert parse(changed(change)) == parse(document())


# What does not ------------------------------------------------------------------------------------
@pytest.mark.parametrize("made", [None, [], "embzarr", 1, {}, {"version": 1}, {"format": "zarr"}])
def test_other_json_is_no_manifest(made: object) -> None:
    """Without the format's name nothing else is looked at."""
    assert refusal(made) == "manifest-invalid"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "json-invalid"),
        (b"<Error><Code>NoSuchKey</Code></Error>", "json-invalid"),
        (json.dumps(document())[:-1], "json-invalid"),
        (json.dumps(document())[:-1] + b',"step":1}', "json-duplicate-member"),
        (b"[" * 100, "json-too-deep"),
        (json.dumps(document()).replace(b'"step":100', b'"step":1e999'), "json-number"),
        (json.dumps(document()).replace(b'"step":100', b'"step":9007199254740992'), "json-number"),
    ],
)
def test_what_is_no_sound_json_is_named(data: bytes, code: str) -> None:
    """The codes of the JSON reader come through."""
    with pytest.raises(DamagedError, match=r"^commits/7\.json: ") as caught:
        validate.parse(data, what="commits/7.json")

    assert caught.value.code == code


def test_a_manifest_has_a_largest_size(monkeypatch: Any) -> None:
    """The limit is judged by bytes, before parsing."""
    data = json.dumps(document())
    monkeypatch.setattr(spec, "MAX_MANIFEST_BYTES", len(data))
    assert parse(document()).step == 100

    monkeypatch.setattr(spec, "MAX_MANIFEST_BYTES", len(data) - 1)

    assert refusal(document()) == "json-too-large"


@pytest.mark.parametrize("version", [2, 99, 2**53 - 1])
def test_a_later_version_is_named_whatever_else_it_says(version: int) -> None:
    """A reader of version 1 says that a newer one is needed, not that data are damaged."""
    change: Change = {("version",): version, ("layers",): "all different", ("novel",): 1}

    assert refusal(changed(change)) == "version-unsupported"


@pytest.mark.parametrize("version", [0, -1, "1", "2", None, [1], 1.5, True, 1.0, {}], ids=repr)
def test_the_version_is_the_integer_one(version: object) -> None:
    """What was never a version, or only compares equal to 1, is damage."""
    assert refusal(changed({("version",): version})) == "manifest-invalid"


FEATURES: dict[str, tuple[Change, str]] = {
    "a commit of another kind": ({("kind",): "squash"}, "feature-unsupported"),
    "a layer of another kind": (
        {(*LAYER, "kind"): "patch", (*LAYER, "base"): 1},
        "feature-unsupported",
    ),
    "a second layer of another kind": (
        {("layers",): [document()["layers"][0], {"kind": "patch"}]},
        "feature-unsupported",
    ),
    "a placement": ({PLACEMENT: {"kind": "z-order", "bits": 3}}, "feature-unsupported"),
    "a codec": ({(*VECTORS, "codec"): {"name": "pcodec", "order": 2}}, "codec-unsupported"),
    "a data type": ({(*VECTORS, "dtype"): "float8_e4m3fn"}, "dtype-unsupported"),
    "a data type of text": ({(*ARRAYS, "counts", "dtype"): "string"}, "dtype-unsupported"),
    "zstd without a level": ({(*VECTORS, "codec"): {"name": "zstd"}}, "codec-unsupported"),
    "none with a level": ({(*VECTORS, "codec"): {"name": "none", "level": 1}}, "codec-unsupported"),
    "zstd with a shuffle": (
        {(*VECTORS, "codec"): {"name": "zstd", "level": 1, "shuffle": "shuffle"}},
        "codec-unsupported",
    ),
    "blosc with nothing": ({(*VECTORS, "codec"): {"name": "blosc"}}, "codec-unsupported"),
    "blosc of snappy": (
        {
            (*VECTORS, "codec"): {
                "name": "blosc",
                "cname": "snappy",
                "clevel": 1,
                "shuffle": "shuffle",
                "typesize": 4,
            }
        },
        "codec-unsupported",
    ),
    "a member": ({("novel",): 1}, "member-unknown"),
    "a member to understand": ({("novel",): {"must_understand": True}}, "member-unknown"),
    "a member that says nothing": ({("novel",): {}}, "member-unknown"),
    "a member that says it in words": (
        {("novel",): {"must_understand": "false"}},
        "member-unknown",
    ),
    "a member that says zero": ({("novel",): {"must_understand": 0}}, "member-unknown"),
    "a member of a layer": ({(*LAYER, "novel"): None}, "member-unknown"),
    "a member of an array": ({(*VECTORS, "novel"): []}, "member-unknown"),
}


@pytest.mark.parametrize(("change", "code"), FEATURES.values(), ids=FEATURES.keys())
def test_what_a_later_version_may_store_is_named(change: Change, code: str) -> None:
    """A reader says what it cannot read; the data are sound."""
    with pytest.raises(UnsupportedError) as caught:
        parse(changed(change))

    assert caught.value.code == code


REQUIRED = [
    *[(name,) for name in document() if name not in {"format", "version"}],
    *[(*LAYER, name) for name in document()["layers"][0]],
    *[(*VECTORS, name) for name in document()["layers"][0]["arrays"]["vectors"]],
    *[(*VECTORS, "index", name) for name in ("offset", "nbytes", "crc32c")],
    *[(*VECTORS, "codec", "name"), (*PLACEMENT, "kind")],
    *[("parent", "commit"), ("parent", "sha256")],
    *[(*OBJECTS, "zarr.json", "size"), (*OBJECTS, "zarr.json", "sha256")],
]


@pytest.mark.parametrize("path", REQUIRED, ids=lambda path: ".".join(map(str, path)))
def test_no_member_may_be_missing(path: tuple[str | int, ...]) -> None:
    """Every member of every object is there."""
    assert refusal(changed({path: NOTHING})) == "manifest-invalid"


@pytest.mark.parametrize(
    "path",
    [path for path in REQUIRED if path not in {("metadata",), ("writer",)}],
    ids=lambda path: ".".join(map(str, path)),
)
@pytest.mark.parametrize("value", [True, 1.5, -1, "", [[]], {"x": 0}], ids=repr)
def test_no_member_may_have_another_type(path: tuple[str | int, ...], value: object) -> None:
    """A value of another type, or below zero, never passes for a member."""
    assert refusal(changed({path: value})) in {
        "manifest-invalid",
        "feature-unsupported",
        "codec-unsupported",
        "dtype-unsupported",
        "key-escapes-root",
    }


INVALID: dict[str, Change] = {
    "no version": {("version",): NOTHING},
    "metadata that are a list": {("metadata",): [1]},
    "a writer that is a number": {("writer",): 1},
    # Members of the top
    "commit zero": {("commit",): 0, ("parent",): None},
    "a later commit without a parent": {("parent",): None},
    "a parent that is not the one before": {("parent", "commit"): 5},
    "a parent that is itself": {("parent", "commit"): 7},
    "a first commit with a parent": {("commit",): 1},
    "a short store": {("store",): ID[:-1]},
    "a store in capitals": {("store",): OTHER_ID.upper()},
    "a store with a line end": {("store",): ID + "\n"},
    "a write id in words": {("write_id",): "g" * 32},
    "a parent's digest of another length": {("parent", "sha256"): ID},
    "a member of the parent": {("parent", "novel"): 1},
    "time in words": {("created",): "yesterday"},
    "time with a zone": {("created",): "2026-11-22T15:30:40+01:00"},
    "time in digits of another script": {("created",): "\u0662" * 4 + "-11-22T15:30:40Z"},
    "time with a line end": {("created",): "2026-11-22T15:30:40Z\n"},
    "a long writer": {("writer",): "x" * 257},
    "no layer": {("layers",): []},
    "two full layers": {("layers",): [document()["layers"][0]] * 2},
    "a layer that is none": {("layers",): [7]},
    "arrays that are none": {ARRAYS: [7]},
    "an array that is none": {VECTORS: 7},
    # The layer
    "a path elsewhere": {(*LAYER, "path"): "commits/1"},
    "a path that only begins alike": {(*LAYER, "path"): "steps2/1"},
    "no columns": {(*LAYER, "columns"): []},
    "vectors not first": {(*LAYER, "columns"): ["counts", "vectors"]},
    "no vectors": {(*LAYER, "columns"): ["counts"]},
    "a column twice": {(*LAYER, "columns"): ["vectors", "counts", "counts"]},
    "vectors twice": {(*LAYER, "columns"): ["vectors", "vectors"]},
    "a column without an array": {(*LAYER, "columns"): ["vectors", "absent"]},
    "a column of a reserved name": {(*LAYER, "columns"): ["vectors", "words"]},
    "a column named as a path": {(*LAYER, "columns"): ["vectors", "words/data"]},
    "no words": {(*ARRAYS, "words/data"): NOTHING},
    "no offsets": {OFFSETS: NOTHING},
    "no lookup": {BLOCKS: NOTHING},
    "other rows": {(*LAYER, "rows"): 4},
    "no rows but arrays": {(*LAYER, "rows"): 0},
    "a digest of another length": {(*OBJECTS, "zarr.json", "sha256"): "ab"},
    "a negative size": {(*OBJECTS, "zarr.json", "size"): -1},
    # Arrays
    "no dimension": {(*VECTORS, "shape"): []},
    "nine dimensions": {(*VECTORS, "shape"): [5, 3, 1, 1, 1, 1, 1, 1, 1]},
    "a negative dimension": {(*VECTORS, "shape"): [5, -3]},
    "vectors of one dimension": {(*VECTORS, "shape"): [5]},
    "vectors of no dimension": {(*VECTORS, "shape"): [5, 0]},
    "vectors of three dimensions": {(*VECTORS, "shape"): [5, 3, 1]},
    "vectors of other rows": {(*VECTORS, "shape"): [6, 3]},
    "vectors of whole numbers": {(*VECTORS, "dtype"): "int32"},
    "chunks that are no power of two": {(*VECTORS, "chunk"): 3},
    "chunks of no row": {(*VECTORS, "chunk"): 0},
    "shards of no chunk": {(*VECTORS, "shard"): 0},
    "shards of too many chunks": {(*VECTORS, "shard"): 2**20 + 1},
    "huge chunks": {(*VECTORS, "chunk"): 2**40},
    "huge rows": {(*VECTORS, "shape"): [5, 2**50]},
    "rows huge by their product": {(*VECTORS, "shape"): [5, 2**53 - 1, 2**53 - 1]},
    "more shards than objects": {(*VECTORS, "shape"): [2**53 - 1, 3]},
    "a shard that is not listed": {(*OBJECTS, "vectors/c/1/0"): NOTHING},
    "lossy without an error": {(*VECTORS, "lossy"): {"source_dtype": "float64"}},
    "a codec's level as text": {(*VECTORS, "codec"): {"name": "zstd", "level": "3"}},
    "a level beyond zstd's": {(*VECTORS, "codec"): {"name": "zstd", "level": 23}},
    # Indexes
    "a short index": {(*VECTORS, "index", "nbytes"): [28, 28]},
    "a long index": {(*VECTORS, "index", "offset"): [0, 28, 0, 28]},
    "an empty index": {(*VECTORS, "index"): {"offset": [], "nbytes": [], "crc32c": []}},
    "an index beyond the limit": {(*VECTORS, "index", "crc32c"): [0] * 4097},
    "an index that is nowhere": {(*VECTORS, "index"): "chunks/vectors"},
    "an index that is itself": {(*VECTORS, "index"): "vectors"},
    "an index of another shape": {(*VECTORS, "index"): "counts"},
    # Words and lookup
    "words of two dimensions": {(*ARRAYS, "words/data", "shape"): [19, 1]},
    "words of another type": {(*ARRAYS, "words/data", "dtype"): "int8"},
    "offsets of another type": {(*OFFSETS, "dtype"): "int64"},
    "as many offsets as words": {(*OFFSETS, "shape"): [5]},
    "offsets of two dimensions": {(*OFFSETS, "shape"): [6, 1]},
    "blocks of another type": {(*BLOCKS, "dtype"): "int8"},
    "blocks of one dimension": {(*BLOCKS, "shape"): [2]},
    "fewer fences than blocks": {(*LAYER, "fences"): [""]},
    "more fences than blocks": {(*LAYER, "fences"): ["", "a", "b"]},
    "no fences": {(*LAYER, "fences"): []},
    "fences that fall": {(*LAYER, "fences"): ["", ""]},
    "a first fence above the least": {(*LAYER, "fences"): ["a", "b"]},
    "fences too many": {(*LAYER, "fences"): ["", *["x"] * 4096]},
    "fences too long": {(*LAYER, "fences"): ["", "\U0001f418" * (2**18) + "x"]},
    # Placements
    "groups without hashing": {PLACEMENT: {"kind": "given", "groups": 1, "starts": [0, 5]}},
    "starts without hashing": {PLACEMENT: {"kind": "lexical", "starts": [0, 5]}},
    "hash without groups": {PLACEMENT: {"kind": "hash"}},
    "hash of no groups": {PLACEMENT: {"kind": "hash", "groups": 0, "starts": [0]}},
    "too few starts": {PLACEMENT: {"kind": "hash", "groups": 2, "starts": [0, 5]}},
    "too many starts": {PLACEMENT: {"kind": "family", "groups": 1, "starts": [0, 2, 5]}},
    "starts above zero": {PLACEMENT: {"kind": "hash", "groups": 1, "starts": [1, 5]}},
    "starts that end early": {PLACEMENT: {"kind": "hash", "groups": 1, "starts": [0, 4]}},
    "starts that end late": {PLACEMENT: {"kind": "hash", "groups": 1, "starts": [0, 6]}},
    "starts that fall": {PLACEMENT: {"kind": "hash", "groups": 3, "starts": [0, 4, 3, 5]}},
    "starts below zero": {PLACEMENT: {"kind": "hash", "groups": 2, "starts": [0, -1, 5]}},
    "too many groups": {PLACEMENT: {"kind": "hash", "groups": 65537, "starts": [0, 5]}},
    "a member of a placement": {(*PLACEMENT, "novel"): 1},
}


@pytest.mark.parametrize("change", INVALID.values(), ids=INVALID.keys())
def test_a_manifest_that_contradicts_itself_is_refused(change: Change) -> None:
    """Each of these would make a reader allocate, fetch or return what it should not."""
    with pytest.raises(DamagedError, match=r"^commits/7\.json") as caught:
        parse(changed(change))

    assert caught.value.code == "manifest-invalid"
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("path", [VECTORS, LAYER])
def test_what_stands_in_place_of_an_object_is_told(path: tuple[str | int, ...]) -> None:
    """By its type, and where it stands."""
    with pytest.raises(DamagedError, match=r"Expected `object`, got `int` - at `\$\.layers\["):
        parse(changed({path: 7}))


RANGES: dict[str, Change] = {
    "an offset beyond the shard": {(*VECTORS, "index", "offset", 1): 29},
    "an offset beyond everything": {(*VECTORS, "index", "offset", 0): 2**53 - 1},
    "a chunk over another": {(*VECTORS, "index", "offset", 1): 27},
    "a short chunk": {(*VECTORS, "index", "nbytes", 0): 27},
    "a long chunk": {(*VECTORS, "index", "nbytes", 2): 29},
    "a checksum of 33 bits": {(*VECTORS, "index", "crc32c", 2): 2**32},
    "a shard too small": {(*OBJECTS, "vectors/c/1/0", "size"): 63},
    "an empty shard": {(*OBJECTS, "vectors/c/0/0", "size"): 0},
    "larger rows": {(*VECTORS, "shape"): [5, 4]},
    "wider numbers": {(*VECTORS, "dtype"): "float64"},
}


@pytest.mark.parametrize("change", RANGES.values(), ids=RANGES.keys())
def test_places_are_judged_before_anything_is_read(change: Change) -> None:
    """A chunk lies inside its object, before the shard's index, by itself, at its own length."""
    assert refusal(changed(change)) == "chunk-range"


@pytest.mark.parametrize(
    "key",
    ["../../etc/passwd", "/etc/passwd", "a//b", "a/./b", "", "a\\b", "a%2fb", "a b", "x" * 513],
)
def test_no_key_leaves_the_step(key: str) -> None:
    """Paths, objects and arrays name nothing outside of the store's root."""
    novel = array([0], "uint8", 1)

    assert refusal(changed({(*OBJECTS, key): {"size": 1, "sha256": SHA}})) == "key-escapes-root"
    assert refusal(changed({(*LAYER, "path"): f"steps/{key}"})) == "key-escapes-root"
    assert refusal(changed({(*ARRAYS, key): novel})) == "key-escapes-root"


def test_a_key_is_judged_with_its_path() -> None:
    """A path and a name that are each short enough may be too long together."""
    change: Change = {
        (*LAYER, "path"): "steps/" + "p" * 300,
        (*OBJECTS, "o" * 300): {"size": 1, "sha256": SHA},
    }

    assert refusal(changed(change)) == "key-escapes-root"


@pytest.mark.parametrize("rows", [2, 4, 0])
def test_a_table_has_a_row_for_each_chunk(rows: int) -> None:
    """A chunk table of another length is refused."""
    assert refusal(with_table(rows)) == "manifest-invalid"


TABLES: dict[str, Change] = {
    "another type": {(*ARRAYS, "chunks/vectors", "dtype"): "int64"},
    "a table of its own": {(*ARRAYS, "chunks/vectors", "index"): "chunks/vectors"},
    "the places of another table": {(*BLOCKS, "index"): "chunks/vectors"},
}


@pytest.mark.parametrize("change", TABLES.values(), ids=TABLES.keys())
def test_a_table_is_what_it_must_be(change: Change) -> None:
    """A chunk table is whole numbers whose own places, as the lookup's, are in the manifest."""
    assert refusal(changed(change, with_table())) == "manifest-invalid"


def resized(size: int, *, chunk: int = 1) -> dict[str, Any]:
    """Return a manifest whose lookup has blocks of another size."""
    made = document()
    made["layers"][0]["arrays"]["lookup/blocks"] = array([2, size], "uint8", chunk, shard=2)
    arrays = made["layers"][0]["arrays"]
    return changed({OBJECTS: objects_of(arrays)}, made)


def test_lookup_blocks_have_bounded_sizes() -> None:
    """A block holds a header and an entry at least, and 64 MiB at most."""
    assert_soundness_kept(resized(20))
    assert_soundness_kept(resized(64 * 2**20))
    assert refusal(resized(19)) == "manifest-invalid"
    assert refusal(resized(1)) == "manifest-invalid"
    assert refusal(resized(64 * 2**20 + 1)) == "manifest-invalid"


def test_lookup_blocks_are_chunks() -> None:
    """A block is read by itself."""
    assert refusal(resized(64, chunk=2)) == "manifest-invalid"


def test_chunks_have_a_largest_size() -> None:
    """A chunk of 256 MiB passes; one of twice as many rows does not."""
    largest = document(extra=array([5, 2**22], "uint64", 8))
    larger = document(extra=array([5, 2**22], "uint64", 16))

    assert parse(largest).base.arrays["extra"].grid.chunk_bytes == 2**28
    assert refusal(larger) == "manifest-invalid"


def test_shards_have_a_largest_number_of_chunks() -> None:
    """A shard of 2**20 chunks passes, though its index alone has 16 MiB; twice as many do not."""
    largest = document(extra=array([5], "uint64", 2, shard=2**20))
    larger = document(extra=array([5], "uint64", 2, shard=2**21))

    assert parse(largest).base.arrays["extra"].grid.shard_index_bytes == 16 * 2**20 + 4
    assert refusal(larger) == "manifest-invalid"


def test_a_page_lists_an_object_for_each_shard() -> None:
    """Of the objects that pages tell of there are as many as shards, themselves included."""
    objects = {"zarr.json": document()["layers"][0]["objects"]["zarr.json"]}

    def paged(count: int) -> dict[str, Any]:
        page = {"kind": "objects", "size": 90, "sha256": SHA, "count": count}
        return changed({OBJECTS: objects, (*LAYER, "pages"): [page]})

    assert sum(array.grid.shards for array in parse(document()).base.arrays.values()) == 6
    assert parse(paged(4)).base.object_count == 6
    assert refusal(paged(3)) == "manifest-invalid"


def test_columns_are_bounded() -> None:
    """A layer has at most 256 columns."""
    many = {f"c{number}": array([5], "uint8", 8) for number in range(255)}

    assert refusal(document(**many)) == "manifest-invalid"
    many.popitem()
    assert len(parse(document(**many)).base.columns) == 256


# Anything at all ----------------------------------------------------------------------------------
def paths(made: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the ways to every value of a document."""
    if isinstance(made, dict):
        return [path, *(p for name in made for p in paths(made[name], (*path, name)))]
    if isinstance(made, list):
        return [
            path,
            *(p for place in range(len(made)) for p in paths(made[place], (*path, place))),
        ]
    return [path]


CODES = {
    *(b"manifest-invalid", b"chunk-range", b"key-escapes-root", b"member-unknown"),
    *(b"version-unsupported", b"feature-unsupported", b"codec-unsupported", b"dtype-unsupported"),
}
"""All that a document of sound JSON can be refused for."""
ANY = (
    st.none()
    | st.booleans()
    | st.integers(-1, 300)
    | st.sampled_from([2**31, 2**32, 2**53 - 1, 2**53 - 2])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
    | st.sampled_from(["vectors", "counts", "uint64", "bool", "float16", "zstd", "hash", "full"])
)
VALUES = ANY | st.lists(ANY, max_size=4) | st.dictionaries(st.text(max_size=3), ANY, max_size=2)


@settings(max_examples=400)
@given(st.sampled_from([document, empty, with_table]), st.data())
def test_any_manifest_is_sound_or_refused(
    make: Callable[[], dict[str, Any]], data: st.DataObject
) -> None:
    """However a few members are replaced, a manifest passes and means itself, or is refused."""
    made = make()
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(paths(made)[1:]))
        made = changed({path: data.draw(VALUES)}, made)
    try:
        again = manifests.encode(parse(made))
    except (DamagedError, UnsupportedError) as exc:
        again = exc.code.encode()

    assert again in {json.dumps(made), *CODES}
