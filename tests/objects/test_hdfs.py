"""What HDFS must do besides what every store must, when a part of it dies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from embzarr._storage import Leftovers, Store, open_store
from embzarr._storage.libraries import deadline
from embzarr.errors import StoreError
from servers import hdfs as hadoop
from servers.hdfs import Hdfs

pytestmark = pytest.mark.servers


@pytest.fixture
def own() -> Iterator[Hdfs]:
    """An HDFS that no other test needs."""
    pytest.importorskip("hdfs_native")
    program = hadoop.find_hdfs()
    if program is None:
        pytest.skip(hadoop.MISSING)
    with hadoop.running_hdfs(program) as server:
        yield server


def test_a_write_under_way_ends_when_its_data_node_does(
    own: Hdfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was whole before, or is an error soon after; half of it is nowhere."""
    store = open_store(f"{own.url}/run")
    store.put("first", b"1")
    monkeypatch.setattr(deadline, "LITTLE_SECONDS", 4.0)
    monkeypatch.setattr(deadline, "LARGE_SECONDS", 4.0)
    data = bytes(2**28)
    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(store.put, "large", data)
        until = time.monotonic() + 10
        while not writing.done() and time.monotonic() < until and not leftovers_of(store):
            time.sleep(0.01)
        own.data_node.close()
        begun = time.monotonic()
        failure = writing.exception(30)

    assert time.monotonic() - begun < 30
    assert failure is None or isinstance(failure, StoreError)
    there = {info.key: info.size for info in store.list("")}
    assert there == {"first": 1} | ({} if failure else {"large": len(data)})


def test_no_request_waits_for_a_data_node_that_says_nothing(
    own: Hdfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a machine that lost its power: reads and writes end, and work again when it is back."""
    store = open_store(f"{own.url}/run")
    store.put("whole", b"1" * 1000)
    with monkeypatch.context() as patch, own.silent():
        patch.setattr(deadline, "LITTLE_SECONDS", 4.0)
        patch.setattr(deadline, "LARGE_SECONDS", 4.0)
        end_soon(store)

    assert bytes(store.get("whole")) == b"1" * 1000
    assert "commits/1.json" not in {info.key for info in store.list("")}


def leftovers_of(store: Store) -> list[str]:
    assert isinstance(store, Leftovers)
    return [leftover.file.key for leftover in store.leftovers("")]


def test_no_request_outlives_its_deadline_when_a_data_node_dies(
    own: Hdfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads and writes end in a typed error soon after, and a write that failed never shows up."""
    store = open_store(f"{own.url}/run")
    store.put("whole", b"1" * 1000)
    own.data_node.close()
    monkeypatch.setattr(deadline, "LITTLE_SECONDS", 4.0)
    monkeypatch.setattr(deadline, "LARGE_SECONDS", 4.0)
    end_soon(store)

    assert {info.key for info in store.list("")} == {"whole"}


def end_soon(store: Store) -> None:
    tries: dict[str, Callable[[], object]] = {
        "put": lambda: store.put("a", b"2"),
        "put much": lambda: store.put("b", bytes(2**22)),
        "create": lambda: store.create("commits/1.json", b"3"),
        "read": lambda: store.get("whole"),
    }
    for name, attempt in tries.items():
        begun = time.monotonic()
        with pytest.raises(StoreError) as caught:
            attempt()
        assert time.monotonic() - begun < 30, name
        assert store.url in str(caught.value)
