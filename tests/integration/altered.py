"""Manifests that were altered member by member, most of them so that they break a rule."""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

VALUES: list[Any] = [
    *(None, 0, 1, -1, 2, 3, 2**53 - 1, 256, 65_536, 1.5, 1.0, True, False),
    *("", "x", "full", "delta", "given", "hash", "steps/x", "float16", "int8", "uint64", "U3"),
    *("..", "a/b", "AAAA", "AB==", [], [0], {}, {"must_understand": False}),
]
NAMES = ["zz", "data", "lossy", "cname", "level", "rows", "x/y"]


def altered(bases: list[Any], count: int, *, seed: int) -> Iterator[Any]:
    """Yield `count` manifests, each one of `bases` with one or two members changed."""
    chance = random.Random(seed)
    for _ in range(count):
        manifest = copy.deepcopy(chance.choice(bases))
        for _ in range(chance.choice([1, 1, 2])):
            _alter(manifest, chance)
        yield manifest


def _alter(manifest: Any, chance: random.Random) -> None:
    paths = [path for path in _paths(manifest) if path]
    depth = chance.choice(sorted({len(path) for path in paths}))
    *above, last = chance.choice([path for path in paths if len(path) == depth])
    parent = manifest
    for name in above:
        parent = parent[name]
    old, how = parent[last], chance.randrange(6)
    if how == 0:
        del parent[last]
    elif how == 1 and type(old) is int:
        parent[last] = chance.choice([old - 1, old + 1, 2 * old, 0])
    elif how == 2 and isinstance(parent, dict):
        parent[chance.choice(NAMES)] = copy.deepcopy(chance.choice([old, *VALUES]))
    elif how == 3 and isinstance(parent, list):
        parent.append(copy.deepcopy(old))
    elif how == 4 and isinstance(old, str):
        parent[last] = chance.choice([old[:-1], f"{old}a", old.upper(), f"{old}\n"])
    else:
        parent[last] = copy.deepcopy(chance.choice(VALUES))


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _paths(member, (*path, name))
    elif isinstance(value, list):
        for at, member in enumerate(value):
            yield from _paths(member, (*path, at))
