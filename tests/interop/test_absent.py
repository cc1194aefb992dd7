"""Whose library is not installed is told what to install, in words of ours."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import embzarr.interop

ADAPTERS = {one.name for one in pkgutil.iter_modules(embzarr.interop.__path__)}
WITHOUT = """
import importlib, sys

theirs = set(
    "accelerate catboost chainer dask faiss gensim h2o hnswlib jpype keras lightgbm lightning mxnet"
    " pandas polars pyarrow pyspark ray sentence_transformers skops sklearn spacy tensorflow torch"
    " transformers weka xarray xgboost".split()
)

class Absent:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in theirs:
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Absent())
import embzarr

for name in sys.argv[1:]:
    try:
        importlib.import_module(f"embzarr.interop.{name}")
    except Exception as exc:
        print(name, type(exc).__name__, exc)
"""


def test_an_adapter_names_the_extra_that_it_needs() -> None:
    """Each of them, whatever it imports first; MXNet is told of numpy before, where that is new."""
    names = sorted(name for name in ADAPTERS if not name.startswith("_"))
    ran = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-c", WITHOUT, *names], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    told = dict(line.split(" ", 1) for line in ran.stdout.splitlines())
    assert {
        name: message for name, message in told.items() if "UnsupportedError" not in message
    } == {}
    hints = ("pip install 'embzarr[", "needs numpy below 2")
    assert all(any(hint in message for hint in hints) for message in told.values()), told
    assert sorted(told) == names
