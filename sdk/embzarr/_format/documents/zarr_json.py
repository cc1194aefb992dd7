"""The Zarr v3 metadata of a layer, made from the manifest so that both say the same.

Source: Zarr v3 core specification; codecs ``sharding_indexed``, ``bytes``, ``crc32c``, ``blosc``
and ``zstd``; consolidated metadata as zarr-python writes it (``must_understand: false``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embzarr._format import json, keys, spec
from embzarr._format.arrays import dtypes
from embzarr._format.arrays.codecs import COMPRESSORS
from embzarr._format.documents.manifests import EMPTY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embzarr._format.arrays.codecs import Codec
    from embzarr._format.documents.manifests import Array, Contents, Layer

_BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
_BYTES_SINGLE = {"name": "bytes"}
_CRC32C = {"name": "crc32c"}


def root_document(store: str) -> bytes:
    """Return the root group's ``zarr.json``: the convention, and the store's identity."""
    attributes = {
        "zarr_conventions": [
            {
                "name": spec.FORMAT,
                "uuid": spec.CONVENTION_UUID,
                "description": "Versioned checkpoints of word embedding matrices",
            }
        ],
        spec.FORMAT: {"format": spec.FORMAT, "version": spec.VERSION, "store": store},
    }
    return json.dumps(_group(attributes))


def is_root_document(document: object, store: str) -> bool:
    """Tell whether this is the root document of this store; it may say more than we do."""
    if not isinstance(document, dict) or not isinstance(document.get("attributes"), dict):
        return False
    attributes = document["attributes"]
    conventions = attributes.get("zarr_conventions")
    told = {"format": spec.FORMAT, "version": spec.VERSION, "store": store}
    return (
        (document.get("zarr_format"), document.get("node_type")) == (3, "group")
        and attributes.get(spec.FORMAT) == told
        and isinstance(conventions, list)
        and any(
            isinstance(entry, dict) and entry.get("uuid") == spec.CONVENTION_UUID
            for entry in conventions
        )
    )


def group_document() -> bytes:
    """Return the ``zarr.json`` of a group that only holds others."""
    return json.dumps(_group({}))


def layer_documents(
    arrays: dict[str, Array],
    *,
    step: int,
    write_id: str,
    columns: list[str],
    contents: Contents = EMPTY,
    below: Layer | None = None,
    rows: int = 0,
    alone: bool = False,
) -> dict[str, bytes]:
    """Return every ``zarr.json`` of a layer by its key below the layer.

    The layer's own group carries all the others as consolidated metadata, so that one request
    opens it in a reader that knows of that.

    Args:
        arrays: the layer's arrays.
        step: the step of the commit that wrote it.
        write_id: that of the same commit.
        columns: names of its columns.
        contents: its tensors and files.
        below: of a delta, the layer under it, so that a plain Zarr reader finds its way.
        rows: of a delta, the rows of the checkpoint from it down.
        alone: let the layer's own group tell of no other: pages tell of so many tensors and files
            that no reader would parse them all in one document.
    """
    nodes: dict[str, Any] = {name: _array(array) for name, array in arrays.items()}
    for folder in sorted({name.split("/")[0] for name in arrays if "/" in name}):
        nodes[folder] = _group({})
    told: dict[str, Any] = {
        "format": spec.FORMAT,
        "version": spec.VERSION,
        "step": step,
        "write_id": write_id,
        "columns": columns,
    }
    told |= {} if alone else contents.told()
    if below:
        told |= {"kind": "delta", "below": below.path, "rows": rows}
    top = _group({spec.FORMAT: told})
    if not alone:
        inline = {"kind": "inline", "must_understand": False, "metadata": nodes}
        top["consolidated_metadata"] = inline
    documents = {f"{name}/{spec.ZARR_JSON}": json.dumps(node) for name, node in nodes.items()}
    return {spec.ZARR_JSON: json.dumps(top), **documents}


def documents_of(layers: Sequence[Layer], *, whole: Layer | None = None) -> dict[str, bytes]:
    """Return what the ``zarr.json`` objects of the last of `layers` must say, by their names.

    Args:
        layers: the layer, upon those below it, as the manifest has them.
        whole: the same with what its pages hold; else only what the manifest tells of is told.
    """
    stored, layer = layers[-1], whole or layers[-1]
    step, write_id = keys.layer_name(layer.path) or (-1, "")
    return layer_documents(
        layer.arrays,
        step=step,
        write_id=write_id,
        columns=layer.columns,
        contents=layer.contents,
        below=layers[-2] if layer.kind == "delta" else None,
        rows=layer.rows,
        alone=bool(stored.pages_of(spec.MEMBERS)),
    )


def codec_chain(codec: Codec, dtype: str) -> list[dict[str, Any]]:
    """Return the codecs of one inner chunk."""
    chain: list[dict[str, Any]] = [_BYTES if dtypes.has_byte_order(dtype) else _BYTES_SINGLE]
    if codec.name in COMPRESSORS:
        configuration = COMPRESSORS[codec.name].configuration(codec)
        chain.append({"name": codec.name, "configuration": configuration})
    return [*chain, _CRC32C]


def _group(attributes: dict[str, Any]) -> dict[str, Any]:
    return {"zarr_format": 3, "node_type": "group", "attributes": attributes}


def _array(array: Array) -> dict[str, Any]:
    cut = array.cut
    sharding = {
        "chunk_shape": list(cut.chunk_shape),
        "codecs": codec_chain(array.codec, array.dtype),
        "index_codecs": [_BYTES, _CRC32C],
        "index_location": "end",
    }
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": array.shape,
        "data_type": dtypes.zarr_data_type(array.dtype),
        "chunk_grid": {
            "name": "regular",
            "configuration": {"chunk_shape": list(cut.shard_shape)},
        },
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": dtypes.fill_value(array.dtype),
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "attributes": {},
    }
