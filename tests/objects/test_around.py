"""A store around a store hides nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import embzarr
from embzarr._storage import CountingStore, Leftover, ReadOnlyStore, Store, known_of
from embzarr._storage.backends.memory import MemoryStore
from embzarr._storage.libraries.client import Client
from embzarr._storage.port import ObjectInfo
from embzarr._storage.wrappers.portable import PortableStore, abandon
from embzarr.errors import UnsupportedError

LEFT = Leftover(file=ObjectInfo(key="a.0123.tmp", size=1), key="a")


class Whole(MemoryStore):
    """Has every verb that a store may have."""

    def __init__(self) -> None:
        super().__init__("memory://whole")
        self.discarded: list[Leftover] = []

    @property
    def native(self) -> object:
        """The objects."""
        return self._objects

    def leftovers(self, prefix: str) -> Iterator[Leftover]:
        """Yield one."""
        del prefix
        yield LEFT

    def discard(self, leftover: Leftover) -> None:
        """Note it."""
        self.discarded.append(leftover)


def portable(store: Store) -> Store:
    client: Client[Store] = Client(lambda: store, abandon, made=store)
    return PortableStore(client, store.url, known_of(store), store.identity)  # type: ignore[attr-defined]


AROUND: dict[str, Callable[[Store], Store]] = {
    "counting": CountingStore,
    "read only": ReadOnlyStore,
    "portable": portable,
    "all of them": lambda store: CountingStore(ReadOnlyStore(portable(store))),
}


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND.keys())
def test_all_that_is_known_shows(around: Callable[[Store], Store]) -> None:
    """Address, capabilities, identity, what it stands on, and unfinished files."""
    store = Whole()
    store.put("a", b"1")
    seen = around(store)
    names = ("url", "capabilities", "identity", "native")
    assert [getattr(seen, name) for name in names] == [getattr(store, name) for name in names]
    assert list(seen.leftovers("")) == [LEFT]  # type: ignore[attr-defined]
    assert [info.key for info in seen.list("")] == ["a"]
    assert (bytes(seen.get("a")), bytes(seen.get_range("a", 0, 1)), seen.head("a").size) == (
        b"1",
        b"1",
        1,
    )


@pytest.mark.parametrize("around", [CountingStore, portable])
def test_all_that_writes_is_passed_on(around: Callable[[Store], Store]) -> None:
    """Put, create, delete and discard."""
    store = Whole()
    seen = around(store)
    seen.put("a", b"1")
    seen.create("b", b"2")
    seen.delete("a")
    seen.discard(LEFT)  # type: ignore[attr-defined]
    assert (sorted(store._objects), store.discarded) == (["b"], [LEFT])


def test_read_only_discards_nothing() -> None:
    """What a killed writer left may be in the making."""
    store = Whole()
    with pytest.raises(UnsupportedError) as caught:
        ReadOnlyStore(store).discard(LEFT)
    assert (caught.value.code, store.discarded) == ("store-read-only", [])


def test_a_read_only_run_plans_as_its_store_deserves(tmp_path: Path) -> None:
    """A folder is no far network because nothing may be written to it."""
    words = [f"w{i}" for i in range(4000)]
    embzarr.save(tmp_path, words, np.ones((4000, 64), "f4"))
    asked = []
    for read_only in (False, True):
        checkpoint = embzarr.Run(tmp_path, read_only=read_only).open()
        checkpoint.load(words[::400])
        asked.append((checkpoint.traffic.requests, checkpoint.traffic.bytes_read))
    assert asked[0] == asked[1]
