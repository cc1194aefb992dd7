"""What `prefetch` promises: rows that will be wanted come beside the lookup, and are checked."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr._format.arrays.grids import Grid
from embzarr._reading.planning import merging
from embzarr._reading.planning.merging import CostModel
from embzarr._reading.planning.prefetch import Ahead
from embzarr._storage.open import open_store
from embzarr._storage.port import Data, Store
from embzarr.errors import DamagedError
from faulty import NarrowStore, SlowStore
from oracle import make_words
from under_way import Meter

ROWS = 40_000
WORDS = make_words(ROWS)
VECTORS = np.random.default_rng(0).standard_normal((ROWS, 300), np.float32)
LATENCY = 0.05
"""Seconds: so many that whole shards come meanwhile, by what is thought of a link."""
FIRST, LAST = WORDS[:5000], WORDS[-5000:]


class WatchedStore(SlowStore):
    """Remembers which shards of vectors were asked for."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, LATENCY)
        self.asked: list[str] = []
        self.meter = Meter()
        self.waits = False
        """Whether a request is answered only when no more begin."""

    def get_range(self, key: str, start: int, length: int) -> Data:
        if "chunks/" in key or "/vectors/c/" not in key:
            return super().get_range(key, start, length)
        self.asked.append(key.partition("/vectors/c/")[2])
        self.meter.add(length)
        if self.waits:
            self.meter.wait_for_more()
        try:
            return super().get_range(key, start, length)
        finally:
            self.meter.remove(length)


def watched(url: Path) -> WatchedStore:
    return WatchedStore(open_store(url))


