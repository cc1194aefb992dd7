"""``embzarr ls``: the commits of a run, or the runs of a bucket."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embzarr_tools._history import history_of, tags_of
from embzarr_tools._options import AsJson, Place, Which
from embzarr_tools._screen import Age, Cell, Column, Name, Size, say_aside, show_json, show_table

if TYPE_CHECKING:
    import embzarr

EXAMPLES = """
embzarr ls s3://bucket
embzarr ls s3://bucket/run
embzarr ls runs/wiki | cut -f 1,2
embzarr ls runs/wiki --json
"""

COLUMNS = (
    Column("commit", right=True),
    Column("step", right=True),
    Column("created", spare=True),
    Column("rows", right=True, spare=True),
    Column("dim", right=True, spare=True),
    Column("type", spare=True),
    Column("stored", right=True),
    Column("kind"),
    Column("tags", wrap=True),
)


_NAMED = 10
"""Runs that are named of many."""
_NEWEST = ("step", "commit", "created", "rows", "dim", "dtype", "bytes_stored")
_RUN_COLUMNS = (
    Column("run"),
    Column("step", right=True),
    Column("commit", right=True, spare=True),
    Column("rows", right=True),
    Column("dim", right=True),
    Column("stored", right=True),
    Column("age", right=True),
    Column("error", wrap=True),
)


def ls(
    place: Place,
    *,
    depth: Annotated[
        int, typer.Option(min=0, metavar="N", help="How many folders deep to look for runs.")
    ] = 3,
    as_json: AsJson = False,
) -> None:
    """List the commits of a run, or the runs of a bucket.

    Commits come newest first. The kind is full or delta, and damaged where repair has marked the
    commit as such. Of runs: the newest step, its size and its age.
    """
    run = place.run()
    history = history_of(run, tags_of(run))
    if not history:
        _list_runs(place, run, depth, as_json=as_json)
    elif as_json:
        show_json(history)
    else:
        show_table(COLUMNS, [row_of(entry) for entry in history])
    if history:
        _tell_runs_below(place)


def _tell_runs_below(place: Place) -> None:
    """Say that other runs lie in the folder of a run, which nobody would look for there."""
    import embzarr  # noqa: PLC0415 - as above

    with suppress(embzarr.EmbzarrError):  # as where nothing may be listed
        paths = embzarr.find_runs(place.url, depth=1, storage_options=place.storage_options)
        below = [path for path in paths if path]
        if below:
            more = f" and {len(below) - _NAMED:,} more" if len(below) > _NAMED else ""
            say_aside(f"other runs lie in its folder: {', '.join(below[:_NAMED])}{more}")


def _list_runs(place: Place, run: "embzarr.Run", depth: int, *, as_json: bool) -> None:
    import embzarr  # noqa: PLC0415 - slow to import, see _options

    try:
        paths = embzarr.find_runs(place.url, depth=depth, storage_options=place.storage_options)
    except embzarr.UnsupportedError:
        paths = []  # such as a web server, which has no listing
    found = [_newest_of(place, path) for path in paths if path]
    if not found:
        run.open()  # says that nothing is there
    if as_json:
        show_json(found)
    else:
        show_table(_RUN_COLUMNS, [_run_row(entry) for entry in found])


def _newest_of(place: Place, path: str) -> dict[str, Any]:
    """Return what a run's newest checkpoint says, or why there is none to be read."""
    import embzarr  # noqa: PLC0415 - as above

    try:
        newest = replace(place, url=f"{place.url.rstrip('/')}/{path}").open(Which())
    except embzarr.EmbzarrError as exc:
        return {"path": path, **dict.fromkeys(_NEWEST), "error": f"{exc.args[0]} [{exc.code}]"}
    info = newest.info()
    told = {name: getattr(info, name) for name in _NEWEST}
    return {"path": path, **told, "error": None}


def _run_row(entry: dict[str, Any]) -> list[Cell]:
    if entry["error"]:
        return [entry["path"], None, None, None, None, None, None, entry["error"]]
    made = datetime.fromisoformat(entry["created"])
    return [
        entry["path"],
        Name(entry["step"]),
        Name(entry["commit"]),
        entry["rows"],
        Name(entry["dim"]),
        Size(entry["bytes_stored"]),
        Age((datetime.now(UTC) - made).total_seconds() // 1),
        None,
    ]


def row_of(entry: dict[str, Any]) -> list[Cell]:
    """Return a line of the history as cells for `COLUMNS`."""
    return [
        Name(entry["commit"]),
        Name(entry["step"]),
        entry["created"],
        entry["rows"],
        Name(entry["dim"]),
        entry["dtype"],
        Size(entry["bytes_stored"]),
        f"{entry['kind']}, damaged" if entry["quarantined"] else entry["kind"],
        ", ".join(entry["tags"] or ()),
    ]
