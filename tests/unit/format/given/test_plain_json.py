"""What `plain_json` promises: Python's own types, a copy throughout, or who is wrong, by name."""

from __future__ import annotations

import re
from collections import OrderedDict
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from embzarr._format import plain_json, spec
from embzarr.errors import InvalidInputError


class Text(str):
    """A text that shows itself as another one."""

    __slots__ = ()

    def __str__(self) -> str:
        """Return another text."""
        return "other"


def nested(levels: int, innermost: Any) -> Any:
    """Return a value within so many lists."""
    for _ in range(levels):
        innermost = [innermost]
    return innermost


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (None, None),
        (True, True),
        (False, False),
        (0, 0),
        (spec.MAX_INTEGER, spec.MAX_INTEGER),
        (-spec.MAX_INTEGER, -spec.MAX_INTEGER),
        (-0.5, -0.5),
        ("", ""),
        (Text("own"), "own"),
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int8(-3), -3),
        (np.bool_(True), True),  # noqa: FBT003 - the value itself
        (np.array(2), 2),
        ([1, ["a"]], [1, ["a"]]),
        ((1, (2,)), [1, [2]]),
        (OrderedDict(a=MappingProxyType({"b": ()})), {"a": {"b": []}}),
    ],
)
def test_a_value_becomes_one_of_pythons_own(given: Any, stored: Any) -> None:
    """Subclasses, scalars of libraries and other mappings count, with the value that they have."""
    found = plain_json.members_of({"member": given}, "metadata")

    assert found == {"member": stored}
    assert type(found["member"]) is type(stored)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"a": {"b": [0, object()]}}, "metadata.a.b[1]: expected text, a number, true"),
        ({"a": {1, 2}}, "metadata.a: expected text"),
        ({"a": b"text"}, "metadata.a: expected text"),
        ({"a": np.zeros(1)}, "metadata.a: expected text"),
        ({"a": np.longdouble("0.1")}, "metadata.a: expected text"),
        ({"a": spec.MAX_INTEGER + 1}, "metadata.a: expected a whole number up to 2**53 - 1"),
        ({"a": -spec.MAX_INTEGER - 1}, "metadata.a: expected a whole number up to 2**53 - 1"),
        ({"a": float("nan")}, "metadata.a: expected a finite number, null or text; found nan"),
        ({"a": float("inf")}, "metadata.a: expected a finite number"),
        ({"a": "\ud800"}, "metadata.a: expected text that UTF-8 can hold"),
        ({"\ud800": 1}, "metadata: expected text that UTF-8 can hold"),
        ({1: 2}, "metadata: expected names that are text; found 1 (int)"),
        ([("a", 1)], "metadata: expected a mapping of names to values; found list"),
    ],
)
def test_what_json_cannot_hold_is_named(given: Any, told: str) -> None:
    """By its way from the top, with what was expected there."""
    with pytest.raises(InvalidInputError, match=re.escape(told)) as caught:
        plain_json.members_of(given, "metadata")
    assert caught.value.code == "input-argument"


def test_a_long_value_is_shown_in_part() -> None:
    """A message is read by people."""
    with pytest.raises(InvalidInputError, match=r"found 1{40} ") as caught:
        plain_json.members_of({"a": int("1" * 60)}, "metadata")
    assert "1" * 41 not in str(caught.value)


@pytest.mark.parametrize("depth", [1, 3])
def test_values_stand_as_deep_as_a_document_may_be(depth: int) -> None:
    """Lists and mappings count alike, from where the mapping will stand."""
    room = spec.MAX_JSON_DEPTH - depth
    deepest = nested(room, "a")
    mappings: dict[str, Any] = {}
    for _ in range(room):
        mappings = {"a": mappings}

    assert plain_json.members_of({"a": deepest}, "m", depth=depth) == {"a": deepest}
    assert plain_json.members_of(mappings, "m", depth=depth) == mappings
    for wrong in ({"a": nested(room + 1, "a")}, {"a": mappings}):
        with pytest.raises(InvalidInputError, match="levels in the whole document"):
            plain_json.members_of(wrong, "m", depth=depth)


def test_a_mapping_is_copied() -> None:
    """What the caller changes afterwards changes nothing."""
    inner = [1]
    found = plain_json.members_of({"a": inner}, "metadata")
    inner.append(2)

    assert found == {"a": [1]}
