"""Who is measured: one module each, its package imported when the peer is made."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from embzarr_bench._errors import BenchError
from embzarr_bench.peers._gensim import Gensim
from embzarr_bench.peers._icechunk import Icechunk, IcechunkByWord
from embzarr_bench.peers._lance import Lance, LanceByWord
from embzarr_bench.peers._obstore import RawObstore
from embzarr_bench.peers._ours import Ours
from embzarr_bench.peers._port import Answer, Peer, library
from embzarr_bench.peers._safetensors import Safetensors
from embzarr_bench.peers._tensorstore import Tensorstore, TensorstoreByWord
from embzarr_bench.peers._zarr_obstore import ZarrOverObstore, ZarrOverObstoreByWord
from embzarr_bench.peers._zarr_s3fs import ZarrOverS3fs, ZarrOverS3fsByWord

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ALL",
    "OURS",
    "RAW",
    "Answer",
    "Peer",
    "chosen",
    "library",
    "versions",
    "versions_of",
]

ALL: dict[str, type[Peer]] = {
    peer.name: peer
    for peer in (
        Ours,
        RawObstore,
        Tensorstore,
        TensorstoreByWord,
        Lance,
        LanceByWord,
        ZarrOverObstore,
        ZarrOverObstoreByWord,
        ZarrOverS3fs,
        ZarrOverS3fsByWord,
        Icechunk,
        IcechunkByWord,
        Safetensors,
        Gensim,
    )
}
"""Every peer by its name."""
OURS, RAW = Ours.name, RawObstore.name


def chosen(names: list[str] | None) -> list[str]:
    """Return the peers whose names begin with one of `names`, and embzarr; all without names.

    Raises:
        BenchError: a name fits nobody.
    """
    if not names:
        return list(ALL)
    for name in names:
        if not any(known.lower().startswith(name.lower()) for known in ALL):
            raise BenchError(f"no peer {name!r}; known: {', '.join(ALL)}")
    starts = tuple(name.lower() for name in (*names, OURS))
    return [known for known in ALL if known.lower().startswith(starts)]


def versions(name: str) -> str:
    """Return the versions of a peer's packages, as far as they are installed."""
    return versions_of(ALL[name].distributions)


def versions_of(distributions: Iterable[str]) -> str:
    """Return the versions of packages, as far as they are installed."""
    found = []
    for distribution in distributions:
        try:
            found.append(f"{distribution} {version(distribution)}")
        except PackageNotFoundError:
            found.append(f"{distribution} missing")
    return ", ".join(found)
