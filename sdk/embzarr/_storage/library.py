"""obstore in a forked child: a second copy, since the first one waits for threads that are gone.

obstore's runtime is a static of its extension module, started once. In a forked child it has no
threads, and its event loop is shared with the parent. The loader gives every file statics of its
own, so that a child loads the same extension from another file, in memory: about 50 ms, once.
What was tried beside it: a request relayed by a helper process copies every byte twice, and another
client (botocore's) knows S3 only.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import shutil
import sys
from pathlib import Path

import obstore.store  # noqa: F401 - what is to be loaded anew

from embzarr._storage import forks
from embzarr.errors import UnsupportedError

_PACKAGE = "obstore"
_EXTENSION = "obstore._obstore"
_PIECE_BYTES = 4 * 1024 * 1024


class _Loaded:
    """Whether the extension in `sys.modules` was loaded by this process."""

    def __init__(self) -> None:
        self._lock = forks.Lock()
        self._process = forks.Process()
        self._copies = 0

    def require(self) -> None:
        if self._process:
            return
        with self._lock:
            if not self._process:
                _load_anew(self._copies)
                self._copies += 1
                self._process = forks.Process()


def for_this_process() -> None:
    """Have obstore usable in this process, by all that name it through its modules.

    Raises:
        UnsupportedError: in a forked child of a system that has no files in memory to load
            libraries from (``url-unsupported``).
    """
    _loaded.require()


def _load_anew(copies: int) -> None:
    """Load one more copy, and let the modules that others have imported show it.

    The old copy lives on, unused: objects that the parent made are of its classes.
    """
    names = [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]
    inherited = {name: sys.modules.pop(name) for name in names}
    try:
        _load_extension(copies)
        for name in names:
            vars(inherited[name]).update(vars(importlib.import_module(name)))
    except (OSError, AttributeError, ImportError) as exc:
        raise UnsupportedError(
            "url-unsupported",
            "this store cannot be used in a forked process of this system, which cannot load a "
            f"library a second time ({type(exc).__name__}): start processes by spawn or forkserver",
        ) from exc
    finally:
        sys.modules.update(inherited)


def _load_extension(copies: int) -> None:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ImportError(f"where {_PACKAGE} lies is not known")
    (origin,) = Path(spec.origin).parent.glob("_obstore.*so")
    with os.fdopen(os.memfd_create(_PACKAGE), "wb") as copy, origin.open("rb") as original:
        shutil.copyfileobj(original, copy, _PIECE_BYTES)
        copy.flush()
        # A name of its own in each generation, as the loader goes by names first.
        path = f"/proc/self/fd/{'./' * copies}{copy.fileno()}"
        _run_extension(importlib.machinery.ExtensionFileLoader(_EXTENSION, path))


def _run_extension(loader: importlib.machinery.ExtensionFileLoader) -> None:
    spec = importlib.util.spec_from_loader(_EXTENSION, loader)
    assert spec is not None  # noqa: S101 - only a loader without a name has none
    module = importlib.util.module_from_spec(spec)
    sys.modules[_EXTENSION] = module
    loader.exec_module(module)


_loaded = _Loaded()
