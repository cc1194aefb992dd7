"""What callers pass where words, whole numbers and names belong: one habit for every door.

Each function returns what was meant as a plain Python value, or raises an `InvalidInputError` that
names the argument, what was expected and what was found.
"""

from __future__ import annotations

import math
import operator
import reprlib
import sys
from collections.abc import Iterable, KeysView, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from embzarr._format import spec
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Collection


def refusal(
    name: str, expected: str, value: object, *, code: str = "input-argument"
) -> InvalidInputError:
    """Return the error of an argument that is something else than was expected."""
    shown = "None" if value is None else f"{type(value).__name__} {reprlib.repr(value)}"
    return InvalidInputError(code, f"{name}: expected {expected}, found {shown}")


def wrong_type(
    name: str, expected: str, value: object, *, code: str = "input-argument"
) -> InvalidInputError:
    """Return the error of an argument of another type, whose value says nothing or too much."""
    return InvalidInputError(code, f"{name}: expected {expected}, found {type(value).__name__}")


def is_masked_array(value: object) -> bool:
    """Tell whether something is a masked array; `numpy.ma` is slow to import, and not for this."""
    masked = sys.modules.get("numpy.ma")
    return masked is not None and isinstance(value, getattr(masked, "MaskedArray", ()))


# Numbers and names --------------------------------------------------------------------------------
def whole(name: str, value: object, *, least: int | None = None, most: int | None = None) -> int:
    """Return a whole number: an int, one of numpy's, or a float that is whole, as 1e6 is.

    Raises:
        InvalidInputError: text, a bool, a fraction, or a number out of bounds.
    """
    number = _whole(value)
    below = number is None or (least is not None and number < least)
    if number is None or below or (most is not None and number > most):
        bounds = "" if least is None else f" from {least}"
        bounds += "" if most is None else f" to {most}"
        raise refusal(name, f"a whole number{bounds}", value)
    return number


def _whole(value: Any) -> int | None:  # noqa: ANN401 - what it is, is asked here
    if isinstance(value, bool | np.bool_):
        return None
    if isinstance(value, float | np.floating):
        return int(value) if np.isfinite(value) and value == int(value) else None
    try:
        return operator.index(value)
    except TypeError:
        return None


def rows(start: object, stop: object, *, of: int) -> tuple[int, int]:
    """Return where a slice of `of` rows begins and ends, within those that there are.

    Raises:
        InvalidInputError: what is neither None nor a whole number.
    """
    first, last = (
        None if row is None else whole(name, row)
        for name, row in (("start", start), ("stop", stop))
    )
    begin, end, _ = slice(first, last).indices(of)
    return begin, max(begin, end)


def chunk_bytes(value: object) -> int:
    """Return the bytes that a chunk may take.

    Raises:
        InvalidInputError: no whole number, or out of bounds.
    """
    return whole("chunk_bytes", value, least=spec.LEAST_CHUNK_BYTES, most=spec.MAX_CHUNK_BYTES)


def seconds(name: str, value: Any) -> float:  # noqa: ANN401 - what it is, is asked here
    """Return a number of seconds, from 0; an infinite one is for ever.

    Raises:
        InvalidInputError: text, a bool, a negative number, or none.
    """
    is_number = isinstance(value, int | float | np.integer | np.floating)
    found = float(value) if is_number and not isinstance(value, bool) else math.nan
    if not found >= 0:
        raise refusal(name, "a number of seconds from 0", value)
    return found


def check_flags(**flags: object) -> None:
    """Refuse what is neither True nor False: a text that says "no" would count as True.

    Raises:
        InvalidInputError: naming the argument.
    """
    for name, value in flags.items():
        if not isinstance(value, bool | np.bool_):
            raise refusal(name, "True or False", value)


def by_name(value: Any, names: Iterable[str]) -> Mapping[str, Any]:  # noqa: ANN401 - of any type
    """Return a mapping of names to values, or one that has the same value for each of `names`."""
    return value if is_by_name(value) else dict.fromkeys(names, value)


