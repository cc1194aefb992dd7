"""``embzarr repair``: restore what is damaged, as far as it can be."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embzarr_tools._failures import NO
from embzarr_tools._options import AsJson, Place, options_like
from embzarr_tools._screen import (
    Cell,
    Column,
    on_terminal,
    progress,
    say,
    show_fields,
    show_json,
    show_table,
)

if TYPE_CHECKING:
    import embzarr

EXAMPLES = """
embzarr repair s3://bucket/run --dry-run
embzarr repair s3://bucket/run
embzarr repair s3://bucket/run --from /mnt/mirror/run
"""

_COLUMNS = tuple(map(Column, ("what", "object", "chunk", "rows", "code", "message")))
_KINDS = {
    "restore": "restore",
    "keep": "copy",
    "quarantine": "mark as damaged",
    "release": "mark as sound",
    "rewrite": "write anew",
    "close": "close number",
    "commit": "commit",
    "remove": "remove",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Source:
    """Where else some of the data may be; no repr, since options may hold secrets."""

    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="URL",
            help="A mirror, or another run that holds some of the same data.",
        ),
    ] = None
    source_option: Annotated[
        list[str] | None,
        typer.Option(
            "--from-option",
            metavar="KEY=VALUE",
            help="Like --storage-option, for the source. Without any, a source with the same kind "
            "of URL takes the options of the run.",
        ),
    ] = None

    def options(self, place: Place) -> dict[str, Any]:
        """Return the options to open it with."""
        return options_like(place, self.source, self.source_option)


def repair(
    place: Place,
    *,
    other: Source,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; tell what would be done.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Verify a whole run, and restore what can be restored.

    An object gets only bytes whose SHA-256 is recorded; commits that stay damaged are marked, and
    the newest sound one becomes the newest. Where other bytes tell the same, they are written for a
    new commit of the damaged step. What cannot be restored is told with its rows, B of A:B not
    included, and the first of their words. With --dry-run exit code 1 says that there is something
    to do.
    """
    import embzarr  # noqa: PLC0415 - slow to import, see _options

    with progress("verify", unit_bytes=1) as advance:
        report = embzarr.repair(
            place.url,
            source=other.source,
            dry_run=dry_run,
            progress=advance,
            storage_options=place.storage_options,
            source_options=other.options(place),
        )
    if as_json:
        show_json({"ok": report.ok, **asdict(report)})
    elif on_terminal():
        _tell(report)
    else:
        show_table(_COLUMNS, _rows(report))
    if report.lost or (report.actions and dry_run):
        raise typer.Exit(NO)


def _tell(report: "embzarr.RepairReport") -> None:
    if not report.actions and not report.lost and not report.skipped:
        say(f"Sound: {report.commits:,} commits. Nothing to do.")
        return
    for action in report.actions:
        show_fields({_KINDS[action.kind]: action.key, "": action.message})
    for problem in report.lost:
        more = f", rows {_span(problem)}" if problem.rows else ""
        words = f": {', '.join(problem.words)}, ..." if problem.words else ""
        found = f"{problem.message} [{problem.code}]{more}{words}"
        show_fields({"lost": problem.key, "": found})
    for problem in report.skipped:
        found = f"not read from the source: {problem.message} [{problem.code}]"
        show_fields({"skipped": problem.key, "": found})
    say("")
    say(_summary(report))


def _summary(report: "embzarr.RepairReport") -> str:
    done = len(report.actions)
    many = "1 write" if done == 1 else f"{done:,} writes"
    lost = "Nothing is lost" if report.ok else f"{len(report.lost):,} not restored"
    if report.dry_run:
        return f"Would take {many}. {lost}."
    return f"Done: {many}. {lost}."


def _span(problem: "embzarr.Problem") -> str:
    return "{}:{}".format(*problem.rows) if problem.rows else ""


def _rows(report: "embzarr.RepairReport") -> Iterator[list[Cell]]:
    for action in report.actions:
        yield [action.kind, action.key, None, None, None, action.message]
    for problem in report.lost:
        found = [problem.key, problem.chunk, _span(problem), problem.code]
        yield ["lost", *found, problem.message]
    for problem in report.skipped:
        yield ["skipped", problem.key, None, None, problem.code, problem.message]
