"""Stores whose texts are aimed at whoever reads them on a terminal, in every member that can."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import embzarr
from embzarr_tools.fixtures._plain import Objects, sha256
from embzarr_tools.fixtures._plain_commit import commit, tag
from embzarr_tools.fixtures._samples import plain_model
from faults.hostile.register import KEY, LAYER, VECTORS, changed, sound

TEXTS = {
    "colour": "\x1b[31mred",
    "title and link": "\x1b]0;title\x07\x1b]8;;file:///x\x1b\\here\x1b]8;;\x1b\\",
    "clear and home": "\x1b[2J\x1b[H\x1bc",
    "C1": "\x9b31m\x9d0;title\x9c\x85",
    "back and over": "safe\b\b\b\bevil\rgone\x7f\x00",
    "lines and columns": "a\tb\nc\r\nd\x0be\x0cf",
    "other lines": "a\u2028b\u2029c\x85d\x1ce",
    "right to left": "\u202egnp.exe\u202c",
    "isolates": "\u2066\u2067\u2068x\u2069",
    "marks": "a\u200eb\u200fc\u061cd",
    "nothing": "a\u200bb\u2060c\ufeffd\xade\u180ef",
    "tags": "a\U000e0041\U000e0042\U000e007f",
    "unassigned and private": "\u0378\ue000\U0010ffff\ufffe",
    "blanks": "a\xa0b\u3000c\u2003d",
    "rich's markup": "[red]x[/red] [link=file:///etc/passwd]y[/link] [/] [bold",
    "emoji codes": ":smile: :warning:",
    "mathtext": "$\\frac{1}{$ _hidden \\x1b[31m",
    "markup": "<b>&amp;</b><!-- --></script><script>x()</script>",
    "many": "\x1b[31m" * 3000,
    "Chinese": "猫 和 狗",
}
"""Each is a word, a name or a value somewhere; the last is harmless and must stay readable."""

MEMBERS = {
    "manifest " + "/".join(map(str, path)): path
    for path in (
        ("format",), ("store",), ("write_id",), ("kind",), ("created",), ("writer",),
        (*LAYER, "kind"), (*LAYER, "path"), (*LAYER, "placement", "kind"), (*LAYER, "columns", 0),
        (*LAYER, "fences", 1), (*VECTORS, "dtype"), (*VECTORS, "codec", "name"),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaking:
    """One store."""

    name: str
    text: str
    objects: Objects
    metadata: bool = False
    """Whether a sound store holds the text in its words and metadata."""


def cases() -> Iterator[Speaking]:
    """Yield a store for each text and each place that can hold it."""
    for name, text in TEXTS.items():
        yield Speaking(name=f"{name} in words", text=text, objects=_saved(text), metadata=True)
        for place, make in _places().items():
            yield Speaking(name=f"{name} in {place}", text=text, objects=make(text))


def _places() -> dict[str, Callable[[str], Objects]]:
    def member(path: tuple[str | int, ...]) -> Callable[[str], Objects]:
        return lambda text: changed(path, text)

    return {
        **{place: member(path) for place, path in MEMBERS.items()},
        "an unknown member": lambda text: changed((text,), {"must_understand": True}),
        "an object's key": _key,
        "a column's name": _column,
        "a tensor's name": _tensor,
        "a tensor's type": lambda text: _contents("tensors", "bias", type=text),
        "a tensor's array": lambda text: _contents("tensors", "bias", array=text),
        "a file's media type": lambda text: _contents("files", "note.txt", media_type=text),
        "a file's digest": lambda text: _contents("files", "note.txt", sha256=text),
        "a tag": lambda text: {**sound(), "tags/best.json": _json({"target": text, text: 1})},
        "a tag's member": _tag_member,
        "a layer's member": lambda text: changed((*LAYER, "placement", text), 1),
        "a tag's name": _tag_name,
        "the hint": lambda text: {**sound(), "latest.json": _json({text: text})},
        "the root": lambda text: {**sound(), "zarr.json": _json({text: text})},
        "a quarantine record": _quarantine,
        "a collection": _collection,
        "no JSON": lambda text: {**sound(), KEY: text.encode()},
    }


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()


def _key(text: str) -> Objects:
    found = {"steps/x/" + text: {"size": 1, "sha256": "0" * 64}}
    return changed((*LAYER, "objects"), found)


def _column(text: str) -> Objects:
    document = json.loads(sound()[KEY])
    layer = document["layers"][0]
    layer["columns"].append(text)
    layer["arrays"][text] = layer["arrays"]["vectors"]
    return {**sound(), KEY: _json(document)}


def _tensor(text: str) -> Objects:
    """Return a store of a tensor whose bytes another one claims."""

    def change(manifest: dict[str, Any]) -> None:
        tensors = manifest["layers"][0]["tensors"]
        tensors[text[:300]] = tensors["bias"]

    return commit(plain_model(), members=change)


def _contents(kind: str, name: str, **members: object) -> Objects:
    """Return a store of tensors and a file, one of which is said to be something else."""

    def change(manifest: dict[str, Any]) -> None:
        manifest["layers"][0][kind][name].update(members)

    return commit(plain_model(), members=change)


def _tag_name(text: str) -> Objects:
    name = text.replace("/", "").replace("\x00", "")[:60]
    return {**sound(), f"tags/{name}.json": tag(1, sha256(sound()[KEY]))}


def _tag_member(text: str) -> Objects:
    document = json.loads(tag(1, sha256(sound()[KEY])))
    return {**sound(), "tags/best.json": _json({**document, text: 1})}


def _quarantine(text: str) -> Objects:
    record = {
        "format": "embzarr", "version": 1, "commit": 1, "sha256": sha256(sound()[KEY]),
        "created": "2026-01-01T00:00:00Z", "writer": text[:200],
        "faults": [{"code": text, "key": text}],
    }  # fmt: skip
    return {**sound(), "quarantine/00000000000000000001.json": _json(record)}


def _collection(text: str) -> Objects:
    second = KEY.replace("1.json", "2.json")
    parent = {"commit": 1, "sha256": sha256(sound()[KEY])}
    document = {
        "format": "embzarr", "version": 1, "commit": 2, "kind": "collection", "parent": parent,
        "store": json.loads(sound()[KEY])["store"], "write_id": "0" * 32, "writer": text,
        "created": "2026-01-01T00:00:00Z", "revokes": [f"steps/{text}"],
        "expires": [], "expired": [],
    }  # fmt: skip
    return {**sound(), second: _json(document)}


@cache
def _saved(text: str) -> Objects:
    """Save a run as anybody can, the text in each thing that is a caller's."""
    with tempfile.TemporaryDirectory() as folder:
        words = [text, f"x{text}", "king"]
        trainer = {"trainer": {"model": text, "options": {text: text}}}
        metadata = {text: text, "nested": {text: [text, {text: text}]}, **trainer}
        vectors = np.eye(3, dtype=np.float32)
        name = text[:300]
        held: dict[str, Any] = {
            "tensors": {name: vectors, f"{name}/small": vectors[0]},
            "files": {name: text.encode()},
            "model": {"framework": text, text: [text]},
        }
        embzarr.save(folder, words, vectors, step=1, metadata=metadata)
        embzarr.save(folder, words, vectors, step=2, metadata=metadata, **held)
        root = Path(folder)
        files = [path for path in root.rglob("*") if path.is_file()]
        return {str(path.relative_to(root)): path.read_bytes() for path in files}
