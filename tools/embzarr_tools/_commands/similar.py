"""``embzarr similar`` and ``embzarr analogy``: the words nearest to others."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from embzarr_tools._failures import UsageError
from embzarr_tools._options import AsJson, Place, Which
from embzarr_tools._screen import Column, show_json, show_table

if TYPE_CHECKING:
    import embzarr

EXAMPLES = """
embzarr similar s3://bucket/run king
embzarr similar s3://bucket/run king queen prince
embzarr similar s3://bucket/run king --positive woman --negative man
embzarr similar runs/wiki king -n 3 --step 100
"""
ANALOGY_EXAMPLES = """
embzarr analogy s3://bucket/run man king woman
embzarr analogy runs/wiki paris france rome -n 3 --restrict-vocab 30000
"""

_Count = Annotated[int, typer.Option("-n", "--count", min=1, help="How many words.")]
_First = Annotated[
    int | None,
    typer.Option("--restrict-vocab", metavar="N", min=1, help="Look among the first N rows alone."),
]


def similar(
    place: Place,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="WORD", help="Words of the vocabulary.")
    ] = None,
    *,
    positive: Annotated[
        list[str] | None, typer.Option(metavar="WORD", help="One more word; may be repeated.")
    ] = None,
    negative: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD", help="A word to be unlike; may be repeated."),
    ] = None,
    which: Which,
    count: _Count = 10,
    first: _First = None,
    as_json: AsJson = False,
) -> None:
    """Show the nearest neighbours of a word, or of several.

    Those are the words whose vectors have the largest cosine with its own; of several words, with
    the mean of their directions, those of --negative turned round. Of fastText's vectors, imported
    from a .bin, a word may be any. Reads all vectors once, in batches.
    """
    wanted = [*(words or ()), *(positive or ())]
    if not wanted and not negative:
        raise UsageError("give a word, or --positive or --negative")
    _show_nearest(place.open(which), wanted, negative or (), count, first, as_json=as_json)


def analogy(
    place: Place,
    a: Annotated[str, typer.Argument(metavar="A", help="A word, such as man.")],
    b: Annotated[str, typer.Argument(metavar="B", help="What belongs to it, such as king.")],
    c: Annotated[str, typer.Argument(metavar="C", help="A word like A, such as woman.")],
    which: Which,
    *,
    count: _Count = 10,
    first: _First = None,
    as_json: AsJson = False,
) -> None:
    """Show what is to C as B is to A.

    Such as queen for man, king and woman. The same as "embzarr similar URL B C --negative A".
    """
    _show_nearest(place.open(which), [b, c], [a], count, first, as_json=as_json)


def _show_nearest(
    checkpoint: "embzarr.Checkpoint",
    positive: Sequence[str],
    negative: Sequence[str],
    count: int,
    first: int | None,
    *,
    as_json: bool,
) -> None:
    found = checkpoint.most_similar(
        [_spelt(checkpoint, word) for word in positive],
        negative=[_spelt(checkpoint, word) for word in negative],
        topn=count,
        restrict_vocab=first,
    )
    if as_json:
        show_json([{"word": other, "cosine": cosine} for other, cosine in found])
    else:
        show_table((Column("word"), Column("cosine", right=True)), found)


def _spelt(checkpoint: "embzarr.Checkpoint", word: str) -> str:
    """Return the word as the vocabulary spells it, or as it is, so that an error names it."""
    from embzarr_words import as_trained  # noqa: PLC0415 - imports embzarr, see _options

    spelt = (spelt for spelt in as_trained(word, checkpoint.metadata) if spelt in checkpoint)
    return next(spelt, word)
