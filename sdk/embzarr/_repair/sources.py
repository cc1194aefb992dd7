"""Where else the bytes of a damaged object may lie: found by their size and SHA-256."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

from embzarr._format import digests as hashing
from embzarr._format import keys, spec
from embzarr._history import history
from embzarr._reading import pages
from embzarr._storage import pieces
from embzarr.errors import DamagedError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from embzarr._format import ObjectDigest
    from embzarr._history import Commit
    from embzarr._repair.source_bytes import Offer
    from embzarr._repair.store import RepairStore
    from embzarr._storage import Readable

Wanted: TypeAlias = tuple[int, str]
"""Size and SHA-256."""


class Sources:
    """All places known to hold wanted bytes, in the store itself and in another one."""

    def __init__(self, store: RepairStore, other: Readable | None) -> None:
        """Know of nothing yet.

        Args:
            store: what is repaired.
            other: a mirror, or another store that holds some of the same objects.
        """
        self._store = store
        self._other = other
        self._wanted: Counter[Wanted] = Counter()
        self._places: dict[Wanted, list[tuple[str, Readable, str]]] = {}
        self._misplaced: dict[str, Wanted] = {}

    def forget(self) -> None:
        """Want nothing any more, and know of no place."""
        self._wanted.clear()
        self._places.clear()
        self._misplaced.clear()

    def want(self, digests: Iterable[ObjectDigest]) -> None:
        """Look for these from now on."""
        self._wanted.update((digest.size, digest.sha256) for digest in digests)

    def satisfy(self, digest: ObjectDigest) -> None:
        """Note that one of those that were looked for is where it should be."""
        self._wanted[digest.size, digest.sha256] -= 1

    def search(self, damaged: Iterable[str]) -> None:
        """Find places: in the manifests of both stores, in quarantine, and in damaged objects.

        Args:
            damaged: keys of objects that are not as recorded: each may hold another one's bytes.
        """
        if not self._wanted:
            return
        for key in damaged:
            held = digest_of(self._store, key)
            if held is not None and held in self._wanted:
                self._misplaced[key] = held
                self._add(held, f"{key}, where it does not belong", self._store, key)
        for info in self._store.list(f"{spec.QUARANTINE}/{spec.KEPT}/"):
            sha256 = keys.kept_sha256(info.key)
            if sha256:
                self._add((info.size, sha256), info.key, self._store, info.key)
        self._search_manifests(self._store, "")
        if self._other is not None:
            self._search_manifests(self._other, "the source's ")

    def offers(self, key: str, digest: ObjectDigest) -> Iterator[Offer]:
        """Yield what other places hold of an object, this store's first, then the source's."""
        places = self._places.get((digest.size, digest.sha256), [])
        if self._other is not None:
            places = [*places, (f"the source's {key}", self._other, key)]
        for origin, store, place in places:
            data = read(store, place, digest.size)
            if data is not None:
                yield origin, data

    def keep_misplaced(self, key: str) -> None:
        """Copy what lies at `key`, about to be written over, if another object still needs it."""
        held = self._misplaced.pop(key, None)
        if held is None or self._wanted[held] <= 0:
            return
        kept = keys.kept_key(held[1])
        data = read(self._store, key, held[0])
        if data is not None:
            self._store.write("keep", kept, data, f"what lies at {key} belongs elsewhere")
            self._add(held, kept, self._store, kept)

    def discard_kept(self, missing: Container[str]) -> None:
        """Remove copies that nothing needs any more.

        Args:
            missing: SHA-256 of what is still not where it should be.
        """
        folder = f"{spec.QUARANTINE}/{spec.KEPT}/"
        for key in sorted(info.key for info in self._store.list(folder)):
            sha256 = keys.kept_sha256(key)
            if sha256 is not None and sha256 not in missing:
                self._store.remove("remove", key, "what needed it has it")

    def _add(self, held: Wanted, origin: str, store: Readable, key: str) -> None:
        if held in self._wanted:
            self._places.setdefault(held, []).append((origin, store, key))

    def _search_manifests(self, store: Readable, whose: str) -> None:
        seen: set[tuple[str, ...]] = set()
        for commit in readable_commits(store):
            for told in commit.manifest.layers:
                is_told = (told.path, *(page.sha256 for page in told.pages))
                if told.pages and is_told in seen:
                    continue
                seen.add(is_told)
                layer, _ = pages.known(store, told)
                for name, digest in layer.objects.items():
                    key = f"{layer.path}/{name}"
                    self._add((digest.size, digest.sha256), f"{whose}{key}", store, key)


def read(store: Readable, key: str, size: int) -> memoryview | None:
    """Return an object's bytes up to `size`, which is a stranger's word; None where it is gone."""
    try:
        return memoryview(store.get_range(key, 0, min(size, store.head(key).size)))
    except NotFoundError:
        return None


def is_held(store: Readable, key: str, digest: ObjectDigest) -> bool:
    """Tell whether an object has the bytes that a manifest records of it."""
    try:
        size = store.head(key).size
    except NotFoundError:
        return False
    return size == digest.size and digest_of(store, key) == (size, digest.sha256)


def readable_commits(store: Readable) -> Iterator[Commit]:
    """Yield the commits whose manifests can be read, newest first."""
    for number in history.numbers_of(store):
        try:
            yield history.read(store, number)
        except (NotFoundError, DamagedError, UnsupportedError):
            continue


def digest_of(store: Readable, key: str) -> Wanted | None:
    """Return size and SHA-256 of what lies at `key`, read in pieces; None for nothing."""
    try:
        size = store.head(key).size
        return size, hashing.sha256_of(pieces(store, key, 0, size))
    except NotFoundError:
        return None
