"""``embzarr inspect``: what a checkpoint is, from its manifest."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from embzarr_tools._commands.ls import COLUMNS as HISTORY
from embzarr_tools._commands.ls import row_of
from embzarr_tools._history import history_of, names_of, tags_of
from embzarr_tools._options import AsJson, Place, Which
from embzarr_tools._plot import Plot
from embzarr_tools._screen import (
    Cell,
    Column,
    Name,
    Parts,
    Ratio,
    Size,
    heading,
    on_terminal,
    say,
    say_aside,
    show_fields,
    show_json,
    show_table,
)

if TYPE_CHECKING:
    import embzarr

EXAMPLES = """
embzarr inspect s3://bucket/run
embzarr inspect s3://bucket/run --endpoint-url http://localhost:9000
embzarr inspect runs/wiki --step 100 --json | jq .metadata
embzarr inspect runs/wiki --plot wiki.svg --eval wordsim353.tsv --eval questions-words.txt
"""

_FIRST_WORDS = 10
_LONGEST_WORD = 40
_NEWEST = 10
_ARRAYS = (
    Column("array"),
    Column("shape", right=True, wrap=True),
    Column("type"),
    Column("codec", wrap=True),
    Column("chunks", right=True),
    Column("raw", right=True),
    Column("stored", right=True),
    Column("ratio", right=True),
)
_TENSORS = (
    Column("tensor", wrap=True),
    Column("shape", right=True, wrap=True),
    Column("type"),
    Column("raw", right=True),
    Column("stored", right=True),
    Column("ratio", right=True),
)
_FILES = (
    Column("file", wrap=True),
    Column("type", wrap=True),
    Column("size", right=True),
    Column("stored", right=True),
    Column("sha256"),
)
_CONTENTS = ("tensors/", "files/", "small/")
"""Arrays that tables of their own tell of."""
_DIGITS = 12
_LAYERS = (
    Column("layer"),
    Column("rows", right=True),
    Column("objects", right=True),
    Column("stored", right=True),
    Column("path"),
)


def inspect(place: Place, which: Which, plot: Plot, *, as_json: AsJson = False) -> None:
    """Show what a checkpoint holds and how it is stored.

    And the history of its run. Reads the manifests and the first words, no vectors. The ratio is
    raw size over stored size. Tensors and files of up to 64 KiB are stored together, and have none
    of their own. With --plot, a picture of the whole run.
    """
    with plot.checked() as drawn:
        run = place.run()
        checkpoint = run.open(step=which.step, tag=which.tag, commit=which.commit)
        document = _document(run, checkpoint)
        drawn.draw(run)
    if as_json:
        show_json(document)
        return
    show_fields(_summary(document))
    for title in ("metadata", "model"):
        if document[title]:
            _show_members(title, document[title])
    _section("Layers", _LAYERS, [_layer_row(layer) for layer in document["layers"]])
    chain = len(document["layers"]) > 1
    arrays = [one for one in document["arrays"] if not one["name"].startswith(_CONTENTS)]
    if arrays:
        _section("Arrays", _ARRAYS, [_array_row(array, chain=chain) for array in arrays])
    if document["tensors"]:
        _section("Tensors", _TENSORS, _tensor_rows(document["tensors"]))
    if document["files"]:
        _section("Files", _FILES, [_file_row(file) for file in document["files"]])
    _show_history(document["history"])


def _document(run: "embzarr.Run", checkpoint: "embzarr.Checkpoint") -> dict[str, Any]:
    info = asdict(checkpoint.info())
    tags = tags_of(run)
    arrays = [{**array, "ratio": _ratio(array)} for array in info.pop("columns")]
    # What was saved first, then what the format adds to find it.
    order = {name: place for place, name in enumerate(checkpoint.columns)}
    arrays.sort(key=lambda array: (array["layer"], order.get(array["name"], len(order))))
    first = list(islice(checkpoint, _FIRST_WORDS))
    return {
        **info,
        "ratio": _ratio(info),
        "tags": names_of(checkpoint.commit, tags),
        "first_words": first,
        "arrays": arrays,
        "history": _history(run, tags),
    }


def _history(run: "embzarr.Run", tags: dict[str, int] | None) -> list[dict[str, Any]] | None:
    """Return all commits, or None where one of them is damaged: this one can still be shown."""
    import embzarr  # noqa: PLC0415 - slow to import, see _options

    try:
        return history_of(run, tags)
    except embzarr.DamagedError as exc:
        say_aside(f"history left out: {exc}")
        return None


def _ratio(sizes: dict[str, Any]) -> float | None:
    stored: int = sizes["bytes_stored"]
    return round(sizes["bytes_raw"] / stored, 4) if stored else None


def _shown(ratio: float | None) -> Ratio | None:
    return None if ratio is None else Ratio(ratio)


def _summary(document: dict[str, Any]) -> dict[str, Cell]:
    rows, dim, dtype = document["rows"], document["dim"], document["dtype"]
    return {
        "step": Name(document["step"]),
        "commit": Name(document["commit"]),
        "tags": ", ".join(document["tags"] or ()) or None,
        "created": document["created"],
        "writer": document["writer"],
        "kind": document["kind"],
        "rows": rows if dim else None,
        "dim": Name(dim) if dim else None,
        "type": dtype or None,
        "placement": document["placement"] if dim else None,
        "raw": Size(document["bytes_raw"]),
        "stored": Size(document["bytes_stored"]),
        "ratio": _shown(document["ratio"]),
        "first words": "  ".join(map(_short, document["first_words"])) or None,
    }


def _short(word: str) -> str:
    return word if len(word) <= _LONGEST_WORD else f"{word[:_LONGEST_WORD]}…"


def _show_members(title: str, members: dict[str, Any]) -> None:
    """Show nested values by their path; a program gets the path from the top."""
    fields = {".".join(path): value for path, value in _leaves((), members)}
    say("")
    if on_terminal():
        heading(title.capitalize())
        show_fields(fields)
    else:
        show_fields({f"{title}.{path}": value for path, value in fields.items()})


def _show_history(history: list[dict[str, Any]] | None) -> None:
    """Show all commits to a program, and the newest to people."""
    if history is None:
        return
    shown = history[:_NEWEST] if on_terminal() else history
    _section("History", HISTORY, [row_of(entry) for entry in shown])
    if len(shown) < len(history):
        say(f"and {len(history) - len(shown):,} older commits: see embzarr ls")


def _leaves(path: tuple[str, ...], value: object) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves((*path, key), inner)
    else:
        yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _layer_row(layer: dict[str, Any]) -> list[Cell]:
    sizes = [layer["rows"], layer["objects"], Size(layer["bytes_stored"])]
    return [layer["kind"], *sizes, layer["path"]]


def _array_row(array: dict[str, Any], *, chain: bool) -> list[Cell]:
    """Return a line of the table; in a chain of deltas each array is told with its layer."""
    return [
        f"{array['layer']}: {array['name']}" if chain else array["name"],
        " x ".join(map(str, array["shape"])),
        f"{array['dtype']}{_lossy(array)}",
        Parts(array["codec"]),
        array["chunks"],
        Size(array["bytes_raw"]),
        Size(array["bytes_stored"]),
        _shown(array["ratio"]),
    ]


def _tensor_rows(tensors: list[dict[str, Any]]) -> list[list[Cell]]:
    """Return a line for each tensor, and where there are several one for all of them."""
    rows: list[list[Cell]] = [_tensor_row(one) for one in sorted(tensors, key=_name_of)]
    if len(tensors) > 1 and on_terminal():
        raw = sum(one["bytes_raw"] for one in tensors)
        rows.append([f"{len(tensors)} in all", None, None, Size(raw), None, None])
    return rows


def _name_of(member: dict[str, Any]) -> str:
    return str(member["name"])


def _tensor_row(tensor: dict[str, Any]) -> list[Cell]:
    stored = tensor["bytes_stored"]
    return [
        tensor["name"],
        " x ".join(map(str, tensor["shape"])) or "()",
        tensor["dtype"],
        Size(tensor["bytes_raw"]),
        None if stored is None else Size(stored),
        None if stored is None else _shown(_ratio(tensor)),
    ]


def _file_row(file: dict[str, Any]) -> list[Cell]:
    stored = file["bytes_stored"]
    return [
        file["name"],
        file["media_type"],
        Size(file["size"]),
        None if stored is None else Size(stored),
        file["sha256"][:_DIGITS] if on_terminal() else file["sha256"],
    ]


def _lossy(array: dict[str, Any]) -> str:
    if not array["source_dtype"]:
        return ""
    most, relative = array["max_abs_error"], array["relative_error"]
    return f" (from {array['source_dtype']}, off by {most:.2g} at most, {100 * relative:.2g} % rms)"


def _section(title: str, columns: tuple[Column, ...], rows: list[list[Cell]]) -> None:
    say("")
    show_table(columns, rows, title=title)
