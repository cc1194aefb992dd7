"""``embzarr eval``: word similarity and analogies."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from embzarr_tools._options import AsJson, Place, Which
from embzarr_tools._screen import Cell, Column, progress, say, show_json, show_table
from embzarr_tools._selection import read_from, row_bytes

if TYPE_CHECKING:
    import embzarr_eval

EXAMPLES = """
embzarr eval s3://bucket/run wordsim353.tsv
embzarr eval runs/mine wordsim353.tsv questions-words.txt --restrict-vocab 30000
embzarr eval runs/zh wordsim240.txt analogy.txt --step 100 --json
"""

_PAIRS = (
    Column("pairs of", wrap=True),
    Column("spearman", right=True),
    Column("answered", right=True),
    Column("pairs", right=True),
    Column("coverage", right=True),
)
_ANALOGIES = (
    Column("analogies of", wrap=True),
    Column("section"),
    Column("3CosAdd", right=True),
    Column("3CosMul", right=True),
    Column("answered", right=True),
    Column("questions", right=True),
)


def evaluate(
    place: Place,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="Files of word pairs with scores, or of analogies; - for standard input.",
        ),
    ],
    which: Which,
    *,
    restrict_vocab: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Only the first N words count; 0 for all of them."),
    ] = 300_000,
    case_sensitive: Annotated[
        bool,
        typer.Option("--case-sensitive", help="Find a word under its own spelling alone."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Score word similarity and analogies.

    Similarity is Spearman's correlation of cosines with people's scores; analogies are answered by
    3CosAdd and by 3CosMul, without the words of the question. What a checkpoint does not hold is
    left out and counted. Reads the words that the files name, and for analogies the first N rows.
    """
    import embzarr_eval  # noqa: PLC0415 - imports embzarr, which --help need not wait for

    checkpoint = place.open(which)
    unit = row_bytes(checkpoint)
    with read_from(*files) as paths, progress("reading rows", unit_bytes=unit) as advance:
        found = embzarr_eval.evaluate(
            checkpoint,
            paths,
            restrict_vocab=restrict_vocab or None,
            case_sensitive=case_sensitive,
            progress=advance,
        )
    if as_json:
        show_json(found.as_json())
        return
    _show_pairs(found)
    if found.similarity and found.analogies:
        say("")
    _show_analogies(found)


def _show_pairs(found: "embzarr_eval.Evaluation") -> None:
    rows: list[list[Cell]] = [
        [Path(one.file).name, one.spearman, one.answered, one.pairs, one.coverage]
        for one in found.similarity
    ]
    if rows:
        show_table(_PAIRS, rows)


def _show_analogies(found: "embzarr_eval.Evaluation") -> None:
    rows: list[list[Cell]] = [
        [Path(one.file).name, part.name, part.add, part.mul, part.answered, part.questions]
        for one in found.analogies
        for part in (*one.sections, one.total)
    ]
    if rows:
        show_table(_ANALOGIES, rows)
