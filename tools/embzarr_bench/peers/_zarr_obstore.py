"""zarr-python over obstore."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

from embzarr_bench.peers import _zarr_arrays
from embzarr_bench.peers._obstore import client

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from embzarr_bench._place import Place


class ZarrOverObstore(_zarr_arrays.ZarrArrays):
    """`zarr.storage.ObjectStore`, rows known."""

    name: ClassVar[str] = "zarr + obstore, by row"
    settings: ClassVar[str] = f"{_zarr_arrays.SETTINGS}; compressed: blosc lz4 bitshuffle"
    packages: ClassVar[tuple[str, ...]] = (*_zarr_arrays.ZarrArrays.packages, "zarr.storage")
    distributions: ClassVar[tuple[str, ...]] = ("zarr", "obstore")

    def writable(self, place: Place) -> AbstractContextManager[Any]:
        """Lend a store over a new client."""
        return nullcontext(self.library["zarr.storage"].ObjectStore(client(place)))

    def readable(self, place: Place) -> AbstractContextManager[Any]:
        """Lend a read-only one."""
        store = self.library["zarr.storage"].ObjectStore(client(place), read_only=True)
        return nullcontext(store)


class ZarrOverObstoreByWord(_zarr_arrays.ZarrWords, ZarrOverObstore):
    """The same with the words read whole."""

    name: ClassVar[str] = "zarr + obstore, by word"
    settings: ClassVar[str] = "the same; all words read into a dict"
