"""How many dependent round trips, requests and bytes an answer costs, counted at the port."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import embzarr
from embzarr._storage.open import open_store
from embzarr.errors import DamagedError
from faulty import SlowStore
from oracle import make_words

LATENCY = 0.05
"""Seconds: far longer than any computation between two requests, so that chains are plain."""


@pytest.fixture(scope="module")
def words() -> list[str]:
    """A million real-looking words, ten of each stem."""
    return [f"{word}-{ending}" for word in make_words(100_000) for ending in range(10)]


@pytest.fixture(scope="module")
def url(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them in hundreds of lookup blocks, compressed, with a chunk table."""
    path = tmp_path_factory.mktemp("million")
    vectors = np.arange(len(words), dtype=np.float32)[:, None].repeat(16, axis=1)
    embzarr.save(path, words, vectors, compression="lz4")
    return path


def opened(url: Path, cache: embzarr.Cache | None = None) -> embzarr.Checkpoint:
    return embzarr.open(SlowStore(open_store(url), LATENCY), cache=cache)


def test_a_cold_word_among_a_million_takes_three_round_trips(url: Path, words: list[str]) -> None:
    """Manifest; lookup block and chunk table; vectors: three in a row, and few bytes."""
    checkpoint = opened(url)
    row = 765_432

    vector = checkpoint[words[row]]

    np.testing.assert_array_equal(vector, np.full(16, row, np.float32))
    traffic = checkpoint.traffic
    assert traffic.round_trips <= 3
    assert traffic.requests <= 6
    assert traffic.bytes_read < 512 * 1024


def test_a_cold_word_of_a_chain_takes_three_round_trips(tmp_path: Path) -> None:
    """As through a full step; and each delta that holds a wanted row costs one request more."""
    words, vectors = make_words(2000), np.zeros((2000, 16), np.float32)
    embzarr.save(tmp_path, words, vectors)
    run = embzarr.Run(tmp_path)
    for number in range(1, 5):
        run.save_delta([number], vectors[[number]] + np.float32(number))

    checkpoint = opened(tmp_path)
    opening = checkpoint.traffic.requests
    found = checkpoint[words[:5]]

    np.testing.assert_array_equal(found, np.arange(5, dtype=np.float32)[:, None].repeat(16, 1))
    assert checkpoint.traffic.round_trips <= 3
    assert checkpoint.traffic.requests - opening == 1 + 5  # the lookup, and a chunk of each layer


def test_a_warm_word_takes_two_and_one_where_its_block_is_known(
    url: Path, words: list[str]
) -> None:
    """Once open, two round trips; with the block in memory, one; with the vector too, none."""
    for cache, expected in ((embzarr.Cache(0), (2, 1)), (None, (2, 0))):
        checkpoint = opened(url, cache)
        opening = checkpoint.traffic.round_trips

        checkpoint[words[5]]
        first = checkpoint.traffic.round_trips - opening
        checkpoint[words[5]]
        second = checkpoint.traffic.round_trips - opening - first

        assert (first, second) == expected


def test_rows_take_two_round_trips_and_no_vocabulary(url: Path) -> None:
    """A row range reads chunk table and vectors, nothing else."""
    checkpoint = opened(url)
    opening = checkpoint.traffic

    checkpoint.load_rows(500_000, 501_000)

    assert checkpoint.traffic.round_trips - opening.round_trips <= 2
    assert checkpoint.traffic.bytes_read - opening.bytes_read < 512 * 1024


def test_rows_without_compression_take_one_round_trip(tmp_path: Path) -> None:
    """Their places are known by their numbers: the chunk table comes beside them."""
    vectors = np.arange(40_000, dtype=np.float32)[:, None].repeat(300, axis=1)
    embzarr.save(tmp_path, make_words(40_000), vectors, compression="none")
    checkpoint = opened(tmp_path)
    opening = checkpoint.traffic

    found = checkpoint.load_rows(10_000, 12_000).vectors

    np.testing.assert_array_equal(found, vectors[10_000:12_000])
    assert checkpoint.traffic.round_trips - opening.round_trips == 1
    assert checkpoint.traffic.requests - opening.requests > 2


