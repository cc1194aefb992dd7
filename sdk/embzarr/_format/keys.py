"""The only maker, and the only judge, of object keys (spec section "Object layout")."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embzarr._format import digests, spec
from embzarr.errors import DamagedError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

_SEGMENT = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+"
_KEY = re.compile(f"{_SEGMENT}(?:/{_SEGMENT})*")
# What ends as a digest does might be the array of another name.
_PLAIN = re.compile(r"(?!__)(?!.*-[0-9a-f]{16}$)[a-z0-9_][a-z0-9_.-]{0,127}")
_NO_SEGMENT = re.compile(r"[^A-Za-z0-9._-]+")
_SHOWN_CHARS = 64
_DIGEST_CHARS = 16
# Zarr v3 reserves names that begin with two underscores.
_NAME = re.compile(r"(?!__)[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LAYER = re.compile(rf"{spec.STEPS}/(0|[1-9][0-9]{{0,15}})-([0-9a-f]{{32}})")
_COMMIT = re.compile(rf"{spec.COMMITS}/([0-9]{{20}})\.json")
_MARK = re.compile(rf"{spec.QUARANTINE}/([0-9]{{20}})\.json")
_KEPT = re.compile(rf"{spec.QUARANTINE}/{spec.KEPT}/([0-9a-f]{{64}})")
_PROBE = re.compile(rf"{spec.PROBES}/[0-9a-f]{{32}}")
# What a layer holds: documents, shards, receipts, and pages.
_OBJECT = re.compile(
    r"(?:[A-Za-z0-9._-]+/)*zarr\.json|(?:[A-Za-z0-9._-]+/)+c(?:/[0-9]+)+"
    rf"|(?:{spec.PARTS}|{spec.PAGES})/[0-9]+\.json"
)
_ALONE = frozenset({spec.LATEST, spec.ZARR_JSON, f"{spec.STEPS}/{spec.ZARR_JSON}"})
_OTHERS = tuple(f"{folder}." for folder in spec.CONTENTS)
"""A column of such a name would have the chunk table of a tensor."""
FOLDERS = (spec.COMMITS, spec.TAGS, spec.STEPS, spec.QUARANTINE, spec.PROBES)
"""All that a store has below its root; whatever lies elsewhere is somebody else's."""


def commit_key(number: int) -> str:
    """Return the key of the manifest of commit `number`: twenty digits, so that names sort."""
    return f"{spec.COMMITS}/{number:020d}.json"


def commit_number(key: str) -> int | None:
    """Return the number in a manifest's key, or None where `key` is not one."""
    return _number(_COMMIT.fullmatch(key))


def quarantine_key(number: int) -> str:
    """Return the key of the record that marks commit `number` as damaged."""
    return f"{spec.QUARANTINE}/{number:020d}.json"


def quarantine_number(key: str) -> int | None:
    """Return the number of the commit that a record marks; None for other keys."""
    return _number(_MARK.fullmatch(key))


def _number(found: re.Match[str] | None) -> int | None:
    number = int(found[1]) if found else 0
    return number if 0 < number <= spec.MAX_INTEGER else None


def kept_key(sha256: str) -> str:
    """Return the key of bytes that were kept because another object may need them."""
    return f"{spec.QUARANTINE}/{spec.KEPT}/{sha256}"


def kept_sha256(key: str) -> str | None:
    """Return the SHA-256 of the bytes that were kept at `key`; None for other keys."""
    match = _KEPT.fullmatch(key)
    return match.group(1) if match else None


def probe_key(name: str) -> str:
    """Return the key of an object by which a store is tried; `name` is random, in hexadecimal."""
    return f"{spec.PROBES}/{name}"


def tag_key(name: str) -> str:
    """Return the key of a tag.

    Raises:
        InvalidInputError: the name is not letters, digits, dots, dashes and underscores.
    """
    if not isinstance(name, str) or not _TAG.fullmatch(name):
        raise InvalidInputError(
            "input-argument",
            f"a tag is 1 to 128 letters, digits, '.', '_' or '-', not starting with '.', '_' or "
            f"'-'; found {name!r}",
        )
    return f"{spec.TAGS}/{name}.json"


def tag_name(key: str) -> str | None:
    """Return the tag that `key` holds, or None where it is not a tag's key."""
    folder, _, file = key.partition("/")
    name = file.removesuffix(".json")
    return name if folder == spec.TAGS and name != file and _TAG.fullmatch(name) else None


