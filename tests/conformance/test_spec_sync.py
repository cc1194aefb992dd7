"""The text, the JSON Schemas and the code say the same."""

from __future__ import annotations

import ast
import base64
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

import embzarr
from conformance import dumps
from conformance.corpus import TEXT, V1, load
from embzarr._format import PagePart, manifests, spec, zarr_json
from embzarr._format.arrays.codecs import Codec
from embzarr._format.documents.collections import Collection, Tombstone
from embzarr._format.documents.manifests import (
    Array,
    FileMember,
    InlineIndex,
    Layer,
    Manifest,
    Page,
    PlacementMember,
    TensorMember,
)
from embzarr._history.quarantine import Fault, Quarantine
from embzarr._parts.plan import PlannedColumn, PlannedTensor, StepPlan
from embzarr._parts.receipts import PartArray, Places, Receipt
from embzarr._writing.layers.loss import LossSums

SDK = Path(embzarr.__file__).parent
LIMITS = {
    "manifest": spec.MAX_MANIFEST_BYTES,
    "page": spec.MAX_PAGE_BYTES,
    "pages of a manifest": spec.MAX_PAGES,
    "all pages of a manifest": spec.MAX_PAGES_SUM,
    "objects of a manifest": spec.MAX_OBJECTS,
    "tag": spec.MAX_TAG_BYTES,
    "parts of a step": spec.MAX_PARTS,
    "plan": spec.MAX_PLAN_BYTES,
    "receipt": spec.MAX_RECEIPT_BYTES,
    "quarantine record": spec.MAX_QUARANTINE_BYTES,
    "faults of a record": spec.MAX_FAULTS,
    "`zarr.json`": spec.MAX_ZARR_JSON_BYTES,
    "JSON depth": spec.MAX_JSON_DEPTH,
    "integer": spec.MAX_INTEGER,
    "metadata": spec.MAX_METADATA_BYTES,
    "key": spec.MAX_KEY_CHARS,
    "columns": spec.MAX_COLUMNS,
    "rank": spec.MAX_RANK,
    "name of a tensor or file": spec.MAX_NAME_BYTES,
    "`type` of a tensor": spec.MAX_TYPE_CHARS,
    "`media_type` of a file": spec.MAX_MEDIA_TYPE_CHARS,
    "fences": spec.MAX_FENCES,
    "all fences": spec.MAX_FENCE_BYTES,
    "entries of an inline index": spec.MAX_INLINE_INDEX,
    "`data` of an array": spec.MAX_INLINE_BYTES,
    "`data` of a manifest": spec.MAX_INLINE_SUM,
    "groups": spec.MAX_GROUPS,
    "word": spec.MAX_WORD_BYTES,
    "lookup block": spec.MAX_BLOCK_BYTES,
    "chunk": spec.MAX_CHUNK_BYTES,
    "chunks in a shard": spec.MAX_SHARD_CHUNKS,
    "layers": spec.MAX_LAYERS,
    "rows of a column in all deltas": spec.MAX_DELTA_ROWS,
}
SCHEMA = load(V1 / "schema/manifest.schema.json")
QUARANTINE = load(V1 / "schema/quarantine.schema.json")
PLAN, RECEIPT = (load(V1 / f"schema/{name}.schema.json") for name in ("plan", "receipt"))
STRUCTS: dict[str, Any] = {
    "7.1": Manifest,
    "7.2": Layer,
    "7.3": PlacementMember,
    "7.4": Array,
    "7.8": TensorMember,
    "7.9": FileMember,
    "7.10": Page,
    "15.2": Collection,
    "15.3": Tombstone,
    "15.5": StepPlan,
    "15.6": Receipt,
    "18.1": Quarantine,
}
PREFIXES = (
    "access bucket checkpoint chunk codec commit create dtype feature file history input json key "
    "lookup manifest member model object part quarantine root rows shard step store table tag "
    "tensor url version word words write zarr"
)
CODE = re.compile(rf"(?:{PREFIXES.replace(' ', '|')})(?:-[a-z]+)+")