def is_by_name(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Tell whether this is a mapping of names to values.

    A checkpoint, and what was loaded of one, are mappings too, but stand for their vectors: they
    have dimensions, as a dataset of xarray has not, whose ``__array__`` refuses.
    """
    return isinstance(value, Mapping) and not hasattr(type(value), "ndim")


def text(name: str, value: object) -> str:
    """Return a text.

    Raises:
        InvalidInputError: anything else.
    """
    if not isinstance(value, str):
        raise refusal(name, "a str", value)
    return str.__str__(value)


def choice(name: str, value: object, allowed: Collection[str]) -> str:
    """Return one of a few names.

    Raises:
        InvalidInputError: anything else.
    """
    if not isinstance(value, str) or value not in allowed:
        *first, last = allowed
        raise refusal(name, f"{', '.join(first)} or {last}" if first else last, value)
    return str.__str__(value)


# Words --------------------------------------------------------------------------------------------
def is_word(value: object) -> bool:
    """Tell whether something may be a word of a vocabulary."""
    try:
        word("word", value)
    except InvalidInputError:
        return False
    return True


def word(name: str, value: object) -> str:
    """Return one word: a text, or its UTF-8.

    Raises:
        InvalidInputError: code ``input-word``: anything else, or half a surrogate pair.
    """
    if not isinstance(value, str | bytes):
        raise _no_words(name, "a word as str", value, "input-word")
    try:
        text = value if isinstance(value, bytes) else value.encode("utf-8")
        return text.decode("utf-8")  # of half a surrogate pair, or of Latin-1, there is none
    except UnicodeError as exc:
        message = f"{name}: a word must be Unicode text that UTF-8 can hold: {exc}"
        raise InvalidInputError("input-word", message) from exc


def words(name: str, value: object) -> list[str]:
    """Return words in the caller's order; one word counts as a list of it.

    Raises:
        InvalidInputError: codes ``input-word``, with the place of what is no word, or
            ``input-argument``: no collection, or a set, which has no order.
    """
    if isinstance(value, AbstractSet) and not isinstance(value, KeysView):
        raise refusal(name, "words in an order, as a list; sorted(...) gives a set one", value)
    return _listed(name, value)


def words_in_any_order(name: str, value: object) -> list[str]:
    """Return words whose order does not matter: those of a set, too, in byte order.

    Raises:
        InvalidInputError: as `words`, but for a set.
    """
    listed = _listed(name, value)
    return sorted(listed) if isinstance(value, AbstractSet) else listed


def _listed(name: str, value: Any) -> list[str]:  # noqa: ANN401 - what it is, is asked here
    if isinstance(value, str | bytes):
        return [word(name, value)]
    if is_masked_array(value):
        raise refusal(name, "words without a mask", value)
    if not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0:
        raise _no_words(name, "words as a list of str", value, "input-argument")
    # Of arrays and Series this gives plain texts, where iteration gives numpy's own.
    plain = getattr(value, "tolist", None)
    listed = list(value) if plain is None else plain()
    if _are_plain(listed):
        return listed
    return [word(f"{name}[{at}]", one) for at, one in enumerate(listed)]


def _are_plain(listed: list[Any]) -> bool:
    """Tell whether each is just a str that UTF-8 can hold: quickly, whatever their number."""
    if not set(map(type, listed)) <= {str}:
        return False
    try:
        "".join(listed).encode()
    except UnicodeError:
        return False
    return True


def _no_words(name: str, expected: str, value: object, code: str) -> InvalidInputError:
    return refusal(name, f"{expected}{_hint(value)}", value, code=code)


def _hint(value: object) -> str:
    """Say what reads, as it was meant, what is given in the place of a word or a list of words."""
    if isinstance(value, slice) and any(isinstance(end, str) for end in (value.start, value.stop)):
        return " (a range of words is read with load_range)"
    is_of_rows = isinstance(value, slice | range) or _whole(value) is not None
    return " (rows are read by number with load_rows)" if is_of_rows else ""
