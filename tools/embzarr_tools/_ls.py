"""``embzarr ls``: the commits of a run."""

from typing import Any

from embzarr_tools._history import history_of, tags_of
from embzarr_tools._options import AsJson, Place
from embzarr_tools._screen import Cell, Column, Name, Size, show_json, show_table

EXAMPLES = """
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


def ls(place: Place, *, as_json: AsJson = False) -> None:
    """List the commits of a run, newest first.

    The kind is full or delta, and damaged where repair has marked the commit as such.
    """
    run = place.run()
    history = history_of(run, tags_of(run))
    if not history:
        run.open()  # says that nothing is there
    if as_json:
        show_json(history)
    else:
        show_table(COLUMNS, [row_of(entry) for entry in history])


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
