"""zarr-python over s3fs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from embzarr_bench.peers import _zarr_arrays

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embzarr_bench._place import Place


class ZarrOverS3fs(_zarr_arrays.ZarrArrays):
    """`zarr.storage.FsspecStore`, rows known."""

    name: ClassVar[str] = "zarr + s3fs, by row"
    settings: ClassVar[str] = f"{_zarr_arrays.SETTINGS}; compressed: blosc lz4 bitshuffle"
    packages: ClassVar[tuple[str, ...]] = (
        *_zarr_arrays.ZarrArrays.packages,
        "zarr.storage",
        "zarr.core.sync",
        "s3fs",
    )
    distributions: ClassVar[tuple[str, ...]] = ("zarr", "s3fs")

    @contextmanager
    def writable(self, place: Place) -> Iterator[Any]:
        """Lend a store over a new session."""
        with self._store(place, read_only=False) as store:
            yield store

    @contextmanager
    def readable(self, place: Place) -> Iterator[Any]:
        """Lend a read-only one."""
        with self._store(place, read_only=True) as store:
            yield store

    @contextmanager
    def _store(self, place: Place, *, read_only: bool) -> Iterator[Any]:
        filesystem = self.library["s3fs"].S3FileSystem(
            asynchronous=True,
            skip_instance_cache=True,
            endpoint_url=place.endpoint_url,
            key=place.access_key,
            secret=place.secret_key,
            client_kwargs={"region_name": place.region},
        )
        sync = self.library["zarr.core.sync"].sync
        session = sync(filesystem.set_session())
        path = f"{place.bucket}/{place.prefix}"
        try:
            yield self.library["zarr.storage"].FsspecStore(
                filesystem, read_only=read_only, path=path
            )
        finally:
            sync(session.close())


class ZarrOverS3fsByWord(_zarr_arrays.ZarrWords, ZarrOverS3fs):
    """The same with the words read whole."""

    name: ClassVar[str] = "zarr + s3fs, by word"
    settings: ClassVar[str] = "the same; all words read into a dict"
