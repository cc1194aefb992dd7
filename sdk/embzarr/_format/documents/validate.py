"""The one gate through which a manifest that a stranger may have written comes in.

What passes is sound: nothing inside checks it again. Sizes, counts, keys and places are judged
here, before anything is allocated or fetched (spec section "Limits and hostile input").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embzarr._format import json, spec
from embzarr._format.documents import validate_layers
from embzarr._format.documents.manifests import Array, Layer, Manifest
from embzarr._format.documents.validate_deltas import require
from embzarr.errors import DamagedError, UnsupportedError

if TYPE_CHECKING:
    from msgspec import Struct


_to_manifest = json.parser(Manifest, "manifest-invalid")


def parse(data: bytes | bytearray | memoryview, *, what: str) -> Manifest:
    """Read a manifest that a stranger may have written.

    Args:
        data: the object's bytes.
        what: its key, for messages.

    Raises:
        DamagedError: not the JSON of a manifest, or one that contradicts itself.
        UnsupportedError: a later version, or something that a reader must understand and we do not.
    """
    return of_document(document_of(data, what=what), what=what)


def document_of(data: bytes | bytearray | memoryview, *, what: str) -> dict[str, Any]:
    """Return the JSON of anything in ``commits/``, its format and version checked; as `parse`."""
    document = json.loads(data, what=what, max_bytes=spec.MAX_MANIFEST_BYTES)
    if not isinstance(document, dict) or document.get("format") != spec.FORMAT:
        raise DamagedError("manifest-invalid", f"{what}: not a manifest of embzarr")
    version = document.get("version")
    if isinstance(version, int) and version > spec.VERSION:
        raise UnsupportedError(
            "version-unsupported",
            f"{what}: expected format version {spec.VERSION}, found {version}: a newer embzarr "
            "is needed",
        )
    if memoryview(data).nbytes > spec.MAX_METADATA_BYTES:
        _check_metadata(document, what)
    return document


def _check_metadata(document: dict[str, Any], what: str) -> None:
    """Refuse more of the caller's JSON than a manifest may hold, in a manifest that may hold so."""
    for name in ("metadata", "model"):
        size = len(json.dumps(document.get(name)))
        require(size <= spec.MAX_METADATA_BYTES, what, f"{size} bytes of {name}")


def of_document(document: dict[str, Any], *, what: str) -> Manifest:
    """Return the manifest of a checkpoint that `document_of` has let in; as `parse`."""
    _check_features(document, what)
    manifest = _to_manifest(_understood(document, what), what)
    follows = manifest.parent.commit if manifest.parent else 0
    require(follows == manifest.commit - 1, what, f"commit {manifest.commit} after {follows}")
    kind = "delta" if len(manifest.layers) > 1 else "full"
    require(manifest.kind == kind, what, f"{manifest.kind} with {len(manifest.layers)} layers")
    validate_layers.check(manifest.layers, what)
    return manifest


def _check_features(document: dict[str, Any], what: str) -> None:
    """Name what a later version may store and this one cannot read."""
    layers = document.get("layers")
    kinds = (
        [x.get("kind") for x in layers if isinstance(x, dict)] if isinstance(layers, list) else []
    )
    for kind in [document.get("kind"), *kinds]:
        if isinstance(kind, str) and kind not in spec.LAYER_KINDS:
            raise UnsupportedError(
                "feature-unsupported", f"{what}: cannot read a {json.brief(kind)} step or layer"
            )


def _understood(document: dict[str, Any], what: str) -> dict[str, Any]:
    """Return the document without the members that its writer lets a reader ignore."""
    kept = without_optional(document, Manifest, what)
    require(kept.get("model", {}) is not None, what, "a member is null")
    if isinstance(kept.get("layers"), list):
        kept["layers"] = [_understood_layer(layer, what) for layer in kept["layers"]]
    return kept


def _understood_layer(layer: object, what: str) -> object:
    if not isinstance(layer, dict):
        return layer
    kept = without_optional(layer, Layer, f"{what} layer")
    _check_known(kept.get("placement"), "kind", spec.PLACEMENTS, "feature-unsupported", what)
    pages = kept.get("pages")
    for page in pages if isinstance(pages, list) else ():
        _check_known(page, "kind", spec.PAGE_KINDS, "feature-unsupported", what)
    return understood_members(kept, what)


def understood_members(kept: dict[str, Any], what: str) -> dict[str, Any]:
    """Return a layer, or a part of one, without what its arrays let a reader ignore."""
    for members in (kept.get(spec.TENSORS), kept.get(spec.FILES)):
        for member in members.values() if isinstance(members, dict) else ():
            nulls = isinstance(member, dict) and None in member.values()
            require(not nulls, what, "a member is null")
    arrays = kept.get("arrays")
    if not isinstance(arrays, dict):
        return kept
    understood = {
        name: _understood_array(array, f"{what} array {json.brief(name)}")
        for name, array in arrays.items()
    }
    return {**kept, "arrays": understood}


def _understood_array(array: object, what: str) -> object:
    if not isinstance(array, dict):
        return array
    kept = without_optional(array, Array, what)
    codec = kept.get("codec")
    _check_known(codec, "name", spec.CODECS, "codec-unsupported", what)
    nulls = [*kept.values(), *(codec.values() if isinstance(codec, dict) else ())].count(None)
    require(not nulls, what, "a member is null")
    return kept


def _check_known(part: object, name: str, known: tuple[str, ...], code: str, what: str) -> None:
    """Name a choice that a later version may add, before its other members confuse us."""
    choice = part.get(name) if isinstance(part, dict) else None
    if isinstance(choice, str) and choice not in known:
        raise UnsupportedError(code, f"{what}: {name} {json.brief(choice)} is unknown")


def without_optional(document: dict[str, Any], known: type[Struct], what: str) -> dict[str, Any]:
    """Return `document` without the members that its writer lets a reader ignore.

    Raises:
        UnsupportedError: code ``member-unknown``: one that a reader must understand.
    """
    extra = [name for name in document if name not in known.__struct_fields__]
    for name in extra:
        member = document[name]
        if not (isinstance(member, dict) and member.get("must_understand") is False):
            raise UnsupportedError(
                "member-unknown", f"{what}: member {json.brief(name)} is unknown and not optional"
            )
    return {name: member for name, member in document.items() if name not in extra}
