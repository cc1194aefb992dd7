"""Windows are dealt out to the pairs of groups that their words are of; nothing else gets in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import embzarr
from embzarr_trainer import Chosen, deal_windows

GROUPS = 3


def chosen_of(words: list[tuple[int, int, int, int]]) -> Chosen:
    """Make words of (group, row, reach, whether a sentence begins); pieces are of two sentences."""
    group, within, reach, begins = (np.array([one[k] for one in words], int) for k in range(4))
    sentence = np.cumsum(begins)
    return Chosen(
        group=group.astype(np.int32),
        within=within.astype(np.int32),
        reach=reach.astype(np.int32),
        sentence=sentence,
        piece=(sentence // 2).astype(np.uint64),
        offset=np.arange(len(words)) + 7,
    )


def dealt_one_by_one(chosen: Chosen) -> dict[int, dict[str, list[Any]]]:
    """Do the same with a list for everything."""
    group, within, reach, sentence = (array.tolist() for array in chosen[:4])
    blocks: dict[int, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for centre, own in enumerate(group):
        around = range(max(centre - reach[centre], 0), centre + reach[centre] + 1)
        near = [p for p in around if p != centre and p < len(group)]
        for other in range(GROUPS):
            context = [p for p in near if group[p] == other and sentence[p] == sentence[centre]]
            if context:
                block = blocks[own * GROUPS + other]
                if int(chosen.piece[centre]) not in block["order"][-1:]:
                    block["order"].append(int(chosen.piece[centre]))
                    block["offset"].append(int(chosen.offset[centre]))
                    block["counts"].append(0)
                block["counts"][-1] += 1
                block["centres"].append(within[centre])
                block["sizes"].append(len(context))
                block["contexts"] += [within[p] for p in context]
    return {block: dict(found) for block, found in blocks.items()}


@given(
    st.lists(
        st.tuples(
            st.integers(0, GROUPS - 1), st.integers(0, 99), st.integers(1, 4), st.integers(0, 1)
        ),
        max_size=40,
    )
)
def test_every_pair_is_dealt_to_its_block_once(words: list[tuple[int, int, int, int]]) -> None:
    """In the order of the text, window by window and piece by piece."""
    chosen = chosen_of(words)
    dealt = deal_windows(chosen, groups=GROUPS)
    found = {}
    for block in range(GROUPS**2):
        arrays = {name: array.tolist() for name, array in dealt.share(block)._asdict().items()}
        if arrays["centres"]:
            found[block] = arrays

    assert found == dealt_one_by_one(chosen)
    whole = dealt.shares
    assert dealt.edges[-1].tolist() == [len(whole.order), len(whole.centres), len(whole.contexts)]


def planted(name: str, value: int) -> Callable[[Chosen], Chosen]:
    def plant(chosen: Chosen) -> Chosen:
        array: npt.NDArray[Any] = getattr(chosen, name).copy()
        array[1] = value
        return chosen._replace(**{name: array})

    return plant


WRONG: dict[str, tuple[str, Callable[[Chosen], Any]]] = {
    "a group past the last": ("chosen.group", planted("group", GROUPS)),
    "a group before the first": ("chosen.group", planted("group", -1)),
    "a reach of nothing": ("chosen.reach", planted("reach", 0)),
    "a reach beyond all": ("chosen.reach", planted("reach", 2**31 - 1)),
    "fewer rows": ("chosen.within", lambda c: c._replace(within=c.within[:-1].copy())),
    "fewer pieces": ("chosen.piece", lambda c: c._replace(piece=c.piece[:0].copy())),
    "another type": ("chosen.sentence", lambda c: c._replace(sentence=c.sentence.astype(np.int32))),
    "with gaps": ("chosen.offset", lambda c: c._replace(offset=np.repeat(c.offset, 2)[::2])),
    "no array": ("chosen.group", lambda c: c._replace(group=c.group.tolist())),
    "a tuple": ("chosen", tuple),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused(case: str) -> None:
    """Before the compiled loops, which look at no index."""
    name, spoil = WRONG[case]
    chosen = chosen_of([(0, 1, 2, 1), (1, 2, 1, 0), (2, 3, 2, 0)])

    with pytest.raises(embzarr.InvalidInputError, match=f"{name}: expected") as caught:
        deal_windows(spoil(chosen), groups=GROUPS)
    assert caught.value.code == "input-argument"


@pytest.mark.parametrize("groups", [0, 1025, True, 2.0])
def test_groups_are_a_whole_number(groups: Any) -> None:
    """Of which there are few enough to be counted in pairs."""
    with pytest.raises(embzarr.InvalidInputError, match="groups: expected"):
        deal_windows(chosen_of([]), groups=groups)
