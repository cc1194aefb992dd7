"""``embzarr gc``: give up old checkpoints and delete what nobody needs."""

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embzarr_tools._failures import UsageError
from embzarr_tools._options import AsJson, Place, SingleWriter
from embzarr_tools._screen import Column, Size, say, say_aside, show_json, show_table

if TYPE_CHECKING:
    import embzarr

EXAMPLES = """
embzarr gc s3://bucket/run --keep-last 5 --dry-run
embzarr gc s3://bucket/run --keep-last 5 --keep-every 1000
embzarr gc runs/wiki --older-than 2h
"""

COLUMNS = (Column("key"), Column("stored", right=True))
_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def gc(
    place: Place,
    *,
    keep_last: Annotated[
        int | None, typer.Option(metavar="N", help="Keep the N newest checkpoints.")
    ] = None,
    keep_every: Annotated[
        int | None, typer.Option(metavar="N", help="Keep those of steps that N divides, too.")
    ] = None,
    older_than: Annotated[
        str,
        typer.Option(
            metavar="AGE",
            help="Take an unfinished write for abandoned once it was silent for so long: 90s, "
            "30m, 24h or 7d.",
        ),
    ] = "24h",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; list what would be deleted.")
    ] = False,
    single_writer: SingleWriter = False,
    as_json: AsJson = False,
) -> None:
    """Give up old checkpoints, and delete what no commit names.

    Without --keep-last and --keep-every all checkpoints are kept, and only what killed writers
    left behind is deleted. Checkpoints with a tag are always kept.
    """
    report = place.run(single_writer=single_writer).gc(
        keep_last=keep_last,
        keep_every=keep_every,
        older_than=seconds_of(older_than),
        dry_run=dry_run,
    )
    if as_json:
        show_json(told(report))
        return
    if dry_run:
        show_table(COLUMNS, [[info.key, Size(info.size)] for info in report.objects])
        say_aside(sentence(report))
    else:
        say(sentence(report))


def seconds_of(age: str) -> float:
    """Return an age such as ``24h`` in seconds."""
    match = _AGE.fullmatch(age.strip())
    if not match:
        raise UsageError(f"--older-than expects an age such as 90s, 30m, 24h or 7d; found {age!r}")
    return float(match[1]) * _SECONDS[match[2]]


def sentence(report: "embzarr.GcReport") -> str:
    """Return what was done, or would be, in one line."""
    would = "would give up" if report.dry_run else "gave up"
    numbers = ", ".join(map(str, report.expired)) or "none"
    waiting = f"; {len(report.waiting)} unfinished writes left alone" if report.waiting else ""
    unreadable = ", ".join(map(str, report.unreadable))
    spared = f"; what came before commit {unreadable}, unreadable, is kept" if unreadable else ""
    return (
        f"{would} commits: {numbers}; {len(report.objects)} objects of {report.bytes:,} bytes "
        f"{'would go' if report.dry_run else 'deleted'}{waiting}{spared}"
    )


def told(report: "embzarr.GcReport") -> dict[str, Any]:
    """Return the report as JSON."""
    objects = [{"key": info.key, "size": info.size} for info in report.objects]
    return {**asdict(report), "objects": objects, "bytes": report.bytes}
