"""A caller's values as plain JSON: what is checked is what is written, and who is wrong is named.

`json.dumps` knows subclasses of Python's types, and numpy's float64 is one; what encodes a manifest
does not. So every value that a caller gives becomes one of Python's own before it is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from embzarr._format import spec
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXPECTED = "text, a number, true, false, null, a list or a mapping"


def members_of(value: object, what: str, *, depth: int = 1) -> dict[str, Any]:
    """Return a mapping as a dict of nothing but Python's own JSON types, a copy throughout.

    Subclasses of them count, and scalars of numpy and of libraries like it.

    Args:
        value: the mapping.
        what: its name, for messages.
        depth: how deep it will stand in a document, the document itself being 1.

    Raises:
        InvalidInputError: code ``input-argument``, naming the member that JSON cannot hold.
    """
    if not isinstance(value, Mapping):
        _refuse(what, "a mapping of names to values", value)
    if depth > spec.MAX_JSON_DEPTH:
        _refuse(what, f"at most {spec.MAX_JSON_DEPTH} levels in the whole document", value)
    return {
        _name(name, what): _plain(member, f"{what}.{name}", depth + 1)
        for name, member in value.items()
    }


def _plain(value: Any, what: str, depth: int) -> Any:  # noqa: ANN401 - any JSON
    if value is None or isinstance(value, bool):
        return value
    for kind, make in _SCALARS:
        if isinstance(value, kind):
            return make(value, what)
    if isinstance(value, Mapping):
        return members_of(value, what, depth=depth)
    if isinstance(value, list | tuple):
        return _items(value, what, depth)
    return _scalar(value, what, depth)


def _items(value: Sequence[Any], what: str, depth: int) -> list[Any]:
    if depth > spec.MAX_JSON_DEPTH:
        _refuse(what, f"at most {spec.MAX_JSON_DEPTH} levels in the whole document", value)
    return [_plain(item, f"{what}[{at}]", depth + 1) for at, item in enumerate(value)]


def _scalar(value: Any, what: str, depth: int) -> Any:  # noqa: ANN401 - any JSON
    """Return the number of a library that has scalars of its own."""
    is_scalar = getattr(value, "shape", None) == () and hasattr(value, "item")
    item = value.item() if is_scalar else None
    # The item of numpy's longdouble is one again: Python has no number that is as long.
    if item is None or hasattr(item, "item"):
        _refuse(what, _EXPECTED, value)
    return _plain(item, what, depth)


def _name(name: object, what: str) -> str:
    if not isinstance(name, str):
        _refuse(what, "names that are text", name)
    return _text(name, what)


def _text(text: str, what: str) -> str:
    plain = str.__str__(text)
    try:
        plain.encode()
    except UnicodeEncodeError as exc:
        raise InvalidInputError(
            "input-argument", f"{what}: expected text that UTF-8 can hold: {exc}"
        ) from exc
    return plain


def _integer(number: int, what: str) -> int:
    plain = int.__int__(number)
    if abs(plain) > spec.MAX_INTEGER:
        _refuse(what, "a whole number up to 2**53 - 1, or text", plain)
    return plain


def _number(number: float, what: str) -> float:
    plain = float.__float__(number)
    if not math.isfinite(plain):
        _refuse(what, "a finite number, null or text", plain)
    return plain


_SCALARS: tuple[tuple[type, Callable[[Any, str], Any]], ...] = (
    (str, _text),
    (int, _integer),
    (float, _number),
)


def _refuse(what: str, expected: str, found: object) -> NoReturn:
    kind = type(found).__name__
    shown = f"{found!r:.40} ({kind})" if isinstance(found, int | float | str) else kind
    raise InvalidInputError("input-argument", f"{what}: expected {expected}; found {shown}")
