"""The Zarr groups above the steps, which are made once and tell whose store it is."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from embzarr._format import json, spec, zarr_json
from embzarr._storage import get_at_most, parallel
from embzarr.errors import ConflictError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from embzarr._storage import Readable, Store


def claim(store: Store, store_id: str) -> str:
    """Make the root a Zarr group of ours, once, and return the store's identity.

    Args:
        store: where to.
        store_id: its identity, if it has none yet.

    Raises:
        ConflictError: code ``root-foreign``: another Zarr node is there.
    """

    def make_root() -> None:
        store.create(spec.ZARR_JSON, zarr_json.root_document(store_id))

    def make_group() -> None:
        with contextlib.suppress(ConflictError):  # somebody was first: the bytes are the same
            store.create(f"{spec.STEPS}/{spec.ZARR_JSON}", zarr_json.group_document())

    try:
        parallel.together(make_root, make_group)
    except ConflictError:
        return _identity(store)
    return store_id


def require(store: Store, store_id: str) -> None:
    """Refuse a store of another identity.

    Raises:
        InvalidInputError: it is not the one that the plan names.
    """
    try:
        found = _identity(store)
    except (NotFoundError, ConflictError):
        found = "none of embzarr"
    if found != store_id:
        raise InvalidInputError(
            "input-argument", f"the plan is of store {store_id}; at {store.url} is {found}"
        )


def _identity(store: Readable) -> str:
    what = spec.ZARR_JSON
    limit = spec.MAX_ZARR_JSON_BYTES
    root = json.loads(get_at_most(store, what, limit), what=what, max_bytes=limit)
    attributes = root.get("attributes") if isinstance(root, dict) else None
    ours = attributes.get(spec.FORMAT) if isinstance(attributes, dict) else None
    store_id = ours.get("store") if isinstance(ours, dict) else None
    if not isinstance(store_id, str):
        raise ConflictError(
            "root-foreign", "zarr.json at the root belongs to something else: choose another folder"
        )
    return store_id
