from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from embzarr_bench import BenchError, _links
from embzarr_bench._links import Link
from embzarr_bench.servers import toxiproxy
from embzarr_bench.servers._program import fetch
from embzarr_bench.servers.narrow import narrowed
from servers.http_folder import running_http_folder


def _seconds(url: str) -> float:
    begin = time.perf_counter()
    fetch(url)
    return time.perf_counter() - begin


def test_a_narrow_link_is_shared_by_all_connections(tmp_path: Path) -> None:
    """Four files at once take as long as their bytes need one after another."""
    data = bytes(range(256)) * 2_000
    (tmp_path / "file").write_bytes(data)
    with (
        running_http_folder(tmp_path) as url,
        narrowed(url, bytes_per_second=10e6) as narrow,
        ThreadPoolExecutor(4) as pool,
    ):
        begin = time.perf_counter()
        found = list(pool.map(fetch, [f"{narrow}/file"] * 4))
        seconds = time.perf_counter() - begin

    assert found == [data] * 4
    assert seconds > 4 * len(data) / 10e6 - 0.02  # of which it may catch up 0.01 s


@pytest.mark.servers
def test_toxiproxy_adds_its_latency_to_each_answer(tmp_path: Path) -> None:
    """A small file takes one latency longer."""
    program = toxiproxy.find_toxiproxy()
    if program is None:
        pytest.skip(toxiproxy.MISSING)
    (tmp_path / "file").write_bytes(b"x")
    with (
        running_http_folder(tmp_path) as url,
        _links.addresses(url, _links.links([0, 100], [])) as found,
    ):
        direct, slowed = (_seconds(f"{address}/file") for address in found.values())

    assert list(found) == [Link(), Link(latency_ms=100)]
    assert direct < 0.1 < slowed


@pytest.mark.parametrize(("latencies", "bandwidths"), [([-1], []), ([], [0]), ([], [])])
def test_impossible_links_are_refused(latencies: list[int], bandwidths: list[int]) -> None:
    """No answer comes before its question, and something must get through."""
    with pytest.raises(BenchError, match="expected latencies"):
        _links.links(latencies, bandwidths)


def test_links_are_called_by_what_they_do() -> None:
    """A report says milliseconds or megabytes a second."""
    assert [str(link) for link in _links.links([0, 20], [100])] == ["0 ms", "20 ms", "100 MB/s"]