def section(title: str) -> str:
    """Return the text below a heading, up to the next heading."""
    body = TEXT.split(f"# {title}\n", 1)[1]
    return re.split(r"^#+ ", body, maxsplit=1, flags=re.MULTILINE)[0]


def table(text: str) -> list[list[str]]:
    """Return the cells of the first table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def codes_of_the_sdk() -> set[str]:
    """Return every string of the SDK's code that has the form of a code."""
    found: set[str] = set()
    for path in SDK.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {node.value} if CODE.fullmatch(node.value) else set()
    return found


def test_error_codes() -> None:
    """The table of codes holds what the code can raise, in alphabetical order, each once."""
    told = [row[0].strip("`") for row in table(section("19. Error codes"))]

    assert told == sorted(set(told))
    assert sorted(codes_of_the_sdk() - set(told)) == []
    assert sorted(set(told) - codes_of_the_sdk()) == []


def test_limits() -> None:
    """The table of limits holds the numbers of the code."""
    cells = [cell for row in table(section("22. Limits and hostile input")) for cell in row]
    pairs = {name: value for name, value in zip(cells[::2], cells[1::2], strict=True) if name}
    numbers = {
        name: int(re.findall(r"[0-9,]+", value)[-1].replace(",", ""))
        for name, value in pairs.items()
    }

    assert numbers == LIMITS
    assert f"{spec.MIN_BLOCK_BYTES} to" in pairs["lookup block"]


def test_every_limit_of_the_code_is_told() -> None:
    """No limit is enforced that the text does not name."""
    limits = {value for name, value in vars(spec).items() if name.startswith("MAX_")}

    assert limits == set(LIMITS.values())


@pytest.mark.parametrize("number", STRUCTS)
def test_members(number: str) -> None:
    """The tables of members name what the code reads, and say which may be left out."""
    title = next(line for line in TEXT.splitlines() if line.startswith(f"### {number} "))
    told = {row[0].strip("`"): row[2] for row in table(section(title.lstrip("# ")))}
    fields = {field.name: field.required for field in msgspec.structs.fields(STRUCTS[number])}

    assert [*fields] == [*told]
    assert fields == {name: kind == "required" for name, kind in told.items()}


@pytest.mark.parametrize(
    ("struct", "definition"),
    [
        (Manifest, SCHEMA),
        (Layer, SCHEMA["$defs"]["layer"]),
        (Array, SCHEMA["$defs"]["array"]),
        (TensorMember, SCHEMA["$defs"]["tensor"]),
        (FileMember, SCHEMA["$defs"]["file"]),
        (Page, SCHEMA["$defs"]["page"]),
        (PagePart, SCHEMA["$defs"]["part"]),
        (InlineIndex, SCHEMA["$defs"]["array"]["properties"]["index"]["oneOf"][1]),
        (Collection, load(V1 / "schema/collection.schema.json")),
        (Tombstone, load(V1 / "schema/tombstone.schema.json")),
        (manifests.Lossy, SCHEMA["$defs"]["array"]["properties"]["lossy"]),
        (manifests.Parent, SCHEMA["properties"]["parent"]["oneOf"][1]),
        (Quarantine, QUARANTINE),
        (Fault, QUARANTINE["properties"]["faults"]["items"]),
        (StepPlan, PLAN),
        (PlannedColumn, PLAN["$defs"]["column"]),
        (PlannedTensor, PLAN["$defs"]["tensor"]),
        (Receipt, RECEIPT),
        (Places, RECEIPT["$defs"]["places"]),
        (PartArray, RECEIPT["$defs"]["array"]),
        (TensorMember, RECEIPT["$defs"]["tensor"]),
        (FileMember, RECEIPT["$defs"]["file"]),
        (LossSums, RECEIPT["$defs"]["sums"]),
    ],
)
def test_schema_members(struct: Any, definition: dict[str, Any]) -> None:
    """The JSON Schema names the members that the code reads, and requires the same ones."""
    fields = msgspec.structs.fields(struct)

    assert {*definition["properties"]} == {field.name for field in fields}
    assert {*definition["required"]} == {field.name for field in fields if field.required}


