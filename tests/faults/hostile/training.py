"""Checkpoints that an enemy wrote for a trainer to go on from, every digest and checksum right."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numcodecs import zstd  # type: ignore[import-untyped]

from embzarr_tools.fixtures._plain import Objects, PlainArray
from embzarr_tools.fixtures._plain_commit import commit, following
from embzarr_tools.fixtures._samples import plain_delta, plain_store
from embzarr_trainer import MODEL

TEXT = "the of king queen kin zebra the of king\n" * 40
"""Of words that `plain_store` has."""
SETTINGS: Mapping[str, Any] = {
    "vector_size": 2,
    "negative": 2,
    "epochs": 2,
    "min_count": 1,
    "workers": 1,
    "patience": 0.0,
}
_STEP = 7
"""Of `plain_store`."""

Arrays = dict[str, Any]
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One run, and how training is asked to begin from it."""

    kind: str
    name: str
    objects: Objects
    text: str = TEXT
    init: bool = False
    """Whether it is not to be resumed, but to give the first vectors."""


def sound_record(text: str = TEXT) -> dict[str, Any]:
    """Return what the trainer says of a schedule that was just begun, after other text."""
    words = len(text.split())
    return {
        "model": MODEL,
        "options": {
            "vector_size": 2, "window": 5, "negative": 2, "sg": True, "epochs": 2, "min_count": 1,
            "max_vocab": None, "sample": 1e-3, "alpha": 0.025, "min_alpha": 1e-4, "workers": 1,
            "seed": 1, "unicode_errors": "strict", "tokenizer": "words",
        },
        "turns": 0,
        "words_total": 2 * words,
        "base_words": _STEP,
        "metrics": {
            "step": _STEP, "words": 0, "epoch": 0.0, "loss": 0.5, "alpha": 0.025,
            "words_per_second": 1000.5, "seconds": 0.25,
        },
        "corpus": {
            "sha256": hashlib.sha256(text.encode() + b"\0").hexdigest(), "words": words,
            "cut_sha256": cut_of(text),
            "vocabulary_words": words, "sentences": text.count("\n"), "invalid_utf8": 0,
        },
    }  # fmt: skip


def cut_of(text: str) -> str:
    """Digest the words of a text, the commonest first, their ids, and where its lines start."""
    lines = [line.split() for line in text.splitlines()]
    words = [word for word, _ in Counter(text.split()).most_common()]
    ids = np.array([words.index(word) for line in lines for word in line], "<i4")
    starts = np.cumsum([0, *map(len, lines)]).astype("<i8")
    told = json.dumps(words, ensure_ascii=False, separators=(",", ":")).encode()
    return hashlib.sha256(told + ids.tobytes() + starts.tobytes()).hexdigest()


def sound_arrays() -> Arrays:
    """Return the three columns of ten words."""
    vectors = plain_store().arrays["vectors"].data
    return {"vectors": vectors, "counts": np.full(10, 1000, "<i8"), "context": vectors / 2}


def run(arrays: Arrays, metadata: Mapping[str, Any]) -> Objects:
    """Return a run with one commit."""
    store = plain_store()
    for name, data in arrays.items():
        store.arrays[name] = PlainArray(data=data, chunk=2, shard=8)
    store.columns = list(arrays)
    store.metadata = dict(metadata)
    return commit(store)


def sound(text: str = TEXT) -> Objects:
    """Return a run that can be gone on with."""
    return run(sound_arrays(), {"trainer": sound_record(text)})


def states() -> Iterator[State]:
    """Yield every hostile run."""
    for kind, make in _KINDS.items():
        for name, objects in make():
            yield State(kind=kind, name=name, objects=objects)
    yield State(
        kind="columns that contradict the text",
        name="no row for a word of the very text",
        objects=sound(f"{TEXT}extra\n"),
        text=f"{TEXT}extra\n",
    )
    for name, objects in _first_vectors():
        yield State(kind="first vectors", name=name, objects=objects, init=True)


Cases = Iterator[tuple[str, Objects]]

_NO_COUNT = (-1, 2**53 - 1, 2**53, 2**63, 10**30, True, 1.5, "3", None, [3], {"x": 3})
_NO_NUMBER = (-0.5, 1e308, True, "0.5", None, [0.5], {"x": 0.5})
_NO_TEXT = (0, True, None, "x" * 100_000, ["strict"], {"x": "strict"}, "\0", "")
_LEGAL = {
    ("options", "max_vocab", None), ("options", "tokenizer", ""), ("options", "tokenizer", "\0"),
    ("metrics", "epoch", 1e308), ("metrics", "words_per_second", 1e308),
    ("metrics", "seconds", 1e308), ("metrics", "loss", -0.5), ("metrics", "loss", 1e308),
    ("words", 2**53 - 1), ("vocabulary_words", 2**53 - 1), ("sentences", 2**53 - 1),
    ("invalid_utf8", 2**53 - 1), ("options", "workers", 1),
}  # fmt: skip


