"""``embzarr get``: vectors by word, range, prefix or row number."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from embzarr_tools._failures import UsageError
from embzarr_tools._get_contents import show_tensor, write_file
from embzarr_tools._options import AsJson, Place, Which
from embzarr_tools._screen import (
    Column,
    finite_or_text,
    on_terminal,
    say_aside,
    show_json,
    show_row,
    show_table,
    size,
)
from embzarr_tools._selection import row_range, words_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import embzarr

EXAMPLES = """
embzarr get s3://bucket/run king queen
embzarr get s3://bucket/run --words-file mine.txt > mine.tsv
embzarr get s3://bucket/run --words-file mine.txt --missing zeros --json > mine.jsonl
embzarr get s3://bucket/run --prefix inter
embzarr get s3://bucket/run --range ka kz > ka-to-kz.tsv
embzarr get s3://bucket/run --range inter "" > from-inter-on.tsv
embzarr get s3://bucket/run --rows 0:50000 --json > commonest.jsonl
embzarr get s3://bucket/model --tensor encoder.0.weight --rows 0:4
embzarr get s3://bucket/model --file config.json > config.json
embzarr get s3://bucket/run king -v
embzarr get s3://bucket/run --prefix inter --explain > /dev/null
"""

_SHOWN = 5
_NAMED = 10
"""Missing words that are named."""
_ABSENT = ("raise", "skip", "zeros", "subwords")
_COLUMNS = (Column("word"), Column("row", right=True), Column("vector"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which rows are meant, where they are not words of the command line."""

    words_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Look up the words of this file, or of - for standard input, one a line.",
        ),
    ] = None
    prefix: Annotated[
        str | None, typer.Option(metavar="TEXT", help="All words that begin with TEXT.")
    ] = None
    between: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--range",
            metavar="A B",
            help='All words from A up to, not including, B; "" for B means to the last.',
        ),
    ] = None
    rows: Annotated[
        str | None,
        typer.Option(metavar="A:B", help="Rows A up to, not including, B, as a slice has them."),
    ] = None
    tensor: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A tensor, with --rows only that of its first indices."),
    ] = None
    file: Annotated[
        str | None, typer.Option(metavar="NAME", help="A file: its bytes, to standard output.")
    ] = None
    absent: Annotated[
        str,
        typer.Option(
            "--missing",
            metavar="raise|skip|zeros|subwords",
            help="Of words that are not there: end with exit code 1, leave them out, or print "
            "zeros, or what their n-grams give, and row -1; all name them on standard error.",
        ),
    ] = "raise"

    def check(self, words: list[str] | None) -> None:
        """Refuse several ways to say which, and none, and no way to treat what is absent.

        Raises:
            UsageError: naming the ways that there are.
        """
        rows = self.rows if self.tensor is None else None
        choices = (words, self.words_file, self.prefix, self.between, rows, self.tensor, self.file)
        if len([choice for choice in choices if choice not in (None, [], ())]) != 1:
            raise UsageError(
                "give words, or one of --words-file, --prefix, --range, --rows, --tensor and --file"
            )
        if self.absent not in _ABSENT:
            expected = ", ".join(_ABSENT)
            raise UsageError(f"--missing expects one of {expected}, found {self.absent!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asides:
    """What is said on standard error."""

    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say on standard error what it cost.")
    ] = False
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Say on standard error what is fetched, and how long that should take, and took.",
        ),
    ] = False


def get(
    place: Place,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="WORD", help="Words to look up.")
    ] = None,
    *,
    selection: Selection,
    which: Which,
    as_json: AsJson = False,
    asides: Asides,
) -> None:
    """Print vectors by word, range or row, or a tensor or a file.

    A terminal shows the first numbers of each vector. Through a pipe a line is a word and all its
    numbers, separated by tabs; letters that do not show are spelled as in Python, a backslash is
    doubled. With --json a line is an object with word, row and vector. Words of embzarr's trainer
    are also looked for as it writes them, in lower case and composed form. What there is of them is
    printed, and what is missing said, with exit code 1.
    """
    selection.check(words)
    begin = time.perf_counter()
    words = words if selection.words_file is None else words_of(selection.words_file)
    checkpoint = place.open(which)
    if selection.tensor is not None or selection.file is not None:
        _show_contents(checkpoint, selection, as_json=as_json)
        return
    if asides.explain:
        _explain(checkpoint, _wanted(checkpoint, words, selection))
    missing: list[str] = []
    if words:
        found, missing = _look_up(checkpoint, words, selection.absent)
        show_part(found, as_json=as_json)
    else:
        _show_parts(checkpoint, selection, as_json=as_json)
    if asides.verbose:
        _tell_cost(checkpoint, begin)
    if missing:
        if selection.absent == "raise":
            checkpoint.load(missing)  # says so, with words that are near
        _tell_missing(missing, len(words or ()))


def _tell_cost(checkpoint: "embzarr.Checkpoint", begin: float) -> None:
    cost, seconds = checkpoint.traffic, time.perf_counter() - begin
    say_aside(
        f"{cost.requests} requests in {cost.round_trips} round trips, "
        f"{size(cost.bytes_read)}, {seconds:.3f} s"
    )


def _show_parts(checkpoint: "embzarr.Checkpoint", selection: Selection, *, as_json: bool) -> None:
    shown = 0
    for part in _parts(checkpoint, selection):
        show_part(Part(part.words, part.rows.tolist(), part.vectors), as_json=as_json)
        shown += len(part)
    if not shown:
        _tell_empty(checkpoint, selection)


