"""Leaves out what a library that is not there is needed for, but where nothing may be left out."""

from __future__ import annotations

import importlib.util
import os

_NEEDED = {
    "test_gensim.py": ("gensim",),
    "test_faiss.py": ("faiss",),
    "test_memory.py": ("duckdb", "gensim", "polars", "pyarrow"),
    "test_sklearn.py": ("sklearn",),
    "test_word_filters.py": ("pyarrow",),
    "test_tables.py": ("duckdb", "pandas", "polars", "pyarrow"),
    "test_xarray.py": ("dask", "xarray"),
}


def _is_there(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


collect_ignore = [
    file
    for file, libraries in _NEEDED.items()
    if os.environ.get("EMBZARR_NO_SKIP") != "1" and not all(map(_is_there, libraries))
]
