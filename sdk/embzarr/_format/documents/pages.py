"""Pages: what of a large manifest stands in objects of its own, below the layer that it tells of.

Spec section "Pages". A manifest that is not large has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from msgspec import Struct

from embzarr._format import digests, json, keys, spec
from embzarr._format.documents import validate, validate_layers
from embzarr._format.documents.manifests import (
    Array,
    FileMember,
    Layer,
    ObjectDigest,
    Page,
    TensorMember,
)
from embzarr._format.documents.validate_deltas import require
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from embzarr._format.documents.manifests import Contents, Manifest

_Entry: TypeAlias = tuple[str, str, Any, dict[str, Array]]
"""Member of a layer, name there, what stands there, and the arrays that go with it."""
_OWN_ARRAYS = tuple(f"{folder}/" for folder in (spec.TENSORS, spec.FILES))
_OWN_TABLES = tuple(f"{spec.CHUNKS}/{folder}." for folder in (spec.TENSORS, spec.FILES))


class Part(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a page holds: some of the layer's members of the same names."""

    objects: dict[str, ObjectDigest] = {}
    arrays: dict[str, Array] = {}
    tensors: dict[str, TensorMember] = {}
    files: dict[str, FileMember] = {}

    @property
    def count(self) -> int:
        """Objects, or tensors and files."""
        return len(self.objects) + len(self.tensors) + len(self.files)

    @property
    def bytes(self) -> int:
        """Of all objects that it lists."""
        return sum(digest.size for digest in self.objects.values())


_to_part = json.parser(Part, "manifest-invalid")


# Reading ------------------------------------------------------------------------------------------
def parse(data: bytes | bytearray | memoryview, page: Page, *, what: str) -> Part:
    """Read a page that a stranger may have written, and whose SHA-256 is the recorded one.

    Args:
        data: the object's bytes.
        page: what the manifest says of it.
        what: its key, for messages.

    Raises:
        DamagedError: it breaks the rules, or is not what the manifest says.
        UnsupportedError: something that a reader must understand and we do not.
    """
    document = json.loads(data, what=what, max_bytes=spec.MAX_PAGE_BYTES)
    require(isinstance(document, dict), what, "not a page of a manifest")
    part = _to_part(validate.understood_members(document, what), what)
    of_objects, told = page.kind == spec.OBJECTS, (part.count, part.bytes)
    others = (part.arrays, part.tensors, part.files) if of_objects else (part.objects,)
    require(not any(others), what, f"holds what is none of a page of {page.kind}")
    require(told == (page.count, page.bytes), what, f"holds {told[0]} entries, not as recorded")
    require(spec.ZARR_JSON not in part.objects, what, "lists the layer's own zarr.json")
    for name, array in part.arrays.items():
        is_own = name.startswith((*_OWN_ARRAYS, *_OWN_TABLES))
        require(
            is_own and array.data is None, what, f"array {json.brief(name)} belongs in the manifest"
        )
    return part


def merged(layer: Layer, parts: Mapping[int, Part], *, what: str) -> Layer:
    """Return a layer with what some of its pages hold, of which the gate has no complaint.

    Those pages are among its objects then: what is left of the list of pages has other numbers.

    Args:
        layer: as the manifest has it.
        parts: what was read, by the number of the page.
        what: for messages.

    Raises:
        DamagedError: what the pages hold does not fit what the manifest says, or each other.
        UnsupportedError: something that we do not understand.
    """
    members: dict[str, dict[str, Any]] = {
        name: dict(getattr(layer, name)) for name in Part.__struct_fields__
    }
    for part in parts.values():
        for name, held in members.items():
            more = getattr(part, name)
            twice = sorted(held.keys() & more.keys())
            require(not twice, what, f"{name} has {twice[:1]} twice")
            held.update(more)
    read = {keys.page_name(at) for at in parts}
    members[spec.OBJECTS] |= {n: one for n, one in layer.page_objects.items() if n in read}
    left = [page for at, page in enumerate(layer.pages) if at not in parts]
    found = msgspec.structs.replace(layer, pages=left, **members)
    validate_layers.check_layer(found, what)
    return found


def expected_objects(layer: Layer, documents: Iterable[str]) -> set[str]:
    """Return the names of all objects that a layer should list: shards and documents."""
    return {*layer.shards, *documents}


def encode_objects(objects: Mapping[str, ObjectDigest]) -> bytes:
    """Return the canonical bytes of a page of objects."""
    return _encoded(Part(objects=dict(objects)))


# Writing ------------------------------------------------------------------------------------------
def is_heavy(arrays: Mapping[str, Array], contents: Contents) -> bool:
    """Tell whether tensors and files take so much of a manifest that they go into pages."""
    own = [item for item in arrays.items() if item[0].startswith(_OWN_ARRAYS)]
    told = [*own, *contents.tensors.items(), *contents.files.items()]
    return sum(map(_size, told)) > spec.SPLIT_BYTES // 2


