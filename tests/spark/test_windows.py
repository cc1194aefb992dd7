"""Windows are drawn by the place of a word in the text, and dealt to blocks without loss."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from embzarr_spark import _shards
from embzarr_spark._plan import BlockPlan
from embzarr_spark._shards import Shard, fingerprint
from embzarr_spark._windows import deal, merge
from embzarr_trainer import LINE_END, Share, TrainOptions

MASK = 2**64 - 1
WORDS = 60


def options(**changes: Any) -> TrainOptions:
    given: dict[str, Any] = {
        "vector_size": 8,
        "window": 3,
        "negative": 5,
        "sg": True,
        "epochs": 2,
        "min_count": 1,
        "max_vocab": None,
        "sample": 0.05,
        "alpha": 0.05,
        "min_alpha": 0.01,
        "workers": 1,
        "seed": 3,
        "unicode_errors": "replace",
        "tokenizer": "words",
    }
    return TrainOptions(**{**given, **changes})


def plan_of(**changes: Any) -> BlockPlan:
    given: dict[str, Any] = {
        "options": options(),
        "words": WORDS,
        "total": 5000,
        "groups": 4,
        "segments": 2,
        "packed": 1,
        "rows": 15,
        "vocabulary": "",
        "corpus": 0,
    }
    return BlockPlan(**{**given, **changes})


def whole_text() -> Shard:
    """5,000 words of 60, in 400 sentences, each kept by chance."""
    draws = np.random.default_rng(1)
    cuts = np.sort(draws.choice(np.arange(1, 5000), 399, replace=False))
    return Shard(
        rows=np.arange(WORDS),
        keep=draws.integers(2**30, 2**32, WORDS).astype(np.uint32),
        codes=draws.integers(0, WORDS, 5000).astype(np.int32),
        starts=np.concatenate([[0], cuts, [5000]]),
    )


def halves(text: Shard, sentence: int) -> tuple[Shard, Shard]:
    """Cut before a sentence; each half knows only its own words."""
    at = int(text.starts[sentence])
    codes = (text.codes[:at], text.codes[at:])
    starts = (text.starts[: sentence + 1], text.starts[sentence:] - at)
    made = []
    for part, begins in zip(codes, starts, strict=True):
        known, own = np.unique(part, return_inverse=True)
        made.append(Shard(text.rows[known], text.keep[known], own.astype(np.int32), begins))
    return made[0], made[1]


def bits(seed: int, counter: int) -> int:
    """Splitmix64 of a counter, in whole numbers."""
    z = (seed + counter * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def expected(text: Shard, plan: BlockPlan, epoch: int, segment: int) -> dict[int, list[Any]]:
    """Draw and deal word by word, as the module says that it is done."""
    seeds = {name: int(plan.seed(name, epoch)) for name in ("pieces", "keep", "reach")}
    sentences = []
    for number, (start, stop) in enumerate(zip(text.starts[:-1], text.starts[1:], strict=True)):
        order = bits(seeds["pieces"], int(start) // 1000)
        if (order >> 33) % plan.segments_of(epoch) == segment:
            sentences.append((order, number, int(start), int(stop)))
    blocks: dict[int, list[Any]] = defaultdict(list)
    group = {row: row * plan.groups // WORDS for row in range(WORDS)}
    first = plan.bounds().tolist()
    for _, _, start, stop in sorted(sentences):
        kept = [
            (int(text.rows[text.codes[at]]), at)
            for at in range(start, stop)
            if bits(seeds["keep"], at) >> 32 <= int(text.keep[text.codes[at]])
        ]
        for place, (centre, at) in enumerate(kept):
            reach = 1 + ((bits(seeds["reach"], at) >> 32) * plan.options.window >> 32)
            near = kept[max(place - reach, 0) : place] + kept[place + 1 : place + reach + 1]
            by_group = defaultdict(list)
            for context, _ in near:
                by_group[group[context]].append(context - first[group[context]])
            for other, contexts in by_group.items():
                block = group[centre] * plan.groups + other
                blocks[block].append((centre - first[group[centre]], contexts))
    return dict(blocks)


def as_lists(shares: list[Share]) -> list[Any]:
    windows = merge([Share.from_bytes(share.to_bytes()) for share in shares])
    ends = np.cumsum(windows.sizes.astype(int))
    contexts = np.split(windows.contexts, ends[:-1])
    return [
        (int(centre), near.tolist()) for centre, near in zip(windows.centres, contexts, strict=True)
    ]


@pytest.mark.parametrize(("epoch", "segment"), [(0, 0), (0, 1), (1, 0)])
def test_windows_are_those_drawn_word_by_word(epoch: int, segment: int) -> None:
    """Every window of a segment is in the one block of its two groups, in the pieces' order."""
    text, plan = whole_text(), plan_of()

    dealt = dict(deal(text, plan, before=0, epoch=epoch, segment=segment))
    found = {block: as_lists([share]) for block, share in dealt.items()}
    assert found == expected(text, plan, epoch, segment)
    assert len(found) == plan.groups**2


