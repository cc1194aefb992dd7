"""What `plans` promises: values that say what to fetch of an array, and what that holds at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from embzarr._format import ChunkIndex, Layer, Places
from embzarr._reading.planning import plans
from embzarr._reading.planning.merging import CostModel, Request
from embzarr._reading.planning.options import WHOLE, View
from embzarr._reading.planning.plans import ArrayPlan
from embzarr._reading.planning.selecting import select_rows
from embzarr._reading.planning.stored import StoredArray

COST = CostModel(latency=0.1, per_request=1.0, per_byte=1e-3, per_byte_alone=0.0, most=10**6)
MIB = 1024 * 1024


def plan_of(layer: Layer, rows: list[int], **members: Any) -> ArrayPlan:
    """Return a plan of some rows, whose chunks lie end to end, each 1000 bytes long."""
    array = StoredArray.of(layer, "vectors")
    selection = select_rows(np.array(rows), array.grid.chunk)
    count = len(selection.chunks)
    offset, nbytes = 1000 * selection.chunks, np.full(count, 1000)
    usual: dict[str, Any] = {
        "array": array,
        "selection": selection,
        "places": Places(offset, nbytes),
        "index": lambda: ChunkIndex(offset, nbytes, np.zeros(count, np.int64)),
        "marks": lambda: np.zeros(count, np.uint64),
        "cost": COST,
        "is_ahead": False,
        "lacking": np.arange(count),
        "early": {},
        "kept": {},
    }
    return ArrayPlan(**{**usual, **members})


def spans(requests: list[Request]) -> list[tuple[int, int, list[int]]]:
    """Return first byte, length and wanted chunks of requests."""
    return [(one.start, one.length, one.wanted.tolist()) for one in requests]


def test_what_is_lacking_is_fetched(layers: dict[str, Layer]) -> None:
    """By the places among the wanted chunks, whichever of them are at hand."""
    plan = plan_of(layers["none"], [0, 130, 399], lacking=np.array([1, 2]), kept={0: b"x" * 7})
    chunks, places = plan.left()

    assert (chunks.tolist(), places.offset.tolist()) == ([1, 3], [1000, 3000])
    assert spans(plan.requests()) == [(1000, 3000, [1, 2])]
    ((data, request),) = plan.at_hand()
    assert bytes(data) == b"x" * 7
    assert (request.shard, *spans([request])[0]) == (0, 0, 7, [0])


def test_without_chunks_at_hand_the_index_is_not_asked(layers: dict[str, Layer]) -> None:
    """It may come while the chunks do."""

    def index() -> ChunkIndex:
        raise AssertionError

    assert plan_of(layers["none"], [0], index=index).at_hand() == []


def test_plans_sent_together_are_divided_as_one(layers: dict[str, Layer]) -> None:
    """No more finely than all of them need; alone each as it needs."""
    cost = CostModel(latency=0.1, per_request=0.25, per_byte=1e-4, per_byte_alone=1e-3)
    one = plan_of(layers["none"], [0, 130, 270, 399], cost=cost)

    alone = plans.requests([one])
    both = plans.requests([one, one])
    assert [plan for _, plan in both] == [one] * len(both)
    assert spans([request for request, _ in alone]) == spans(one.requests())
    assert spans([request for request, _ in both]) == 2 * spans(one.requests(beside=8000))
    assert plans.requests([]) == []


def test_a_narrow_link_is_asked_for_less(layers: dict[str, Layer]) -> None:
    """For what is lacking yet, with requests as long as before at most."""
    plan = plan_of(layers["none"], [0, 130, 399])
    slow = CostModel(latency=0.1, per_request=1e-4, per_byte=1.0, per_byte_alone=0.0, most=10**9)
    narrow = plan.narrowed(np.array([0, 2]), slow)

    assert spans(narrow.requests()) == [(0, 1000, [0]), (3000, 1000, [2])]
    assert narrow.cost.most == COST.most


@pytest.mark.parametrize(
    ("limit", "nbytes", "together"),
    [
        (None, 0, 32),
        (None, 63 * MIB, 32),
        (None, 64 * MIB - 32768 * 3 + 1, 2),
        (10 * 32768, 5 * 32768, 5),
        (10 * 32768, 11 * 32768, 1),
    ],
)
def test_so_many_chunks_are_decoded_together(
    layers: dict[str, Layer], limit: int | None, nbytes: int, together: int
) -> None:
    """A MiB, or what there is room for beside what came, and one in any case."""
    plan = plan_of(layers["zstd"], [0])

    assert plan.array.chunk_bytes == 32768
    assert plan.together(nbytes, View(memory_limit=limit)) == together


def test_a_request_claims_what_is_decoded_of_it(layers: dict[str, Layer]) -> None:
    """As many chunks as are decoded at once; uncompressed ones are copied from where they lie."""
    request = Request(0, 0, 3000, np.arange(3))
    some = View(memory_limit=3000 + 2 * 32768)

    assert plan_of(layers["none"], [0]).claim(request, WHOLE) == 3000
    assert plan_of(layers["zstd"], [0]).claim(request, WHOLE) == 3000 + 3 * 32768
    assert plan_of(layers["zstd"], [0]).claim(request, some) == 3000 + 2 * 32768
