"""Manifests, tags and hints that are no JSON, or too much of it, or JSON of the wrong form."""

from __future__ import annotations

import gzip
import json
import secrets
from typing import Any

from embzarr_tools.fixtures._plain import canonical, sha256
from embzarr_tools.fixtures._plain_commit import tag
from faults.hostile.register import KEY, LAYER, VECTORS, Cases, changed, hostile, sound, spliced

_TOP = "store commit write_id step kind created writer layers metadata"
_LAYER = "kind path rows placement columns arrays fences objects"
_ARRAY = "shape dtype chunk shard codec index"
_MEMBERS = (
    *[(name,) for name in _TOP.split()],
    *[(*LAYER, name) for name in _LAYER.split()],
    *[(*VECTORS, name) for name in _ARRAY.split()],
)
_OTHER_TYPES: tuple[Any, ...] = (None, True, 0.5, ["x"], {"x": 1})


@hostile("bytes that are no JSON")
def no_json() -> Cases:
    """Other files, other encodings, and manifests cut anywhere."""
    good = sound()
    data = good[KEY]
    texts = {
        "empty": b"",
        "one brace": b"{",
        "null": b"null",
        "a list": b"[]",
        "a text": b'"embzarr"',
        "a number": b"1",
        "random": secrets.token_bytes(1000),
        "gzip": gzip.compress(data),
        "UTF-16": data.decode().encode("utf-16"),
        "byte order mark": b"\xef\xbb\xbf" + data,
        "overlong UTF-8": data.replace(b"embzarr", b"embza\xc1\xb2r"),
        "surrogate": data.replace(b'"king"', b'"\\udc00"').replace(b'"o"', b'"\\ud83d"'),
        "single quotes": data.replace(b'"', b"'"),
        "a comment": data.replace(b"{", b"{/*x*/", 1),
        "two documents": data + data,
        "a comma": data.replace(b'"step":7,', b'"step":7,,'),
        "NUL": data.replace(b"embzarr", b"embzarr\0", 1),
        "pickle": b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93.",
    }
    texts |= {f"cut at {at}": data[:at] for at in range(1, len(data), len(data) // 12)}
    for name, text in texts.items():
        yield name, {**good, KEY: text}


@hostile("JSON nested too deep")
def deep() -> Cases:
    """Brackets by the dozen and by the hundred thousand, closed or not."""
    for depth in (31, 32, 100, 1000, 100_000):
        yield f"{depth} lists", spliced(b"[" * depth + b"]" * depth)
        yield f"{depth} objects", spliced(b'{"a":' * depth + b"1" + b"}" * depth)
    yield "never closed", spliced(b"[" * 500_000)
    yield "closed only", spliced(b"]" * 500_000)
    for key in ("latest.json", "tags/best.json"):
        yield f"{key}", {**sound(), KEY: b"{}", key: b"[" * 60_000}


@hostile("a member that stands twice")
def twice() -> Cases:
    """At each level, the same and another value, and spelt with an escape."""
    data = sound()[KEY]
    for text in (
        b'"step":7',
        b'"version":1',
        b'"format":"embzarr"',
        b'"rows":10',
        b'"kind":"full"',
        b'"chunk":2',
        b'"dtype":"float32"',
        b'"name":"none"',
        b'"commit":1',
    ):
        yield f"{text.decode()} twice", {**sound(), KEY: data.replace(text, text + b"," + text, 1)}
    yield "escaped", {**sound(), KEY: data.replace(b'"step":7', b'"step":7,"st\\u0065p":8', 1)}


@hostile("numbers out of range")
def numbers() -> Cases:
    """What no counter, size or length can be."""
    wrong = (-1, 2**53, 2**63, 2**64, 10**400, 1.5, -0.0, 1e300)
    for path in (
        ("commit",),
        ("step",),
        (*LAYER, "rows"),
        (*VECTORS, "chunk"),
        (*VECTORS, "shard"),
    ):
        for value in wrong:
            yield f"{path[-1]} {value!r:.20}", changed(path, value)
    for at, value in ((0, -1), (0, 2**53), (1, -2), (1, 2.5)):
        yield f"shape[{at}] {value}", changed((*VECTORS, "shape", at), value)
    for text in (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 5000, b"-9007199254740992"):
        yield f"a number {text[:20].decode()}", spliced(text)


@hostile("members of another type")
def types() -> Cases:
    """Every member as null, a truth value, a fraction, a list and an object."""
    for path in _MEMBERS:
        for value in _OTHER_TYPES:
            if path == ("metadata",) and isinstance(value, dict):
                continue  # any object will do there
            yield f"{path[-1]} {value!r}", changed(path, value)


@hostile("members that are missing")
def missing() -> Cases:
    """Each member left out."""
    for path in _MEMBERS:
        document = json.loads(sound()[KEY])
        place = document
        for name in path[:-1]:
            place = place[name]
        del place[path[-1]]
        yield str(path[-1]), {**sound(), KEY: canonical(document)}


@hostile("members that must be understood and are not")
def unknown() -> Cases:
    """At each level; one that says it may be ignored must say so rightly."""
    wanted: Any
    for wanted in (
        {"cipher": "aes"},
        1,
        None,
        {"must_understand": True},
        {"must_understand": "no"},
    ):
        for path in (
            (),
            LAYER,
            VECTORS,
            (*VECTORS, "codec"),
            (*VECTORS, "index"),
            (*LAYER, "placement"),
        ):
            level = path[-1] if path else "top"
            yield f"{level} {wanted}", changed((*path, "encryption"), wanted)


@hostile("versions, kinds and formats")
def versions() -> Cases:
    """Of another time, or of nobody."""
    for path, value in (
        (("format",), "zarr"), (("format",), "EMBZARR"), (("format",), ""), (("version",), 0),
        (("version",), 2), (("version",), 2**53 - 1), (("version",), "1"), (("version",), True),
        (("kind",), "delta"), (("kind",), "exec"), ((*LAYER, "kind"), "delta"),
        ((*LAYER, "kind"), "../full"), (("created",), "yesterday"), (("created",), "2026-01-01"),
        (("store",), "00"), (("store",), "Z" * 32),
        (("write_id",), "../../../../../../../etc/passwd"),
        (("write_id",), "0" * 33), (("writer",), "x" * 257), (("layers",), []),
        (("parent",), {"commit": 1, "sha256": "0" * 64}), (("parent",), {"commit": 0}),
        (("commit",), 2),
    ):  # fmt: skip
        yield f"{path[-1]} {value!r:.40}", changed(path, value)


@hostile("tags and hints that lie")
def names() -> Cases:
    """A name for what is not there, is another, or is no commit."""
    good = sound()
    identity = sha256(good[KEY])
    for name, data in {
        "another identity": tag(1, "0" * 64),
        "commit 2": tag(2, identity),
        "commit 2**53 - 1": tag(2**53 - 1, identity),
        "commit 0": canonical(
            {"format": "embzarr", "version": 1, "target": {"commit": 0, "sha256": identity}}
        ),
        "the manifest": good[KEY],
        "a list": b"[]",
        "a path": canonical({"format": "embzarr", "version": 1, "target": "../../x"}),
        "a member too many": tag(1, identity).replace(b"{", b'{"x":1,', 1),
        "identity in capitals": tag(1, identity.upper()),
        "identity too short": tag(1, identity[:-1]),
        "too large": tag(1, identity) + b" " * 70_000,
        "empty": b"",
    }.items():
        yield f"tag: {name}", {**good, "tags/best.json": data}
    other = changed(("step",), 8)
    yield (
        "hint of a changed commit",
        {**good, KEY: good[KEY], "latest.json": b"", "tags/best.json": tag(1, sha256(other[KEY]))},
    )
