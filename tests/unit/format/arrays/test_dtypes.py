"""What `dtypes` promises: Zarr's names for NumPy's types, and nothing unnamed."""

from __future__ import annotations

import re
import sys
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from embzarr._format import dtypes, spec
from embzarr.errors import DamagedError, InvalidInputError, UnsupportedError


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("bool", 1),
        ("int8", 1),
        ("int16", 2),
        ("int32", 4),
        ("int64", 8),
        ("uint8", 1),
        ("uint16", 2),
        ("uint32", 4),
        ("uint64", 8),
        ("float16", 2),
        ("bfloat16", 2),
        ("float32", 4),
        ("float64", 8),
        ("complex64", 8),
        ("complex128", 16),
        ("U1", 4),
        ("U12", 48),
        ("S7", 7),
        ("datetime64[s]", 8),
        ("datetime64[10us]", 8),
        ("timedelta64[D]", 8),
    ],
)
def test_each_type_has_its_size_and_its_name(name: str, size: int) -> None:
    """Name, size and NumPy type of every stored type agree."""
    dtype = dtypes.numpy_dtype(name)

    assert dtypes.itemsize(name) == size
    assert dtype.itemsize == size
    assert dtypes.column_name_of(dtype, what="x") == name


def test_every_type_of_the_format_is_covered() -> None:
    """The test above names all stored types, and vectors are a part of them."""
    sizes = {name: dtypes.itemsize(name) for name in spec.COLUMN_DTYPES}

    assert len(sizes) == 15
    assert set(spec.VECTOR_DTYPES) < sizes.keys()


@pytest.mark.parametrize(
    ("names", "zero"),
    [
        (["bool"], False),
        (["int8", "uint8", "int16", "uint64", "datetime64[s]", "timedelta64[D]"], 0),
        (["float16", "bfloat16", "float64"], 0.0),
        (["complex64", "complex128"], [0.0, 0.0]),
        (["S1", "S7", "U1", "U12"], ""),
    ],
)
def test_zarr_is_told_of_byte_order_and_zeros(names: list[str], zero: object) -> None:
    """Of what numpy knows an order of; zero bytes are zero, false or an empty text."""
    for name in names:
        has_order = dtypes.numpy_dtype(name).byteorder != "|"
        found = dtypes.fill_value(name)

        assert dtypes.has_byte_order(name) is has_order
        assert (type(found), found) == (type(zero), zero)


def test_types_are_little_endian() -> None:
    """The number one is stored with its low byte first on every machine."""
    one = np.ones(1, dtypes.numpy_dtype("uint32"))

    assert one.tobytes() == b"\x01\x00\x00\x00"
    assert dtypes.numpy_dtype("float32") == np.dtype("<f4")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("float32", "float32"),
        (np.float16, "float16"),
        (np.dtype(">f8"), "float64"),
        (float, "float64"),
        ("bfloat16", "bfloat16"),
        (np.dtype(ml_dtypes.bfloat16), "bfloat16"),
        pytest.param(ml_dtypes.bfloat16, "bfloat16", id="class of ml_dtypes"),
    ],
)
def test_vectors_take_all_spellings_of_their_types(given: Any, name: str) -> None:
    """A type may be given as text, class or dtype, of either byte order."""
    assert dtypes.vector_name_of(given) == name


@pytest.mark.parametrize("given", ["int32", "complex64", bool, "U5", "longdouble", "no such type"])
def test_vectors_are_floating_point(given: Any) -> None:
    """Numbers that are no vectors are refused by a message that says what would do."""
    with pytest.raises(InvalidInputError, match="vectors: expected one of float32, ") as caught:
        dtypes.vector_name_of(given)

    assert caught.value.code == "input-dtype"


@pytest.mark.parametrize(
    "given",
    [
        *(
            "U",
            "S",
            str,
            "O",
            "M8",
            "m8",
            "M8[0s]",
            "V4",
            "f4,f4",
            np.longdouble,
            "no such type",
            "(",
        ),
        *({"names": [1]}, [("a",)], 1.5, object(), ml_dtypes.float8_e4m3fn),
    ],
)
def test_columns_refuse_what_has_no_name_in_zarr(given: Any) -> None:
    """Objects, records, texts of no length, times of no unit, and what is no type at all."""
    with pytest.raises(InvalidInputError, match="column 'c': expected one of bool") as caught:
        dtypes.column_name_of(given, what="column 'c'")

    assert caught.value.code == "input-dtype"


