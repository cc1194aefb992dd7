"""Whether numba is there, asked without importing it, which takes some 60 MB."""

from __future__ import annotations

import importlib.util
from typing import Final

import embzarr

INSTALLED: Final = importlib.util.find_spec("numba") is not None


def require_numba() -> None:
    """Refuse to train where numba is not installed.

    Raises:
        embzarr.UnsupportedError: ``feature-unsupported``, with the command that installs it.
    """
    if not INSTALLED:
        raise embzarr.UnsupportedError(
            "feature-unsupported",
            "training needs numba, which is not installed; try: pip install 'embzarr[train]'",
        )