def test_schema_limits() -> None:
    """The numbers of the JSON Schema are those of the code."""
    kinds = SCHEMA["$defs"]
    layer, array = kinds["layer"]["properties"], kinds["array"]["properties"]

    assert kinds["count"]["maximum"] == spec.MAX_INTEGER
    assert kinds["key"]["maxLength"] == spec.MAX_KEY_CHARS
    assert layer["columns"]["maxItems"] == spec.MAX_COLUMNS
    assert layer["fences"]["maxItems"] == spec.MAX_FENCES
    assert layer["pages"]["maxItems"] == spec.MAX_PAGES
    assert kinds["page"]["properties"]["size"]["maximum"] == spec.MAX_PAGE_BYTES
    assert kinds["page"]["properties"]["count"]["maximum"] == spec.MAX_OBJECTS
    assert tuple(kinds["page"]["properties"]["kind"]["enum"]) == spec.PAGE_KINDS
    assert array["shape"]["maxItems"] == spec.MAX_RANK
    assert array["split"]["maximum"] == spec.MAX_RANK - 1
    assert kinds["name"]["maxLength"] == spec.MAX_NAME_BYTES
    assert kinds["tensor"]["properties"]["shape"]["maxItems"] == spec.MAX_RANK
    assert kinds["tensor"]["properties"]["type"]["maxLength"] == spec.MAX_TYPE_CHARS
    assert kinds["file"]["properties"]["media_type"]["maxLength"] == spec.MAX_MEDIA_TYPE_CHARS
    assert array["shard"]["maximum"] == spec.MAX_SHARD_CHUNKS
    assert array["data"]["maxLength"] == len(base64.b64encode(bytes(spec.MAX_INLINE_BYTES)))
    assert QUARANTINE["properties"]["faults"]["maxItems"] == spec.MAX_FAULTS
    assert PLAN["properties"]["parts"]["maximum"] == spec.MAX_PARTS
    assert PLAN["properties"]["columns"]["maxItems"] == spec.MAX_COLUMNS
    sized = PLAN["properties"]["chunk_bytes"]
    assert (sized["minimum"], sized["maximum"]) == (spec.LEAST_CHUNK_BYTES, spec.MAX_CHUNK_BYTES)
    assert PLAN["$defs"]["tensor"]["properties"]["shape"]["maxItems"] == spec.MAX_RANK
    assert RECEIPT["properties"]["part"]["exclusiveMaximum"] == spec.MAX_PARTS
    assert kinds["list"]["maxItems"] == spec.MAX_INLINE_INDEX
    assert kinds["placement"]["oneOf"][1]["properties"]["groups"]["maximum"] == spec.MAX_GROUPS


def test_schema_names() -> None:
    """The names of the JSON Schema are those of the code."""
    kinds = SCHEMA["$defs"]
    blosc = kinds["codec"]["oneOf"][2]["properties"]
    placements = [
        name for one in kinds["placement"]["oneOf"] for name in one["properties"]["kind"]["enum"]
    ]
    reserved = {*kinds["column"]["not"]["enum"]}

    for dtype in (
        kinds["array"]["properties"]["dtype"],
        PLAN["$defs"]["dtype"],
        RECEIPT["$defs"]["array"]["properties"]["dtype"],
    ):
        numbers, sized = dtype["anyOf"]
        assert {*numbers["enum"]} == {*spec.COLUMN_DTYPES}
        assert sized["pattern"] == f"^({spec.SIZED_DTYPES})$"
    assert tuple(blosc["cname"]["enum"]) == spec.BLOSC_CNAMES
    assert tuple(blosc["shuffle"]["enum"]) == spec.BLOSC_SHUFFLES
    assert tuple(one["properties"]["name"]["const"] for one in kinds["codec"]["oneOf"]) == (
        spec.CODECS
    )
    assert tuple(placements) == spec.PLACEMENTS
    assert reserved == spec.RESERVED_COLUMNS | {spec.ZARR_JSON}
    planned = PLAN["$defs"]["column"]["properties"]["name"]
    column = {name: kinds["column"][name] for name in ("pattern", "not")}
    assert column == {name: planned[name] for name in ("pattern", "not")}