@pytest.mark.parametrize("sentence", [1, 77, 200, 399])
@pytest.mark.parametrize("swapped", [False, True])
def test_another_cut_of_the_text_deals_out_the_same(sentence: int, *, swapped: bool) -> None:
    """Shards may be of any size, end within a piece, and come in any order."""
    text, plan = whole_text(), plan_of()
    shares: dict[int, list[Share]] = defaultdict(list)
    before = 0
    for part in halves(text, sentence):
        for block, share in deal(part, plan, before=before, epoch=0, segment=1):
            shares[block].append(share)
        before += len(part.codes)
    found = {block: as_lists(two[::-1] if swapped else two) for block, two in shares.items()}

    assert found == expected(text, plan, 0, 1)


def test_a_fingerprint_is_of_the_text_not_of_its_cut() -> None:
    """It is another for other words, or the same in another order."""
    text = whole_text()
    whole = fingerprint([text.sums])

    three = [(3, 5, 7), (2, 11, 2**53 - 50), (1, 13, 1)]
    assert fingerprint(three) == 7 + 3 * 11 - 50 + 5 * 13 + 1
    assert fingerprint([(1, 0, 2**53 - 1)]) == 2**53 - 1
    assert fingerprint(part.sums for part in halves(text, 123)) == whole
    assert fingerprint([text._replace(codes=text.codes[::-1]).sums]) != whole
    other = text.codes.copy()
    other[7] = (other[7] + 1) % WORDS
    assert fingerprint([text._replace(codes=other).sums]) != whole


def test_shards_are_cut_where_a_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the last line that ends in so many words; of a line that does not end, behind all."""
    monkeypatch.setattr(_shards, "SHARD_WORDS", 4)
    monkeypatch.setattr(_shards, "_shard", lambda text, *_, **__: list(text))
    monkeypatch.setattr(_shards, "_cut", lambda shard: [shard])
    blocks = [["a", LINE_END, "b", LINE_END], ["c", "d"], ["e", "f"], [LINE_END, "g", "h", "i"]]

    found: list[Any] = [*_shards.encode(blocks, None, total=1, sample=0)]  # type: ignore[arg-type]

    assert found == [
        ["a", LINE_END, "b", LINE_END],
        ["c", "d", "e", "f"],
        [LINE_END],
        ["g", "h", "i"],
    ]


@pytest.mark.parametrize("size", [1, 100, 999, 4999, 5000, 10_000])
def test_one_long_line_makes_shards_of_the_usual_size(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """It is cut between sentences, and deals out the same."""
    monkeypatch.setattr(_shards, "SHARD_WORDS", size)
    text, plan = whole_text(), plan_of()
    shares: dict[int, list[Share]] = defaultdict(list)
    before = 0
    parts = list(_shards._cut(text))
    for part in parts:
        for block, share in deal(part, plan, before=before, epoch=1, segment=0):
            shares[block].append(share)
        before += len(part.codes)

    longest = int(np.diff(text.starts).max())
    assert max(len(part.codes) for part in parts) < size + longest
    assert len(parts) == 1 or size < len(text.codes)
    assert {block: as_lists(some) for block, some in shares.items()} == expected(text, plan, 1, 0)


def test_segments_are_all_of_an_epoch_once() -> None:
    """No window is left out, and none trained twice."""
    text = whole_text()
    once = plan_of(segments=1)
    parts = plan_of(segments=5)
    whole = expected(text, once, 0, 0)
    found: dict[int, list[Any]] = defaultdict(list)
    for segment in range(5):
        for block, share in deal(text, parts, before=0, epoch=0, segment=segment):
            found[block] += as_lists([share])

    assert {block: sorted(all_of) for block, all_of in found.items()} == {
        block: sorted(all_of) for block, all_of in whole.items()
    }


def test_text_of_which_nothing_is_left() -> None:
    """A shard whose words are all thinned out, or that has none, deals out nothing."""
    text, plan = whole_text(), plan_of()
    none = text._replace(keep=np.zeros(WORDS, np.uint32))
    empty = Shard(text.rows, text.keep, np.zeros(0, np.int32), np.zeros(1, np.int64))

    assert list(deal(none, plan, before=0, epoch=0, segment=0)) == []
    assert list(deal(empty, plan, before=0, epoch=0, segment=0)) == []
    assert [len(array) for array in merge([])] == [0, 0, 0]


def test_later_epochs_of_a_long_text_have_a_quarter_of_the_segments() -> None:
    """A row that meets each group once an epoch forgets what the first of them taught."""
    plan = plan_of(segments=8, total=2**24)

    assert plan.rounds == (8 + 2) * 4
    assert plan_of(segments=8).rounds == (8 + 1) * 4
    assert [plan.position(n) for n in (28, 32, 36, 40)] == [
        (0, 7, 0),
        (1, 0, 0),
        (1, 1, 0),
        (2, 0, 0),
    ]
    assert plan.epochs_before(36) == 1.5


def test_positions_and_rates() -> None:
    """The first epoch goes through all groups once a segment; rates fall as planned."""
    plan = plan_of()

    assert plan.rounds == 12
    assert [plan.position(n) for n in (0, 4, 8, 11)] == [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 0, 3)]
    assert plan.words_before(plan.rounds) == 2 * plan.total
    assert plan.alpha(0) == np.float32(0.05)
    assert plan.alpha(8) == pytest.approx(0.03)
    groups = [[plan.input_group(n, task) for n in range(4)] for task in range(4)]
    assert [sorted(met) for met in groups] == [[0, 1, 2, 3]] * 4
    assert [sorted(column) for column in zip(*groups, strict=True)] == [[0, 1, 2, 3]] * 4
    assert plan.digest != dataclasses.replace(plan, corpus=1).digest
