"""The vocabulary of a run in blocks: chosen, ordered and told from another in little memory."""

from __future__ import annotations

import hashlib
import random
import tracemalloc

import pytest
import xxhash

import embzarr
from embzarr_spark import _words
from embzarr_spark._words import Counted, vocabulary_of

WORDS = ["", "a", "the", "猫", "a b", "line\nfeed", "nul\0", "é", "e\u0301", "x" * 5000]


def some(rng: random.Random, count: int) -> list[tuple[str, int]]:
    """Words of all kinds, with few different counts."""
    words = {rng.choice(WORDS) + str(rng.randrange(10**6)) for _ in range(count)} | {*WORDS}
    return [(word, rng.randrange(1, 6)) for word in words]


def in_parts(pairs: list[tuple[str, int]], parts: int, least: int) -> list[Counted]:
    return [Counted.of(pairs[at::parts], least) for at in range(parts)]


def of_python(pairs: list[tuple[str, int]], least: int, most: int | None) -> list[tuple[str, int]]:
    """What is chosen, and its order, with Python's own sort."""
    kept = sorted((-count, word) for word, count in pairs if count >= least)[:most]
    return sorted(
        ((word, -count) for count, word in kept),
        key=lambda one: (xxhash.xxh64_intdigest(one[0].encode()), one[0]),
    )


@pytest.mark.parametrize("bits", [64, 4, 0])
@pytest.mark.parametrize("most", [None, 1, 40, 300, 10**6])
def test_the_commonest_come_in_the_order_of_their_hashes(
    monkeypatch: pytest.MonkeyPatch, bits: int, most: int | None
) -> None:
    """Of words of one hash by themselves, in whichever parts they were counted."""
    whole = xxhash.xxh64_intdigest
    monkeypatch.setattr(xxhash, "xxh64_intdigest", lambda data: whole(data) >> (64 - bits))
    monkeypatch.setattr(_words, "_BLOCK", 64)
    rng = random.Random(bits)
    pairs = some(rng, 500)

    found = vocabulary_of(in_parts(pairs, 3, 2), min_count=2, max_vocab=most)
    expected = of_python(pairs, 2, most)

    assert len(found) == len(expected)
    assert list(zip(found.words(0, len(found)), found.counts.tolist(), strict=True)) == expected
    told = hashlib.sha256(found.counts.astype("<i8").tobytes())
    told.update("".join(f"{word}\n" for word, _ in expected).encode())
    assert found.digest == told.hexdigest()


@pytest.mark.parametrize("parts", [[], [[]], [[("a", 1)], []]])
def test_no_word_is_frequent_enough(parts: list[list[tuple[str, int]]]) -> None:
    """Nothing, or nothing that occurs often, is told as what was asked for."""
    counted = [Counted.of(pairs, 2) for pairs in parts]

    with pytest.raises(embzarr.InvalidInputError, match="no word occurs 2 times") as caught:
        vocabulary_of(counted, min_count=2, max_vocab=None)
    assert caught.value.code == "corpus-no-words"


def test_a_driver_holds_no_word_as_an_object_of_python() -> None:
    """Those would be 200 bytes a word, and twice that while they are sorted."""
    words = 100_000
    parts = [range(part, words, 4) for part in range(4)]
    counted = [Counted.of(((f"word{at}", at) for at in part), 1) for part in parts]

    tracemalloc.start()
    try:
        found = vocabulary_of(counted, min_count=1, max_vocab=None)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(found) == words - 1
    assert most < 150 * words
