"""What people see on a terminal, and what programs get through a pipe.

On a terminal: aligned tables, numbers with separators. Through a pipe: tab-separated text with
plain numbers, no colour and no lines drawn.

Words, metadata and messages come from a store, and a stranger may have written it. Whatever the
commands say passes through this module, which alone writes to the streams and knows rich: nothing
that a terminal obeys gets out of it, and no column is broken by a text that holds tabs or lines.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, TextIO, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


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


class Age(int):
    """Seconds since something."""

    def shown(self) -> str:
        """Return the largest unit that it has: ``3 d``."""
        seconds = max(0, int(self))
        units = ((86400, "d"), (3600, "h"), (60, "min"))
        unit, name = next((pair for pair in units if seconds >= pair[0]), (1, "s"))
        return f"{seconds // unit} {name}"


class Parts(str):
    """A text of parts, such as ``blosc:lz4:shuffle:5``."""

    __slots__ = ()

    def shown(self) -> str:
        """Return it with blanks, at which a narrow terminal may break it."""
        return printable(self).replace(":", " ")


class OutputError(Exception):
    """Standard output does not take what is written to it: its reader has left, or a disk is full.

    No `OSError`: what a store or a file says is not to be taken for it, nor it for what they say.
    """

    def __init__(self, error: OSError) -> None:
        """Tell what the system says."""
        super().__init__(f"standard output: {error.strerror or error}")
        self.reader_left = error.errno == errno.EPIPE


Cell: TypeAlias = "str | int | float | None"

INTERRUPTED: Final = 130
"""The exit code of a command that was."""
STANDARD_OUTPUT: Final = "standard output"
_KILO = 1000
_WIDEST: Final = 10_000
_REFRESHES: Final = 4
"""A second, of what is renewed in place."""
_PASSED_ON_BYTES: Final = 2**20
_DUMB_LINES: Final = 25


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    right: bool = False
    wrap: bool = False
    """Whether a narrow terminal may break the text into lines; else it is cut."""
    spare: bool = False
    """Whether a narrow terminal leaves it out, the last such first, before anything is cut."""


def on_terminal() -> bool:
    """Tell whether a person reads standard output."""
    return sys.stdout.isatty()


def show_table(
    columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, title: str | None = None
) -> None:
    """Print a table; through a pipe: a line of column names, then a line a row."""
    if not on_terminal():
        show_row(column.name for column in columns)
        for row in rows:
            show_row(row)
        return
    with _output():
        _console().print(_fitting(columns, [list(map(_text, row)) for row in rows], title))


def _fitting(columns: Sequence[Column], rows: list[list[Text]], title: str | None) -> Table:
    """Return a table without those spare columns for which a terminal has no room."""
    console, kept = _console(), list(range(len(columns)))
    spare = [place for place in kept if columns[place].spare]
    while True:
        table = _table([columns[place] for place in kept], title)
        for row in rows:
            table.add_row(*(row[place] for place in kept))
        wide = console.options.update(width=_WIDEST)
        if not spare or console.measure(table, options=wide).maximum <= console.width:
            return table
        kept.remove(spare.pop())


def _table(columns: Sequence[Column], title: str | None) -> Table:
    from rich import box  # noqa: PLC0415 - a pipe needs no rich
    from rich.table import Table as RichTable  # noqa: PLC0415

    table = RichTable(
        title=None if title is None else _text(title, style="bold"),
        title_justify="left",
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
    return table


def show_row(cells: Iterable[Cell]) -> None:
    """Print a line of cells for programs."""
    texts = [cell if isinstance(cell, str) else plain(cell) for cell in cells]
    whole = "".join(texts)  # a vector has hundreds of numbers: looked at as one
    if "\\" in whole or not whole.isprintable():
        texts = [plain(text) for text in texts]
    _put(sys.stdout, "\t".join(texts) + "\n")


def show_fields(fields: Mapping[str, Cell]) -> None:
    """Print named values, one a line."""
    if not on_terminal():
        for row in fields.items():
            show_row(row)
        return
    from rich.table import Table  # noqa: PLC0415 - a pipe needs no rich

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in fields.items():
        if value is not None:
            grid.add_row(_text(name, style="bold"), _text(value))
    with _output():
        _console().print(grid)


def show_json(document: object, *, indent: int | None = 2) -> None:
    """Print a JSON document, or a line of JSON with `indent` None; numbers must be finite.

    What does not show is written as JSON's own escape, so that the values are the same.
    """
    _put(sys.stdout, _json_text(document, indent=indent))


def tell_aside(code: str, message: str, notes: Sequence[str], exit_code: int) -> None:
    """Print what went wrong as a line of JSON on standard error, behind what was printed.

    It is as ``schemas/error.json`` has it.
    """
    told = {"code": code, "message": message, "notes": list(notes), "exit_code": exit_code}
    with suppress(OutputError):
        flush()
    _put(sys.stderr, _json_text(told, indent=None))


def say_interrupted(notes: Sequence[str] = (), *, as_json: bool) -> None:
    """Say that a command was interrupted, which may come before all else is imported."""
    if as_json:
        tell_aside("interrupted", "interrupted", notes, INTERRUPTED)
    else:
        say_aside("; ".join(("interrupted", *notes)))


def _json_text(document: object, *, indent: int | None) -> str:
    text = json.dumps(document, ensure_ascii=False, indent=indent, allow_nan=False)
    if not _is_safe(text):
        text = "".join(letter if _is_safe(letter) else json.dumps(letter)[1:-1] for letter in text)
    return f"{text}\n"


def write(text: str) -> None:
    """Print lines of our own, such as a help text."""
    _put(sys.stdout, f"{text}\n")
    flush()


def pass_on(source: IO[bytes]) -> None:
    """Write bytes of any kind, as they are: for a program, never to a terminal."""
    while part := source.read(_PASSED_ON_BYTES):
        with _output():
            sys.stdout.buffer.write(part)
    with _output():
        sys.stdout.buffer.flush()


class StandardOutput(io.RawIOBase):
    """Standard output as a file of bytes, for a program, never for a terminal."""

    name = STANDARD_OUTPUT

    def writable(self) -> bool:
        """Tell that it can be written, and neither read nor sought."""
        return True

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - whatever has bytes
        """Write bytes, all of them.

        Raises:
            OutputError: they are not taken.
        """
        with _output():
            return sys.stdout.buffer.write(data)

    def flush(self) -> None:
        """Send what was written."""
        with _output():
            sys.stdout.buffer.flush()


def say(text: str) -> None:
    """Print a sentence at once, also into a log that somebody follows."""
    _put(sys.stdout, f"{printable(text)}\n")
    flush()


def heading(text: str) -> None:
    """Print a line that begins something."""
    if on_terminal():
        with _output():
            _console().print(_text(text, style="bold"))
    else:
        say(text)


def say_aside(text: str) -> None:
    """Print one line on standard error."""
    with suppress(OutputError):
        flush()
    _put(sys.stderr, f"embzarr: {printable(' '.join(text.split()))}\n")


def show_aside(lines: str) -> None:
    """Print lines, such as a traceback, on standard error."""
    _put(sys.stderr, lines)


def flush() -> None:
    """Send what was printed.

    Raises:
        OutputError: it is not taken.
    """
    with _output():
        sys.stdout.flush()


def drop_output() -> None:
    """Write no more to standard output, not at the end of Python either, which would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Advance(Protocol):
    """Moves a bar: the work done, the work in all, and what to say beside it."""

    def __call__(self, done: int, total: int, label: str | None = None) -> None:
        """Show that `done` of `total` is done."""
        ...


