"""``embzarr similar``: nearest neighbours of a word."""

from typing import Annotated

import typer

from embzarr_tools._options import AsJson, Place, Which
from embzarr_tools._screen import Column, show_json, show_table

EXAMPLES = """
embzarr similar s3://bucket/run king
embzarr similar runs/wiki king -n 3 --step 100
"""


def similar(
    place: Place,
    word: Annotated[str, typer.Argument(metavar="WORD", help="A word of the vocabulary.")],
    which: Which,
    *,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many words.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show the nearest neighbours of a word.

    Those are the words whose vectors have the largest cosine with its own. Reads all vectors once,
    in batches.
    """
    from embzarr_words import as_trained  # noqa: PLC0415 - imports embzarr, see _options

    checkpoint = place.open(which)
    spelt = (spelt for spelt in as_trained(word, checkpoint.metadata) if spelt in checkpoint)
    found = checkpoint.most_similar(next(spelt, word), topn=count)
    if as_json:
        show_json([{"word": other, "cosine": cosine} for other, cosine in found])
    else:
        show_table((Column("word"), Column("cosine", right=True)), found)
