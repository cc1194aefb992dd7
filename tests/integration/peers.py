"""Other implementations of Zarr, each reading a step group from S3 with no help of embzarr."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from obstore.store import S3Store
from zarr.core.sync import sync
from zarr.storage import FsspecStore, ObjectStore

import oracle
from integration import node
from servers.s3 import REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from servers.s3 import S3Server

    ReadArray = Callable[[str], npt.NDArray[Any]]
    """Reads one array of the step group, given its path below the group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a step group lies."""

    server: S3Server
    bucket: str
    path: str


@contextmanager
def zarr_over_s3fs(place: Place) -> Iterator[ReadArray]:
    """zarr-python, its `FsspecStore` over s3fs."""
    s3fs = pytest.importorskip("s3fs")
    server = place.server
    filesystem = s3fs.S3FileSystem(
        asynchronous=True,
        skip_instance_cache=True,
        endpoint_url=server.endpoint_url,
        key=server.access_key,
        secret=server.secret_key,
        client_kwargs={"region_name": REGION},
    )
    session = sync(filesystem.set_session())
    try:
        store = FsspecStore(filesystem, read_only=True, path=f"{place.bucket}/{place.path}")
        yield _arrays_of(zarr.open_group(store, mode="r"))
    finally:
        sync(session.close())


@contextmanager
def zarr_over_obstore(place: Place) -> Iterator[ReadArray]:
    """zarr-python, its `ObjectStore` over obstore."""
    store = S3Store(
        place.bucket,
        prefix=place.path,
        endpoint=place.server.endpoint_url,
        access_key_id=place.server.access_key,
        secret_access_key=place.server.secret_key,
        region=REGION,
        client_options={"allow_http": True},
    )
    yield _arrays_of(zarr.open_group(ObjectStore(store, read_only=True), mode="r"))


@contextmanager
def tensorstore(place: Place) -> Iterator[ReadArray]:
    """tensorstore's `zarr3` driver over its own S3 client, credentials from the environment."""
    library = pytest.importorskip("tensorstore")
    kvstore = {
        "driver": "s3",
        "bucket": place.bucket,
        "endpoint": place.server.endpoint_url,
        "aws_region": REGION,
        "aws_credentials": {"type": "environment"},
    }

    def read(array: str) -> npt.NDArray[Any]:
        where = kvstore | {"path": f"{place.path}/{array}/"}
        opened = library.open({"driver": "zarr3", "kvstore": where}, open=True, read=True).result()
        return np.asarray(opened.read().result())

    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.server.environment.items():
            patch.setenv(name, value)
        yield read


def read_step(peer: Any, place: Place) -> tuple[list[str], npt.NDArray[Any]]:
    """Return the words and vectors as `peer`, one of the above, reads them."""
    with peer(place) as read:
        return oracle.read_arrays(read)


def ask_zarrita(place: Place, *arrays: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Return what zarrita.js under Node says of arrays in a bucket that everyone may read.

    Args:
        place: the step group.
        arrays: paths below it.
        folder: an empty one, from which the script finds the packages.

    Returns:
        For each array its ``dtype``, ``shape`` and the ``sha256`` of its bytes.
    """
    script = Path(shutil.copy(node.PACKAGES / "read.mjs", folder))
    node.link_packages(folder, "zarrita")
    url = place.server.http_url(place.bucket, place.path)
    printed = node.run_node(script, url, *arrays)
    found = [json.loads(line) for line in printed.splitlines()]
    return {answer.pop("array"): answer for answer in found}


def _arrays_of(group: zarr.Group) -> ReadArray:
    return lambda name: np.asarray(_array(group, name)[...])


def _array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    array = group[name]
    assert isinstance(array, zarr.Array)
    return array
