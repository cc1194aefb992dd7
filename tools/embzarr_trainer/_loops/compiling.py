"""The one module that imports numba, which is an optional dependency (extra ``train``)."""

from __future__ import annotations

import hashlib
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import embzarr

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

try:
    from numba import njit
except ModuleNotFoundError:
    _INSTALLED = False
else:
    _INSTALLED = True

_P = ParamSpec("_P")
_R = TypeVar("_R")


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile to machine code that runs without the GIL; kept on disk where a folder is writable.

    Sums may be reordered (``fastmath``), so that they vectorise; indices are not checked.
    numba's disk cache looks only at the file of the outermost function: where that calls functions
    or freezes constants of other files, it must be a closure over their ``stamp_of``. Without numba
    the function is returned as it is: ``require_numba`` refuses before it would be called.
    """
    if not _INSTALLED:
        return function
    try:
        return _compiled(function, cache=True)
    except RuntimeError:  # neither __pycache__ nor the user's cache folder can be written
        return _compiled(function, cache=False)


def inlined(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile as part of every compiled function that calls it."""
    return _compiled(function, cache=False, forceinline=True) if _INSTALLED else function


def _compiled(function: Callable[_P, _R], **more: bool) -> Callable[_P, _R]:
    # Without numba's runtime (_nrt) nothing can allocate, and no array's references are counted:
    # threads that share arrays would wait for each other's counts.
    options: dict[str, Any] = {
        "nogil": True,
        "fastmath": True,
        "boundscheck": False,
        "_nrt": False,
        **more,
    }
    return cast("Callable[_P, _R]", njit(error_model="numpy", **options)(function))


def stamp_of(*modules: ModuleType) -> int:
    """Return a number that is another one when the source of one of these modules is."""
    sha256 = hashlib.sha256()
    for module in modules:
        sha256.update(inspect.getsource(module).encode())
    return int.from_bytes(sha256.digest()[:6])


def require_numba() -> None:
    """Refuse to train where numba is not installed.

    Raises:
        embzarr.UnsupportedError: ``feature-unsupported``, with the command that installs it.
    """
    if not _INSTALLED:
        raise embzarr.UnsupportedError(
            "feature-unsupported",
            "training needs numba, which is not installed; try: pip install 'embzarr[train]'",
        )
