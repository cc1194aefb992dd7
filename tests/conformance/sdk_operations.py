"""What each operation of the fixtures is in the SDK: input in, output out, or an error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from conformance import sdk_chunks, sdk_parts, sdk_words
from conformance.json_patch import patched, repeated
from embzarr._format import digests, keys, validate, zarr_json
from embzarr._format import json as canonical
from embzarr._format.documents.manifests import Array
from embzarr._history import quarantine, records, tagging
from embzarr._history.records import Collected, Expired

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.corpus import Case

_NOWHERE: dict[str, list[int]] = {"offset": [], "nbytes": [], "crc32c": []}


def run(case: Case) -> Any:
    """Do what a case says and return the output."""
    if case.operation == "manifest":
        return _read_manifest(case.input, case.document)
    if case.operation == "record":
        return _read_record(case.input, case.document)
    if case.file == "parts":
        read = sdk_parts.read_plan if case.operation == "plan" else sdk_parts.read_receipt
        return read(case.input, case.document)
    return OPERATIONS[f"{case.file}/{case.operation}"](case.input)


def _read_manifest(given: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    text = given.get("text")
    if text is None:
        changed = repeated(patched(document["base"], given["patch"]), given.get("repeat", []))
        text = json.dumps(changed, ensure_ascii=False)
    manifest = validate.parse(text.encode(), what="fixture")
    vectors = manifest.base.arrays.get("vectors")
    return {
        "commit": manifest.commit,
        "step": manifest.step,
        "rows": manifest.rows,
        "dim": vectors.shape[1] if vectors else 0,
        "dtype": vectors.dtype if vectors else None,
        "columns": manifest.base.columns,
        "placement": str(manifest.order),
    }


def _read_record(given: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    text = given.get("text")
    if text is None:
        text = json.dumps(patched(document["base"], given["patch"]))
    record = records.parse(text.encode(), "fixture")
    if isinstance(record, Collected):
        return {
            "kind": record.entry.kind,
            "number": record.number,
            "expires": sorted(record.entry.expires),
            "revokes": sorted(record.entry.revokes),
            "newest": record.collection.newest and record.collection.newest.commit,
        }
    assert isinstance(record, Expired)
    assert record.entry.expired
    return {
        "kind": record.entry.kind,
        "number": record.number,
        "step": record.entry.step,
        "by": record.tombstone.by,
    }


def _array(given: Any) -> Array:
    return msgspec.convert({**given, "index": _NOWHERE}, Array, strict=True)


def _layer(given: Any) -> Any:
    arrays = {name: _array(array) for name, array in given["arrays"].items()}
    documents = zarr_json.layer_documents(
        arrays, step=given["step"], write_id=given["write_id"], columns=given["columns"]
    )
    return {key: json.loads(data) for key, data in documents.items()}


def _parse(given: Any) -> Any:
    data = given["text"].encode() if "text" in given else bytes.fromhex(given["hex"])
    return canonical.loads(data, what="fixture", max_bytes=given["max_bytes"])


def _bytes(given: Any) -> bytes:
    """Return a text, and the blanks that follow it."""
    whole = given if isinstance(given, str) else given["text"] + " " * given["blanks"]
    return bytes(whole.encode())


def _mark(given: Any) -> Any:
    record = quarantine.parse(_bytes(given), what="fixture")
    return {"commit": record.commit, "sha256": record.sha256, "faults": len(record.faults)}


def _tag(given: Any) -> Any:
    target = tagging.parse_tag(_bytes(given), "fixture")
    return {"commit": target.commit, "sha256": target.sha256}


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    **sdk_chunks.OPERATIONS,
    **sdk_words.OPERATIONS,
    "digest/crc32c": lambda given: digests.crc32c(bytes.fromhex(given)),
    "digest/crc32c_bytes": lambda given: (
        digests.crc32c(bytes.fromhex(given)).to_bytes(4, "little").hex()
    ),
    "digest/sha256": lambda given: digests.sha256(bytes.fromhex(given)),
    "json/canonical": lambda given: canonical.dumps(given).decode(),
    "json/parse": _parse,
    "keys/check_key": keys.check_key,
    "keys/commit_key": keys.commit_key,
    "keys/commit_number": keys.commit_number,
    "keys/is_column_name": keys.is_column_name,
    "keys/layer_path": lambda given: keys.layer_path(**given),
    "keys/shard_key": lambda given: keys.shard_name(**given),
    "keys/table_array": keys.table_array,
    "keys/tag_key": keys.tag_key,
    "keys/tag_name": keys.tag_name,
    "quarantine/mark": _mark,
    "tags/tag": _tag,
    "zarr/array": lambda given: zarr_json._array(_array(given)),
    "zarr/group": lambda _: json.loads(zarr_json.group_document()),
    "zarr/layer": _layer,
    "zarr/root": lambda given: json.loads(zarr_json.root_document(given["store"])),
}
"""By file and operation."""
