"""``embzarr import``: vectors of another program become a checkpoint."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embzarr_tools._options import (
    AllowNewDim,
    AsJson,
    Compression,
    Place,
    SingleWriter,
    storage_options_of,
)
from embzarr_tools._screen import Size, progress, say, say_aside, show_json
from embzarr_tools._selection import read_from, require_one_input, words_of

if TYPE_CHECKING:
    from embzarr.convert import Imported

EXAMPLES = """
embzarr import glove.6B.300d.txt s3://bucket/glove
embzarr import GoogleNews-vectors-negative300.bin.gz runs/news --limit 500000 --dtype float16
embzarr import zip://glove.6B.50d.txt::glove.6B.zip runs/glove
zcat wiki.vec.gz | head -50001 | embzarr import - runs/first --on-error skip
embzarr import https://host/wiki.vec runs/wiki --only mine.txt --duplicates first
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What to take of a file, under the names of `embzarr.convert.import_vectors`."""

    format: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Where the beginning is not to decide: word2vec, word2vec-text, glove, "
            "fasttext, finalfusion, floret, gensim, npy, npz, safetensors, parquet, arrow, lance, "
            "hdf5, zarr, lmdb, magnitude, spacy, staticvectors, tsv, csv or jsonl.",
        ),
    ] = None
    vocabulary: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The words, one a line, or a tokenizer.json, where the vectors come without.",
        ),
    ] = None
    on_error: Annotated[
        str,
        typer.Option(
            metavar="HOW",
            help="Of damaged rows: stop, skip them, or replace what is no UTF-8 or not finite.",
        ),
    ] = "stop"
    duplicates: Annotated[
        str,
        typer.Option(
            metavar="WHICH", help="Of a word's rows: error where there are two, first, or last."
        ),
    ] = "error"
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="Read no more than the first N rows.")
    ] = None
    dtype: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Numbers as float32, float16, bfloat16 or float64."),
    ] = None
    subwords: Annotated[
        bool,
        typer.Option(
            help="Of fastText's .bin, gensim's FastText, floret's tables and finalfusion, keep the "
            "rows of n-grams, for vectors of unknown words."
        ),
    ] = True
    allow_pickle: Annotated[
        bool,
        typer.Option(
            "--allow-pickle",
            help="Have gensim unpickle its own models, which can run any code: own files only.",
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Source:
    """What of a file, and how to get at it; no repr, since options may hold secrets."""

    only: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep only the words of this file, or of - for standard input, one a line.",
        ),
    ] = None
    source_option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="An option of the store that is read from, where that is a URL; may be repeated.",
        ),
    ] = None

    def settings(self) -> dict[str, Any]:
        """Return them as `embzarr.convert.import_vectors` takes them."""
        words = None if self.only is None else words_of(self.only)
        return {"words": words, "source_options": storage_options_of(self.source_option)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """How to save it, likewise."""

    step: Annotated[
        int | None, typer.Option(metavar="N", help="Number of the checkpoint's step.")
    ] = None
    compression: Compression = "auto"
    allow_new_dim: AllowNewDim = False
    single_writer: SingleWriter = False


def import_file(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A path, a URL such as zip://MEMBER::ARCHIVE or tar://MEMBER::ARCHIVE, or - for "
            "standard input; .gz, .bz2, .xz, .zst are unpacked. A folder's URL ends in a slash.",
        ),
    ],
    place: Place,
    choices: Choices,
    source: Source,
    saving: Saving,
    *,
    as_json: AsJson = False,
) -> None:
    """Save the vectors of another program's file to URL.

    The file's beginning tells its format. It is read once, in blocks, whatever its size, and is
    seen at URL when all of it was read and found sound; after an error nothing is. Of standard
    input a copy is made in this machine's temporary folder first.
    """
    from embzarr.convert import import_vectors  # noqa: PLC0415 - slow to import, see _options

    with (
        reading(file, choices, source) as read,
        progress(f"reading {file}", unit_bytes=1) as advance,
    ):
        chosen: dict[str, Any] = {**read, **source.settings(), **asdict(saving)}
        found = import_vectors(
            url=place.url, storage_options=place.storage_options, progress=advance, **chosen
        )
    if as_json:
        show_json(_document(found))
        return
    _tell(found)


@contextmanager
def reading(file: str, choices: Choices, source: Source) -> Iterator[dict[str, Any]]:
    """Give what is read and how, where the file or that of its words may be standard input.

    Raises:
        UsageError: several files are.
    """
    named = [file] if choices.vocabulary is None else [file, choices.vocabulary]
    require_one_input(*named, source.only)
    with read_from(*named) as (path, *words):
        yield {**asdict(choices), "source": path, "vocabulary": words[0] if words else None}


def _document(found: "Imported") -> dict[str, Any]:
    checkpoint = found.checkpoint
    return {
        "step": checkpoint.step,
        "commit": checkpoint.commit,
        "rows": len(checkpoint),
        "dim": checkpoint.dim,
        "missing": found.missing,
        **checkpoint.metadata["import"],
    }


def _tell(found: "Imported") -> None:
    checkpoint = found.checkpoint
    size = Size(found.source.size).shown()
    say(
        f"step {checkpoint.step} (commit {checkpoint.commit}): {len(checkpoint):,} words x "
        f"{checkpoint.dim} from {size} of {found.format}"
    )
    tell_passed_over(found)


def tell_passed_over(found: "Imported") -> None:
    """Say aside what of a file was left out or replaced."""
    counts = {
        "damaged rows skipped": found.skipped,
        "rows with something replaced": found.replaced,
        "rows of words that stand twice left out": found.duplicates,
        "rows of words that were not asked for left out": found.unwanted,
        "words asked for are not in the file": found.missing,
    }
    if found.limit is not None:
        say_aside(f"no row behind the first {found.limit:,} was read")
    for what, count in counts.items():
        if count:
            say_aside(f"{count:,} {what}")
    for problem in found.problems:
        say_aside(problem)