def test_bfloat16_without_its_package_says_what_to_install(monkeypatch: Any) -> None:
    """The one type that NumPy lacks names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)

    with pytest.raises(UnsupportedError, match=r"embzarr\[bfloat16\]") as caught:
        dtypes.numpy_dtype("bfloat16")

    assert caught.value.code == "dtype-unsupported"
    assert dtypes.itemsize("bfloat16") == 2


def test_a_length_that_is_claimed_decides_no_allocation() -> None:
    """How long a text may be is judged by arithmetic: NumPy cannot make such a type."""
    assert dtypes.itemsize("U999999999") == 4 * 999_999_999
    assert dtypes.is_column_dtype("S999999999")
    assert not dtypes.is_column_dtype("S1000000000")


@pytest.mark.parametrize(
    ("block", "stored", "converts"),
    [
        (["ab", "c"], "U5", True),
        (["ab", "c"], "U1", False),
        ([b"ab"], "S2", True),
        ([b"ab"], "U2", False),
        (["ab"], "S2", False),
        ([1], "U5", False),
        ([1], "datetime64[s]", False),
        ([1], "timedelta64[s]", False),
        (np.array([1], "M8[D]"), "datetime64[s]", True),
        (np.array(["NaT", "2026-01-01"], "M8[s]"), "datetime64[D]", True),
        (np.array([1], "M8[s]"), "datetime64[D]", False),
        (np.array([2**62], "M8[D]"), "datetime64[s]", False),
        (np.array([1], "m8[s]"), "datetime64[s]", False),
        (np.array([50], "m8[us]"), "timedelta64[25us]", True),
        (np.array([51], "m8[us]"), "timedelta64[25us]", False),
        (np.array([], "U9"), "U1", True),
        (np.array([1e9], "f8"), "float16", True),
        (np.array([1], "f4"), "int64", False),
        (np.array([1], "f8"), "complex64", True),
        (np.array([1], "c8"), "float64", False),
        (np.array([1], "i8"), "float16", True),
        (np.array([1], "i8"), "bool", False),
        (np.array([True]), "uint8", True),
        (np.array([127, -128]), "int8", True),
        (np.array([128]), "int8", False),
        (np.array([-129]), "int8", False),
        (np.array([255], "i8"), "uint8", True),
        (np.array([-1], "i1"), "uint64", False),
        (np.array([], "i8"), "int8", True),
        (np.array([1], ml_dtypes.bfloat16), "float32", True),
        (np.array([1], ml_dtypes.bfloat16), "int32", False),
        (np.array([1], "i8"), "bfloat16", True),
        (np.array([1], "c8"), "bfloat16", False),
    ],
)
def test_values_convert_where_nothing_but_digits_is_lost(
    block: Any, stored: str, *, converts: bool
) -> None:
    """What would be cut, wrap around or be mistaken for another kind is refused."""
    given = np.asarray(block)
    if converts:
        dtypes.require_converts("c", given, stored)
        return
    kind = {"U": "U2", "S": "S2"}.get(given.dtype.kind, str(given.dtype))
    found = "'ab', of length 2: longer ones are not cut" if stored == "U1" else kind
    with pytest.raises(
        InvalidInputError, match=f"c: expected .*; found {re.escape(found)}"
    ) as caught:
        dtypes.require_converts("c", given, stored)

    assert caught.value.code == "input-dtype"


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("M8", "say in which unit"),
        ("m8", "say in which unit"),
        ("U", "say how long they may be, such as U16"),
        ("S", "say how long they may be, such as U16"),
        ("V4", "stored as a matrix of uint8"),
        ("O", "where all are text, or all are bytes"),
    ],
)
def test_a_type_without_a_name_says_what_to_do_instead(given: str, hint: str) -> None:
    """Where something else can stand for it; else only what there is."""
    with pytest.raises(InvalidInputError, match=hint):
        dtypes.column_name_of(given, what="c")
    with pytest.raises(InvalidInputError, match=r"found longdouble|found float128") as caught:
        dtypes.column_name_of(np.longdouble, what="c")
    assert hint not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "is_character"),
    [
        *((0, True), (0xD7FF, True), (0xD800, False), (0xDFFF, False), (0xE000, True)),
        *((0x10FFFF, True), (0x110000, False), (2**32 - 1, False)),
    ],
)
@pytest.mark.parametrize("order", "<>")
def test_texts_are_of_unicode_scalar_values(number: int, order: str, *, is_character: bool) -> None:
    """No surrogate, and nothing above U+10FFFF, be it given or stored, and in either byte order."""
    texts = np.array([[97, 98], [99, number]], f"{order}u4").view(f"{order}U2")
    if is_character:
        dtypes.check_values(texts, "x")
        dtypes.require_converts("c", texts, "U2")
        return
    for code, refuse in (
        ("chunk-decode", partial(dtypes.check_values, texts, "x")),
        ("input-dtype", partial(dtypes.require_converts, "c", texts, "U2")),
    ):
        with pytest.raises((DamagedError, InvalidInputError), match=f"{number:#x}") as caught:
            refuse()
        assert caught.value.code == code
