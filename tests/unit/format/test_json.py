"""What `json` promises: canonical bytes out; bounded, unambiguous values in."""

from __future__ import annotations

import enum
import json
import time
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embzarr._format import json as canonical
from embzarr._format import spec
from embzarr.errors import DamagedError, InvalidInputError

LARGEST = 2**53 - 1
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def loads(data: bytes, *, max_bytes: int = 1_000_000) -> Any:
    return canonical.loads(data, what="commits/1.json", max_bytes=max_bytes)


def refusal(data: bytes, *, max_bytes: int = 1_000_000) -> str:
    with pytest.raises(DamagedError, match=r"^commits/1\.json: ") as caught:
        loads(data, max_bytes=max_bytes)
    return caught.value.code


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


# Writing ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, None, 1.5]}, '{"a":[true,null,1.5],"b":1}'),
        ({"": {}, "\U0001f418": [], "é": "\x00"}, '{"":{},"é":"\\u0000","\U0001f418":[]}'),
        ((1, (2,)), "[1,[2]]"),
        (-0.0, "-0.0"),
        (1e300, "1e+300"),
        (LARGEST, "9007199254740991"),
        (-LARGEST, "-9007199254740991"),
    ],
)
def test_canonical_bytes_are_known(value: object, expected: str) -> None:
    """Members are sorted by code point, nothing is escaped that need not be, no space is left."""
    assert canonical.dumps(value) == expected.encode()


@given(VALUES)
def test_what_is_written_is_read_back(value: object) -> None:
    """Any JSON value comes back equal, by our reader and by Python's own."""
    data = canonical.dumps(value)

    assert loads(data) == value
    assert json.loads(data) == value


@given(VALUES)
def test_canonical_bytes_are_a_fixed_point(value: object) -> None:
    """Equal values have one form: writing what was read gives the same bytes."""
    data = canonical.dumps(value)

    assert canonical.dumps(loads(data)) == data


@given(st.dictionaries(st.text(), st.integers(0, 9), min_size=2))
def test_members_are_written_in_one_order(members: dict[str, int]) -> None:
    """The order in which a caller filled a mapping does not show in its bytes."""
    turned = dict(reversed(members.items()))

    assert canonical.dumps(turned) == canonical.dumps(members)


class Colour(enum.IntEnum):
    """A whole number that is no plain int."""

    RED = 3


def test_numbers_of_other_types_are_written_as_numbers() -> None:
    """Subclasses of int and float, NumPy's float64 too, are written as what they are worth."""
    assert canonical.dumps([Colour.RED, np.float64(0.5)]) == b"[3,0.5]"


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


NO_JSON: dict[str, object] = {
    "beyond the largest": LARGEST + 1,
    "beyond the least": -LARGEST - 1,
    "large inside": {"deep": [{"in": (1, 2**60)}]},
    "huge": 10**5000,
    "nan": float("nan"),
    "minus infinity": float("-inf"),
    "infinity inside": [float("inf")],
    "a number for a name": {1: "one"},
    "two names that look alike": {"1": 0, 1: 0},
    "no name": {"nested": {None: 1}},
    "half a character": "\ud800",
    "half a character in a name": {"\udfff": 1},
    "bytes": b"bytes",
    "numpy integer": np.int64(3),
    "array": np.zeros(2),
    "set": {1, 2},
    "object": object(),
    "endless": endless(),
}


@pytest.mark.parametrize("value", NO_JSON.values(), ids=NO_JSON.keys())
def test_what_is_no_json_is_refused(value: object) -> None:
    """What another reader could not take, or would take for another value, is never written."""
    with pytest.raises(InvalidInputError, match="not representable as JSON") as caught:
        canonical.dumps(value)

    assert caught.value.code == "input-argument"


