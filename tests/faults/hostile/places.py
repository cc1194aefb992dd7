"""Keys that leave the root, wherever a manifest names one."""

from __future__ import annotations

from typing import Any

from embzarr_tools.fixtures._plain_commit import commit
from embzarr_tools.fixtures._samples import plain_store
from faults.hostile.register import LAYER, Cases, changed, hostile, sound

ESCAPES = (
    "..", "../x", "a/../../x", "a/..", "./a", "a/.", "/etc/passwd", "//host/share", "a//b", "a/",
    "\\..\\x", "a\\b", "C:\\x", "C:/x", "%2e%2e/x", "%2E%2E%2Fx", "a%00b", "a\0b", "a\nb", "a b",
    " a",
    "s3://bucket/x", "file:///etc/passwd", "http://127.0.0.1:1/x", "~/.ssh/id_rsa", "$HOME/x",
    "a?b",
    "a#b", "a*b", "a:b", "\u202ea", "\uff0e\uff0e/x", "..\u2215x", "é", "", "x" * 600,
    "../" * 100 + "etc/passwd",
)  # fmt: skip


@hostile("object keys that leave the root")
def object_keys() -> Cases:
    """In the list of objects, each as the key of a shard that the grid needs, or beside those."""
    for key in ESCAPES:

        def rename(manifest: dict[str, Any], key: str = key) -> None:
            objects = manifest["layers"][0]["objects"]
            objects[key] = objects["vectors/c/1/0"]

        yield f"{key!r:.40}", commit(plain_store(), members=rename)


@hostile("layers that leave the root")
def layer_paths() -> Cases:
    """In the path of the layer."""
    for key in ESCAPES:
        for path in (key, f"steps/{key}"):
            yield f"{path!r:.40}", changed((*LAYER, "path"), path)
    for path in ("commits", "tags/x", "steps", "zarr.json", "latest.json"):
        yield f"{path!r}", changed((*LAYER, "path"), path)


@hostile("arrays that leave the root")
def array_names() -> Cases:
    """In the names of arrays, and in the names of their chunk tables."""
    for key in ESCAPES:

        def rename(manifest: dict[str, Any], key: str = key) -> None:
            arrays = manifest["layers"][0]["arrays"]
            arrays[key] = arrays["words/data"]

        yield f"{key!r:.40}", commit(plain_store(), members=rename)
        yield f"table {key!r:.40}", changed((*LAYER, "arrays", "vectors", "index"), key)


@hostile("keys in folders that others own")
def unlisted() -> Cases:
    """Tags and commits under names that are none: they are not read."""
    for key in (
        "tags/..json",
        "tags/a b.json",
        "commits/1.json",
        "commits/99999999999999999999.json",
    ):
        yield key, {**sound(), "tags/best.json": b"[]", key: b"\xff"}
