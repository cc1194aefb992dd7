"""What `scheduler` promises: what comes in first decides how the rest is asked for."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import embzarr
from embzarr._format import chunk_index
from embzarr._format.arrays.chunk_index import ChunkIndex
from embzarr._reading.fetching import scheduler
from embzarr._reading.fetching.cost import link_to
from embzarr._reading.planning import merging
from embzarr._reading.planning.merging import CostModel, Request
from embzarr._reading.planning.options import View
from embzarr._reading.tensors.tensor_reader import TensorReader
from embzarr._storage.open import open_store
from embzarr._storage.port import Data, Store
from embzarr.errors import StoreError
from faulty import NarrowStore, PassThrough
from oracle import make_words

ROWS = 30_000
VECTORS = np.arange(ROWS, dtype=np.float32)[:, None].repeat(300, axis=1)
WORDS = make_words(ROWS)
ASKED = [WORDS[row] for row in np.random.default_rng(0).choice(ROWS, 80, replace=False)]


class FailingStore(PassThrough):
    """One of the ranges fails."""

    def __init__(self, store: Store, at: int) -> None:
        super().__init__(store)
        self._count = itertools.count()
        self._at = at

    def get_range(self, key: str, start: int, length: int) -> Data:
        if next(self._count) == self._at:
            raise StoreError("store-failed", "the link is down")
        return super().get_range(key, start, length)


def narrow(url: str, rate: float) -> NarrowStore:
    return NarrowStore(open_store(url), rate)


@pytest.fixture(scope="module")
def url() -> str:
    """Rows without compression, in chunks of 64: 469 of 77 kB."""
    place = "memory://reading"
    embzarr.save(place, WORDS, VECTORS, compression="none")
    return place


def fetched(store: NarrowStore, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Read words that lie far apart; return the bytes that came, and those first planned."""
    monkeypatch.setattr(
        "embzarr._reading.fetching.cost.Link.learn", lambda *_: None
    )  # a cold reader knows nothing
    checkpoint = embzarr.open(store)
    planned = checkpoint.plan(ASKED)
    before = checkpoint.traffic.bytes_read

    vectors = checkpoint[ASKED]

    np.testing.assert_array_equal(vectors[:, 0], [WORDS.index(word) for word in ASKED])
    assert planned.bytes_fetched > 2 * planned.bytes_wanted
    return checkpoint.traffic.bytes_read - before, planned.bytes_fetched


def test_over_a_wide_link_gaps_are_read_over(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request costs more than the bytes between two chunks: all goes as it was planned."""
    monkeypatch.setattr(scheduler, "time", SimpleNamespace(perf_counter=lambda: 1.0))  # never busy
    came, planned = fetched(narrow(url, 1e12), monkeypatch)

    assert came > 0.6 * planned


def test_over_a_narrow_link_gaps_are_asked_around(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the first bytes have shown what the link gives, little is fetched but what is wanted."""
    came, planned = fetched(narrow(url, 50e6), monkeypatch)

    assert came < 0.6 * planned


def test_no_more_fetch_than_fill_the_link_where_some_of_it_is_longer() -> None:
    """Each would keep memory for the longest, and they would only wait for each other."""
    place = "memory://uneven"
    state = {f"short-{at}": np.zeros(750_000, np.float32) for at in range(12)}
    long = {"long": np.zeros(3_000_000, np.float32)}
    embzarr.save(place, tensors=state | long, compression="none")
    tensors, link = embzarr.open(place).tensors, link_to("s3-compatible")
    readers = [
        TensorReader(tensors._store, layer, name, member, link)
        for name, (layer, member) in tensors._members.items()
    ]
    plans = [plan for one in readers for plan in one.plans(0, one.length, one.target(None))]

    feed = scheduler.Feed(plans, View(memory_limit=32 * 2**20), link)

    assert feed.connections == 4


def test_after_a_failure_nothing_more_is_sent(url: str) -> None:
    """The failure of one request ends the read, however much was left to ask for."""
    store = FailingStore(narrow(url, 1e12), at=5)
    checkpoint = embzarr.open(store)

    with pytest.raises(StoreError, match="the link is down"):
        checkpoint.to_numpy()

    assert checkpoint.traffic.bytes_read < VECTORS.nbytes


# Dividing a request -------------------------------------------------------------------------------
def whole(index: ChunkIndex) -> Request:
    end = int((index.offset + index.nbytes).max())
    start = int(index.offset.min())
    return Request(3, start, end - start, np.arange(len(index)))


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), min_size=1, max_size=20),
    st.integers(1, 500),
)
def test_a_request_is_divided_between_chunks(layout: list[tuple[int, int]], most: int) -> None:
    """Both parts hold their chunks and no byte more, the first of them at most so many bytes."""
    ends = np.cumsum([gap + nbytes for gap, nbytes in layout])
    lengths = [nbytes for _, nbytes in layout]
    index = chunk_index.from_lists((ends - lengths).tolist(), lengths, [0] * len(layout))

    first, rest = merging.split(whole(index), index, most)

    parts = [first] if rest is None else [first, rest]
    assert np.concatenate([part.wanted for part in parts]).tolist() == list(range(len(index)))
    for part in parts:
        held = index.take(part.wanted)
        assert (part.shard, part.start) == (3, held.offset[0])
        assert part.start + part.length == held.offset[-1] + held.nbytes[-1]
    assert first.length <= most or len(first.wanted) == 1
    assert rest is None or ends[len(first.wanted)] - first.start > most


# The gap over a narrow link -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("per_byte", "widest"),
    [
        (1e-9, 40),  # five requests take 5 us, 150 bytes 0.15 us: all gaps
        (1e-6, 0),  # 100 bytes take 100 us: none
        (4e-8, 10),  # 4 requests take 4 us, 110 bytes 4.4 us: the smallest
    ],
)
def test_gaps_are_read_over_until_requests_take_no_longer(per_byte: float, widest: int) -> None:
    """As far as needed for the server to keep up with the link."""
    index = chunk_index.from_lists([0, 30, 70, 120, 180], [20] * 5, [0] * 5)
    cost = CostModel(latency=0, per_request=1e-6, per_byte=per_byte, per_byte_alone=0)

    assert merging.narrowed(cost, np.arange(5), index, 100).widest == widest


def test_chunks_of_different_shards_have_no_gap() -> None:
    """What lies between two objects cannot be read over."""
    index = chunk_index.from_lists([0, 1000], [20, 20], [0, 0])
    cost = CostModel(latency=0, per_request=1.0, per_byte=1e-9, per_byte_alone=0)

    assert merging.narrowed(cost, np.array([3, 4]), index, 4).widest == 0