@pytest.fixture(params=["none", "lz4"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Five shards, uncompressed or not."""
    embzarr.save(tmp_path, WORDS, VECTORS, compression=request.param)
    return tmp_path


def shard(url: Path, number: int) -> Path:
    layer = embzarr.open(url).info().layers[0].path
    return url / layer / f"vectors/c/{number}/0"


def takes(url: Path, count: int, trips: int) -> bool:
    """Tell whether the first words can come in so many trips: a busy machine may need more."""
    found = []
    for _ in range(3):
        checkpoint = embzarr.open(watched(url))
        opening = checkpoint.traffic.round_trips
        np.testing.assert_array_equal(checkpoint[WORDS[:count]], VECTORS[:count])
        found.append(checkpoint.traffic.round_trips - opening)
        if found[-1] <= trips:
            break
    return min(found) == trips


def test_many_words_come_in_the_round_trip_of_the_lookup(url: Path) -> None:
    """Lookup, chunk table and rows at the same time: one trip after the manifest's."""
    assert takes(url, len(FIRST), 1)


def test_words_in_any_order_repeats_included_and_some_missing(url: Path) -> None:
    """What was asked for ahead serves every way to ask."""
    rows = np.random.default_rng(3).integers(0, ROWS, 4000)
    asked = [WORDS[row] for row in rows]

    loaded = embzarr.open(watched(url)).load([*asked, "no such word"], missing="zeros")

    np.testing.assert_array_equal(loaded.vectors[:-1], VECTORS[rows])
    assert not loaded.vectors[-1].any()


def test_the_first_words_come_with_it_however_many_they_are(url: Path) -> None:
    """More of them than two latencies give, as far as memory allows; the rest takes one more."""
    assert takes(url, 20_000, 1)
    assert takes(url, 35_000, 2)


def test_few_words_ask_for_nothing_ahead(url: Path) -> None:
    """Their rows may be anywhere, and most of the array is not wanted."""
    store = watched(url)

    np.testing.assert_array_equal(embzarr.open(store)[LAST[-5:]], VECTORS[-5:])

    assert store.asked == ["4/0"]


def test_too_few_words_to_ask_ahead_that_lie_apart(tmp_path: Path) -> None:
    """Their gaps are read over, and the first of them tell how wide the link is."""
    embzarr.save(tmp_path, WORDS, VECTORS, compression="none")
    rows = np.arange(0, 6400, 160)

    found = embzarr.open(watched(tmp_path))[[WORDS[row] for row in rows]]

    np.testing.assert_array_equal(found, VECTORS[rows])


def test_only_the_first_load_asks_ahead(url: Path) -> None:
    """Then the chunk table is at hand, and mostly the lookup as well."""
    store = watched(url)
    checkpoint = embzarr.open(store)
    checkpoint[LAST]
    store.asked.clear()

    np.testing.assert_array_equal(checkpoint[WORDS[-9000:-5000]], VECTORS[-9000:-5000])

    assert "0/0" not in store.asked


def test_what_came_in_vain_matters_to_nobody(url: Path) -> None:
    """The first shard is gone, and no word of it is wanted."""
    shard(url, 0).unlink()
    store = watched(url)

    np.testing.assert_array_equal(embzarr.open(store)[LAST], VECTORS[-5000:])

    assert "0/0" in store.asked


def test_what_came_ahead_is_checked(url: Path) -> None:
    """A flipped bit, and a shard that is gone, are told of as in any other read."""
    data = bytearray(shard(url, 0).read_bytes())
    data[len(data) // 2] ^= 1
    shard(url, 0).write_bytes(data)
    with pytest.raises(DamagedError, match="vectors") as flipped:
        embzarr.open(watched(url))[WORDS[:9000]]

    shard(url, 0).unlink()
    with pytest.raises(DamagedError, match="vectors/c/0/0") as gone:
        embzarr.open(watched(url))[FIRST]

    assert flipped.value.code == "chunk-checksum"
    assert gone.value.code == "object-missing"


def test_rows_that_deltas_hold_anew_are_theirs(url: Path) -> None:
    """What was asked for ahead is the base's alone."""
    changed = np.arange(0, 5000, 7)
    expected = VECTORS[:5000].copy()
    expected[changed] = -1
    embzarr.Run(url).save_delta(changed, expected[changed])

    np.testing.assert_array_equal(embzarr.open(watched(url))[FIRST], expected)


def test_all_that_is_under_way_stays_within_the_memory_limit(url: Path) -> None:
    """What was asked for ahead counts until it is used, and what is decoded of it."""
    limit = 24 * 1024 * 1024
    store = watched(url)
    store.waits = True

    loaded = embzarr.open(store).load(WORDS, memory_limit=limit)

    np.testing.assert_array_equal(loaded.vectors, VECTORS)
    assert limit * 2 / 3 < store.meter.most <= limit


def test_little_memory_leaves_no_room(tmp_path: Path) -> None:
    """A quarter of the limit at most comes in vain, and less than is worth it not at all."""
    embzarr.save(tmp_path, WORDS, VECTORS, compression="none")
    store = watched(tmp_path)

    loaded = embzarr.open(store).load(LAST, memory_limit=2 * 1024 * 1024)

    np.testing.assert_array_equal(loaded.vectors, VECTORS[-5000:])
    assert "0/0" not in store.asked


@pytest.mark.parametrize(("rate", "around"), [(1e12, False), (60e6, True)])
def test_what_came_ahead_tells_how_wide_the_link_is(
    tmp_path: Path, rate: float, monkeypatch: pytest.MonkeyPatch, *, around: bool
) -> None:
    """Rows that lie apart: over a narrow link gaps are asked around, else read over."""
    if not around:
        monkeypatch.setattr(Ahead, "seconds", 0.0)  # however busy this machine is
    embzarr.save(tmp_path, WORDS, VECTORS, compression="none")
    rows = np.random.default_rng(5).choice(ROWS, 200, replace=False)
    asked = [WORDS[row] for row in rows]
    checkpoint = embzarr.open(WatchedStore(NarrowStore(open_store(tmp_path), rate)))
    before = checkpoint.traffic.bytes_read

    np.testing.assert_array_equal(checkpoint[asked], VECTORS[rows])

    assert (checkpoint.traffic.bytes_read - before < 0.8 * VECTORS.nbytes) == around


# How much -----------------------------------------------------------------------------------------
GRID = Grid(rows=200_000, row_bytes=1200, chunk=64, shard=128)
COST = CostModel(latency=0.02, per_request=1.6e-3, per_byte=2.5e-9, per_byte_alone=3e-9)
MEBI = 1024 * 1024


def worth(**changes: Any) -> int:
    """Return what is asked for ahead of 2,000 of 200,000 rows over a link of 20 ms."""
    given: dict[str, Any] = {
        "count": 2000,
        "grid": GRID,
        "nbytes": 240_000_000,
        "room": 32 * MEBI,
        "cost": COST,
    }
    return merging.ahead(**given | changes)


def test_as_much_is_asked_for_as_comes_in_two_latencies() -> None:
    """It may come in vain, and takes half of the room; nothing where it would come at once."""
    assert worth() == 16_000_000
    assert worth(room=10 * MEBI) == 5 * MEBI
    assert worth(room=6 * MEBI) == 0
    assert worth(cost=replace(COST, latency=0.001)) == 0


def test_as_many_of_the_first_rows_are_asked_for_as_will_be_wanted() -> None:
    """Vocabularies mostly begin with the words that are asked for most; where there is room."""
    assert worth(count=20_000) == -(-20_000 // 64) * 240_000_000 // 3125
    assert worth(count=30_000) == 32 * MEBI
    assert worth(count=20_000, nbytes=20_000_000) == 16_000_000


@pytest.mark.parametrize(
    "changes",
    [{"count": 0}, {"count": 100}, {"grid": replace(GRID, rows=64)}, {"nbytes": 10**6}],
)
def test_nothing_is_asked_for_that_may_well_not_be_wanted(changes: dict[str, int]) -> None:
    """Few rows, or an array of one chunk, which is wanted or is not."""
    assert worth() > 0
    assert worth(**changes) == 0


def test_more_words_never_ask_for_less() -> None:
    """What is worth asking for so many rows is so for more."""
    found = [worth(count=count) for count in (10, 100, 1000, 10_000, 100_000, 10**9)]

    assert all(fewer <= more for fewer, more in itertools.pairwise(found))


def test_one_row_of_two_chunks_may_be_worth_it() -> None:
    """Where a request costs more than both of them."""
    two = Grid(rows=2, row_bytes=4 * MEBI, chunk=1, shard=2)
    slow = replace(COST, per_request=1.0)

    assert worth(count=1, grid=two, nbytes=8 * MEBI, cost=slow) == 8 * MEBI