@contextmanager
def progress(label: str, *, unit_bytes: int = 0) -> Iterator[Advance]:
    """Show a bar on a terminal, and nothing in a log.

    Args:
        label: what to say beside the bar.
        unit_bytes: bytes of one unit of the work, so that bytes and bytes a second are shown; 0
            where it is not known in bytes.
    """
    if not sys.stderr.isatty():
        yield _no_bar
        return
    from rich.progress import (  # noqa: PLC0415  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TransferSpeedColumn,
    )
    from rich.progress import TimeRemainingColumn as Remaining  # noqa: PLC0415

    label_column = TextColumn("{task.description}", markup=False)
    speed = (DownloadColumn(), TransferSpeedColumn()) if unit_bytes else ()
    look = (label_column, BarColumn(), TaskProgressColumn(), *speed, Remaining())
    unit = unit_bytes or 1
    console = _console(stderr=True)
    # What is printed meanwhile scrolls above the bar, but only where both are on one terminal.
    with Progress(*look, console=console, transient=True, redirect_stdout=on_terminal()) as bar:
        task = bar.add_task(printable(label), total=None)

        def advance(done: int, total: int, label: str | None = None) -> None:
            shown = None if label is None else printable(label)
            all_of_it = total * unit or None  # of a stream nobody knows how much it will be
            bar.update(task, completed=done * unit, total=all_of_it, description=shown)

        yield advance


