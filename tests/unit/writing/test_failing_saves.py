"""A save that fails takes back what it has stored, or tells what is left; wherever it fails."""

from __future__ import annotations

import itertools
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import pytest

import embzarr
from embzarr._format import chunk_coding, digests, lookups, manifests, zarr_json
from embzarr._storage.backends.memory import MemoryStore
from embzarr._writing.layers import array, conversion
from faults.crashing import unnamed
from faulty import PassThrough

if TYPE_CHECKING:
    from embzarr._storage.port import Body, Data, ObjectInfo

R = TypeVar("R")
Fault = Literal["not-sent", "answer-lost", "not of a kind that is known"]

WORDS = ["king", "queen", "猫", "man", "woman"]
VECTORS = np.arange(10, dtype=np.float32).reshape(5, 2)


class Failing(PassThrough):
    """A store one request of which fails: number `at` of those sent since it was told."""

    def __init__(self, store: MemoryStore, fault: Fault = "not-sent") -> None:
        super().__init__(store)
        self._lock = threading.Lock()
        self._fault = fault
        self._count = itertools.count()
        self.at = -1
        self.error: Exception | None = None
        self.refuses_removals = False

    def fail_at(self, number: int) -> None:
        """Fail at the request of that number from now on."""
        self._count, self.at = itertools.count(), number

    def get(self, key: str) -> Data:
        """Read."""
        return self._ask(lambda: super(Failing, self).get(key))

    def get_range(self, key: str, start: int, length: int) -> Data:
        """Read a part."""
        return self._ask(lambda: super(Failing, self).get_range(key, start, length))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """List."""
        return self._ask(lambda: super(Failing, self).list(prefix))

    def put(self, key: str, data: Body) -> None:
        """Write."""
        self._ask(lambda: super(Failing, self).put(key, data))

    def create(self, key: str, data: Body) -> None:
        """Create."""
        self._ask(lambda: super(Failing, self).create(key, data))

    def delete(self, key: str) -> None:
        """Remove; a store that refuses it does so each time."""
        if self.refuses_removals:
            raise embzarr.AccessDeniedError("access-denied", f"{key}: may not be removed")
        super().delete(key)

    def _ask(self, request: Callable[[], R]) -> R:
        with self._lock:
            is_now = next(self._count) == self.at
        if not is_now:
            return request()
        kind = RuntimeError if self._fault.startswith("not of") else _failed
        self.error = kind("injected")
        if self._fault == "answer-lost":
            with suppress(embzarr.EmbzarrError):
                request()
        raise self.error


def _failed(message: str) -> embzarr.StoreError:
    return embzarr.StoreError("store-failed", message)


def save(store: object) -> None:
    """Save a matrix."""
    counts = np.arange(5)
    embzarr.save(store, WORDS, VECTORS, counts=counts, placement="hash:2", compression="lz4")


def save_async(store: object) -> None:
    """Save a matrix in the background."""
    with embzarr.Run(store) as run:
        run.save_async(WORDS, VECTORS).result()


def save_delta(store: object) -> None:
    """Save a changed row and a new word."""
    policy = embzarr.DeltaPolicy(max_share=100)
    values: dict[str, Any] = {"vectors": np.ones((2, 2), np.float32), "counts": [7, 8]}
    embzarr.Run(store).save_delta([0, 5], values, words=["new"], lossy="int8", policy=policy)


def save_full(store: object) -> None:
    """Save a changed row where no delta may be."""
    policy = embzarr.DeltaPolicy(max_deltas=0)
    embzarr.Run(store).save_delta([0], VECTORS[:1], policy=policy)


def stream(store: object) -> None:
    """Save block by block."""
    with embzarr.create(store, 2) as writer:
        for row, word in enumerate(WORDS):
            writer.append([word], VECTORS[row : row + 1])


def compact(store: object) -> None:
    """Make a chain of deltas a full step."""
    embzarr.Run(store).compact()


DOORS: dict[Callable[[object], None], tuple[Callable[[object], None], ...]] = {
    save: (),
    save_async: (save,),
    save_delta: (save,),
    save_full: (save,),
    stream: (save,),
    compact: (save, save_delta),
}
"""What writes, and what is there before."""


def begun(door: Callable[[object], None]) -> MemoryStore:
    """Return a store on which a door can be tried."""
    store = MemoryStore("memory://failing")
    for key, data in objects_before(door).items():
        store.put(key, data)
    return store


