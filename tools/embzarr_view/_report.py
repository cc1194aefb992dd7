"""A run in one file: plots and tables, no script, nothing that is fetched from anywhere."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from html import escape
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import embzarr
from embzarr_view import _contents, _map, _stored, _svg
from embzarr_view._history import History
from embzarr_view._jobs import Job
from embzarr_view._scores import scored
from embzarr_view._svg import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import BinaryIO

    from embzarr_view._opened import Opened

_MAPPED: Final = 300
_MOST_STEPS: Final = 1000
_MOST_PLOTS: Final = 12
_LETTERS: Final = 24
_KILO: Final = 1000
_NAMES: Final = {
    "loss": "Loss",
    "alpha": "Learning rate",
    "words_per_second": "Words a second",
}
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
_NOTHING, _TIMES = "\N{EN DASH}", " \N{MULTIPLICATION SIGN} "
_STYLES: Final = Path(__file__).parent / "static"


def report(
    opened: Opened, path: str | os.PathLike[str] | BinaryIO, *, files: Sequence[Path] = ()
) -> dict[str, Any]:
    """Write one self-contained HTML file with the plots and tables of a run.

    Args:
        opened: the run.
        path: where to; a file that is there is replaced once the new one is whole. Or a binary file
            that is open for writing.
        files: of word pairs or analogies, on which every step is scored.

    Returns:
        ``file``, its ``bytes``, and how many ``steps`` it tells of.

    Raises:
        embzarr.EmbzarrError: there is no checkpoint at the URL, or no way to it; or `path` is a
            folder, a device or a pipe.
        OSError: the file cannot be written.
    """
    if isinstance(path, str | os.PathLike):
        _refuse_no_file(Path(path))
    history = History(opened).page(most=_MOST_STEPS)
    newest = _newest_sound(opened, history)
    scores = scored(opened, files, Job({})) if files else []
    data = "".join(_document(newest, history, scores)).encode()
    if isinstance(path, str | os.PathLike):
        _replace(Path(path).resolve(), data)  # of a link, what it points to
        name = str(Path(path))
    else:
        path.write(data)
        path.flush()
        name = str(getattr(path, "name", "the open file"))
    steps = sum("error" not in one for one in history["steps"])
    return {"file": name, "bytes": len(data), "steps": steps}


def _replace(target: Path, data: bytes) -> None:
    half = target.with_name(f".{target.name}.{secrets.token_hex(16)}.part")  # nobody else's
    try:
        with half.open("xb") as file:
            file.write(data)
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)


def _refuse_no_file(path: Path) -> None:
    """Refuse what a file must not take the place of, such as /dev/null."""
    if path.exists() and not path.is_file():
        expected = f"{path}: expected a file, found a folder, a device or a pipe"
        raise embzarr.InvalidInputError("input-argument", expected)


def _newest_sound(opened: Opened, history: dict[str, Any]) -> embzarr.Checkpoint:
    """Return the newest checkpoint whose manifest can be read.

    Raises:
        embzarr.EmbzarrError: there is none.
    """
    sound = [one["commit"] for one in history["steps"] if "error" not in one]
    return opened.checkpoint(sound[0]) if sound else opened.checkpoint()


def _document(
    newest: embzarr.Checkpoint, history: dict[str, Any], scores: list[dict[str, Any]]
) -> Iterable[str]:
    title = f"embzarr: {history['url']}"
    style = "".join((_STYLES / name).read_text("utf-8") for name in ("base.css", "report.css"))
    yield (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>"
    )
    about = _contents.about(newest)
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    yield f'<header><h1>{_apart(history["url"])}</h1><p class="soft">embzarr report, {made}</p>'
    yield "</header><main>"
    yield _tiles(about, history)
    yield f'<div class="cards">{"".join(_plots(history, scores))}</div>'
    yield _mapped(newest)
    yield _steps(history)
    yield _arrays(newest)
    yield _members(newest)
    for name in ("metadata", "model"):
        if about[name]:
            yield _card(name.capitalize(), f"<pre>{escape(about[name])}</pre>")
    yield "</main></body></html>\n"


def _tiles(about: dict[str, Any], history: dict[str, Any]) -> str:
    sound = [one for one in history["steps"] if "error" not in one]
    written = sum(one["bytes_written"] for one in sound)
    held = f"{about['rows']:,} x {about['dim']}" if about["dim"] else f"{about['tensors']} tensors"
    pairs = [
        ("Newest step", f"{about['step']:,}", f"{_moment(about['created'])} UTC"),
        ("Holds", held, about["dtype"] or f"{about['files']} files"),
        ("Steps", f"{len(sound):,}", "of those told of here"),
        ("Written", size(written), "by these steps"),
    ]
    tiles = "".join(
        f'<div class="tile"><p class="label">{label}</p><p class="value">{escape(value)}</p>'
        f'<p class="note">{escape(note)}</p></div>'
        for label, value, note in pairs
    )
    return f'<div class="tiles">{tiles}</div>'


def _plots(history: dict[str, Any], scores: list[dict[str, Any]]) -> Iterable[str]:
    if scores:
        drawn = [Line(one["path"], one["points"]) for one in scores if one["points"]]
        if drawn:
            yield _card("Scores", _svg.lines(drawn, _figure))
    for one in history["series"][:_MOST_PLOTS]:
        name = one["path"].rpartition(".")[2]
        plot = _svg.lines([Line(name, one["points"])], _figure)
        note = "" if name in _NAMES else f'<p class="soft small">{_apart(one["path"])}</p>'
        yield _card(_NAMES.get(name, name), note + plot)
    sound = sorted((one for one in history["steps"] if "error" not in one), key=_commit_of)
    if sound:
        own = [one["bytes_written"] for one in sound]
        commits = [one["commit"] for one in sound]
        drawn = [
            Line("all until then", list(zip(commits, accumulate(own), strict=True))),
            Line("each commit", list(zip(commits, own, strict=True))),
        ]
        yield _card("Storage over commits", _svg.lines(drawn, lambda value: size(int(value))))


def _commit_of(step: dict[str, Any]) -> int:
    return int(step["commit"])


def _mapped(newest: embzarr.Checkpoint) -> str:
    if not newest.columns or not len(newest):
        return ""
    found = _map.plane(newest, _MAPPED, "pca")
    if not found["words"]:
        return ""
    words = [_short(one["word"]) for one in found["words"]]
    note = '<p class="soft small">By the two principal components of their directions.</p>'
    drawn = note + _svg.places(words, found["x"], found["y"])
    return _card(f"The first {len(words)} words", drawn)


def _short(word: str) -> str:
    return word if len(word) <= _LETTERS else f"{word[:_LETTERS]}…"


def _steps(history: dict[str, Any]) -> str:
    rows = [
        [
            str(one["commit"]),
            f'<td colspan="7"><span class="tag bad">damaged</span> {_apart(one["error"])}</td>',
        ]
        if "error" in one
        else _step(one)
        for one in history["steps"]
    ]
    names = ("Commit", "Step", "Kind", ">Rows", ">Written", "Created (UTC)", "Written by", "Tags")
    return _card("Steps", _table(names, rows))


def _step(one: dict[str, Any]) -> list[str]:
    tags = "".join(f'<span class="tag">{_apart(tag)}</span>' for tag in one["tags"])
    marked = '<span class="tag bad">quarantined</span>' if one["quarantined"] else ""
    rows = _NOTHING if one["rows"] is None else f"{one['rows']:,}"
    return [
        str(one["commit"]),
        f"{one['step']:,}",
        escape(one["kind"]),
        rows,
        size(one["bytes_written"]),
        escape(_moment(one["created"])),
        _apart(one["writer"]),
        tags + marked,
    ]


def _arrays(newest: embzarr.Checkpoint) -> str:
    found = _stored.storage(newest)
    rows = [
        [
            _apart(one["name"]),
            str(one["layer"]),
            _TIMES.join(f"{length:,}" for length in one["shape"]),
            escape(one["dtype"]),
            f'<span class="mono">{escape(one["codec"])}</span>',
            size(one["bytes_raw"]),
            size(one["bytes_stored"]),
            f"{one['bytes_raw'] / one['bytes_stored']:.2f}" if one["bytes_stored"] else _NOTHING,
        ]
        for one in found["arrays"]
    ]
    names = ("Array", ">Layer", ">Shape", "Type", "Codec", ">Raw", ">Stored", ">Ratio")
    return _card(f"Storage of step {found['step']:,}", _table(names, rows))


def _members(newest: embzarr.Checkpoint) -> str:
    found = _contents.contents(newest)
    tensors = [
        [
            _apart(one["name"]),
            _TIMES.join(f"{length:,}" for length in one["shape"]),
            escape(one["dtype"]),
            size(one["bytes_raw"]),
        ]
        for one in found["tensors"]
    ]
    files = [
        [_apart(one["name"]), escape(one["type"]), size(one["size"]), escape(one["sha256"][:16])]
        for one in found["files"]
    ]
    cards = []
    if tensors:
        cards.append(_card("Tensors", _table(("Tensor", ">Shape", "Type", ">Raw"), tensors)))
    if files:
        cards.append(_card("Files", _table(("File", "Type", ">Size", "SHA-256"), files)))
    return "".join(cards)


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of cells that are markup already, those of columns with '>' to the right."""
    kinds = [' class="right"' if name.startswith(">") else "" for name in names]
    head = "".join(
        f"<th{kind}>{name.lstrip('>')}</th>" for kind, name in zip(kinds, names, strict=True)
    )
    lines = "".join(
        "<tr>"
        + "".join(
            cell if cell.startswith("<td") else f"<td{kind}>{cell}</td>"
            for kind, cell in zip(kinds, row, strict=False)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _card(title: str, inner: str) -> str:
    return f'<section class="card"><h2>{_apart(title)}</h2>{inner}</section>'


def _apart(text: str) -> str:
    """Return a store's text by itself, whatever direction it is written in."""
    return f"<bdi>{escape(text)}</bdi>"


def _moment(created: str) -> str:
    return created.replace("T", " ")[:19]


def size(count: int) -> str:
    """Return a number of bytes as people say it: ``5.28 MB``."""
    amount, units = float(count), iter(("B", "kB", "MB", "GB", "TB", "PB", "EB"))
    unit = next(units)
    while amount >= _KILO - 0.5:
        amount, unit = amount / _KILO, next(units)
    return f"{amount:.3g} {unit}" if unit != "B" else f"{count} B"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= _KILO else f"{value:.4g}"
