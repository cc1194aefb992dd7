"""Every public name of every adapter shows how it is used, and what it shows is true."""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import embzarr
from embzarr import interop

ADAPTERS = sorted(
    file.stem for file in Path(interop.__path__[0]).glob("*.py") if not file.name.startswith("_")
)
LARGE = {
    "catboost": "torch",
    "chainer": "mxnet",
    "h2o": "java",
    "hnswlib": "torch",
    "keras": "keras",
    "lightgbm": "torch",
    "lightning": "torch",
    "mllib": "spark",
    "mxnet": "mxnet",
    "ray": "others",
    "sentence_transformers": "torch",
    "spacy": "torch",
    "spark": "spark",
    "tensorflow": "keras",
    "torch": "torch",
    "torch_distributed": "torch",
    "transformers": "torch",
    "weka": "java",
    "xgboost": "torch",
}
"""Whose libraries are large or compiled, and the environments that they are tested in."""
RUNNING = {
    "h2o": "h2o_cluster",
    "mllib": "spark",
    "ray": "ray_nodes",
    "spark": "spark",
    "weka": "weka_jvm",
}
"""What must run before their adapters do anything."""
LIBRARIES = {"mllib": "pyspark", "spark": "pyspark", "torch_distributed": "torch"}
"""Which have another name than their adapters."""
SHOWN_BY_ANOTHER = {"CheckpointDataset"}
"""Classes that a function makes, and its example shows."""
WORDS = ["king", "queen", "man", "woman"]
HEAVY = [
    "dask",
    "faiss",
    "gensim",
    "pandas",
    "polars",
    "pyarrow",
    "pyspark",
    "ray",
    "sklearn",
    "torch",
    "xarray",
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:torch.distributed is disabled:UserWarning")
@pytest.mark.filterwarnings("ignore:unclosed file .*h2o_:ResourceWarning")  # H2O's own
@pytest.mark.filterwarnings("ignore:lance is not fork-safe:UserWarning")  # Ray forks beside it
@pytest.mark.parametrize(
    "adapter",
    [
        pytest.param(name, marks=pytest.mark.frameworks(environment=LARGE[name]))
        if name in LARGE
        else pytest.param(name, marks=pytest.mark.peers)
        for name in ADAPTERS
    ],
)
def test_examples_are_true(adapter: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A reader who types them in finds the same, given a run of four words."""
    checkpoint = embzarr.save(tmp_path / "run", WORDS, np.eye(4, dtype="f4"), step=100)
    # Not imported here: MXNet can be only by ours.
    if adapter in LARGE and importlib.util.find_spec(LIBRARIES.get(adapter, adapter)) is None:
        pytest.skip(f"could not import {adapter!r}")
    known = {"checkpoint": checkpoint, "np": np, "embzarr": embzarr}
    if adapter in RUNNING:
        known["spark"] = request.getfixturevalue(RUNNING[adapter])
    module = importlib.import_module(f"embzarr.interop.{adapter}")
    for name in set(module.__all__) - SHOWN_BY_ANOTHER:
        known["folder"] = str(tmp_path / name)
        known.setdefault(adapter, sys.modules.get(adapter))
        text = inspect.getdoc(getattr(module, name)) or ""
        example = doctest.DocTestParser().get_doctest(text, known, name, None, 0)
        assert example.examples, f"no example of {name}"

        told: list[str] = []
        doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(
            example, out=told.append
        )
        assert not told, "".join(told)


def test_nothing_heavy_is_imported_unasked() -> None:
    """Neither embzarr nor the door of the adapters imports any of their libraries."""
    program = "import sys, embzarr, embzarr.interop; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    assert not {*done.stdout.split()} & {*HEAVY}


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="numpy is old enough")
def test_an_adapter_tells_of_a_numpy_that_is_too_new() -> None:
    """MXNet's, before MXNet itself fails at a name that numpy does not have any more."""
    with pytest.raises(embzarr.UnsupportedError, match="needs numpy below 2, as MXNet does"):
        importlib.import_module("embzarr.interop.mxnet")
