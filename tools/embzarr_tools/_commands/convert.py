"""``embzarr convert``: a file of one program becomes one of another."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from embzarr_tools._commands.export import show_exported
from embzarr_tools._commands.import_file import (
    Choices,
    Source,
    reading,
    tell_passed_over,
)
from embzarr_tools._options import AsJson, storage_options_of
from embzarr_tools._screen import progress, show_json
from embzarr_tools._selection import row_bytes, write_to

if TYPE_CHECKING:
    import embzarr
    from embzarr.convert import Exported

EXAMPLES = """
embzarr convert glove.6B.300d.txt.gz glove.parquet
embzarr convert GoogleNews-vectors-negative300.bin.gz first.kv --limit 100000
embzarr convert wiki.vec half.safetensors --dtype float16 --only mine.txt
embzarr convert matrix.npy vectors.bin --vocabulary words.txt
embzarr convert s3://bucket/a.npz gs://bucket/a.arrow
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How to write it."""

    to: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Where OUT's ending is not to decide: a name that embzarr export --format takes.",
        ),
    ] = None
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False
    target_option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="An option of OUT's store; may be repeated."),
    ] = None


def convert(
    file: Annotated[
        str, typer.Argument(metavar="IN", help="A path or URL, as embzarr import takes it.")
    ],
    target: Annotated[
        str, typer.Argument(metavar="OUT", help="A path or URL, as embzarr export takes it.")
    ],
    choices: Choices,
    source: Source,
    written: Written,
    *,
    as_json: AsJson = False,
) -> None:
    """Write the vectors of a file as one of another format.

    By way of a store in this machine's temporary folder, which must have room for it: memory is
    bounded whatever the size. --format is that of IN, and else told by its beginning; --to that of
    OUT, and else told by its ending. --dtype is that of OUT.
    """
    from embzarr.convert import import_vectors  # noqa: PLC0415 - imports embzarr, see _options

    to = write_to(target, as_json=as_json)
    with tempfile.TemporaryDirectory(prefix="embzarr-convert-") as folder:
        with (
            reading(file, choices, source) as read,
            progress(f"reading {file}", unit_bytes=1) as advance,
        ):
            chosen: dict[str, Any] = {**read, **source.settings(), "dtype": None}
            found = import_vectors(
                url=Path(folder, "run"), compression="none", progress=advance, **chosen
            )
        with _its_format_is_to():
            done = _write(found.checkpoint, to, target, written, dtype=choices.dtype)
    if as_json:
        told = {**found.checkpoint.metadata["import"], "missing": found.missing}
        show_json({"read": told, "written": asdict(done)})
        return
    tell_passed_over(found)
    show_exported(done, target)


def _write(
    checkpoint: "embzarr.Checkpoint",
    to: "str | BinaryIO",
    target: str,
    written: Written,
    *,
    dtype: str | None,
) -> "Exported":
    from embzarr.convert import export_vectors  # noqa: PLC0415 - as above

    with progress(f"writing {target}", unit_bytes=row_bytes(checkpoint)) as advance:
        return export_vectors(
            checkpoint,
            to,
            format=written.to,
            dtype=dtype,
            overwrite=written.overwrite,
            target_options=storage_options_of(written.target_option),
            progress=advance,
        )


@contextmanager
def _its_format_is_to() -> Iterator[None]:
    """Have what is said of the format to write name --to, since --format is that to read."""
    import embzarr  # noqa: PLC0415 - slow to import, see _options

    try:
        yield
    except embzarr.InvalidInputError as exc:
        told = re.sub(r"\bformat(=|(?=: expected one of))", "--to", exc.args[0])
        raise embzarr.InvalidInputError(exc.code, told) from exc
