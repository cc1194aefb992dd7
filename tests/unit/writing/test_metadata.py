"""What every door that takes metadata promises: what it lets in is what is stored."""

from __future__ import annotations

import enum
import json
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import embzarr
from embzarr._storage.backends.memory import MemoryStore
from faulty import PassThrough

if TYPE_CHECKING:
    from embzarr._storage.port import Body

WORDS = ["king", "queen"]
VECTORS = np.eye(2, dtype=np.float32)


class Kind(enum.IntEnum):
    """A whole number of a caller's own type."""

    SKIPGRAM = 1


class Name(enum.StrEnum):
    """A text of a caller's own type."""

    WIKI = "wiki"


class Rate(float):
    """A number of a caller's own type, which shows itself as no number."""

    def __repr__(self) -> str:
        """Return what is not JSON."""
        return "Rate"


def saved(store: MemoryStore, metadata: Any) -> None:
    """Save a matrix."""
    embzarr.save(store, WORDS, VECTORS, metadata=metadata)


def saved_in_background(store: MemoryStore, metadata: Any) -> None:
    """Save a matrix in the background."""
    with embzarr.Run(store) as run:
        run.save_async(WORDS, VECTORS, metadata=metadata).result()


def saved_as_a_delta(store: MemoryStore, metadata: Any) -> None:
    """Save a changed row."""
    embzarr.save(store, WORDS, VECTORS)
    embzarr.Run(store).save_delta([0], VECTORS[:1], metadata=metadata)


def saved_as_a_full_step(store: MemoryStore, metadata: Any) -> None:
    """Save a changed row where no delta may be."""
    embzarr.save(store, WORDS, VECTORS)
    policy = embzarr.DeltaPolicy(max_deltas=0)
    embzarr.Run(store).save_delta([0], VECTORS[:1], metadata=metadata, policy=policy)


def streamed(store: MemoryStore, metadata: Any) -> None:
    """Save block by block."""
    with embzarr.create(store, 2, metadata=metadata) as writer:
        writer.append(WORDS, VECTORS)


def told_late(store: MemoryStore, metadata: Any) -> None:
    """Save block by block, and give metadata last."""
    with embzarr.create(store, 2) as writer:
        writer.append(WORDS, VECTORS)
        writer.metadata = metadata


def published(store: MemoryStore, metadata: Any) -> None:
    """Save in parts."""
    plan = embzarr.plan_step(store, 2, 2, 1)
    with embzarr.write_part(store, plan, 0) as part:
        part.append(VECTORS)
    embzarr.publish(store, plan, WORDS, metadata=metadata)


class Waiting(PassThrough):
    """A store that commits nothing before it may."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.may_commit = threading.Event()

    def create(self, key: str, data: Body) -> None:
        """Wait with a commit."""
        if key.startswith("commits/"):
            assert self.may_commit.wait(60)
        super().create(key, data)


DOORS: list[Callable[[MemoryStore, Any], None]] = [
    saved,
    saved_in_background,
    saved_as_a_delta,
    saved_as_a_full_step,
    streamed,
    told_late,
    published,
]
MEANT: dict[str, tuple[Any, Any]] = {
    "mean": (np.float64(0.5), 0.5),
    "half": (np.float16(0.25), 0.25),
    "count": (np.int64(7), 7),
    "flag": (np.bool_(1), True),
    "text": (np.str_("wiki"), "wiki"),
    "point": (np.array(3.0), 3.0),
    "own whole number": (Kind.SKIPGRAM, 1),
    "own number": (Rate(0.1), 0.1),
    "own text": (Name.WIKI, "wiki"),
    "own list": (type("Ranks", (list,), {})([1, 2]), [1, 2]),
    "pair": ((1, 2.5), [1, 2.5]),
    "ordered": (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    "counted": (Counter("aab"), {"a": 2, "b": 1}),
    "view": (MappingProxyType({"a": [np.int8(1)]}), {"a": [1]}),
}
WRONG: dict[str, tuple[Any, str]] = {
    "array": ({"options": {"rates": np.ones(2)}}, "metadata.options.rates"),
    "set": ({"tags": {"a"}}, "metadata.tags"),
    "bytes": ({"tags": ["a", b"b"]}, r"metadata\.tags\[1\]"),
    "date": ({"at": np.datetime64("2026-01-01")}, "metadata.at"),
    "long number": ({"rate": np.longdouble("0.1")}, "metadata.rate"),
    "infinity": ({"loss": np.float32(np.inf)}, "metadata.loss"),
    "large": ({"a": [{"b": 2**53}]}, r"metadata\.a\[0\]\.b"),
    "surrogate": ({"name": "\ud800"}, "metadata.name"),
    "number as a name": ({"epochs": {1: 0.5}}, "metadata.epochs"),
    "list": ([1], "metadata"),
}


@pytest.mark.parametrize("door", DOORS)
def test_what_is_meant_is_stored(door: Callable[[MemoryStore, Any], None]) -> None:
    """Subclasses of Python's types and scalars of numpy are stored as the values that they are."""
    store = MemoryStore("memory://run")

    door(store, {name: given for name, (given, _) in MEANT.items()})

    found = json.loads(bytes(store.get("latest.json")))["metadata"]
    assert found == {name: meant for name, (_, meant) in MEANT.items()}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name: str, door: Callable[[MemoryStore, Any], None]) -> None:
    """Metadata that cannot be stored is refused, the member named, before anything is committed."""
    store, (metadata, member) = MemoryStore("memory://run"), WRONG[name]

    with pytest.raises(embzarr.InvalidInputError, match=f"^{member}: expected ") as caught:
        door(store, metadata)

    assert caught.value.code == "input-argument"
    commits = [key for key in keys_of(store) if key.startswith("commits/")]
    assert len(commits) == (door in {saved_as_a_delta, saved_as_a_full_step})  # the base


def test_nothing_is_written_of_what_is_refused() -> None:
    """A save whose metadata is refused has not written one object."""
    for door in (saved, saved_in_background, streamed):
        store = MemoryStore("memory://run")
        with pytest.raises(embzarr.InvalidInputError):
            door(store, {"loss": object()})
        assert keys_of(store) == []


def test_a_save_in_the_background_refuses_at_once() -> None:
    """Metadata is checked by the call, and not by the future that nobody may ever ask."""
    with embzarr.Run(MemoryStore("memory://run")) as run, pytest.raises(embzarr.InvalidInputError):
        run.save_async(WORDS, VECTORS, metadata={"loss": float("nan")})


def test_what_the_caller_changes_afterwards_is_not_stored() -> None:
    """A save in the background stores metadata as they were when it was called, at every depth."""
    store, losses = Waiting(MemoryStore("memory://run")), [0.5]
    with embzarr.Run(store) as run:
        saving = run.save_async(WORDS, VECTORS, metadata={"losses": losses})
        losses.append(0.25)
        store.may_commit.set()

    assert saving.result().metadata == {"losses": [0.5]}


def test_metadata_may_be_as_deep_as_documents_and_no_deeper() -> None:
    """The deepest metadata that a reader takes is stored, and one level more is refused."""
    deep: list[Any] = []
    for _ in range(29):
        deep = [deep]

    saved(MemoryStore("memory://run"), {"deep": deep})
    with pytest.raises(embzarr.InvalidInputError, match="levels"):
        saved(MemoryStore("memory://run"), {"deep": [deep]})


def keys_of(store: MemoryStore) -> list[str]:
    """Return the keys of all objects."""
    return sorted(info.key for info in store.list(""))
