"""``embzarr export``: vectors as a file that another library reads."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embzarr_tools._options import AsJson, Place, Which, storage_options_of
from embzarr_tools._screen import (
    Column,
    Name,
    Size,
    progress,
    say_aside,
    show_json,
    show_table,
)
from embzarr_tools._selection import row_bytes, row_range, words_of, write_to

if TYPE_CHECKING:
    import embzarr
    from embzarr.convert import Exported

EXAMPLES = """
embzarr export s3://bucket/run vectors.bin
embzarr export s3://bucket/run mine.npy --words-file mine.txt --missing skip
embzarr export runs/wiki first.parquet --rows 0:50000 --tag best
embzarr export runs/wiki glove.txt --format glove --prefix inter
embzarr export runs/wiki share-3.bin --part 3 64
embzarr export runs/wiki gs://bucket/half.safetensors --dtype float16
embzarr export runs/wiki - --format word2vec-text | gzip > wiki.vec.gz
"""

_COLUMNS = (
    Column("file", wrap=True),
    Column("size", right=True),
    Column("rows", right=True),
    Column("dim", right=True),
    Column("type"),
    Column("sha256", spare=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What to write, and how, under the names of `embzarr.convert.export_vectors`."""

    format: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="word2vec (.bin), word2vec-text (.vec), glove, safetensors, npy, npz, parquet, "
            "arrow, finalfusion (.fifu), gensim (.kv), tsv or jsonl; by default what the ending "
            "of FILE says.",
        ),
    ] = None
    word: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD", help="This word alone; may be repeated."),
    ] = None
    words_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The words of this file alone, or of - for standard input, one a line.",
        ),
    ] = None
    missing: Annotated[
        str,
        typer.Option(
            metavar="raise|skip|zeros|nan|subwords",
            help="What to do of words not there; subwords are computed of their n-grams.",
        ),
    ] = "raise"
    prefix: Annotated[
        str | None, typer.Option(metavar="TEXT", help="All words that begin with TEXT.")
    ] = None
    between: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--range",
            metavar="A B",
            help='From A up to, not including, B; "" for B means to the last.',
        ),
    ] = None
    rows: Annotated[
        str | None, typer.Option(metavar="A:B", help="Rows A up to, not including, B.")
    ] = None
    part: Annotated[
        tuple[int, int] | None,
        typer.Option(metavar="I N", help="The share of worker I, from 0 on, of N."),
    ] = None
    by: Annotated[
        str,
        typer.Option(metavar="rows|weight|hash", help="What the shares of --part are equal in."),
    ] = "rows"
    dtype: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Type of the numbers, such as float16; may round them."),
    ] = None
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False

    def of(self, checkpoint: "embzarr.Checkpoint") -> dict[str, Any]:
        """Return them as arguments of it."""
        given = asdict(self)
        file, rows = given.pop("words_file"), given.pop("rows")
        words, between = given.pop("word"), given["between"]
        given["between"] = between and (between[0], between[1] or None)
        given["words"] = words if file is None else [*(words or ()), *words_of(file)]
        given["rows"] = None if rows is None else range(len(checkpoint))[slice(*row_range(rows))]
        return given


def export(
    place: Place,
    target: Annotated[
        str,
        typer.Argument(metavar="FILE", help="A path, a URL as for runs, or - for standard output."),
    ],
    choices: Choices,
    *,
    target_option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="An option of FILE's store; may be repeated."),
    ] = None,
    which: Which,
    as_json: AsJson = False,
) -> None:
    """Write vectors as a file that gensim, numpy and others read.

    The file gets its name when it is whole: after an error or an interrupt nothing new is there.
    Words that the format cannot hold are refused first. Numbers keep their bits: where the format
    has not the type that they are stored as, they get the next wider one. Standard output takes
    what was written before an error, too; look at the exit code. Words of npy and safetensors lie
    beside FILE, in one of the same name with the ending .txt. Rows of n-grams stay behind: what is
    written has vectors of its words alone.
    """
    from embzarr import convert  # noqa: PLC0415 - imports embzarr, see _options

    written = write_to(target, as_json=as_json)
    checkpoint = place.open(which)
    with progress("exporting", unit_bytes=row_bytes(checkpoint)) as advance:
        done = convert.export_vectors(
            checkpoint,
            written,
            target_options=storage_options_of(target_option),
            progress=advance,
            **choices.of(checkpoint),
        )
    if as_json:
        show_json(asdict(done))
        return
    show_exported(done, target)


def show_exported(done: "Exported", target: str) -> None:
    """Show the files that were written, where they lie, and say so where nothing is in them."""
    if target == "-":
        (file,) = done.files
        told = f"{done.rows:,} x {done.dim} {done.dtype}, {Size(file.bytes).shown()}"
        say_aside(f"{told}, SHA-256 {file.sha256}")
    else:
        _show_files(done, target)
    if not done.rows:
        say_aside("no row is meant: a file without vectors was written")


def _show_files(done: "Exported", target: str) -> None:
    import embzarr  # noqa: PLC0415 - slow to import, see _options

    name = done.files[0].name
    folder = embzarr.errors.masked(target.removesuffix(name)) if target.endswith(name) else ""
    show_table(
        _COLUMNS,
        [
            (
                f"{folder}{file.name}",
                Size(file.bytes),
                done.rows,
                Name(done.dim),
                done.dtype,
                file.sha256,
            )
            for file in done.files
        ],
    )