def layer_path(step: int, write_id: str) -> str:
    """Return the folder that one write of `step` has for itself."""
    return f"{spec.STEPS}/{step}-{write_id}"


def receipt_name(part: int) -> str:
    """Return the key, below its layer, of what a part's writer says of it when it is whole."""
    return f"{spec.PARTS}/{part}.json"


def page_name(page: int) -> str:
    """Return the key, below its layer, of a page of the manifest."""
    return f"{spec.PAGES}/{page}.json"


def layer_name(path: str) -> tuple[int, str] | None:
    """Return the step and the write id in a layer's folder, or None where it has another form."""
    match = _LAYER.fullmatch(path)
    return (int(match.group(1)), match.group(2)) if match else None


def rows_array(column: str) -> str:
    """Return the array of a delta that holds the row numbers of `column`."""
    return f"{spec.ROWS}/{column}"


def scales_array(column: str) -> str:
    """Return the array of a delta that holds what each row of `column` is multiplied by."""
    return f"{spec.SCALES}/{column}"


def layer_folder(key: str) -> str | None:
    """Return the folder of one write in which `key` is an object of a layer; None for others.

    A folder's name holds 128 random bits, but somebody may have put a file of his own into it:
    what has no name that a layer's objects have is not ours.
    """
    step, _, name = key.removeprefix(f"{spec.STEPS}/").partition("/")
    folder = f"{spec.STEPS}/{step}"
    is_ours = key.startswith(f"{folder}/") and layer_name(folder) and _OBJECT.fullmatch(name)
    return folder if is_ours else None


def is_ours(key: str) -> bool:
    """Tell whether an object of this key is one that a store of this format has."""
    return (
        key in _ALONE
        or commit_number(key) is not None
        or tag_name(key) is not None
        or any(pattern.fullmatch(key) for pattern in (_MARK, _KEPT, _PROBE))
        or layer_folder(key) is not None
    )


def shard_name(array: str, shard: int, rank: int) -> str:
    """Return a shard's key, below its layer: Zarr's default encoding of (shard, 0, ...)."""
    return shard_at(array, (shard, *[0] * (rank - 1)))


def shard_at(array: str, place: Sequence[int]) -> str:
    """Return the key, below its layer, of the shard at a place of Zarr's grid."""
    return f"{array}/c/{'/'.join(map(str, place))}"


def tensor_array(folder: str, name: str) -> str:
    """Return an array for what somebody else named: its own name where that is a plain one.

    Names that differ in more than a key can hold, and on some file systems those that differ in
    their case, are told apart by a digest.
    """
    if _PLAIN.fullmatch(name) and name != spec.ZARR_JSON:
        return f"{folder}/{name}"
    plain = _NO_SEGMENT.sub("_", name)[:_SHOWN_CHARS].strip("._") or "x"
    return f"{folder}/{plain}-{digests.sha256(name.encode())[:_DIGEST_CHARS]}"


def part_array(array: str, part: int) -> str:
    """Return the array of one part where every part of a step may have one like `array`."""
    return f"{array}.{part}"


def table_array(array: str) -> str:
    """Return the array that holds the chunk table of `array`."""
    return f"{spec.CHUNKS}/{array.replace('/', '.')}"


def is_column_name(name: str) -> bool:
    """Tell whether a row-aligned array may have this name."""
    return (
        bool(_NAME.fullmatch(name))
        and name not in spec.RESERVED_COLUMNS
        and not name.startswith(_OTHERS)
        and name != spec.ZARR_JSON
    )


def is_tensor_name(name: str) -> bool:
    """Tell whether a tensor or a file may have this name: any text that is not too long."""
    return 0 < len(name.encode()) <= spec.MAX_NAME_BYTES


def check_key(key: str) -> str:
    """Return `key` if it stays below the root.

    Raises:
        DamagedError: code ``key-escapes-root``; absolute, empty, too long, with a segment ``.`` or
            ``..``, or with a character outside ``A-Z a-z 0-9 . _ - /``, which shuts out
            backslashes, percent encoding and NUL.
    """
    if len(key) <= spec.MAX_KEY_CHARS and _KEY.fullmatch(key):
        return key
    raise DamagedError(
        "key-escapes-root",
        f"an object key must be a relative path of plain names; found {key[:200]!r}",
    )
