"""Carries objects to another store, each read whole and known by its SHA-256 before it is put."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from embzarr._format import digests as hashing
from embzarr._format import spec
from embzarr._reading import pages
from embzarr._storage import ByteBudget, parallel, pieces
from embzarr.errors import DamagedError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from embzarr._format import Layer, ObjectDigest
    from embzarr._storage import Data, Readable, Store

_IN_FLIGHT_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    origin: str
    key: str
    digest: ObjectDigest
    maybe_there: bool
    """Whether something of its size has the key."""


class Transfer:
    """Copies layers, and counts what was copied and what was there."""

    def __init__(
        self,
        source: Readable,
        target: Store,
        *,
        total: int,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        """Copy nothing yet.

        Args:
            source: where layers are.
            target: where they go.
            total: bytes of all layers, for `progress`.
            progress: called with the bytes that are done with and those in all.
        """
        self._source = source
        self._target = target
        self._total = total
        self._progress = progress
        self._budget = ByteBudget(_IN_FLIGHT_BYTES)
        self._lock = threading.Lock()
        self._done = 0
        self.objects = self.bytes = self.objects_present = self.bytes_present = 0

    def pass_over(self, layer: Layer) -> None:
        """Count a layer that a commit at the target has."""
        self.objects_present += layer.object_count
        self.bytes_present += layer.bytes_stored
        self._advance(layer.bytes_stored)

    def carry(self, layer: Layer, path: str, *, group: bytes | None = None) -> None:
        """Copy what is missing of a layer into a folder that no commit names.

        Args:
            layer: as the source has it.
            path: the folder.
            group: what its own ``zarr.json`` is to be, if not what it is.

        Raises:
            DamagedError: an object of the source is not as its manifest says.
            NotFoundError: one is not there.
        """
        layer = pages.whole_layer(self._source, layer)
        sizes = self._listed(path)
        jobs = [
            _Job(
                origin=f"{layer.path}/{name}",
                key=f"{path}/{name}",
                digest=digest,
                maybe_there=sizes.get(f"{path}/{name}") == digest.size,
            )
            for name, digest in sorted(layer.objects.items(), key=lambda item: -item[1].size)
            if group is None or name != spec.ZARR_JSON
        ]
        parallel.each(self._carry, jobs)
        if group is not None:
            self._target.put(f"{path}/{spec.ZARR_JSON}", group)
            self._count(len(group), is_there=False)
            self._advance(sum(d.size for n, d in layer.objects.items() if n == spec.ZARR_JSON))

    def _listed(self, path: str) -> Mapping[str, int]:
        """Return sizes of what an earlier try has left; of a store that cannot list, none."""
        try:
            return {info.key: info.size for info in self._target.list(f"{path}/")}
        except UnsupportedError:
            return {}

    def _carry(self, job: _Job) -> None:
        size = job.digest.size
        with self._budget.claim(size):
            is_there = job.maybe_there and self._is_as_recorded(job)
            if not is_there:
                self._target.put(job.key, self._sound(job) or b"")
        self._count(size, is_there=is_there)
        self._advance(size)

    def _count(self, size: int, *, is_there: bool) -> None:
        with self._lock:
            self.objects += not is_there
            self.bytes += 0 if is_there else size
            self.objects_present += is_there
            self.bytes_present += size if is_there else 0

    def _is_as_recorded(self, job: _Job) -> bool:
        """Tell whether what an earlier try has put is what belongs there; it is read."""
        found = hashing.sha256_of(pieces(self._target, job.key, 0, job.digest.size))
        return found == job.digest.sha256

    def _sound(self, job: _Job) -> list[Data]:
        """Return the bytes of an object of the source, once they are known to be the right ones."""
        try:
            found = list(pieces(self._source, job.origin, 0, job.digest.size))
        except NotFoundError as exc:
            message = f"{job.origin} of the source: the manifest lists it, it is not there"
            raise NotFoundError(exc.code, message) from exc
        if hashing.sha256_of(iter(found)) != job.digest.sha256:
            raise DamagedError(
                "object-digest",
                f"{job.origin} of the source does not have the SHA-256 that was recorded: repair "
                "the source, or copy other steps",
            )
        return found

    def _advance(self, nbytes: int) -> None:
        with self._lock:
            self._done += nbytes
            if self._progress is not None:
                self._progress(self._done, self._total)