# Reading ------------------------------------------------------------------------------------------
def test_any_buffer_is_read() -> None:
    """Bytes, bytearray and memoryview, with white space around tokens, are the same document."""
    data = b' { "a" : [ 1 , -0 ] } \n'

    for form in (data, bytearray(data), memoryview(data)):
        assert canonical.loads(form, what="x", max_bytes=100) == {"a": [1, 0]}


def test_numbers_at_the_limits_are_read_exactly() -> None:
    """The largest integers keep every bit, and floats keep their sign and exponent."""
    assert loads(b"[9007199254740991,-9007199254740991,-0.0,5e-324,1.7976931348623157e308]") == [
        LARGEST,
        -LARGEST,
        -0.0,
        5e-324,
        1.7976931348623157e308,
    ]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'{"a":1,"a":1}', "json-duplicate-member"),
        (b'[{"x":{"b":1,"c":2,"b":3}}]', "json-duplicate-member"),
        (b'{"a":1,"\\u0061":2}', "json-duplicate-member"),
        (b"9007199254740992", "json-number"),
        (b"-9007199254740992", "json-number"),
        (b"1" * 5000, "json-number"),
        (b"1e309", "json-number"),
        (b"[-1e400]", "json-number"),
        (b"1" * 400 + b".0", "json-number"),
        (b"NaN", "json-number"),
        (b"[Infinity]", "json-number"),
        (b"-Infinity", "json-number"),
        (b"", "json-invalid"),
        (b" ", "json-invalid"),
        (b"{", "json-invalid"),
        (b"[1,]", "json-invalid"),
        (b"{} {}", "json-invalid"),
        (b"{'a':1}", "json-invalid"),
        (b"01", "json-invalid"),
        (b"+1", "json-invalid"),
        (b".5", "json-invalid"),
        (b"nan", "json-invalid"),
        (b'"\n"', "json-invalid"),
        (b'"\x00"', "json-invalid"),
        (b'"\\x41"', "json-invalid"),
        (b'"unfinished', "json-invalid"),
        (b'"unfinished\\', "json-invalid"),
        (b'"\xff"', "json-invalid"),
        (b'"\xed\xa0\x80"', "json-invalid"),
        (b'"\xc0\x80"', "json-invalid"),
        (b"\xef\xbb\xbf{}", "json-invalid"),
        ("{}".encode("utf-16"), "json-invalid"),
        (b'"\\ud800"', "json-invalid"),
        (b'{"\\udc00":1}', "json-invalid"),
        (b'["\\ud800","\\udc00"]', "json-invalid"),
        (b"]]]]" + b"[" * 20, "json-invalid"),
    ],
)
def test_each_hostile_document_is_refused(data: bytes, code: str) -> None:
    """What two readers could understand differently, or not at all, is named and refused."""
    assert refusal(data) == code


def test_a_member_that_stands_twice_is_named() -> None:
    """The message names the member that repeats, not one beside it."""
    with pytest.raises(DamagedError, match="member 'b' stands twice"):
        loads(b'{"a":1,"b":2,"c":3,"b":4}')


def test_a_pair_of_surrogate_escapes_is_a_character() -> None:
    """An escaped pair is text as any other; only a lone half is refused."""
    assert loads(b'"\\ud83d\\udc18"') == "\U0001f418"


def test_size_is_refused_before_parsing() -> None:
    """A document of a byte more than allowed is refused for its size, whatever it holds."""
    assert loads(b"[ 1 ]", max_bytes=5) == [1]
    assert refusal(b"\xff\xff\xff\xff\xff\xff", max_bytes=5) == "json-too-large"


