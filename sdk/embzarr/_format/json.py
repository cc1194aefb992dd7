"""JSON as the format allows it: canonical when written, bounded and unambiguous when read."""

from __future__ import annotations

import contextlib
import json
import math
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import msgspec
import numpy as np

from embzarr._format import spec
from embzarr.errors import DamagedError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
"""One level down, and as a signed byte one level up."""
_BRACKETS_AT_ONCE = 2**20
"""Looked at together: a hostile text of nothing else needs no memory but its own."""
_SHAPES = bytes.maketrans(b"123456789", b"0" * 9)
_LONG = b"0" * len(str(spec.MAX_INTEGER))
"""What has no number as long as the largest needs none of its integers looked at."""
_CONTAINERS = (dict, list, tuple)
_SHOWN = 64
"""Characters of a text of others that messages show."""


def dumps(value: object) -> bytes:
    """Return the canonical bytes of `value`: UTF-8, members sorted, no white space.

    Raises:
        InvalidInputError: not JSON, not finite, an integer beyond 2**53 - 1, or a lone surrogate.
    """
    try:
        text = json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        _check_names(value)
        raw = text.encode("utf-8")
        if _has_long_number(_without_strings(raw)):
            _BOUNDED_DECODER.decode(text)
    except DamagedError as exc:
        message = f"not representable as JSON: {exc.args[0]}"
        raise InvalidInputError("input-argument", message) from None
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidInputError("input-argument", f"not representable as JSON: {exc}") from exc
    return raw


def loads(data: bytes | bytearray | memoryview, *, what: str, max_bytes: int) -> Any:  # noqa: ANN401 - any JSON
    """Parse bytes that a stranger may have written.

    Args:
        data: the object's bytes.
        what: the object's key, for messages.
        max_bytes: refuse more.

    Raises:
        DamagedError: codes ``json-too-large``, ``json-too-deep``, ``json-duplicate-member``,
            ``json-number`` or ``json-invalid``.
    """
    if len(data) > max_bytes:
        raise DamagedError(
            "json-too-large", f"{what}: expected at most {max_bytes} bytes, found {len(data)}"
        )
    raw = bytes(data)
    bare = _without_strings(raw)
    _check_depth(bare, what)
    try:
        text = raw.decode("utf-8")
        value = (_BOUNDED_DECODER if _has_long_number(bare) else _DECODER).decode(text)
        if b"\\u" in raw:  # an escape may hide a lone surrogate, which is no UTF-8
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except DamagedError as exc:
        raise DamagedError(exc.code, f"{what}: {exc.args[0]}") from None
    except (ValueError, RecursionError) as exc:
        raise DamagedError("json-invalid", f"{what}: not JSON in UTF-8: {exc}") from exc
    return value


def converter(kind: type[T]) -> Callable[[object], T]:
    """Return what turns parsed JSON into a frozen struct; it raises `msgspec.ValidationError`.

    Call it when a module is imported. msgspec builds a type's tables at their first use, and two
    threads that do so at once crash the interpreter (seen with 0.22, in 7 of 20 tries of 16
    threads): here they are built under the lock that guards an import.
    """
    with contextlib.suppress(msgspec.ValidationError):
        msgspec.convert(None, kind)
    return lambda document: msgspec.convert(document, kind, strict=True)


def parser(kind: type[T], code: str) -> Callable[[object, str], T]:
    """Return a `converter` that also takes the name of what it reads, and raises `DamagedError`."""
    convert = converter(kind)

    def parse(document: object, what: str) -> T:
        try:
            return convert(document)
        except msgspec.ValidationError as exc:
            raise DamagedError(code, f"{what}: {exc}") from None  # its text is raw

    return parse


def _without_strings(raw: bytes) -> bytes:
    """Return what stands outside of strings, and the quotes that close them."""
    # Without what backslashes escape, each quote begins or ends a string.
    plain = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    characters = np.frombuffer(plain, np.uint8)
    inside = np.bitwise_xor.accumulate(characters == ord('"'))
    return characters[~inside].tobytes()


def _check_depth(bare: bytes, what: str) -> None:
    steps = np.frombuffer(bare.translate(_STEPS, _NO_BRACKETS), np.int8)
    depth = 0
    for start in range(0, len(steps), _BRACKETS_AT_ONCE):
        depths = depth + steps[start : start + _BRACKETS_AT_ONCE].cumsum(dtype=np.int64)
        wrong = (depths > spec.MAX_JSON_DEPTH) | (depths < 0)
        if wrong.any():
            at = int(wrong.argmax())
            raise _misnested(int(depths[at]), start + at + 1, what)
        depth = int(depths[-1])


def _misnested(depth: int, number: int, what: str) -> DamagedError:
    if depth < 0:
        message = f"{what}: closes at bracket {number} what never opened"
        return DamagedError("json-invalid", message)
    message = f"{what}: nested deeper than {spec.MAX_JSON_DEPTH} at bracket {number}"
    return DamagedError("json-too-deep", message)


def brief(text: str) -> str:
    """Return a text of others in quotes, as much of it as a message should hold."""
    return repr(text[:_SHOWN])


def _has_long_number(bare: bytes) -> bool:
    return _LONG in bare.translate(_SHAPES)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise DamagedError(
            "json-duplicate-member", f"member {brief(twice)} stands twice in one object"
        )
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise DamagedError("json-number", f"{name} is not JSON")


def _finite_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise DamagedError("json-number", f"beyond the range of a double: {digits[:_SHOWN]}")
    return number


def _bounded_integer(digits: str) -> int:
    if len(digits) <= len(str(-spec.MAX_INTEGER)):
        number = int(digits)
        if abs(number) <= spec.MAX_INTEGER:
            return number
    raise DamagedError("json-number", f"integer beyond 2**53 - 1: {digits[:_SHOWN]}")


def _check_names(value: object) -> None:
    """Refuse names that are no text, of which Python's encoder would make some."""
    items: Iterable[object] = value if isinstance(value, list | tuple) else ()
    if isinstance(value, dict):
        not_text = [name for name in value if not isinstance(name, str)]
        if not_text:
            raise ValueError(f"member names are strings, found {not_text[0]!r}")
        items = value.values()
    for item in items:
        # The bulk of a manifest is numbers and text: a call for each would double its cost.
        if isinstance(item, _CONTAINERS):
            _check_names(item)


_hooks: dict[str, Any] = {
    "object_pairs_hook": _no_duplicates,
    "parse_constant": _refuse_constant,
    "parse_float": _finite_float,
}
_DECODER = json.JSONDecoder(**_hooks)
_BOUNDED_DECODER = json.JSONDecoder(**_hooks, parse_int=_bounded_integer)
