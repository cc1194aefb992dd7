"""JSON Patch (RFC 6902) as far as the fixtures use it: add, copy, remove and replace."""

from __future__ import annotations

import copy
from typing import Any


def patched(document: Any, patch: list[dict[str, Any]]) -> Any:
    """Return a changed copy of `document`."""
    changed = copy.deepcopy(document)
    for step in patch:
        parent, last = _find(changed, step["path"])
        if step["op"] == "remove":
            del parent[last]
        elif step["op"] == "copy":
            source, name = _find(changed, step["from"])
            _add(parent, last, copy.deepcopy(source[name]))
        elif step["op"] == "add":
            _add(parent, last, step["value"])
        else:
            parent[last]  # it must be there
            parent[last] = step["value"]
    return changed


def repeated(document: Any, texts: list[dict[str, Any]]) -> Any:
    """Repeat texts and lists of `document`, in place, too long to stand in a fixture."""
    for step in texts:
        parent, last = _find(document, step["path"])
        parent[last] *= step["times"]
    return document


def _add(parent: Any, last: Any, value: Any) -> None:
    if isinstance(parent, list):
        parent.insert(last, value)
    else:
        parent[last] = value


def _find(document: Any, pointer: str) -> tuple[Any, Any]:
    """Return the container of what a JSON Pointer (RFC 6901) names, and its name there."""
    names = [name.replace("~1", "/").replace("~0", "~") for name in pointer.split("/")[1:]]
    for name in names[:-1]:
        document = document[int(name) if isinstance(document, list) else name]
    last: Any = names[-1]
    if isinstance(document, list):
        last = len(document) if last == "-" else int(last)
    return document, last