def _tell_empty(checkpoint: "embzarr.Checkpoint", selection: Selection) -> None:
    """Say that nothing was printed, and why: else it looks like something that did not work."""
    if selection.prefix is not None:
        why = f"no word begins with {selection.prefix!r}"
    elif selection.between:
        why = f"no word from {selection.between[0]!r} up to {selection.between[1]!r}"
    elif selection.rows:
        why = f"no row {selection.rows}: there are {len(checkpoint):,}"
    else:
        why = f"no word in {selection.words_file}"
    say_aside(why)


def _tell_missing(missing: Sequence[str], asked: int) -> None:
    named = ", ".join(missing[:_NAMED])
    more = f" and {len(missing) - _NAMED:,} more" if len(missing) > _NAMED else ""
    say_aside(f"{len(missing):,} of {asked:,} words are not there: {named}{more}")


def _show_contents(
    checkpoint: "embzarr.Checkpoint", selection: Selection, *, as_json: bool
) -> None:
    if selection.tensor is not None:
        show_tensor(checkpoint, selection.tensor, selection.rows, as_json=as_json)
    if selection.file is not None:
        write_file(checkpoint, selection.file)


class Part(NamedTuple):
    words: Sequence[str]
    rows: Sequence[int]
    vectors: "NDArray[Any]"


def _look_up(
    checkpoint: "embzarr.Checkpoint", words: list[str], absent: str
) -> tuple[Part, list[str]]:
    """Return what there is of the words, as it is spelled there, and the words that are missing.

    With ``zeros`` and ``subwords`` these have a place among the others, and no row.
    """
    from embzarr_words import as_trained  # noqa: PLC0415 - imports embzarr, see _options

    ways = {word: as_trained(word, checkpoint.metadata) for word in words}
    asked = dict.fromkeys(spelt for way in ways.values() for spelt in way)
    fills = absent in {"zeros", "subwords"}
    loaded = checkpoint.load(list(asked), missing="subwords" if absent == "subwords" else "zeros")
    place_of = {
        spelt: place
        for place, (spelt, row) in enumerate(zip(loaded.words, loaded.rows.tolist(), strict=True))
        if row >= 0
    }
    found = {word: next((s for s in way if s in place_of), None) for word, way in ways.items()}
    shown = {word: spelt or word for word, spelt in found.items() if spelt is not None or fills}
    places = {spelt: place for place, spelt in enumerate(loaded.words)}
    at = [places[shown[word]] for word in words if word in shown]
    part = Part([loaded.words[place] for place in at], loaded.rows[at].tolist(), loaded.vectors[at])
    return part, [word for word, spelt in found.items() if spelt is None]


def _parts(checkpoint: "embzarr.Checkpoint", selection: Selection) -> Iterator["embzarr.Loaded"]:
    if selection.prefix is not None:
        yield checkpoint.load_prefix(selection.prefix)
    elif selection.between:
        yield checkpoint.load_range(*_bounds(selection.between))
    elif selection.rows:
        start, stop = row_range(selection.rows)
        yield from checkpoint.stream(start=start, stop=stop)


def _wanted(
    checkpoint: "embzarr.Checkpoint", words: list[str] | None, selection: Selection
) -> "list[str] | range":
    """Return the words or rows that are meant, without reading a vector."""
    if selection.rows:
        return range(len(checkpoint))[slice(*row_range(selection.rows))]
    if selection.prefix is not None:
        return list(checkpoint.load_prefix(selection.prefix, columns=()).words)
    if selection.between:
        return list(checkpoint.load_range(*_bounds(selection.between), columns=()).words)
    return words or []


def _explain(checkpoint: "embzarr.Checkpoint", wanted: "list[str] | range") -> None:
    plan = checkpoint.plan(wanted)
    begin = time.perf_counter()
    if isinstance(wanted, range):
        checkpoint.load_rows(wanted.start, wanted.stop)
    else:
        checkpoint.load(wanted, missing="skip")
    seconds = time.perf_counter() - begin
    say_aside(
        f"{plan.chunks} chunks, {size(plan.bytes_wanted)}, in {plan.requests} requests of "
        f"{size(plan.bytes_fetched)}; gaps up to {size(plan.gap)} are read over; expected "
        f"{plan.seconds:.3f} s, took {seconds:.3f} s"
    )
    others = ", ".join(f"{size(n)} of {c}" for c, n in plan.in_chunks_of.items())
    say_aside(f"saved with another chunk_bytes about so much would be wanted: {others}")


def _bounds(between: tuple[str, str]) -> tuple[str, str | None]:
    """Return the first word, and the one past the last; no word is before the empty one."""
    first, last = between
    return first, last or None


def show_part(part: Part, *, as_json: bool) -> None:
    if as_json:
        for word, row, vector in zip(*part, strict=True):
            numbers = [finite_or_text(float(str(number))) for number in vector]
            show_json({"word": word, "row": row, "vector": numbers}, indent=None)
    elif on_terminal():
        rows = zip(part.words, part.rows, map(_abbreviated, part.vectors), strict=True)
        show_table(_COLUMNS, rows)
    else:
        for word, vector in zip(part.words, part.vectors, strict=True):
            show_row((word, *map(str, vector)))


def _abbreviated(vector: "NDArray[Any]") -> str:
    shown = "  ".join(f"{float(number):7.4f}" for number in vector[:_SHOWN])
    return f"{shown}  … {len(vector)} in all" if len(vector) > _SHOWN else shown