@cache
def objects_before(door: Callable[[object], None]) -> dict[str, bytes]:
    """Return what stands before a door is tried."""
    store = MemoryStore("memory://failing")
    for act in DOORS[door]:
        act(store)
    return objects_of(store)


def raised_by(door: Callable[[object], None], store: object) -> Exception | None:
    """Return what a door raises."""
    try:
        door(store)
    except Exception as exc:  # noqa: BLE001 - whichever it is
        return exc
    return None


def left_by(store: MemoryStore) -> set[str]:
    """Return what no commit names."""
    return unnamed(objects_of(store))


def objects_of(store: MemoryStore) -> dict[str, bytes]:
    """Return all objects."""
    return {info.key: bytes(store.get(info.key)) for info in store.list("")}


@pytest.mark.parametrize("fault", ["not-sent", "answer-lost", "not of a kind that is known"])
@pytest.mark.parametrize("door", DOORS)
def test_whatever_request_fails_nothing_is_left_or_it_is_told(
    door: Callable[[object], None], fault: Fault
) -> None:
    """The first cause is raised, and either nothing of the write is left or a note tells where."""
    for number in range(200):
        store = begun(door)
        failing = Failing(store, fault)
        failing.fail_at(number)
        raised = raised_by(door, failing)
        left = left_by(store)
        assert raised is None or raised is failing.error, number
        assert left == set() or told_of(left, raised), (number, left)
        if failing.error is None:
            break
    assert number > 5


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (chunk_coding, "encode_shard"),
        (chunk_coding, "choose"),
        (lookups, "encode"),
        (zarr_json, "layer_documents"),
        (manifests, "encode"),
        (digests, "sha256_of"),
        (array, "digest_of"),
        (conversion.Conversion, "stored"),
    ],
)
@pytest.mark.parametrize("door", DOORS)
def test_whatever_cannot_be_encoded_nothing_is_left(
    door: Callable[[object], None], module: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step that makes bytes may fail at each of its calls; the error is that of the step."""
    for number in range(200):
        store, count, real, error = begun(door), itertools.count(), getattr(module, name), None

        def fail(*args: Any, **settings: Any) -> Any:
            nonlocal error
            if next(count) == number:  # noqa: B023 - called in this round
                error = MemoryError("injected")
                raise error
            return real(*args, **settings)  # noqa: B023 - as above

        with monkeypatch.context() as patch:
            patch.setattr(module, name, fail)
            assert raised_by(door, store) is error, number
        assert left_by(store) == set(), number
        if error is None:
            break


@pytest.mark.parametrize("door", DOORS)
def test_what_cannot_be_removed_is_told(door: Callable[[object], None]) -> None:
    """Where the store refuses removals, the error names the folder, and survives a pickle so."""
    store = begun(door)
    failing = Failing(store)
    failing.refuses_removals = True
    for number in range(100):
        failing.fail_at(number)
        with pytest.raises(embzarr.EmbzarrError) as caught:
            door(failing)
        left = left_by(store)
        if left:
            break

    assert caught.value is failing.error
    assert told_of(left, caught.value)
    sent = pickle.dumps(caught.value)
    assert told_of(left, pickle.loads(sent))  # noqa: S301 - our own


@pytest.mark.parametrize("door", [save_delta, save_full, compact])
def test_a_write_that_came_too_late_takes_itself_back(door: Callable[[object], None]) -> None:
    """A delta that another commit came before is told, and leaves nothing behind."""
    store = begun(door)

    class Overtaken(PassThrough):
        def create(self, key: str, data: Body) -> None:
            """Let another one commit first."""
            if key.startswith("commits/") and not overtaken:
                overtaken.append(key)
                save(store)
            super().create(key, data)

    overtaken: list[str] = []
    with pytest.raises(embzarr.ConflictError) as caught:
        door(Overtaken(store))

    assert caught.value.code == "commit-superseded"
    assert overtaken
    assert left_by(store) == set()


def test_a_garbage_collection_removes_what_was_left() -> None:
    """What a failed save could not take back is gone after the next collection."""
    store = begun(save_delta)
    failing = Failing(store)
    failing.refuses_removals = True
    failing.fail_at(8)
    with pytest.raises(embzarr.StoreError):
        save_delta(failing)
    assert left_by(store)

    embzarr.Run(store).gc(older_than=0)

    assert left_by(store) == set()


def told_of(left: set[str], exc: BaseException | None) -> bool:
    """Tell whether a note of an error names the folder of all that is left."""
    (folder,) = {"/".join(key.split("/")[:2]) for key in left}
    return any(folder in note for note in getattr(exc, "__notes__", ()))
