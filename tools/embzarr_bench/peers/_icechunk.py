"""icechunk: zarr-python over a transactional store."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

from embzarr_bench.peers import _zarr_arrays

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from embzarr_bench._place import Place


class Icechunk(_zarr_arrays.ZarrArrays):
    """A repository with one snapshot, rows known."""

    name: ClassVar[str] = "icechunk, by row"
    settings: ClassVar[str] = f"{_zarr_arrays.SETTINGS}; compressed: blosc lz4 bitshuffle"
    packages: ClassVar[tuple[str, ...]] = (*_zarr_arrays.ZarrArrays.packages, "icechunk")
    distributions: ClassVar[tuple[str, ...]] = ("icechunk", "zarr")

    @contextmanager
    def writable(self, place: Place) -> Iterator[Any]:
        """Lend the store of a session, and commit it."""
        repository = self.library["icechunk"].Repository.create(self._storage(place))
        session = repository.writable_session("main")
        yield session.store
        session.commit("saved")

    def readable(self, place: Place) -> AbstractContextManager[Any]:
        """Lend the store of the newest snapshot."""
        repository = self.library["icechunk"].Repository.open(self._storage(place))
        return nullcontext(repository.readonly_session("main").store)

    def _storage(self, place: Place) -> Any:  # noqa: ANN401 - icechunk's
        return self.library["icechunk"].s3_storage(
            bucket=place.bucket,
            prefix=place.prefix,
            region=place.region,
            endpoint_url=place.endpoint_url,
            access_key_id=place.access_key,
            secret_access_key=place.secret_key,
            allow_http=True,
            force_path_style=True,
        )


class IcechunkByWord(_zarr_arrays.ZarrWords, Icechunk):
    """The same with the words read whole."""

    name: ClassVar[str] = "icechunk, by word"
    settings: ClassVar[str] = "the same; all words read into a dict"