def split(layer: Layer, *, room: int, heavy: bool) -> tuple[Layer, dict[str, bytes]]:
    """Move what makes a layer large into pages.

    Args:
        layer: all of it.
        room: bytes that it may take in the manifest; where it takes more, objects move.
        heavy: whether tensors and files move.

    Returns:
        What the manifest is to say of it, and the pages by their keys below the layer.

    Raises:
        InvalidInputError: code ``input-argument``: more objects, or names, than pages can tell of.
    """
    require_objects(layer.object_count)
    parts = list(_parts(_contents(layer))) if heavy else []
    moved = {name: {n for p in parts for n in getattr(p, name)} for name in Part.__struct_fields__}
    if len(msgspec.json.encode(_without(layer, moved))) > room:
        listed: list[_Entry] = [
            (spec.OBJECTS, name, digest, {})
            for name, digest in layer.objects.items()
            if name != spec.ZARR_JSON
        ]
        parts += _parts(listed)
        moved[spec.OBJECTS] = {name for _, name, _, _ in listed}
    if not parts:
        return layer, {}
    pages = {keys.page_name(at): _encoded(part) for at, part in enumerate(parts)}
    told = [_page(part, data) for part, data in zip(parts, pages.values(), strict=True)]
    _require_pages(told)
    return msgspec.structs.replace(_without(layer, moved), pages=told), pages


def require_objects(count: int) -> None:
    """Refuse a layer of more objects than a manifest may list.

    Raises:
        InvalidInputError: code ``input-argument``.
    """
    if count > spec.MAX_OBJECTS:
        raise InvalidInputError(
            "input-argument",
            f"expected a step of at most {spec.MAX_OBJECTS} objects, found {count}: save fewer "
            "rows or columns, or rows in larger chunks",
        )


def room_beside(manifest_layers: Iterable[Layer]) -> int:
    """Return the bytes that another layer may take in a manifest before it is split."""
    return spec.SPLIT_BYTES - sum(len(msgspec.json.encode(layer)) for layer in manifest_layers)


def pages_in(manifest: Manifest, *kinds: str) -> list[tuple[Layer, int]]:
    """Return the pages of some kinds, each by its layer and its number there."""
    return [
        (layer, at)
        for layer in manifest.layers
        for at, page in enumerate(layer.pages)
        if page.kind in kinds
    ]


def _contents(layer: Layer) -> Iterator[_Entry]:
    """Yield tensors and files, with the arrays that they have to themselves."""
    for member, entries in ((spec.TENSORS, layer.tensors), (spec.FILES, layer.files)):
        for name, entry in entries.items():
            arrays: dict[str, Array] = {}
            if entry.start is None:
                arrays[entry.array] = array = layer.arrays[entry.array]
                if isinstance(array.index, str):
                    arrays[array.index] = layer.arrays[array.index]
            yield member, name, entry, arrays


def _parts(entries: Iterable[_Entry]) -> Iterator[Part]:
    """Cut entries, in the order of their names, into pages of about as many bytes."""
    found: dict[str, dict[str, Any]] = {}
    nbytes = 0
    for member, name, entry, arrays in sorted(entries, key=lambda one: one[:2]):
        size = _size((name, entry)) + sum(map(_size, arrays.items()))
        if found and nbytes + size > spec.PAGE_BYTES:
            yield Part(**found)
            found, nbytes = {}, 0
        found.setdefault(member, {})[name] = entry
        if arrays:
            found.setdefault("arrays", {}).update(arrays)
        nbytes += size
    if found:
        yield Part(**found)


def _size(item: tuple[str, Any]) -> int:
    return len(msgspec.json.encode(item))


def _without(layer: Layer, moved: Mapping[str, set[str]]) -> Layer:
    left: dict[str, Any] = {
        member: {name: one for name, one in getattr(layer, member).items() if name not in names}
        for member, names in moved.items()
        if names
    }
    return msgspec.structs.replace(layer, **left)


def _page(part: Part, data: bytes) -> Page:
    return Page(
        kind=spec.OBJECTS if part.objects else spec.MEMBERS,
        size=len(data),
        sha256=digests.sha256(data),
        count=part.count,
        bytes=part.bytes,
    )


def _require_pages(pages: list[Page]) -> None:
    nbytes = sum(page.size for page in pages)
    if len(pages) > spec.MAX_PAGES or nbytes > spec.MAX_PAGES_SUM:
        raise InvalidInputError(
            "input-argument",
            f"expected names, objects and chunks that {spec.MAX_PAGES} pages of the manifest, of "
            f"{spec.MAX_PAGES_SUM} bytes in all, can tell of; found {len(pages)} of {nbytes}",
        )


def _encoded(part: Part) -> bytes:
    return json.dumps(msgspec.to_builtins(part))
