"""Numbers of text files: the fewest digits that are the same number to every reader."""

from __future__ import annotations

import ctypes
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import embzarr
from embzarr import convert

_DIM = 8
_RNG = np.random.default_rng(7)
TABLES = {
    "any bits": _RNG.integers(0, 2**32, 8_000, np.uint32).view(np.float32),
    "vectors": (_RNG.standard_normal(8_000) / 10).astype(np.float32),
    "five places": np.round(_RNG.standard_normal(8_000), 5).astype(np.float32),
    "any size": (10 ** _RNG.uniform(-20, 30, 8_000)).astype(np.float32),
    "whole": _RNG.integers(-(2**24), 2**24, 8_000).astype(np.float32),
    "powers": np.concatenate(
        [np.ldexp(np.float32(1), np.arange(-149, 127)), np.float32(10) ** np.arange(-44, 38)]
    ).astype(np.float32)[:352],
    "half way": np.arange(0x15AE43F8, 0x15AE4400, dtype=np.uint32).view(np.float32),
}
"""Among the last ones is 7.038531e-26, which a double of these digits makes another float32."""


def written(folder: Path, table: NDArray[Any], name: str = "x.tsv") -> list[list[str]]:
    """The numbers of each row, as an export to text has them."""
    words = [f"w{row}" for row in range(len(table))]
    checkpoint = embzarr.save(folder / "run", words, table, allow_nonfinite=True)
    convert.export_vectors(checkpoint, folder / name)
    return [line.split("\t")[1:] for line in (folder / name).read_text().splitlines()]


@cache
def of_c() -> Any:
    """C's strtof."""
    function = ctypes.CDLL(None).strtof
    function.restype, function.argtypes = ctypes.c_float, [ctypes.c_char_p, ctypes.c_void_p]
    return function


def strtof(text: str) -> np.float32:
    """A number as C reads it, which makes no double of it first."""
    return np.float32(of_c()(text.encode(), None))


def digits_of(text: str) -> int:
    return len(Decimal(text).normalize().as_tuple().digits)


@pytest.mark.parametrize("kind", TABLES)
def test_the_fewest_digits_are_the_same_number(tmp_path: Path, kind: str) -> None:
    """By way of a double or not; and no more digits than NumPy's own, but where these are a tie."""
    numbers = TABLES[kind]
    numbers[~np.isfinite(numbers)] = -0.0

    texts = [text for row in written(tmp_path, numbers.reshape(-1, _DIM)) for text in row]

    assert np.array(list(map(float, texts))).astype(np.float32).tobytes() == numbers.tobytes()
    assert np.array(list(map(strtof, texts))).tobytes() == numbers.tobytes()
    for text, number in zip(texts, numbers, strict=True):
        few = str(number)
        is_tie = (np.float64(few).view(np.int64) & (2**29 - 1)) == 2**28
        assert digits_of(text) <= digits_of(few) or is_tie


def test_a_number_takes_no_more_than_it_must(tmp_path: Path) -> None:
    """Whole numbers have no point, also at the end of a row; what JSON has not is named."""
    rows = [[0.1, -2.0], [-0.0, 1.5], [np.nan, 0.1], [np.inf, -np.inf]]

    texts = written(tmp_path, np.array(rows, np.float32))

    assert texts == [["0.1", "-2"], ["-0", "1.5"], ["nan", "0.1"], ["inf", "-inf"]]


def test_doubles_have_their_own_digits(tmp_path: Path) -> None:
    """As Python writes them."""
    assert written(tmp_path, np.array([[0.1, 1 / 3]])) == [["0.1", repr(1 / 3)]]


def test_json_lines_have_them_too(tmp_path: Path) -> None:
    """And no digits of a double that nobody saved."""
    checkpoint = embzarr.save(tmp_path / "run", ["a", "b"], np.array([[0.1], [0.7]], np.float32))

    convert.export_vectors(checkpoint, tmp_path / "x.jsonl")

    assert (tmp_path / "x.jsonl").read_text().splitlines() == [
        '{"word":"a","vector":[0.1]}',
        '{"word":"b","vector":[0.7]}',
    ]


def test_a_file_of_five_places_goes_out_as_long_as_it_came(tmp_path: Path) -> None:
    """Byte for byte, where nothing ends with a zero."""
    numbers = TABLES["five places"][:4000].reshape(-1, _DIM)
    lines = [f"w{row} {' '.join(map(str, one))}\n" for row, one in enumerate(numbers)]
    given = "".join(lines).replace("e-05", "0000").encode()
    (tmp_path / "in.txt").write_bytes(given)

    convert.import_vectors(tmp_path / "in.txt", tmp_path / "run")
    convert.export_vectors(embzarr.open(tmp_path / "run"), tmp_path / "out.txt", format="glove")

    assert abs((tmp_path / "out.txt").stat().st_size - len(given)) < len(given) / 100
