"""A step as a plain Zarr group: the only module that imports zarr."""

from __future__ import annotations

from typing import TYPE_CHECKING

import zarr
from fsspec import AbstractFileSystem  # type: ignore[import-untyped]
from zarr.storage import FsspecStore, ObjectStore

Group = zarr.Group

if TYPE_CHECKING:
    from embzarr.objects import Store


def open_group(store: Store, path: str) -> zarr.Group:
    """Open the group at `path`, read-only, through zarr's own stores."""
    native = store.native
    if isinstance(native, AbstractFileSystem):
        return zarr.open_group(_fsspec_store(native), path=path, mode="r", use_consolidated=False)
    wrapped: ObjectStore[object] = ObjectStore(native, read_only=True)  # type: ignore[type-var]
    return zarr.open_group(wrapped, path=path, mode="r", use_consolidated=False)


def _fsspec_store(filesystem: AbstractFileSystem) -> FsspecStore:
    from fsspec.implementations.asyn_wrapper import (  # type: ignore[import-untyped]  # noqa: PLC0415 - newer fsspec only
        AsyncFileSystemWrapper,
    )

    return FsspecStore(AsyncFileSystemWrapper(filesystem, asynchronous=True), read_only=True)
