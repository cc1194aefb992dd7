"""Magnitude: an SQLite database of whole numbers, which are those of vectors of length 1.

Newer files have the lengths in a column of their own, by which the vectors are restored, to the
digits that Magnitude keeps (seven by default); of older ones, and of those without it, the lengths
are lost. N-grams, and indexes for approximate search, are not read. staticvectors writes such
databases, too, under other names, of vectors as they are.
"""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from embzarr.convert._blocks import MOST_WORD_BYTES, Block, Table, check_dim, rows_in_block

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embzarr.convert._blocks import Given
    from embzarr.convert._damage import Damage

MAGIC: Final = b"SQLite format 3\0"
_MOST_PRECISION: Final = 30
_MAGNITUDE: Final = "magnitude"
_TABLES: Final = ((_MAGNITUDE, "magnitude_format"), ("vectors", "config"))
"""That of vectors, and that of what the file says of itself: Magnitude's and staticvectors'."""
_LENGTH: Final = "magnitude"
_BROKEN: Final = (sqlite3.Error, UnicodeDecodeError)
"""What is raised of a damaged file, whose message may quote bytes that are no text."""
_Rows = sqlite3.Cursor


def read(given: Given) -> Table:
    """Read dimension and precision, and leave the rows to be read.

    Raises:
        InvalidInputError: code ``input-file``.
    """
    with ExitStack() as stack:
        path = stack.enter_context(given.source.on_disk(given.stream))
        try:
            database = stack.enter_context(closing(_opened(path)))
            name, columns, about = _look(database, given.damage)
            has_length = _LENGTH in columns
            names = [f"dim_{number}" for number in range(about["dim"])]
            if not columns.issuperset(names):
                raise given.damage.error(f"expected the columns dim_0 to {names[-1]}")
            wanted = ", ".join(["key", *([_LENGTH] if has_length else []), *names])
            rows = database.execute(f"SELECT {wanted} FROM {name} ORDER BY rowid")  # noqa: S608 - names of our own
        except _BROKEN as exc:
            raise given.damage.error(f"SQLite cannot read it: {exc}") from exc
        return Table(
            dim=about["dim"],
            dtype="float32",
            blocks=_blocks(rows, about, given.damage, stack.pop_all(), has_length=has_length),
            metadata={"precision": about["precision"], **_lengths(name, has_length=has_length)},
        )


def _opened(path: Path) -> sqlite3.Connection:
    """Open a database that a stranger may have made: nothing of it is run, and nothing written."""
    database = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
    )
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_WORD_BYTES)
    database.text_factory = bytes
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA cell_size_check = ON")
    return database


def _lengths(name: str, *, has_length: bool) -> dict[str, str]:
    if name != _MAGNITUDE:
        return {}
    return {"lengths": "restored" if has_length else "lost: all vectors are of length 1"}


def _look(database: sqlite3.Connection, damage: Damage) -> tuple[str, set[str], dict[str, int]]:
    """Return the table of vectors and its columns, and what the file says of itself.

    Views and virtual tables, which may be anything and have no end, are not read.
    """
    tables = dict(
        database.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND rootpage > 0"
        ).fetchmany(_MOST_TABLES)
    )
    pair = next((pair for pair in _TABLES if tables.keys() >= {one.encode() for one in pair}), None)
    if pair is None:
        raise damage.error("an SQLite database, but not one of Magnitude or staticvectors")
    name, about = pair
    columns = {
        bytes(row[1]).decode(errors="replace")
        for row in database.execute(f"PRAGMA table_info({name})")
    }
    told = dict(database.execute(f"SELECT key, value FROM {about} LIMIT 1000").fetchall())  # noqa: S608 - as above
    dim, precision = told.get(b"dim"), told.get(b"precision")
    if type(dim) is not int or type(precision) is not int or "key" not in columns:
        raise damage.error(f"expected dimension and precision, found {dim!r} and {precision!r}")
    if not 0 <= precision <= _MOST_PRECISION:
        raise damage.error(f"expected 0 to {_MOST_PRECISION} digits, found {precision}")
    return name, columns, {"dim": check_dim(damage, dim), "precision": precision}


_MOST_TABLES: Final = 1000


def _blocks(
    rows: _Rows, about: dict[str, int], damage: Damage, stack: ExitStack, *, has_length: bool
) -> Iterator[Block]:
    """Yield the rows of numbers; what else stands there is told of."""
    dim, unit, first = about["dim"], 10.0 ** about["precision"], 0
    with stack:
        while some := _next(rows, rows_in_block(dim), damage):
            words, vectors, places = [], [], []
            for number, row in enumerate(some, first):
                if not _is_row(row):
                    damage.lose(f"row {number}: expected a word and numbers alone")
                    continue
                words.append(row[0])
                vectors.append(row[1:])
                places.append(number)
            first += len(some)
            if words:
                yield _block(words, vectors, places, unit, has_length=has_length)


def _next(rows: _Rows, count: int, damage: Damage) -> list[Any]:
    try:
        return rows.fetchmany(count)
    except _BROKEN as exc:
        raise damage.error(f"SQLite cannot read on: {exc}") from exc


def _is_row(row: tuple[Any, ...]) -> bool:
    return type(row[0]) is bytes and all(type(one) in {int, float} for one in row[1:])


def _block(
    words: list[bytes],
    vectors: list[tuple[float, ...]],
    places: list[int],
    unit: float,
    *,
    has_length: bool,
) -> Block:
    numbers = np.array(vectors, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        found = numbers[:, has_length:] / unit
        if has_length:
            found *= numbers[:, :1]
        found = found.astype(np.float32)
    return Block(words=words, vectors=found, place=lambda row: f"row {places[row]}")
