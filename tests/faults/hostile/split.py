"""Manifests that are split, whose pages have the digests that are told and say what they like."""

from __future__ import annotations

from typing import Any

from embzarr_tools.fixtures._plain import Objects, canonical, sha256
from embzarr_tools.fixtures._plain_commit import commit
from embzarr_tools.fixtures._samples import plain_model, plain_store
from faults.hostile.places import ESCAPES
from faults.hostile.register import Cases, hostile


def _table(**options: Any) -> Objects:
    store = plain_store()
    store.page_entries = 4
    return commit(store, **options)


def _with_page(data: bytes, **told: Any) -> Objects:
    """Return a store one of whose pages is of these bytes, as the manifest tells."""

    def change(manifest: dict[str, Any]) -> None:
        page = manifest["layers"][0]["pages"][0]
        page |= {"size": len(data), "sha256": sha256(data), **told}

    return {**_table(members=change), f"{plain_store().path}/pages/0.json": data}


@hostile("pages that are no JSON, or too much of it")
def no_pages() -> Cases:
    """Of the size and the digest that the manifest tells."""
    entry = {"size": 1, "sha256": "0" * 64}
    texts = {
        "a brace": b"{",
        "null": b"null",
        "a list": b"[]",
        "nothing in it": b"{}",
        "not UTF-8": b'{"objects":{"\xff":1}}',
        "deep": b'{"objects":' + b"[" * 10**6,
        "twice": b'{"objects":{},"objects":{}}',
        "one key twice": b'{"objects":{"a":1,"a":1}}',
        "a number for an entry": canonical({"objects": {"a": 1}}),
        "a member too many": canonical({"objects": {"a": entry}, "more": {}}),
        "a page in a page": canonical({"objects": {"a": entry}, "pages": []}),
        "arrays": canonical({"objects": {"a": entry}, "arrays": {"a": {}}}),
        "a size below nothing": canonical({"objects": {"a": {**entry, "size": -1}}}),
        "a size of 2^53": canonical({"objects": {"a": {**entry, "size": 2**53}}}),
        "long": canonical({"objects": {"a": entry}}) + b" " * (8 * 2**20 - 100),
    }
    for name, data in texts.items():
        yield name, _with_page(data, count=1, bytes=1)


@hostile("pages that claim to be what they are not")
def other_pages() -> Cases:
    """Sizes, digests and counts that are not those of the page."""
    lies: dict[str, dict[str, Any]] = {
        "a byte more": {"size": 999},
        "8 MiB": {"size": 8 * 2**20},
        "another digest": {"sha256": "f" * 64},
        "all objects that there may be": {"count": 4_194_000},
        "all bytes that there are": {"bytes": 2**53 - 1},
        "of contents": {"kind": "contents", "bytes": 0},
        "of another kind": {"kind": "x" * 10**6},
    }
    for name, told in lies.items():

        def change(manifest: dict[str, Any], told: dict[str, Any] = told) -> None:
            manifest["layers"][0]["pages"][0] |= told

        yield name, _table(members=change)
    for count in (1, 1000, 1025, 30_000):

        def repeat(manifest: dict[str, Any], count: int = count) -> None:
            manifest["layers"][0]["pages"] += manifest["layers"][0]["pages"][:1] * count

        yield f"{count} times", _table(members=repeat)


@hostile("keys in pages that leave the root")
def keys_in_pages() -> Cases:
    """In pages of objects, and as arrays of tensors in pages of contents."""
    for key in ESCAPES:

        def rename(parts: list[Any], key: str = key) -> None:
            parts[0]["objects"][key] = parts[0]["objects"].pop(min(parts[0]["objects"]))

        yield f"{key!r:.40}", _table(pages=rename)

        def move(parts: list[Any], key: str = key) -> None:
            part = next(one for one in parts if "arrays" in one)
            part["arrays"][key] = part["arrays"].pop(min(part["arrays"]))

        model = plain_model()
        model.page_entries = 4
        yield f"array {key!r:.40}", commit(model, pages=move)


@hostile("grids that pages are to list")
def grids() -> Cases:
    """Arrays of as many shards as pages claim to list: none of it is laid out in memory."""
    for rows in (2**22, 2**40, 2**52):

        def change(manifest: dict[str, Any], rows: int = rows) -> None:
            layer = manifest["layers"][0]
            table = {**layer["arrays"]["lookup/blocks"], "shape": [rows, 3], "dtype": "uint64"}
            for at in range(200):
                layer["arrays"][f"extra{at}"] = {
                    **layer["arrays"]["vectors"],
                    "shape": [rows, 2],
                    "chunk": 1,
                    "shard": 1,
                    "index": "chunks/x",
                }
            layer["arrays"]["chunks/x"] = {**table, "chunk": 2**20, "shard": 2**20}
            layer["pages"][0]["count"] = 2**22 - 100

        yield f"{rows} rows", _table(members=change)
