"""The one gate through which a manifest that a stranger may have written comes in.

What passes is sound: nothing inside checks it again. Sizes, counts, keys and places are judged
here, before anything is allocated or fetched (spec section "Limits and hostile input").
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from embzarr import _chunk_index, _json, _keys, _schema
from embzarr._manifest import Array, Codec, Layer, Manifest
from embzarr.errors import DamagedError, UnsupportedError

if TYPE_CHECKING:
    from msgspec import Struct


_to_manifest = _json.converter(Manifest)


def parse(data: bytes | bytearray | memoryview, *, what: str) -> Manifest:
    """Read a manifest that a stranger may have written.

    Args:
        data: the object's bytes.
        what: its key, for messages.

    Raises:
        DamagedError: not the JSON of a manifest, or one that contradicts itself.
        UnsupportedError: a later version, or something that a reader must understand and we do not.
    """
    document = _json.loads(data, what=what, max_bytes=_schema.MAX_MANIFEST_BYTES)
    if not isinstance(document, dict) or document.get("format") != _schema.FORMAT:
        raise DamagedError("manifest-invalid", f"{what}: not a manifest of embzarr")
    version = document.get("version")
    if isinstance(version, int) and version > _schema.VERSION:
        raise UnsupportedError(
            "version-unsupported",
            f"{what}: expected format version {_schema.VERSION}, found {version}: a newer embzarr "
            "is needed",
        )
    _check_features(document, what)
    try:
        manifest = _to_manifest(_understood(document, what))
    except msgspec.ValidationError as exc:
        raise DamagedError("manifest-invalid", f"{what}: {exc}") from exc
    follows = manifest.parent.commit if manifest.parent else 0
    _require(follows == manifest.commit - 1, what, f"commit {manifest.commit} after {follows}")
    _check_layer(manifest.layer, what)
    return manifest


def _check_features(document: dict[str, Any], what: str) -> None:
    """Name what a later version may store and this one cannot read."""
    layers = document.get("layers")
    kinds = (
        [x.get("kind") for x in layers if isinstance(x, dict)] if isinstance(layers, list) else []
    )
    for kind in [document.get("kind"), *kinds]:
        if isinstance(kind, str) and kind != "full":
            raise UnsupportedError(
                "feature-unsupported", f"{what}: cannot read a {kind[:40]!r} step or layer"
            )


def _understood(document: dict[str, Any], what: str) -> dict[str, Any]:
    """Return the document without the members that its writer lets a reader ignore."""
    kept = _drop_optional(document, Manifest, what)
    if isinstance(kept.get("layers"), list):
        kept["layers"] = [_understood_layer(layer, what) for layer in kept["layers"]]
    return kept


def _understood_layer(layer: object, what: str) -> object:
    if not isinstance(layer, dict):
        return layer
    kept = _drop_optional(layer, Layer, f"{what} layer")
    _check_known(kept.get("placement"), "kind", _schema.PLACEMENTS, "feature-unsupported", what)
    arrays = kept.get("arrays")
    if isinstance(arrays, dict):
        kept["arrays"] = {
            name: _understood_array(array, f"{what} array {name[:64]}")
            for name, array in arrays.items()
        }
    return kept


def _understood_array(array: object, what: str) -> object:
    if not isinstance(array, dict):
        return array
    kept = _drop_optional(array, Array, what)
    codec = kept.get("codec")
    _check_known(codec, "name", _schema.CODECS, "codec-unsupported", what)
    nulls = [*kept.values(), *(codec.values() if isinstance(codec, dict) else ())].count(None)
    _require(not nulls, what, "a member is null")
    return kept


def _check_known(part: object, name: str, known: tuple[str, ...], code: str, what: str) -> None:
    """Name a choice that a later version may add, before its other members confuse us."""
    choice = part.get(name) if isinstance(part, dict) else None
    if isinstance(choice, str) and choice not in known:
        raise UnsupportedError(code, f"{what}: {name} {choice[:40]!r} is unknown")


def _drop_optional(document: dict[str, Any], known: type[Struct], what: str) -> dict[str, Any]:
    extra = [name for name in document if name not in known.__struct_fields__]
    for name in extra:
        member = document[name]
        if not (isinstance(member, dict) and member.get("must_understand") is False):
            raise UnsupportedError(
                "member-unknown", f"{what}: member {name[:64]!r} is unknown and not optional"
            )
    return {name: member for name, member in document.items() if name not in extra}


def _check_layer(layer: Layer, what: str) -> None:
    _keys.check_key(layer.path)
    for key in layer.objects:
        _keys.check_key(f"{layer.path}/{key}")
    _require(layer.path.startswith(f"{_schema.STEPS}/"), what, f"layer path {layer.path!r}")
    _require(layer.columns[0] == _schema.VECTORS, what, "the first column must be 'vectors'")
    distinct = len(set(layer.columns)) == len(layer.columns)
    _require(distinct, what, "a column stands twice")
    _require(all(map(_keys.is_column_name, layer.columns)), what, "a column has a reserved name")
    needed = {*layer.columns, _schema.WORDS_DATA, _schema.WORDS_OFFSETS, _schema.LOOKUP_BLOCKS}
    missing = sorted(needed - layer.arrays.keys())
    _require(not missing, what, f"array {missing[:1]} is missing")
    for name, array in layer.arrays.items():
        _keys.check_key(name)
        _check_array(name, array, layer, f"{what}: array {name[:64]!r}")
    _check_shapes(layer, what)
    _check_placement(layer, what)
    _check_fences(layer.fences, what)


def _check_array(name: str, array: Array, layer: Layer, what: str) -> None:
    if array.dtype not in _schema.COLUMN_DTYPES:
        raise UnsupportedError("dtype-unsupported", f"{what}: data type {array.dtype[:40]!r}")
    _check_codec(array.codec, what)
    grid = array.grid
    _require(array.chunk & (array.chunk - 1) == 0, what, "rows of a chunk must be a power of two")
    _require(
        0 < grid.chunk_bytes <= _schema.MAX_CHUNK_BYTES, what, f"{grid.chunk_bytes} byte chunks"
    )
    _require(grid.shard <= _schema.MAX_SHARD_CHUNKS, what, f"{grid.shard} chunks in a shard")
    _require(grid.shards <= len(layer.objects), what, "more shards than objects are listed")
    for shard in range(grid.shards):
        key = layer.shard_name(name, shard)
        _require(key in layer.objects, what, f"object {key!r} is not listed")
    index = array.inline_index
    if index is None:
        _check_table(array, layer, what)
        return
    equal = len(index.offset) == len(index.nbytes) == len(index.crc32c) == grid.chunks
    _require(equal, what, f"the index must have {grid.chunks} entries")
    sizes = layer.shard_sizes(name)
    chunks = np.arange(grid.chunks)
    _chunk_index.check(
        index, grid, chunks=chunks, sizes=sizes, raw=array.codec.name == "none", what=what
    )


def _check_table(array: Array, layer: Layer, what: str) -> None:
    table = layer.arrays.get(str(array.index))
    _require(table is not None and not isinstance(table.index, str), what, "its table is missing")
    if table is not None:
        expected = ([array.grid.chunks, _schema.TABLE_COLUMNS], "uint64")
        _require((table.shape, table.dtype) == expected, what, "its table has another shape")


def _check_codec(codec: Codec, what: str) -> None:
    sound = {
        "none": codec == Codec(name="none"),
        "zstd": codec == Codec(name="zstd", level=codec.level) and codec.level is not None,
        "blosc": codec.level is None
        and codec.cname in _schema.BLOSC_CNAMES
        and codec.shuffle in _schema.BLOSC_SHUFFLES
        and None not in (codec.clevel, codec.typesize),
    }
    if not sound.get(codec.name, False):
        raise UnsupportedError("codec-unsupported", f"{what}: codec {str(codec)[:80]!r}")


def _check_shapes(layer: Layer, what: str) -> None:
    for name in layer.columns:
        rows = layer.arrays[name].shape[0]
        _require(rows == layer.rows, what, f"column {name!r} has {rows} rows, not {layer.rows}")
    vectors = layer.arrays[_schema.VECTORS]
    is_matrix = len(vectors.shape) == 2 and vectors.dtype in _schema.VECTOR_DTYPES  # noqa: PLR2004
    _require(is_matrix, what, "vectors must be a matrix of floating point")
    data, offsets = layer.arrays[_schema.WORDS_DATA], layer.arrays[_schema.WORDS_OFFSETS]
    _require((len(data.shape), data.dtype) == (1, "uint8"), what, "words/data must be bytes")
    expected = ([layer.rows + 1], "uint64")
    _require((offsets.shape, offsets.dtype) == expected, what, "words/offsets has another shape")
    blocks = layer.arrays[_schema.LOOKUP_BLOCKS]
    sound = len(blocks.shape) == 2 and blocks.dtype == "uint8" and blocks.chunk == 1  # noqa: PLR2004
    _require(sound, what, "lookup/blocks must be a matrix of bytes in chunks of one row")
    sound = _schema.MIN_BLOCK_BYTES <= blocks.shape[1] <= _schema.MAX_BLOCK_BYTES
    _require(sound, what, f"lookup blocks of {blocks.shape[1]} bytes")
    _require(len(layer.fences) == blocks.shape[0], what, "not one fence for each lookup block")
    _require(bool(layer.fences) == bool(layer.rows), what, "rows without a lookup")
    _require(not isinstance(blocks.index, str), what, "the lookup's index must be inline")


def _check_placement(layer: Layer, what: str) -> None:
    placement = layer.placement
    if placement.kind in {"given", "lexical"}:
        _require(not placement.groups and not placement.starts, what, "groups without hashing")
        return
    starts = placement.starts
    sound = len(starts) == placement.groups + 1 and starts[0] == 0 and starts[-1] == layer.rows
    _require(placement.groups > 0 and sound, what, "group starts do not span the rows")
    _require(starts == sorted(starts), what, "group starts fall")


def _check_fences(fences: list[str], what: str) -> None:
    sizes = sum(len(fence.encode()) for fence in fences)
    _require(sizes <= _schema.MAX_FENCE_BYTES, what, f"{sizes} bytes of fences")
    # Code point order is UTF-8 byte order.
    rising = all(a < b for a, b in itertools.pairwise(fences))
    _require(rising and (not fences or fences[0] == ""), what, "fences must rise from ''")


def _require(condition: bool, what: str, found: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not condition:
        raise DamagedError("manifest-invalid", f"{what}: {found}")