@contextmanager
def live(
    label: str, console: Console | None = None
) -> Iterator[Callable[[int, int, str, Sequence[str]], None]]:
    """Show a bar with lines below it, renewed in place.

    Args:
        label: what to say beside the bar at first.
        console: where to; by default a terminal's standard error.

    Yields:
        What shows the work done, the work in all, what to say beside the bar, and the lines.
    """
    from rich.console import Group  # noqa: PLC0415 - a pipe needs no rich
    from rich.live import Live  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn  # noqa: PLC0415

    label_column = TextColumn("{task.description}", markup=False)
    bar = Progress(label_column, BarColumn(), TaskProgressColumn())
    task = bar.add_task(printable(label), total=None)
    shown = Live(
        bar,
        console=console or _console(stderr=True),
        transient=True,
        refresh_per_second=_REFRESHES,
        redirect_stdout=on_terminal(),
    )
    with shown:

        def show(done: int, total: int, label: str, lines: Sequence[str]) -> None:
            bar.update(task, completed=done, total=total, description=printable(label))
            shown.update(Group(bar, *map(_text, lines)))

        yield show


def _no_bar(done: int, total: int, label: str | None = None) -> None:
    del done, total, label


def plain(cell: Cell) -> str:
    """Return a cell for programs: numbers as they are, text in one line that can be read back.

    A backslash is doubled, and what does not show is spelled out, as in Python's literals.
    """
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return repr(cell + 0)  # + 0: of a subclass, the number
    return printable(cell.replace("\\", "\\\\"))


def people(cell: Cell) -> str:
    """Return a cell for people."""
    if isinstance(cell, Size | Name | Ratio | Age | Parts):
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
    if text.isprintable():
        return text
    import embzarr  # noqa: PLC0415 - slow to import, and few texts need it

    return embzarr.errors.printable(text)


def finite_or_text(number: float) -> float | str:
    """Return a number that JSON can hold, or its name: ``NaN``, ``Infinity``, ``-Infinity``."""
    return number if math.isfinite(number) else json.dumps(number)


def _is_safe(text: str) -> bool:
    """Tell whether a text holds nothing but letters that show, tabs and line ends."""
    return text.replace("\t", "").replace("\n", "").isprintable()


def _put(stream: TextIO, text: str) -> None:
    """Write to a stream; the only way to it, but for rich, which is given `_text`."""
    if not _is_safe(text):  # somebody forgot
        text = "".join(letter if _is_safe(letter) else printable(letter) for letter in text)
    if stream is sys.stderr:
        with suppress(OSError):  # nobody is there to be told
            stream.write(text)
        return
    with _output():
        stream.write(text)


@contextmanager
def _output() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise OutputError(exc) from exc


def _text(cell: Cell, *, style: str = "") -> Text:
    """Return what rich takes for a text that shows as it is, markup and control codes too."""
    from rich.text import Text  # noqa: PLC0415 - a pipe needs no rich

    return Text(people(cell), style=style)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console as RichConsole  # noqa: PLC0415 - a pipe needs no rich

    # Of a dumb terminal rich says 80 columns, whatever COLUMNS says, unless a height is told too.
    height = _DUMB_LINES if os.environ.get("TERM") == "dumb" else None
    return RichConsole(stderr=stderr, highlight=False, emoji=False, markup=False, height=height)