@pytest.fixture
def compressed(tmp_path: Path) -> NDArray[np.float32]:
    """Save 600 rows of 128 KiB, a row a chunk, 128 chunks a shard, with lz4; return them."""
    vectors = np.arange(600, dtype=np.float32)[:, None].repeat(32_768, axis=1)
    embzarr.save(tmp_path, make_words(600), vectors, compression="lz4")
    return vectors


def test_all_rows_with_compression_take_one_round_trip(
    compressed: NDArray[np.float32], tmp_path: Path
) -> None:
    """Whole shards are asked for: where chunks lie in them may be learnt meanwhile."""
    checkpoint = opened(tmp_path, embzarr.Cache(0))
    opening = checkpoint.traffic

    np.testing.assert_array_equal(checkpoint.to_numpy(), compressed)

    assert checkpoint.traffic.round_trips - opening.round_trips == 1
    assert checkpoint.traffic.requests - opening.requests == 5 + 1  # shards, and the chunk table


def test_whole_shards_are_read_without_their_own_index(
    compressed: NDArray[np.float32], tmp_path: Path
) -> None:
    """A shard that lost its index gives its rows, as it does where they are read one by one."""
    checkpoint = opened(tmp_path, embzarr.Cache(0))
    shard = tmp_path / checkpoint.info().layers[0].path / "vectors/c/2/0"
    shard.write_bytes(shard.read_bytes()[: -(16 * 128 + 4)])

    np.testing.assert_array_equal(checkpoint.to_numpy(), compressed)

    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(DamagedError, match="vectors/c/2/0") as caught:
        checkpoint.to_numpy()
    assert caught.value.code == "object-truncated"


def test_a_part_or_little_memory_asks_for_no_whole_shards(
    compressed: NDArray[np.float32], tmp_path: Path
) -> None:
    """All but one row, or all of them with room for a few chunks: the table comes first."""
    hows: tuple[tuple[int, Any], ...] = ((599, {}), (600, {"memory_limit": 160 * 1024}))
    for last, how in hows:
        checkpoint = opened(tmp_path, embzarr.Cache(0))
        opening = checkpoint.traffic.round_trips

        found = checkpoint.load_rows(0, last, **how).vectors

        np.testing.assert_array_equal(found, compressed[:last])
        assert checkpoint.traffic.round_trips - opening >= 2


def test_one_row_without_compression_takes_one_round_trip(tmp_path: Path) -> None:
    """Also where the chunk is worth keeping, as long as nothing is; its neighbour takes none."""
    vectors = np.arange(40_000, dtype=np.float32)[:, None].repeat(300, axis=1)
    embzarr.save(tmp_path, make_words(40_000), vectors, compression="none")
    checkpoint = opened(tmp_path)
    opening = checkpoint.traffic.round_trips

    for row in (39_999, 39_998):
        np.testing.assert_array_equal(checkpoint.load_rows(row, row + 1).vectors, [vectors[row]])

    assert checkpoint.traffic.round_trips - opening == 1


def test_a_save_takes_four_round_trips(tmp_path: Path) -> None:
    """History; rows, words, tables, documents and the root; the manifest; its hint.

    Where rows fill the link for longer than a round trip takes, that is all that is waited for.
    """
    vectors = np.zeros((300, 32_768), np.float32)  # a row a chunk: enough for a chunk table
    store = SlowStore(open_store(tmp_path), 10 * LATENCY)  # the rows are made meanwhile

    checkpoint = embzarr.save(
        store, make_words(300), vectors, compression="lz4", single_writer=True
    )

    assert checkpoint.traffic.round_trips == 4


def test_a_prefix_takes_two_round_trips_after_open(url: Path) -> None:
    """A prefix reads its blocks and the table at once, then the vectors."""
    checkpoint = opened(url)
    opening = checkpoint.traffic.round_trips

    loaded = checkpoint.load_prefix("stra")

    assert len(loaded) > 100
    assert checkpoint.traffic.round_trips - opening <= 2


def test_a_million_words_come_back(url: Path, words: list[str]) -> None:
    """All of a million words and vectors are as they were saved, each found by name."""
    checkpoint = embzarr.open(url)
    rows = np.random.default_rng(0).integers(0, len(words), 20_000)

    found = checkpoint.load([words[row] for row in rows])

    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_array_equal(found.vectors[:, 0], rows)
    assert checkpoint.words == words
    np.testing.assert_array_equal(checkpoint.to_numpy()[:, 3], np.arange(len(words)))
