"""What people see on a terminal, and what programs get through a pipe.

On a terminal: aligned tables, numbers with separators. Through a pipe: tab-separated text with
plain numbers, no colour and no lines drawn.
"""

from __future__ import annotations

import json
import math
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rich.console import Console


class Size(int):
    """A number of bytes."""

    def shown(self) -> str:
        """Return it as people say it: ``5.28 MB``."""
        return size(self)


class Name(int):
    """A number that is a name, such as a step."""

    def shown(self) -> str:
        """Return it without separators."""
        return str(int(self))


class Ratio(float):
    """A ratio of sizes."""

    def shown(self) -> str:
        """Return it with two decimals."""
        return f"{self:.2f}"


class Parts(str):
    """A text of parts, such as ``blosc:lz4:shuffle:5``."""

    __slots__ = ()

    def shown(self) -> str:
        """Return it with blanks, at which a narrow terminal may break it."""
        return printable(self).replace(":", " ")


Cell: TypeAlias = "str | int | float | None"

_KILO = 1000
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    right: bool = False
    wrap: bool = False
    """Whether a narrow terminal may break the text into lines; else it is cut."""


def on_terminal() -> bool:
    """Tell whether a person reads standard output."""
    return sys.stdout.isatty()


def show_table(
    columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, title: str | None = None
) -> None:
    """Print a table; through a pipe: a line of column names, then a line a row."""
    if not on_terminal():
        write("\t".join(column.name for column in columns))
        for row in rows:
            write("\t".join(map(plain, row)))
        return
    from rich import box  # noqa: PLC0415 - a pipe needs no rich
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    for column in columns:
        table.add_column(
            column.name,
            justify="right" if column.right else "left",
            no_wrap=not column.wrap,
            min_width=len(column.name),
            overflow="fold" if column.wrap else "ellipsis",
        )
    for row in rows:
        table.add_row(*(Text(people(cell)) for cell in row))
    _console().print(table)


def show_fields(fields: Mapping[str, Cell]) -> None:
    """Print named values, one a line."""
    if not on_terminal():
        for name, value in fields.items():
            write(f"{name}\t{plain(value)}")
        return
    from rich.table import Table  # noqa: PLC0415 - a pipe needs no rich
    from rich.text import Text  # noqa: PLC0415

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in fields.items():
        if value is not None:
            grid.add_row(Text(name, style="bold"), Text(people(value)))
    _console().print(grid)


def show_json(document: object, *, indent: int | None = 2) -> None:
    """Print a JSON document, or a line of JSON with `indent` None; numbers must be finite."""
    write(json.dumps(document, ensure_ascii=False, indent=indent, allow_nan=False))


def write(line: str) -> None:
    """Print a line as it is."""
    sys.stdout.write(f"{line}\n")


def say(text: str) -> None:
    """Print a sentence at once, also into a log that somebody follows."""
    write(printable(text))
    sys.stdout.flush()


def heading(text: str) -> None:
    """Print a line that begins something."""
    if on_terminal():
        from rich.text import Text  # noqa: PLC0415 - a pipe needs no rich

        _console().print(Text(printable(text), style="bold"))
    else:
        say(text)


def say_aside(text: str) -> None:
    """Print one line on standard error."""
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    sys.stderr.write(f"embzarr: {printable(' '.join(text.split()))}\n")


class Advance(Protocol):
    """Moves a bar: the work done, the work in all, and what to say beside it."""

    def __call__(self, done: int, total: int, label: str | None = None) -> None:
        """Show that `done` of `total` is done."""
        ...


@contextmanager
def progress(label: str) -> Iterator[Advance]:
    """Show a bar on a terminal, and nothing in a log."""
    if not sys.stderr.isatty():
        yield _no_bar
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn  # noqa: PLC0415
    from rich.progress import TimeRemainingColumn as Remaining  # noqa: PLC0415

    look = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), Remaining())
    console = _console(stderr=True)
    # What is printed meanwhile scrolls above the bar, but only where both are on one terminal.
    with Progress(*look, console=console, transient=True, redirect_stdout=on_terminal()) as bar:
        task = bar.add_task(label, total=None)

        def advance(done: int, total: int, label: str | None = None) -> None:
            bar.update(task, completed=done, total=total, description=label)

        yield advance


def stderr_console() -> Console:
    """Return rich's console of standard error."""
    return _console(stderr=True)


def _no_bar(done: int, total: int, label: str | None = None) -> None:
    del done, total, label


def plain(cell: Cell) -> str:
    """Return a cell for programs: no separators, tabs and line ends escaped."""
    if cell is None:
        return ""
    text = cell if isinstance(cell, str) else repr(cell + 0)  # + 0: of a subclass, the number
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def people(cell: Cell) -> str:
    """Return a cell for people."""
    if isinstance(cell, Size | Name | Ratio | Parts):
        return cell.shown()
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, float):
        return f"{cell:.4f}"
    return "" if cell is None else printable(cell)


def size(count: int) -> str:
    """Return a number of bytes as people say it, in three figures: ``5.28 MB``."""
    if count < _KILO:
        return f"{count} B"
    amount, units = count / _KILO, iter("kMGTPE")
    unit = next(units)
    while amount >= _KILO - 0.5:  # would be written as four figures
        amount, unit = amount / _KILO, next(units)
    return f"{amount:.3g} {unit}B"


def printable(text: str) -> str:
    """Return the text with what a terminal could obey, such as escape codes, spelled out."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def finite_or_text(number: float) -> float | str:
    """Return a number that JSON can hold, or its name: ``NaN``, ``Infinity``, ``-Infinity``."""
    return number if math.isfinite(number) else json.dumps(number)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console as RichConsole  # noqa: PLC0415 - a pipe needs no rich

    return RichConsole(stderr=stderr, highlight=False, emoji=False, markup=False)
