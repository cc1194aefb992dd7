"""What `cost` promises: it believes the prior first, and what it measured later."""

from __future__ import annotations

import numpy as np
import pytest

from embzarr._reading.fetching.cost import Link, link_to
from embzarr._reading.planning.merging import CostModel

PRIOR = CostModel(latency=0.01, per_request=1e-3, per_byte=1e-9, per_byte_alone=1e-8)


def test_an_unused_link_costs_what_the_prior_says() -> None:
    """Before anything was measured the prior is all there is."""
    assert Link(PRIOR).cost() == PRIOR


@pytest.mark.parametrize(("per_request", "per_byte"), [(1e-3, 1e-8), (5e-3, 2e-9), (2e-3, 1e-9)])
def test_plans_of_different_shape_tell_both_rates(per_request: float, per_byte: float) -> None:
    """Noisy plans of many and of large requests tell both rates to within a factor of three."""
    chance = np.random.default_rng(0)
    link = Link(PRIOR)

    for _ in range(30):
        requests, nbytes = int(chance.integers(10, 500)), int(chance.integers(10**5, 3 * 10**8))
        exact = PRIOR.latency + requests * per_request + nbytes * per_byte
        link.learn(requests, nbytes, exact * chance.uniform(0.9, 1.1))

    assert 1 / 3 < link.cost().per_request / per_request < 3
    assert 1 / 3 < link.cost().per_byte / per_byte < 3


def test_plans_of_one_shape_keep_to_the_prior_for_the_rest() -> None:
    """What was never measured stays near the prior, in proportion."""
    link = Link(PRIOR)

    for _ in range(20):
        link.learn(2, 10**9, 10.0)

    assert link.cost().per_byte == pytest.approx(1e-8, rel=0.1)
    assert link.cost().per_request < 100 * PRIOR.per_request


def test_a_small_request_tells_the_latency() -> None:
    """The quickest of the last small requests is the latency."""
    link = Link(PRIOR)

    for seconds in (0.03, 0.021, 0.5):
        link.learn(1, 1000, seconds)

    assert link.cost().latency == 0.021


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e9])
def test_absurd_readings_stay_within_bounds(seconds: float) -> None:
    """A clock that stood still, or a laptop that slept, does not make a rate zero or endless."""
    link = Link(PRIOR)

    for _ in range(50):
        link.learn(100, 10**6, seconds)

    cost = link.cost()
    assert 0 < cost.per_request <= 50 * PRIOR.per_request
    assert 0 < cost.per_byte <= 50 * PRIOR.per_byte
    assert cost.gap >= 0


def test_the_network_is_slower_than_the_disk() -> None:
    """A request to a disk costs less, so that less is read for nothing."""
    near = [link_to("local").cost(), link_to("memory").cost()]
    far = [link_to(kind).cost() for kind in ("s3-compatible", "hdfs", "s3", "http", "")]

    assert max(cost.gap for cost in near) < min(cost.gap for cost in far)
    assert max(cost.latency for cost in near) < min(cost.latency for cost in far)


def test_a_server_of_ones_own_is_nearer_than_a_service() -> None:
    """Its connections are quicker, so that a read is divided among fewer of them."""
    own, service = link_to("s3-compatible").cost(), link_to("s3").cost()

    assert own.latency < service.latency
    assert own.span(10**7) > service.span(10**7)
