"""Tensors and files on the command line: rows of the one, bytes of the other."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from embzarr_tools._failures import UsageError
from embzarr_tools._screen import (
    Column,
    finite_or_text,
    on_terminal,
    pass_on,
    show_json,
    show_row,
    show_table,
)
from embzarr_tools._selection import row_range

if TYPE_CHECKING:
    import embzarr

_ROWS_AT_ONCE_BYTES = 8 * 2**20
_SHOWN_ROWS, _SHOWN = 20, 8


def show_tensor(
    checkpoint: "embzarr.Checkpoint", name: str, rows: str | None, *, as_json: bool
) -> None:
    """Print a tensor by the indices of its first dimension, or those of ``A:B`` alone.

    A terminal shows the first numbers of the first ones; through a pipe a line is an index and all
    numbers below it, and with --json an object that nests them as the tensor does.
    """
    tensor = checkpoint.tensors[name]
    if not tensor.shape:
        _show_number(name, tensor.load(), as_json=as_json)
        return
    start, stop = (0, None) if rows is None else row_range(rows)
    wanted = range(len(tensor))[start:stop]
    if on_terminal() and not as_json:
        shown = [(at, _abbreviated(row)) for at, row in _rows(tensor, wanted[:_SHOWN_ROWS])]
        title = f"{name}: {' x '.join(map(str, tensor.shape))} {tensor.type}"
        show_table((Column("index", right=True), Column("numbers")), shown, title=title)
        return
    for at, row in _rows(tensor, wanted):
        if as_json:
            show_json({"tensor": name, "index": at, "values": _plain(row)}, indent=None)
        else:
            show_row((at, *map(str, row.reshape(-1))))


def write_file(checkpoint: "embzarr.Checkpoint", name: str) -> None:
    """Write the bytes of a file to standard output.

    Raises:
        UsageError: that is a terminal.
    """
    file = checkpoint.files[name]
    if on_terminal():
        raise UsageError(f"--file {name!r} has {file.size} bytes of any kind: send them to a file")
    with file.open() as source:
        pass_on(source)


def _rows(tensor: "embzarr.Tensor", wanted: range) -> Iterator[tuple[int, Any]]:
    """Yield indices and what is below them, some MiB at a time."""
    step = max(_ROWS_AT_ONCE_BYTES * len(tensor) // max(tensor.nbytes, 1), 1)
    for first in range(wanted.start, wanted.stop, step):
        last = min(first + step, wanted.stop)
        yield from zip(range(first, last), tensor[first:last], strict=True)


def _abbreviated(row: Any) -> str:  # noqa: ANN401 - a number or an array of any type
    numbers = row.reshape(-1)
    shown = "  ".join(map(str, numbers[:_SHOWN]))
    return f"{shown}  … {len(numbers)} in all" if len(numbers) > _SHOWN else shown


def _show_number(name: str, number: Any, *, as_json: bool) -> None:  # noqa: ANN401 - of any type
    if as_json:
        show_json({"tensor": name, "index": None, "values": _plain(number)}, indent=None)
    else:
        show_row((str(number[()]),))


def _plain(values: Any) -> Any:  # noqa: ANN401 - nested as the tensor is
    if values.ndim:
        return [_plain(value) for value in values]
    value = values.item()
    if isinstance(value, float):  # in as many digits as its own type has
        return finite_or_text(float(str(values[()])))
    return value if isinstance(value, bool | int | str) else str(value)
