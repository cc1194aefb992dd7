"""``embzarr publish``: one commit of a step that several processes have written."""

from pathlib import Path
from typing import Annotated

import typer

from embzarr_tools._options import AsJson, Place, SingleWriter
from embzarr_tools._screen import say, show_json, size
from embzarr_tools._selection import read_from

EXAMPLES = """
embzarr publish s3://bucket/run plan.json words.txt
embzarr publish s3://bucket/model plan.json          # of tensors and files, without a table
"""


def publish(
    place: Place,
    plan: Annotated[
        Path,
        typer.Argument(
            metavar="PLAN", help="The file that holds the plan's JSON, or - for standard input."
        ),
    ],
    words: Annotated[
        Path | None,
        typer.Argument(
            metavar="WORDS",
            help="A word on each line, in row order; where there is a table. Or -, as PLAN.",
        ),
    ] = None,
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

    with read_from(plan, *([] if words is None else [words])) as (planned, *listed):
        made = embzarr.publish(
            place.url,
            embzarr.StepPlan.from_json(Path(planned).read_bytes()),
            read_lines(listed[0]) if listed else None,
            single_writer=single_writer,
            storage_options=place.storage_options,
        )
    info, tensors, files = made.info(), len(made.tensors), len(made.files)
    if as_json:
        table = {"step": info.step, "commit": info.commit, "rows": info.rows, "dim": info.dim}
        known = {**table, "tensors": tensors, "files": files}
        show_json({**known, "bytes_stored": info.bytes_stored})
        return
    held = [f"{info.rows:,} rows"] if info.dim else []
    held += [f"{tensors:,} tensors, {files:,} files"] if tensors or files else []
    what = ", ".join(held)
    say(f"step {info.step} (commit {info.commit}): {what} in {size(info.bytes_stored)}")
