"""Looks at the documents by which a plain Zarr reader finds its way from the root to a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr._format import json, keys, spec, zarr_json
from embzarr._history import records
from embzarr._storage import get_at_most
from embzarr._verify.report import Problem
from embzarr.errors import DamagedError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from embzarr._storage import Readable
    from embzarr._verify.report import Findings


def hint_faults(store: Readable) -> tuple[Problem, ...]:
    """Look at ``latest.json``, a copy of a manifest; that it is missing is no fault of it."""
    limit = spec.MAX_MANIFEST_BYTES
    try:
        data = get_at_most(store, spec.LATEST, limit)
        key = keys.commit_key(records.parse(data, spec.LATEST).number)
    except (NotFoundError, UnsupportedError):
        return ()
    except DamagedError as exc:
        return (Problem(code=exc.code, key=spec.LATEST, message=str(exc.args[0])),)
    try:
        if get_at_most(store, key, limit) == data:
            return ()
        found = f"is not the bytes of {key}"
    except (NotFoundError, DamagedError) as exc:
        found = f"is a copy of {key}: {exc.args[0]}"
    return (Problem(code="manifest-mismatch", key=spec.LATEST, message=found),)


def check(store: Readable, store_id: str, findings: Findings) -> None:
    """Look at the documents by which a plain Zarr reader finds its way to a layer."""
    empty = json.loads(zarr_json.group_document(), what="", max_bytes=spec.MAX_ZARR_JSON_BYTES)
    expected: dict[str, Callable[[object], bool]] = {
        spec.ZARR_JSON: lambda found: zarr_json.is_root_document(found, store_id),
        f"{spec.STEPS}/{spec.ZARR_JSON}": lambda found: found == empty,
    }
    for key, is_sound in expected.items():
        limit = spec.MAX_ZARR_JSON_BYTES
        try:
            found = json.loads(get_at_most(store, key, limit), what=key, max_bytes=limit)
        except NotFoundError:
            findings.report("zarr-metadata", key, "is not there: plain Zarr readers need it")
        except DamagedError as exc:
            findings.report(exc.code, key, str(exc.args[0]))
        else:
            if not is_sound(found):
                findings.report("zarr-metadata", key, "is not that of this store")
