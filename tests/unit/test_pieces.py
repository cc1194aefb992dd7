"""What `_pieces` promises: each stretch whole, however the bytes are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embzarr._pieces import EndedEarlyError, stretches

TEXT = bytes(range(200))


@given(st.lists(st.integers(0, 200)), st.lists(st.integers(0, 200), max_size=20))
def test_stretches_do_not_depend_on_the_pieces(cuts: list[int], ends: list[int]) -> None:
    """Any stretches come out of any pieces, empty ones included."""
    edges = [0, *sorted(cuts), len(TEXT)]
    pieces = [TEXT[a:b] for a, b in itertools.pairwise(edges)]
    bounds = sorted(ends)
    wanted = list(zip(bounds[::2], bounds[1::2], strict=False))

    found = [bytes(part) for part in stretches(pieces, wanted)]

    assert found == [TEXT[start:stop] for start, stop in wanted]


def test_a_stretch_within_a_piece_is_not_copied() -> None:
    """What lies in one piece is a view of it."""
    (found,) = stretches([TEXT], [(3, 50)])

    assert found.obj is TEXT


def test_stretches_come_as_soon_as_they_are_there() -> None:
    """No piece is taken before it is needed."""
    coming = iter([TEXT[:100], TEXT[100:]])
    found = stretches(coming, [(0, 100), (100, 150)])

    assert bytes(next(found)) == TEXT[:100]
    assert next(coming) == TEXT[100:]


@pytest.mark.parametrize("wanted", [[(0, 201)], [(0, 10), (150, 300)], [(300, 301)]])
def test_pieces_that_end_early_are_told(wanted: list[tuple[int, int]]) -> None:
    """The error says how many bytes there were."""
    with pytest.raises(EndedEarlyError) as caught:
        [*stretches([TEXT[:7], TEXT[7:]], wanted)]

    assert caught.value.nbytes == 200
