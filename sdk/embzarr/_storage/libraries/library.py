"""Compiled libraries in a forked child: a second copy, as the first lacks its threads.

The runtime of obstore is a static of its extension module, started once, and so are the connections
that hdfs-native keeps. In a forked child they have no threads, and their event loop is shared with
the parent: to close a connection there takes it from the parent. The loader gives every file
statics of its own, so that a child loads the same extension from another file, in memory: about
50 ms, once, and none where the parent had only imported it. What was tried beside it: a request
relayed by a helper process copies every byte twice, and another client (botocore's) knows S3 only.
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

_PIECE_BYTES = 4 * 1024 * 1024
_OPEN_FILES = Path("/proc/self/fd")
_EVENT_LOOP = "anon_inode:[eventpoll]"
"""What a runtime opens as it starts, before its threads have their names."""


class Library:
    """A package with one extension module, which each process loads for itself."""

    def __init__(self, package: str, extension: str) -> None:
        """Name the package, and the extension in it."""
        self._package = package
        self._extension = extension
        self._lock = forks.Lock()
        self._process = forks.Process()
        self._copies = 0
        self._has_run = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._look)

    def for_this_process(self) -> None:
        """Have it usable in this process, by all that name it through its modules.

        Raises:
            UnsupportedError: in a forked child of a system that has no files in memory to load
                libraries from (``url-unsupported``).
        """
        if not self._process:
            with self._lock:
                if not self._process:
                    self._renew()
                    self._process = forks.Process()
        self._has_run = True

    def _renew(self) -> None:
        if self._has_run and self._package in sys.modules:
            _load_anew(self._package, self._extension, self._copies)
            self._copies += 1

    def _look(self) -> None:
        """Note before a fork whether a runtime may be there, which a caller may have started."""
        if not self._has_run and self._package in sys.modules:
            self._has_run = _is_event_loop_there()


def _is_event_loop_there() -> bool:
    if not _OPEN_FILES.exists():
        return True  # a system that does not say
    # By real path, which for a file that was closed meanwhile is something else, and no error.
    return any(os.path.realpath(file).endswith(_EVENT_LOOP) for file in _OPEN_FILES.iterdir())


def _load_anew(package: str, extension: str, copies: int) -> None:
    """Load one more copy, and let the modules that others have imported show it.

    The old copy lives on, unused: objects that the parent made are of its classes.
    """
    names = [name for name in sys.modules if name.partition(".")[0] == package]
    inherited = {name: sys.modules.pop(name) for name in names}
    try:
        _load_extension(package, extension, copies)
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


def _load_extension(package: str, extension: str, copies: int) -> None:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f"where {package} lies is not known")
    (origin,) = Path(spec.origin).parent.glob(f"{extension}.*so")
    with os.fdopen(os.memfd_create(package), "wb") as copy, origin.open("rb") as original:
        shutil.copyfileobj(original, copy, _PIECE_BYTES)
        copy.flush()
        # A name of its own in each generation, as the loader goes by names first.
        path = f"/proc/self/fd/{'./' * copies}{copy.fileno()}"
        name = f"{package}.{extension}"
        _run_extension(name, importlib.machinery.ExtensionFileLoader(name, path))


def _run_extension(name: str, loader: importlib.machinery.ExtensionFileLoader) -> None:
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None  # noqa: S101 - only a loader without a name has none
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)


OBSTORE = Library("obstore", "_obstore")
HDFS = Library("hdfs_native", "_internal")