def _members(value: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    """Yield the paths of all members, objects before what is in them."""
    for name, inner in value.items():
        yield (*path, name)
        if isinstance(inner, dict):
            yield from _members(inner, (*path, name))


def _changed(path: Path, change: Callable[[dict[str, Any], str], object]) -> Objects:
    record = sound_record()
    place = record
    for name in path[:-1]:
        place = place[name]
    change(place, path[-1])
    return run(sound_arrays(), {"trainer": record})


def _wrong_values(path: Path) -> Iterator[Any]:
    value: Any = sound_record()
    for name in path:
        value = value[name]
    if isinstance(value, bool):
        values: tuple[Any, ...] = (1, 0, None, "true", [True])
    elif isinstance(value, dict):
        values = (None, True, 3, "x", [], [value], {}, value | {"unknown": 1})
    elif isinstance(value, str):
        values = _NO_TEXT
    else:
        values = _NO_NUMBER if isinstance(value, float) else _NO_COUNT
    for wrong in values:
        if not any(
            (*path[-len(way) :], repr(wrong)) == (*way, repr(value)) for *way, value in _LEGAL
        ):
            yield wrong


def _missing() -> Cases:
    for path in _members(sound_record()):
        yield ".".join(path), _changed(path, lambda place, name: place.pop(name))


def _types() -> Cases:
    for path in _members(sound_record()):
        for wrong in _wrong_values(path):
            yield (
                f"{'.'.join(path)} {wrong!r:.40}",
                _changed(
                    path,
                    lambda place, name, wrong=wrong: place.update({name: wrong}),  # type: ignore[misc]
                ),
            )


def _nesting() -> Cases:
    trainer: Any
    for name, trainer in {
        "null": None, "a list": [], "a text": MODEL, "a number": 1, "empty": {},
        "the model alone": {"model": MODEL},
        "in itself": {"model": MODEL, "trainer": sound_record()},
        "another model": sound_record() | {"model": "glove"},
        "a list of models": sound_record() | {"model": [MODEL]},
        "a member too many": sound_record() | {"optimizer": {"name": "adam"}},
        "a megabyte": sound_record() | {"turns": "9" * 2**20},
        "a hundred thousand members": sound_record()
        | {"options": dict.fromkeys(map(str, range(10**5)))},
    }.items():  # fmt: skip
        yield name, run(sound_arrays(), {"trainer": trainer})
    yield "no trainer", run(sound_arrays(), {})
    yield "another's", run(sound_arrays(), {"model": MODEL, "options": sound_record()["options"]})


def _columns() -> Cases:
    for name in ("context", "counts"):
        yield f"without {name}", _with_columns({name: None})
    yield "vectors alone", _with_columns({"context": None, "counts": None})
    for dim in (1, 3, 16, 5000):
        yield f"context of {dim}", _with_columns({"context": np.zeros((10, dim), "<f4")})
        yield f"vectors of {dim}", _with_columns({"vectors": np.zeros((10, dim), "<f4")})
        wide = np.zeros((10, dim), "<f4")
        yield f"both of {dim}", _with_columns({"vectors": wide, "context": wide})
    for shape in ((10,), (10, 2, 1), (10, 1, 2)):
        yield f"context {shape}", _with_columns({"context": np.zeros(shape, "<f4")})
    for width in (1, 2):
        yield f"counts of {width}", _with_columns({"counts": np.ones((10, width), "<i8")})
    for name in sound_arrays():
        yield f"{name} of 160 MiB, packed", _bomb(name)


def _dtypes() -> Cases:
    vectors, counts, context = sound_arrays().values()
    for dtype in ("<f2", "<f8"):
        yield f"vectors {dtype}", _with_columns({"vectors": vectors.astype(dtype)})
    for dtype in ("<f2", "<f8", "<i4", "<u8", "|i1", "|b1"):
        yield f"context {dtype}", _with_columns({"context": context.astype(dtype)})
    for dtype in ("<f2", "<f4", "<f8", "<i4", "<u8", "|i1", "|b1"):
        yield f"counts {dtype}", _with_columns({"counts": counts.astype(dtype)})


def _bomb(name: str) -> Objects:
    """Return a run of which one column is 10,000 times larger than it is stored."""
    store = plain_store()
    for column, data in sound_arrays().items():
        store.arrays[column] = PlainArray(data=data, chunk=2, shard=8)
    store.arrays[name] = PlainArray(
        data=np.broadcast_to(np.zeros(1, "<f4"), (10, 2**22)),
        chunk=1,
        shard=16,
        codec={"name": "zstd", "level": 1},
        compress=lambda raw: bytes(zstd.compress(raw, 1)),
    )
    store.columns, store.metadata = list(sound_arrays()), {"trainer": sound_record()}
    return commit(store)


def _values() -> Cases:
    for (name, data), value, row in itertools.product(
        sound_arrays().items(), (np.nan, np.inf, -np.inf), (0, 9)
    ):
        if name != "counts":
            wrong = data.copy()
            wrong[row, 1] = value
            yield f"{name} {value} in row {row}", _with_columns({name: wrong})
    for value in (0, -1, -(2**63), 2**62, 2**63 - 1, 2**53):
        for row in (0, 5, 9):
            counts = sound_arrays()["counts"]
            counts[row] = value
            yield f"{value} counts of row {row}", _with_columns({"counts": counts})


def _with_columns(changes: Mapping[str, Any]) -> Objects:
    arrays = {**sound_arrays(), **changes}
    arrays = {name: data for name, data in arrays.items() if data is not None}
    return run(arrays, {"trainer": sound_record()})


def _elsewhere() -> Cases:
    for step in (0, 6, 8, 2**53 - 1):
        store = plain_store()
        record = sound_record()
        for name, data in sound_arrays().items():
            store.arrays[name] = PlainArray(data=data, chunk=2, shard=8)
        store.columns, store.step, store.metadata = list(sound_arrays()), step, {"trainer": record}
        yield f"step {step}", commit(store)
    for path, value in (
        (("turns",), 1), (("turns",), 2**40), (("words_total",), 1), (("words_total",), 2**40),
        (("base_words",), 0), (("base_words",), 8), (("metrics", "words"), 1),
        (("metrics", "step"), 8), (("options", "sg"), False), (("options", "window"), 6),
        (("options", "negative"), 63), (("options", "vector_size"), 4096),
        (("options", "seed"), 2), (("options", "epochs"), 100_000),
        (("corpus", "sha256"), "0" * 64),
    ):  # fmt: skip
        yield (
            f"{path[-1]} {value}",
            _changed(
                path,
                lambda place, name, value=value: place.update({name: value}),  # type: ignore[misc]
            ),
        )


def _chains() -> Cases:
    """A delta upon a base without the trainer's columns, and one that brings those alone."""
    for names in (["vectors"], ["vectors", "context"], ["vectors", "counts"]):
        below = plain_store()
        for name in names:
            below.arrays[name] = PlainArray(data=sound_arrays()[name], chunk=2, shard=8)
        below.columns, below.metadata = names, {"trainer": sound_record()}
        objects = commit(below)
        delta = following(plain_delta(below), objects)
        delta.metadata = {"trainer": json.loads(json.dumps(sound_record()))}
        for name in ("context", "counts"):
            brought = copy.deepcopy(delta)
            brought.arrays[name] = PlainArray(data=sound_arrays()[name][:6], chunk=2, shard=8)
            brought.arrays[f"rows/{name}"] = delta.arrays["rows/vectors"]
            brought.columns = ["vectors", name]
            yield f"{name} upon {' and '.join(names)}", objects | commit(brought)


def _first_vectors() -> Cases:
    nan = sound_arrays()["vectors"].copy()
    nan[2, 1] = np.nan
    huge = sound_arrays()["vectors"].astype("<f8")
    huge[2, 1] = 1e300
    yield "NaN among them", _with_columns({"vectors": nan})
    yield "too large for float32", _with_columns({"vectors": huge})
    yield "NaN in the context", _with_columns({"context": nan})
    yield "of three numbers", _with_columns({"vectors": np.zeros((10, 3), "<f4")})


_KINDS: Mapping[str, Callable[[], Cases]] = {
    "members that are missing": _missing,
    "members of other types and beyond bounds": _types,
    "metadata that is not the trainer's": _nesting,
    "columns missing and of other shapes": _columns,
    "columns of other data types": _dtypes,
    "numbers that cannot be": _values,
    "numbers from elsewhere": _elsewhere,
    "deltas upon a base that lacks a column": _chains,
}
