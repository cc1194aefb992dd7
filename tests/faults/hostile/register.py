"""The register of classes, and how to change a sound store's manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from embzarr_tools.fixtures._plain import Objects, PlainStore
from embzarr_tools.fixtures._plain_commit import commit, commit_key
from embzarr_tools.fixtures._samples import plain_store

Cases: TypeAlias = Iterator[tuple[str, Objects]]
Making: TypeAlias = Callable[[], Cases]

KEY = commit_key(1)
PATH = plain_store().path

Sound: TypeAlias = Callable[[], PlainStore]
"""Makes the store without a fault of which hostile ones are changes."""

CLASSES: dict[str, tuple[Making, Sound]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """One store."""

    kind: str
    name: str
    objects: Objects
    of: Sound
    """What it was before it was changed."""


def hostile(
    kind: str, of: Sound = plain_store
) -> Callable[[Callable[[], Cases]], Callable[[], Cases]]:
    """Register what makes the stores of a class."""

    def register(make: Making) -> Making:
        CLASSES[kind] = make, of
        return make

    return register


def sound() -> Objects:
    """Return a small store without a fault."""
    return commit(plain_store())


def changed(path: tuple[str | int, ...], value: Any) -> Objects:
    """Return a store whose manifest has another value at a path of members."""

    def change(manifest: dict[str, Any]) -> None:
        *way, last = path
        place: Any = manifest
        for name in way:
            place = place[name]
        place[last] = value

    return commit(plain_store(), members=change)


def spliced(text: bytes) -> Objects:
    """Return a store whose manifest has these bytes as the value of ``metadata.x``."""
    objects = sound()
    data = objects[KEY].replace(b'"metadata":{}', b'"metadata":{"x":' + text + b"}")
    return {**objects, KEY: data}


LAYER = ("layers", 0)
VECTORS = (*LAYER, "arrays", "vectors")
