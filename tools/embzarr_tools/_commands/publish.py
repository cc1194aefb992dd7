"""``embzarr publish``: one commit of a step that several processes have written."""

from pathlib import Path
from typing import Annotated

import typer

from embzarr_tools._options import AsJson, Place, SingleWriter
from embzarr_tools._screen import say, show_json, size

EXAMPLES = """
embzarr publish s3://bucket/run plan.json words.txt
"""


def publish(
    place: Place,
    plan: Annotated[
        Path, typer.Argument(metavar="PLAN", help="The file that holds the plan's JSON.")
    ],
    words: Annotated[
        Path, typer.Argument(metavar="WORDS", help="A word on each line, in row order.")
    ],
    *,
    single_writer: SingleWriter = False,
    as_json: AsJson = False,
) -> None:
    """Make one commit of a step that was written in parts.

    The plan is what embzarr.plan_step gave in Python (to_json), the parts what embzarr.write_part
    wrote on any number of machines. While parts are missing it names them and commits nothing; it
    may be called again at any time, and by several machines at once: all get the same commit.
    """
    import embzarr  # noqa: PLC0415 - slow to import, see _options
    from embzarr_words import read_lines  # noqa: PLC0415 - imports embzarr

    made = embzarr.publish(
        place.url,
        embzarr.StepPlan.from_json(plan.read_bytes()),
        read_lines(words),
        single_writer=single_writer,
        storage_options=place.storage_options,
    )
    stored = made.info().bytes_stored
    if as_json:
        known = {"step": made.step, "commit": made.commit, "rows": len(made), "dim": made.dim}
        show_json({**known, "bytes_stored": stored})
        return
    say(f"step {made.step} (commit {made.commit}): {len(made):,} rows in {size(stored)}")
