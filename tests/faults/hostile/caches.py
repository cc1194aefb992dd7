"""Kept corpora that are cut, changed, forged or replaced by what is no file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

Spoil = Callable[[Path], object]
FILES = ("ids", "starts", "counts", "words.json")
INDEX = "corpus.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """One way to spoil the folder of a corpus."""

    kind: str
    name: str
    spoil: Spoil


def caches() -> Iterator[Cache]:
    """Yield every way."""
    for kind, make in (
        ("corpora that are damaged", _damaged),
        ("corpora with a forged index", _indexes),
        ("corpora that lie consistently", _lies),
        ("corpora of links, pipes and holes", _places),
    ):
        for name, spoil in make():
            yield Cache(kind=kind, name=name, spoil=spoil)


def _damaged() -> Iterator[tuple[str, Spoil]]:
    changes: dict[str, Callable[[bytes], bytes]] = {
        "empty": lambda _: b"",
        "half": lambda data: data[: len(data) // 2],
        "a byte short": lambda data: data[:-1],
        "a byte longer": lambda data: data + b"\0",
        "a bit flipped": lambda data: bytes([data[0] ^ 1]) + data[1:],
        "zeros": lambda data: bytes(len(data)),
    }
    for file in (*FILES, INDEX):
        for name, change in changes.items():
            yield f"{file} {name}", partial(_rewrite, file=file, change=change)
        yield f"{file} missing", partial(lambda entry, file: (entry / file).unlink(), file=file)


def _rewrite(entry: Path, *, file: str, change: Callable[[bytes], bytes]) -> None:
    path = entry / file
    path.write_bytes(change(path.read_bytes()))


def _indexes() -> Iterator[tuple[str, Spoil]]:
    for name, text in {
        "null": b"null", "a list": b"[]", "a number": b"1", "an empty object": b"{}",
        "deep": b"[" * 100_000, "deep in a member": b'{"files":' * 100_000,
        "a number of digits": b'{"raw_words":' + b"9" * 100_000 + b"}",
        "no UTF-8": b'{"name":"\xff"}', "megabytes": b" " * 2**23,
    }.items():  # fmt: skip
        yield name, partial(_rewrite, file=INDEX, change=partial(lambda _, text: text, text=text))
    for member, value in (
        ("files", {}), ("files", []), ("files", None), ("files", "ids"), ("files", {"ids": None}),
        ("files", {"/dev/zero": {"size": 1, "sha256": ""}}), ("files", {"../../x": "0" * 64}),
        ("name", "0" * 64), ("name", None), ("name", ".."), ("raw_words", -1),
        ("raw_words", 2**62), ("raw_words", "3"), ("raw_words", None), ("raw_words", True),
        ("raw_words", 0), ("invalid", -1), ("invalid", 2**62), ("invalid", 0.5), ("unknown", 1),
    ):  # fmt: skip
        change = partial(_with_member, member=member, value=value)
        yield f"{member} {value!r:.30}", partial(_rewrite, file=INDEX, change=change)
    for file in FILES:
        for size in (-1, 0, 2**40, 2**63, "1", None):
            yield f"{size} bytes of {file}", partial(_resized, file=file, size=size)


def _with_member(data: bytes, *, member: str, value: Any) -> bytes:
    return json.dumps(json.loads(data) | {member: value}).encode()


def _resized(entry: Path, *, file: str, size: Any) -> None:
    index = json.loads((entry / INDEX).read_bytes())
    index["files"][file]["size"] = size
    (entry / INDEX).write_text(json.dumps(index))


def _lies() -> Iterator[tuple[str, Spoil]]:
    """Yield other contents with sizes and digests that are right."""
    for value in (-1, 6, 2**31 - 1, -(2**31)):
        yield f"word id {value}", partial(_forge, file="ids", change=_put(0, value))
        yield f"last word id {value}", partial(_forge, file="ids", change=_put(-1, value))
    yield "ids in another order", partial(_forge, file="ids", change=lambda ids: ids[:0:-1])
    yield "one word over and over", partial(_forge, file="ids", change=np.zeros_like)
    for at, value in (
        (0, 1), (0, -1), (1, 0), (1, -(2**63)), (1, 2**63 - 1), (-1, 0), (-1, 2**40), (-1, 361),
        (2, 1), (2, 2**62),
    ):  # fmt: skip
        yield f"start[{at}] {value}", partial(_forge, file="starts", change=_put(at, value))
    for at, value in ((0, 0), (0, -1), (0, 2**62), (-1, -(2**63)), (-1, 39)):
        yield f"count[{at}] {value}", partial(_forge, file="counts", change=_put(at, value))
    for file in ("starts", "counts", "ids"):
        yield f"no {file}", partial(_forge, file=file, change=lambda array: array[:0])
        yield f"half the {file}", partial(_forge, file=file, change=lambda a: a[: len(a) // 2])
        yield f"twice the {file}", partial(_forge, file=file, change=lambda a: np.append(a, a))
        yield f"{file} a byte short", partial(_forge, file=file, change=lambda a: a.view("u1")[1:])
    for name, words in {
        "of numbers": [1, 2, 3, 4, 5, 6], "none": [],
        "one less": ["the", "of", "king", "queen", "kin"],
        "one twice": ["the", "of", "king", "queen", "kin", "kin"], "an object": {"the": 0},
        "in lists": [["the"], "of", "king", "queen", "kin", "zebra"], "a text": "the of king",
        "one more": ["the", "of", "king", "queen", "kin", "zebra", "more"],
    }.items():  # fmt: skip
        data = np.frombuffer(json.dumps(words).encode(), "u1")
        yield f"words: {name}", partial(_forge, file="words.json", change=partial(_given, data))
    for name, text in {"deep": b"[" * 5000, "surrogates": b'["\\udc00"]'}.items():
        data = np.frombuffer(text, "u1")
        yield f"words: {name}", partial(_forge, file="words.json", change=partial(_given, data))


def _given(data: Any, _: Any) -> Any:
    return data


def _put(at: int, value: int) -> Callable[[Any], Any]:
    def change(array: Any) -> Any:
        other = array.copy()
        other[at] = value
        return other

    return change


def _forge(entry: Path, *, file: str, change: Callable[[Any], Any]) -> None:
    dtype = {"ids": "<i4", "words.json": "u1"}.get(file, "<i8")
    data = change(np.frombuffer((entry / file).read_bytes(), dtype)).tobytes()
    (entry / file).write_bytes(data)
    index = json.loads((entry / INDEX).read_bytes())
    index["files"][file] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (entry / INDEX).write_text(json.dumps(index))


def _places() -> Iterator[tuple[str, Spoil]]:
    for file in (*FILES, INDEX):
        for name, make in {
            "a link to its like": _link_to_its_like,
            "a link to a device": lambda path: path.symlink_to("/dev/zero"),
            "a link to nothing": lambda path: path.symlink_to("nothing"),
            "a link to itself": lambda path: path.symlink_to(path.name),
            "a named pipe": os.mkfifo,
            "a folder": Path.mkdir,
        }.items():
            yield f"{file} {name}", partial(_replace, file=file, make=make)
    for file in FILES:
        yield f"{file} of terabytes", partial(_holes, file=file)
    yield "the folder is a link", _link_folder
    yield "the folder is a file", _file_for_folder
    yield "another corpus under this name", _other_name


def _replace(entry: Path, *, file: str, make: Callable[[Path], object]) -> None:
    path = entry / file
    path.rename(entry.parent.parent / f"moved-{file}")
    make(path)


def _link_to_its_like(path: Path) -> None:
    path.symlink_to(path.parent.parent.parent / f"moved-{path.name}")


def _holes(entry: Path, *, file: str) -> None:
    """Make a file of 4 TiB that holds nothing, its size told rightly."""
    with (entry / file).open("r+b") as stream:
        stream.truncate(2**42)
    _resized(entry, file=file, size=2**42)


def _link_folder(entry: Path) -> None:
    entry.rename(entry.parent.parent / "moved")
    entry.symlink_to(entry.parent.parent / "moved", target_is_directory=True)


def _file_for_folder(entry: Path) -> None:
    entry.rename(entry.parent.parent / "moved")
    entry.touch()


def _other_name(entry: Path) -> None:
    """Put a corpus there that is sound, but of other text, and says so."""
    index = json.loads((entry / INDEX).read_bytes())
    (entry / INDEX).write_text(json.dumps(index | {"name": "f" * 64}))
