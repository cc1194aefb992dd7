"""Restores the objects of one layer: each gets exactly the bytes that the manifest records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embzarr._format import spec, zarr_json
from embzarr._reading import link_of, pages
from embzarr._repair import derive, source_bytes
from embzarr._repair.sources import is_held, read
from embzarr._storage import parallel
from embzarr._verify import Shards
from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from embzarr._format import Layer
    from embzarr._repair.source_bytes import Offer
    from embzarr._repair.sources import Sources
    from embzarr._repair.store import RepairStore

_VOCABULARY = (spec.WORDS_DATA, spec.WORDS_OFFSETS, spec.LOOKUP_BLOCKS)


class LayerRepair:
    """Restores damaged objects of one layer, one at a time."""

    def __init__(self, store: RepairStore, layers: list[Layer], sources: Sources) -> None:
        """Prepare to restore the last of `layers`; nothing is read yet."""
        layer, _ = pages.known(store, layers[-1])
        self._store = store
        self._layer = layer
        self._sources = sources
        self._pages = frozenset(layers[-1].page_objects)
        self._documents = parallel.Later(lambda: zarr_json.documents_of(layers, whole=layer))
        self._listed = parallel.Later(
            lambda: derive.listed(store, layers, layer, self._documents())
        )
        """By lost page, found before any of them is restored, as what is left tells of all."""
        self._damaged: set[str] = set()
        self._derived: dict[str, NDArray[Any] | None] = {}
        self._arrays = layer.shards

    def run(self, damaged: Iterable[str]) -> frozenset[str]:
        """Restore what can be; return the names of what cannot.

        Args:
            damaged: names, below the layer, of the objects that are not as recorded.
        """
        self._damaged = {name for name in damaged if name in self._layer.objects}
        progress = True
        while progress and self._damaged:
            # What could not be computed before may follow from what was restored since.
            self._derived = {}
            restored = [self._restore(name) for name in sorted(self._damaged, key=self._turn)]
            progress = any(restored)
        return frozenset(self._damaged)

    def values(self, damaged: Iterable[str]) -> dict[str, NDArray[Any]] | None:
        """Return the rows of each array of which an object is damaged; None where one is lost.

        Documents are left out, since all of them follow from the manifest.

        Args:
            damaged: names, below the layer, of what cannot be restored to the byte.
        """
        self._damaged = set(damaged)
        places = [self._arrays.get(name) for name in self._damaged if not self._is_document(name)]
        if None in places or not self._has_no_others():
            return None
        arrays = {place[0] for place in places if place}
        led_to = {str(array.index): name for name, array in self._layer.arrays.items()}
        # Where an array is written anew, its table is, too, whatever became of that.
        wanted = {name for name in arrays if led_to.get(name) not in arrays}
        found = {name: self._derive(name) for name in wanted}
        known = {name: rows for name, rows in found.items() if rows is not None}
        is_whole = all(known[name][:, 1].all() for name in known if name in led_to)
        return known if len(known) == len(found) and is_whole else None

    def _is_document(self, name: str) -> bool:
        return name.endswith(spec.ZARR_JSON) and name in self._layer.objects

    def _has_no_others(self) -> bool:
        """Tell whether every object of the layer is a document, a page or belongs to an array."""
        others = self._layer.objects.keys() - self._arrays.keys() - self._pages
        return all(map(self._is_document, others))

    def _turn(self, name: str) -> tuple[int, str]:
        """Order: chunk tables first, then the vocabulary, then what nothing else depends on."""
        array, _ = self._arrays.get(name, ("", 0))
        is_table = array.startswith(f"{spec.CHUNKS}/")
        return (0 if is_table else 1 if array in _VOCABULARY else 2), name

    def _restore(self, name: str) -> bool:
        digest, key = self._layer.objects[name], f"{self._layer.path}/{name}"
        if is_held(self._store, key, digest):
            return False  # as it was written, which was wrong: nothing else may stand there
        shard = Shards(self._store, self._layer, link_of(self._store)).find(name)
        found = source_bytes.assemble(digest, shard, self._offers(name, key))
        if found is None:
            return False
        origin, data = found
        self._sources.keep_misplaced(key)
        if not self._store.restore(key, data, f"from {origin}", hold=self._is_read_again(name)):
            return False
        self._sources.satisfy(digest)
        self._damaged.remove(name)
        return True

    def _is_read_again(self, name: str) -> bool:
        """Tell whether other parts are computed from an object: not from values, as a rule."""
        array, _ = self._arrays.get(name, ("", 0))
        if array not in self._layer.columns and array.split("/")[0] not in spec.CONTENTS:
            return True
        table = self._layer.arrays[array].index
        return any(self._arrays.get(other, ("", 0))[0] == table for other in self._damaged)

    def _offers(self, name: str, key: str) -> Iterator[Offer]:
        digest = self._layer.objects[name]
        own = read(self._store, key, digest.size)
        if own is not None:
            yield "its own sound parts", own
        yield from self._computed(name)
        yield from self._sources.offers(key, digest)

    def _computed(self, name: str) -> Iterator[Offer]:
        """Yield what follows from other parts of the layer."""
        if name in self._pages:
            names = self._listed().get(name)
            page = derive.page(self._store, self._layer, names) if names else None
            if page is not None:
                yield "the objects that it lists", page
            return
        if name.endswith(spec.ZARR_JSON):
            document = self._documents().get(name)
            if document is not None:
                yield "the manifest", memoryview(document)
            return
        array, shard = self._arrays.get(name, ("", 0))
        copied = derive.copied(self._layer, array)
        if copied is not None:
            yield "the manifest", copied
        if array not in self._derived:
            self._derived[array] = self._derive(array)
        rows = self._derived[array]
        if rows is not None:
            origin = _ORIGINS.get(array, "the shards that it leads to")
            yield origin, derive.encoded(self._layer, array, shard, rows)

    def _derive(self, array: str) -> NDArray[Any] | None:
        """Return the rows of an array as other parts of the layer tell them."""
        try:
            if array == spec.LOOKUP_BLOCKS:
                return derive.lookup_blocks(self._store, self._layer)
            if array in _VOCABULARY:
                words = derive.words(self._store, self._layer)
                self._derived |= {
                    spec.WORDS_DATA: words.data,
                    spec.WORDS_OFFSETS: words.offsets,
                }
                return self._derived[array]
        except DamagedError:
            return None
        for name, entry in self._layer.arrays.items():
            if entry.index == array:
                damaged = frozenset(self._damaged)
                return derive.chunk_table(self._store, self._layer, name, damaged)
        return None


_ORIGINS = {
    spec.LOOKUP_BLOCKS: "the words",
    spec.WORDS_DATA: "the lookup",
    spec.WORDS_OFFSETS: "the lookup",
}
