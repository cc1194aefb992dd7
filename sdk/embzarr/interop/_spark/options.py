"""What a caller says by Spark's options, which are texts: where, which checkpoint, and how."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEAR = 0.8
"""How near to a name of ours an option is taken for a slip, and not for one of the store."""
_FLAGS = {"true": True, "false": False}
_OF_SAVE = ("allow_nonfinite", "allow_new_dim", "single_writer")
_OF_ROWS = ("words", "prefix", "first", "last", "start", "stop")
_WHOLE = (
    "step",
    "commit",
    "partitions",
    "start",
    "stop",
    "chunk_bytes",
    "text_length",
    "bytes_length",
)
_BOOLEAN = (*_OF_SAVE, "pushdown")
_JSON = {"metadata": dict, "storage_options": dict, "words": list}
_TEXT = (
    "path",
    "tag",
    "columns",
    "by",
    "vectors",
    "prefix",
    "first",
    "last",
    "dtype",
    "placement",
    "compression",
)
READING = frozenset(
    {"step", "commit", "tag", "columns", "partitions", "by", "vectors", "pushdown", *_OF_ROWS}
)
"""Options that only a read has."""
WRITING = frozenset(
    {
        "step",
        "dtype",
        "placement",
        "compression",
        "chunk_bytes",
        "text_length",
        "bytes_length",
        "metadata",
        *_OF_SAVE,
    }
)
"""Options that only a write has."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Options:
    """Options, taken apart; no repr, since they may hold secrets."""

    url: str
    own: Mapping[str, Any] = field(default_factory=dict)
    """Ours, by name."""
    storage: Mapping[str, Any] = field(default_factory=dict)
    """As ``storage_options`` take them."""

    def require_only(self, names: frozenset[str], what: str) -> None:
        """Refuse options of ours that a read or write has not.

        Raises:
            InvalidInputError: code ``input-argument``.
        """
        other = sorted(self.own.keys() - names)
        if other:
            raise InvalidInputError(
                "input-argument", f"a {what} has no option {other[0]!r}; it has {sorted(names)}"
            )


def parse(options: Mapping[str, str]) -> Options:
    """Read the options of a read or a write.

    Args:
        options: names in small letters, as Spark has them, and texts.

    Raises:
        InvalidInputError: code ``input-argument``: no path, or a text that an option cannot be.
    """
    known = {*_WHOLE, *_BOOLEAN, *_JSON, *_TEXT}
    own = {name: _value(name, text) for name, text in options.items() if name in known}
    url = own.pop("path", "")
    if not url:
        raise InvalidInputError(
            "input-argument",
            "expected the place of a run: load(URL), save(URL), OPTIONS (path)",
        )
    storage = own.pop("storage_options", {})
    for name in options.keys() - known:
        for near in difflib.get_close_matches(name, sorted(known), 1, _NEAR):
            raise InvalidInputError(
                "input-argument",
                f"no option {name!r}, did you mean {near!r}? An option of the "
                "store that is so named goes into the option storage_options, as JSON",
            )
    plain = {
        name: _FLAGS.get(text.lower(), text) for name, text in options.items() if name not in known
    }
    # A task has a folder of its own; the one that a relative path is meant in is the driver's.
    url = url if "://" in url else str(Path(url).absolute())
    return Options(url=url, own=own, storage=plain | storage)


def _value(name: str, text: str) -> Any:  # noqa: ANN401 - by name
    if name in _WHOLE:
        if text.isascii() and text.isdigit():
            return int(text)
        raise _refusal(name, "a whole number", text)
    if name in _BOOLEAN:
        if text.lower() in _FLAGS:
            return _FLAGS[text.lower()]
        raise _refusal(name, "true or false", text)
    if name in _JSON:
        return _parsed(name, text)
    return text


def _parsed(name: str, text: str) -> Any:  # noqa: ANN401 - by name
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, _JSON[name]):  # its text may hold secrets
        kind = 'an object, as {"a": 1}' if _JSON[name] is dict else 'a list, as ["a", "b"]'
        raise InvalidInputError("input-argument", f"option {name!r}: expected JSON, {kind}")
    return found


def _refusal(name: str, expected: str, text: str) -> InvalidInputError:
    return InvalidInputError(
        "input-argument", f"option {name!r}: expected {expected}, found {text[:80]!r}"
    )