def test_names_in_the_text() -> None:
    """Data types, codecs, placements, reserved columns and the identity are those of the code."""
    arrays = section("8. Arrays")
    dtypes = re.search(r"Data types: ([^.]*), and those below\.", arrays)
    codecs = [row[0] for row in table(arrays)]
    placements = [row[0].strip("`") for row in table(section("14. Placement"))]
    reserved = next(line for line in TEXT.splitlines() if line.startswith("- **R-KEY-09**"))

    assert dtypes
    assert {*dtypes[1].split(", ")} == {*spec.COLUMN_DTYPES}
    units = re.search(r"`unit` is ([^;]*), as NumPy has them", arrays)
    assert units
    sized = [f"datetime64[7{unit}]" for unit in re.split(r", | or ", units[1])]
    assert len(sized) == 13
    assert all(map(re.compile(spec.SIZED_DTYPES).fullmatch, [*sized, "U1", f"S{10**9 - 1}"]))
    assert "n is 1 to 999,999,999" in arrays
    assert "2 to 999,999,999" in arrays
    assert tuple(codecs) == spec.CODECS
    assert tuple(placements) == spec.PLACEMENTS
    assert {*re.findall(r"`([a-z.]{2,})`", reserved)} == spec.RESERVED_COLUMNS | {"zarr.json"}
    assert spec.CONVENTION_UUID in TEXT


def test_sizes_in_the_text() -> None:
    """What a writer aims at is what the code aims at."""
    assert (spec.CHUNK_BYTES, spec.SHARD_BYTES, spec.BLOCK_BYTES) == (
        128 * 1024,
        16 * 1024**2,
        64 * 1024,
    )
    assert "at most 128 KiB" in TEXT
    assert "at most 16 MiB, uncompressed" in TEXT
    assert "SHOULD take 64 KiB for B" in TEXT
    assert f"more than {spec.INLINE_CHUNKS} chunks" in TEXT
    assert f"{spec.TABLE_CHUNK_ROWS:,} rows a chunk" in TEXT
    assert f"more than {spec.SPLIT_BYTES / 2**20:g} MiB without, of about 1 MiB each" in TEXT
    assert spec.PAGE_BYTES == 2**20
    assert f"at most {spec.SMALL_BYTES / 1024:g} KiB end to end" in TEXT
    assert f"at most {spec.TENSOR_ROW_BYTES / 2**20:g} MiB, for `chunk`" in TEXT
    assert f"at most {spec.TENSOR_CHUNK_BYTES / 2**20:g} MiB, halved" in TEXT
    assert (spec.PADDING_SHARE, spec.PADDING_BYTES) == (16, 4 * 1024)
    assert "at most a sixteenth of it or, where there is one block, at most 4 KiB" in TEXT
    assert spec.PART_GRAIN == 16
    assert "equal to within a sixteenth, and shards of at most 16 MiB" in TEXT


def test_zarr_document_in_the_text() -> None:
    """The document of section 9 is the one that the code makes."""
    told = re.search(r"```json\n(.*?)```", section("9. Zarr profile"), re.DOTALL)
    array = Array(
        shape=[200000, 300],
        dtype="float32",
        chunk=64,
        shard=512,
        codec=Codec(name="zstd", level=3),
        index="chunks/vectors",
    )

    assert told
    assert json.loads(told[1]) == zarr_json._array(array)


def test_dumps_in_the_text() -> None:
    """The worked example shows the bytes of the frozen store."""
    shown = dumps.shown()

    assert len(shown) == 3
    assert shown == {command: dumps.made(command) for command in shown}


def test_the_introduction_reads_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The few lines of "Reading a checkpoint" read row 1 of the smallest frozen store."""
    told = re.search(r"<!-- run in (\S+) -->\s+```python\n(.*?)```", TEXT, re.DOTALL)
    assert told
    monkeypatch.chdir(V1 / told[1])
    names: dict[str, Any] = {}

    exec(told[2], names)  # noqa: S102 - our own text

    assert names["vector"] == (4.0, 5.0, 6.0, 7.0)
