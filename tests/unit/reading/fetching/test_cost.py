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


def rates(readings: list[tuple[int, int, float]]) -> tuple[float, float]:
    """Return seconds a request and a byte by the ridge regression that `cost` describes."""
    count = len(readings)
    units = np.array([PRIOR.per_request, PRIOR.per_byte])
    shapes = np.array([reading[:2] for reading in readings]) * units
    seconds = np.array([reading[2] for reading in readings])
    weights = 0.8 ** np.arange(count)[::-1] / seconds**2
    squares = (shapes.T * weights) @ shapes
    pull = np.trace(squares) * (0.02 + 1 / (1 + count)) * np.eye(2)
    factors = np.linalg.solve(squares + pull, (shapes.T * weights) @ seconds + np.diag(pull))
    per_request, per_byte = np.clip(factors, 0.02, 50) * units
    return float(per_request), float(per_byte)


@pytest.mark.parametrize("count", [1, 2, 3, 20])
def test_rates_are_a_ridge_regression(count: int) -> None:
    """Each reading by its relative error, older ones by less, drawn towards the prior."""
    plans = [(1 + 7 * at % 11, 10**6 * (1 + 3 * at % 5), 0.02 + 0.013 * at) for at in range(count)]
    link = Link(PRIOR)
    for requests, nbytes, seconds in plans:
        link.learn(requests, nbytes, seconds)

    told = [(n, b, max(s - PRIOR.latency, s / 4)) for n, b, s in plans]
    cost = link.cost()
    assert (cost.per_request, cost.per_byte) == pytest.approx(rates(told), rel=1e-6)
    assert cost.latency == PRIOR.latency


def test_a_reading_takes_at_least_a_quarter_of_its_time() -> None:
    """A latency that is not known yet must not explain all of it away."""
    link = Link(PRIOR)
    link.learn(4, 10**6, PRIOR.latency)

    cost = link.cost()
    expected = rates([(4, 10**6, PRIOR.latency / 4)])
    assert (cost.per_request, cost.per_byte) == pytest.approx(expected, rel=1e-6)


def test_a_reading_of_no_time_takes_a_microsecond() -> None:
    """Clocks may stand still."""
    link = Link(PRIOR)
    link.learn(4, 1000, 0.0)

    cost = link.cost()
    expected = rates([(4, 1000, 1e-6)])
    assert (cost.per_request, cost.per_byte) == pytest.approx(expected, rel=1e-6)


def test_one_request_of_up_to_128_kib_is_small() -> None:
    """One byte more tells rates, and a plan without requests nothing; 16 latencies are kept."""
    link = Link(PRIOR)
    link.learn(0, 0, 0.001)
    assert link.cost() == PRIOR
    link.learn(1, 128 * 1024 + 1, 0.001)
    assert link.cost().latency == PRIOR.latency
    assert link.cost().per_byte != PRIOR.per_byte

    for seconds in (0.001, *[0.002] * 15):
        link.learn(1, 128 * 1024, seconds)
    assert link.cost().latency == 0.001
    link.learn(1, 128 * 1024, 0.003)
    assert link.cost().latency == 0.002


def test_a_link_says_what_is_usual_whatever_it_measured() -> None:
    """With as much read over as its opener says."""
    link = link_to("s3", widest=5)
    link.learn(1, 10, 0.5)
    usual = link_to("s3").usual

    assert link.usual.latency == usual.latency == 0.01
    assert link.usual.widest == link.cost().widest == 5
    assert link.cost().latency == 0.5
    assert usual.widest == Link(usual).cost().widest


@pytest.mark.parametrize(
    ("kind", "latency", "per_request", "rate", "rate_alone"),
    [
        ("local", 1e-4, 5e-5, 1.5e9, 750e6),
        ("memory", 1e-4, 5e-5, 1.5e9, 750e6),
        ("s3-compatible", 2e-3, 1.6e-3, 500e6, 300e6),
        ("hdfs", 2e-3, 1.6e-3, 500e6, 300e6),
        ("s3", 1e-2, 1.6e-3, 500e6, 90e6),
        ("no such kind", 1e-2, 1.6e-3, 500e6, 90e6),
    ],
)
def test_before_anything_was_read_a_kind_of_store_costs_what_is_usual(
    kind: str, latency: float, per_request: float, rate: float, rate_alone: float
) -> None:
    """Seconds, and bytes in a second: of all requests together, and of one alone."""
    usual = link_to(kind).usual

    assert (usual.latency, usual.per_request) == (latency, per_request)
    assert (1 / usual.per_byte, 1 / usual.per_byte_alone) == pytest.approx((rate, rate_alone))
