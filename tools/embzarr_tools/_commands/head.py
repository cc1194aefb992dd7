"""``embzarr head``: the first rows."""

from typing import Annotated

import typer

from embzarr_tools._commands.get import Part, show_part
from embzarr_tools._options import AsJson, Place, Which

EXAMPLES = """
embzarr head s3://bucket/run
embzarr head s3://bucket/run -n 3 --tag best
embzarr head runs/wiki -n 50000 > commonest.tsv
"""


def head(
    place: Place,
    which: Which,
    *,
    count: Annotated[int, typer.Option("-n", "--count", min=0, help="How many rows.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show the first rows.

    They are the commonest words where rows go by frequency, and are printed
    as "embzarr get" prints them.
    """
    for part in place.open(which).stream(stop=count):
        show_part(Part(part.words, part.rows.tolist(), part.vectors), as_json=as_json)