def test_depth_is_bounded() -> None:
    """Thirty-two levels are read; the next is refused, in arrays and objects alike."""
    deepest = spec.MAX_JSON_DEPTH

    assert json.dumps(loads(nested(deepest))).encode() == nested(deepest)
    assert refusal(nested(deepest + 1)) == "json-too-deep"
    assert refusal(b'{"a":' * 33 + b"1" + b"}" * 33) == "json-too-deep"
    assert refusal(b"[" * 500_000) == "json-too-deep"


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 2**20])
def test_depth_is_counted_over_all_stretches(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """However many brackets are looked at together, the same one is named."""
    monkeypatch.setattr(canonical, "_BRACKETS_AT_ONCE", at_once)
    deepest = b"[" + b"[]," * 10 + nested(spec.MAX_JSON_DEPTH - 1) + b"]"

    assert len(loads(deepest)) == 11
    with pytest.raises(DamagedError, match="deeper than 32 at bracket 53 "):
        loads(b"[" + b"[]," * 10 + nested(spec.MAX_JSON_DEPTH) + b"]")
    with pytest.raises(DamagedError, match="closes at bracket 5 what never opened"):
        loads(b"[[]]]")


def test_digits_in_text_are_no_number() -> None:
    """Integers are bounded where they stand alone, beside texts of any digits."""
    digits = "9007199254740993"

    assert loads(f'{{"{digits}":["{digits}",1]}}'.encode()) == {digits: [digits, 1]}
    assert canonical.dumps({digits: digits}) == f'{{"{digits}":"{digits}"}}'.encode()
    assert refusal(f'{{"{digits}":[{digits}]}}'.encode()) == "json-number"
    assert loads(b"[1234567890.1234567890123456789]") == [1234567890.1234567]


def test_depth_is_not_counted_in_text() -> None:
    """Brackets inside strings, behind escaped quotes and backslashes too, are text."""
    text = '[{"' * 50 + "\\" + '"' + "[" * 50

    assert loads(json.dumps([text, {text: "\\"}]).encode()) == [text, {text: "\\"}]


def test_brackets_after_escapes_are_counted() -> None:
    """A string that ends in a backslash does not hide what follows it."""
    assert refusal(b'["\\\\",' + nested(40) + b"]") == "json-too-deep"


def test_levels_side_by_side_do_not_add_up() -> None:
    """Depth is nesting, not the number of brackets."""
    assert loads(b"[" + b"[[]]," * 1000 + b"0]") == [[[]]] * 1000 + [0]


def test_a_string_without_end_costs_no_more_than_its_length() -> None:
    """A megabyte of escaped quotes is refused at once: work grows with bytes, not their square."""
    begin = time.perf_counter()

    assert refusal(b'"' + b'\\"' * 500_000, max_bytes=2_000_000) == "json-invalid"

    assert time.perf_counter() - begin < 5


def test_messages_do_not_repeat_hostile_input() -> None:
    """A number of a megabyte is named by its first digits."""
    with pytest.raises(DamagedError) as caught:
        loads(b"1" * 900_000)

    assert len(str(caught.value)) < 200


# Typing -------------------------------------------------------------------------------------------
class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A small struct to read documents as."""

    row: int


def test_a_document_becomes_a_struct() -> None:
    """What fits a type is converted, and what nearly fits is not: no text passes for a number."""
    to_place = canonical.converter(Place)

    assert to_place({"row": 3}) == Place(row=3)
    for document in ({"row": "3"}, {"row": 3.0}, {"row": True}, {"row": 3, "more": 1}, {}, None, 3):
        with pytest.raises(msgspec.ValidationError):
            to_place(document)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"%s":1,"%s":2}' % (b"x" * 65, b"x" * 65), f"member '{'x' * 64}' stands twice"),
        (b"[%s]" % (b"7" * 65), f": {'7' * 64} "),
        (b"[%se400]" % (b"7" * 65), f": {'7' * 64} "),
    ],
    ids=["name", "integer", "number"],
)
def test_messages_hold_the_beginning_of_what_is_long(data: bytes, told: str) -> None:
    """64 characters of it, whatever a stranger wrote."""
    with pytest.raises(DamagedError, match=told):
        loads(data)

    assert canonical.brief("\n" + "x" * 64) == f"'\\n{'x' * 63}'"
