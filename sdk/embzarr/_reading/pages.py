"""Reads pages: what a manifest that is split does not tell itself. Spec section "Pages"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

import msgspec

from embzarr._format import digests, keys, pages, spec
from embzarr._reading.fetching.fetch import fetch
from embzarr._storage import detached, parallel
from embzarr.errors import DamagedError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from embzarr._format import FileMember, Layer, Manifest, PagePart, TensorMember
    from embzarr._storage import GetRange

T = TypeVar("T")


class PagedMembers(Mapping[str, T]):
    """Members that are read when they are first asked for."""

    def __init__(
        self, read: parallel.Later[Manifest], found: Callable[[], Mapping[str, T]]
    ) -> None:
        """Read nothing yet.

        Args:
            read: what reads all pages that list members.
            found: returns the members, which reads them.
        """
        self._read = read
        self._found = parallel.Later(found)

    @property
    def is_known(self) -> bool:
        """Whether asking for one reads nothing."""
        return self._read.is_known

    def __getitem__(self, name: str) -> T:
        """Return one of them."""
        return self._found()[name]

    def __iter__(self) -> Iterator[str]:
        """Yield their names."""
        return iter(self._found())

    def __len__(self) -> int:
        """Return their number."""
        return len(self._found())


def contents(
    store: GetRange, manifest: Manifest
) -> tuple[Mapping[str, tuple[Layer, TensorMember]], Mapping[str, tuple[Layer, FileMember]]]:
    """Return the tensors and files of a commit; what pages hold is read once it is asked for."""
    if not any(layer.pages for layer in manifest.layers):
        return manifest.tensors, manifest.files
    read = parallel.Later(lambda: whole(store, manifest, spec.MEMBERS))
    return PagedMembers(read, lambda: read().tensors), PagedMembers(read, lambda: read().files)


def whole(store: GetRange, manifest: Manifest, *kinds: str) -> Manifest:
    """Return a manifest with what pages of some kinds hold, all fetched side by side.

    It is for looking into: what is committed is the manifest as it was.

    Args:
        store: where from.
        manifest: as it was committed; where it has no such pages, this is returned.
        kinds: of pages; by default all.

    Raises:
        DamagedError: a page is not what the manifest says.
        NotFoundError: one is not there.
        UnsupportedError: something in it is not understood.
    """
    wanted = pages.pages_in(manifest, *(kinds or spec.PAGE_KINDS))
    if not wanted:
        return manifest
    read = parallel.each(lambda one: _read(store, *one), wanted)
    found: dict[str, dict[int, PagePart]] = {}
    for (layer, at), part in zip(wanted, read, strict=True):
        found.setdefault(layer.path, {})[at] = part
    layers = [
        pages.merged(layer, found[layer.path], what=layer.path) if layer.path in found else layer
        for layer in manifest.layers
    ]
    return msgspec.structs.replace(manifest, layers=layers)


def whole_layer(store: GetRange, layer: Layer) -> Layer:
    """Return a layer with what all of its pages hold; raises as `whole`."""
    parts = parallel.each(lambda at: _read(store, layer, at), list(range(len(layer.pages))))
    return pages.merged(layer, dict(enumerate(parts)), what=layer.path) if parts else layer


def known(store: GetRange, layer: Layer) -> tuple[Layer, list[tuple[str, DamagedError]]]:
    """Return a layer with what those of its pages hold that can be read.

    The pages themselves are among its objects, so that whoever looks at all of them finds those
    that are missing or changed.

    Returns:
        The layer; and of pages that are as they were written and break a rule, names and errors.
    """
    names = list(layer.page_objects)
    if not names:
        return layer, []
    read = parallel.each(lambda at: _read_or_not(store, layer, at), list(range(len(names))))
    parts = {at: part for at, part in enumerate(read) if not isinstance(part, Exception)}
    faults = [
        (name, part)
        for name, part in zip(names, read, strict=True)
        if isinstance(part, DamagedError) and part.code not in _SEEN_ANYWAY
    ]
    found = layer
    try:
        found = pages.merged(layer, parts, what=layer.path) if parts else layer
    except (DamagedError, UnsupportedError) as exc:
        if len(parts) == len(names):  # else what is wrong with it is what a lost page has not told
            faults.append((names[0], DamagedError(exc.code, str(exc.args[0]))))
    objects = {**found.objects, **layer.page_objects}
    return msgspec.structs.replace(found, objects=objects), faults


_SEEN_ANYWAY = frozenset({"object-digest", "object-missing", "object-truncated"})


def _read_or_not(store: GetRange, layer: Layer, at: int) -> PagePart | Exception:
    try:
        return _read(store, layer, at)
    except (DamagedError, NotFoundError) as exc:
        return detached(exc)
    except UnsupportedError as exc:
        return DamagedError(exc.code, str(exc.args[0]))


def _read(store: GetRange, layer: Layer, at: int) -> PagePart:
    """Return what a page holds, whose bytes are those that were recorded."""
    page, key = layer.pages[at], f"{layer.path}/{keys.page_name(at)}"
    data = fetch(store, key, 0, page.size)
    if digests.sha256(data) != page.sha256:
        raise DamagedError("object-digest", f"{key}: does not have the SHA-256 that was recorded")
    return pages.parse(data, page, what=key)
