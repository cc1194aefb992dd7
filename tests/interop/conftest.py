"""What tests of adapters share: which of them are looked at, a store, and Java's programs.

Some modules of tests need their library to be so much as looked at: they are left out where it is
not installed, but where nothing may be left out.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embzarr_bench.servers._program import free_port
from interop.sparking import java_is_there, running_spark

_NEEDED = {
    "test_gensim.py": ("gensim",),
    "test_faiss.py": ("faiss",),
    "test_memory.py": ("duckdb", "gensim", "polars", "pyarrow"),
    "test_sklearn.py": ("sklearn",),
    "test_word_filters.py": ("pyarrow",),
    "test_tables.py": ("duckdb", "pandas", "polars", "pyarrow"),
    "test_dask.py": ("dask", "pandas", "pyarrow"),
    "test_xarray.py": ("dask", "xarray"),
}
_ENVIRONMENTS = Path(__file__).parent / "environments"
_FRESH = """
import sys, json, warnings
import numpy as np
from embzarr.interop import {library} as adapter
url, options, out = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
{before}
model = adapter.{call}(url, storage_options=options{more})
x = np.load(out + ".x.npy")
np.save(out, {predict})
{after}
"""


def _is_there(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


collect_ignore = [
    file
    for file, libraries in _NEEDED.items()
    if os.environ.get("EMBZARR_NO_SKIP") != "1" and not all(map(_is_there, libraries))
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test of a framework that CI would run nowhere: it runs those of one environment."""
    for item in items:
        for mark in item.iter_markers("frameworks"):
            name = mark.kwargs.get("environment")
            if name != "all" and not (_ENVIRONMENTS / f"{name}.txt").exists():
                raise pytest.UsageError(f"{item.nodeid}: expected an environment, found {name!r}")


@pytest.fixture
def place(minio: Any) -> Iterator[tuple[str, Any]]:
    """A URL in an empty bucket of a real server, and how to reach it."""
    with minio.bucket() as bucket:
        yield minio.url(bucket, "model"), minio.options


@pytest.fixture
def afresh(place: Any, tmp_path: Path) -> Callable[..., Any]:
    """Load a model in a process of its own, and return what it predicts."""

    def run(library: str, x: Any, predict: str, more: str = "", **around: str) -> Any:
        out = tmp_path / "y.npy"
        np.save(f"{out}.x.npy", x)
        lines = {"before": "", "after": "", "call": "load"} | around
        program = _FRESH.format(library=library, predict=predict, more=more, **lines)
        command = [sys.executable, "-c", program, place[0], json.dumps(place[1]), str(out)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - ours
        assert done.returncode == 0, done.stderr
        return np.load(out)

    return run


def h2o_options() -> dict[str, Any]:
    """Return what starts a small cluster, where there is none: else H2O takes one that it finds."""
    small = {"max_mem_size": "400m", "nthreads": 1}
    return small | {"port": free_port(), "verbose": False, "log_level": "ERRR"}


@pytest.fixture(scope="session")
def h2o_cluster() -> Iterator[Any]:
    """H2O, connected to a cluster of its own on this machine."""
    h2o = pytest.importorskip("h2o")
    h2o.init(**h2o_options())
    h2o.no_progress()
    yield h2o
    h2o.cluster().shutdown()


@pytest.fixture(scope="session")
def ray_nodes() -> Iterator[Any]:
    """Ray, with one node of its own on this machine, that tells nobody of it."""
    ray = pytest.importorskip("ray")
    with tempfile.TemporaryDirectory(prefix="ray-") as place, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        small = {"num_cpus": 2, "object_store_memory": 100_000_000, "include_dashboard": False}
        ray.init(_temp_dir=place, _node_ip_address="127.0.0.1", log_to_driver=False, **small)
        yield ray
        ray.shutdown()


@pytest.fixture(scope="session")
def weka_jvm() -> Iterator[Any]:
    """Weka, in a JVM within this process."""
    jvm = pytest.importorskip("weka.core.jvm")
    jvm.start(max_heap_size="256m", logging_level=40)
    yield jvm
    jvm.stop()


@pytest.fixture(scope="session")
def spark_folder() -> Iterator[Path]:
    """Where the session of Spark keeps its event log and its executors' logs."""
    with tempfile.TemporaryDirectory(prefix="embzarr-spark-", ignore_cleanup_errors=True) as place:
        yield Path(place)


@pytest.fixture(scope="session")
def spark(spark_folder: Path, _clean_environment: None) -> Iterator[Any]:
    """One Spark with two executors for all tests, which know the data source."""
    pytest.importorskip("pyspark")
    if not java_is_there():
        pytest.skip("no Java on PATH, which Spark needs")
    from embzarr.interop.spark import register  # noqa: PLC0415 - where the library is

    with running_spark(spark_folder) as session:
        register(session)
        yield session
