"""What `checksums` promises: a run of chunks has one checksum, and no damage leaves it as it is."""

from __future__ import annotations

from functools import partial

import google_crc32c
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embzarr._format import Chunks, checksums, digests

POLYNOMIAL = 0x82F63B78


def multiplied(a: int, b: int) -> int:
    """Multiply modulo the polynomial, a bit at a time (zlib's way)."""
    product = 0
    for bit in range(32):
        product ^= b if a >> (31 - bit) & 1 else 0
        b = b >> 1 ^ (POLYNOMIAL if b & 1 else 0)
    return product


def run_of(lengths: list[int], seed: int = 0) -> tuple[bytes, np.ndarray]:
    """Return chunks that their checksums follow, by another library; and where each ends."""
    chance = np.random.default_rng(seed)
    chunks = [chance.bytes(length) for length in lengths]
    stored = [chunk + google_crc32c.value(chunk).to_bytes(4, "little") for chunk in chunks]
    return b"".join(stored), np.cumsum([len(chunk) for chunk in stored])


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_products_are_those_of_polynomials(a: int, b: int) -> None:
    """Numbers and arrays of them alike."""
    arrays = np.array([a, b], np.uint64), np.array([b, a], np.uint64)

    assert checksums._product(a, b) == multiplied(a, b)
    assert checksums._product(*arrays).tolist() == [multiplied(a, b)] * 2


@pytest.mark.parametrize("before", [0, 1, 4095, 4096, 2**24 - 1, 2**24 + 5, 2**40 + 3])
@pytest.mark.parametrize(
    "lengths", [[0], [1], [5, 7], [0, 0, 1, 2], [1024] * 40, list(range(100, 130))]
)
def test_sound_runs_are_told_wherever_they_lie(before: int, lengths: list[int]) -> None:
    """Of any lengths, as far behind the beginning of a shard as they may be."""
    stored, ends = run_of(lengths)

    assert checksums.is_run(digests.crc32c(stored), checksums.marks(before + ends))


def test_any_changed_bit_of_any_chunk_shows() -> None:
    """In its bytes, and in its checksum."""
    stored, ends = run_of([3, 9, 1, 6])
    marks = checksums.marks(ends)

    for bit in range(8 * len(stored)):
        changed = bytearray(stored)
        changed[bit // 8] ^= 1 << bit % 8
        assert not checksums.is_run(digests.crc32c(bytes(changed)), marks)


def test_chunks_of_other_lengths_are_no_such_run() -> None:
    """What lies where is part of it: the same bytes cut elsewhere are other chunks."""
    stored, ends = run_of([8, 8, 8, 8])

    assert not checksums.is_run(digests.crc32c(stored), checksums.marks(ends[1:]))
    assert not checksums.is_run(digests.crc32c(stored), checksums.marks(ends - [1, 0, 0, 0]))


def test_sound_chunks_are_not_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is for the one that is wrong; in runs, apart, and with marks of their ends or not."""
    stored, ends = run_of([9, 1, 30, 6, 8, 2])
    starts = np.concatenate(([0], ends[:-1]))
    known = np.array([int.from_bytes(stored[end - 4 : end], "little") for end in ends.tolist()])
    monkeypatch.setattr(Chunks, "_refuse", None)

    for some in (np.arange(6), np.array([0, 1, 3, 5]), np.arange(0)):
        chunks = Chunks(memoryview(stored), starts[some], ends[some], str)
        chunks.check(known[some])
        chunks.check(known[some], partial(checksums.marks, ends[some]))
