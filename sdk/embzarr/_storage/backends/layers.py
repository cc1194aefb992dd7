"""What a filesystem of fsspec stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # fsspec has no types


def layers_of(fs: AbstractFileSystem) -> Iterator[AbstractFileSystem]:
    """Yield a filesystem and all that it stands on: a cache, then what is cached."""
    while fs is not None:
        yield fs
        # A cache gives out the attributes of what it caches for its own, ``__dict__`` too.
        fs = object.__getattribute__(fs, "__dict__").get("fs")
