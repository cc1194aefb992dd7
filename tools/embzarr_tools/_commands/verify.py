"""``embzarr verify``: read everything and name what is not as it was written."""

from collections.abc import Iterator
from dataclasses import asdict
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embzarr_tools._failures import NO, UsageError
from embzarr_tools._options import AsJson, Place, Which
from embzarr_tools._screen import (
    Cell,
    Column,
    Name,
    on_terminal,
    progress,
    say,
    show_fields,
    show_json,
    show_table,
    size,
)

if TYPE_CHECKING:
    import embzarr

EXAMPLES = """
embzarr verify s3://bucket/run
embzarr verify runs/wiki --tag best
embzarr verify runs/wiki --all --json
embzarr verify s3://bucket/run --quick
embzarr verify runs/wiki && echo sound
"""

_COLUMNS = tuple(
    map(Column, ("status", "step", "commit", "code", "object", "chunk", "rows", "message"))
)
_EXTENT = {False: "All is as written", True: "All is there, none of it was read"}


def verify(
    place: Place,
    which: Which,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every commit of the run.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Look only for objects that are gone or cut.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read a checkpoint whole and name all that is damaged.

    Compares each object's SHA-256, each chunk's CRC-32C, the Zarr metadata and the words with the
    manifest. Rows that are lost are given as A:B, B not included, with the first of their words.
    What costs readers time alone, a damaged latest.json, is a warning, with exit code 0.
    """
    if every and which != Which():
        raise UsageError("give --all, or one of --step, --tag and --commit")
    run = place.run()
    outcomes: list[dict[str, Any]] = []
    warned: list[dict[str, Any]] = []
    found = _all_outcomes(run, quick=quick) if every else [_outcome(run, which, quick=quick)]
    for outcome in found:
        # They are of the run: told of one of its commits alone.
        outcome["warnings"] = [one for one in outcome["warnings"] if one not in warned]
        warned += outcome["warnings"]
        outcomes.append(outcome)
        if on_terminal() and not as_json:
            _tell(outcome)
    sound = all(outcome["sound"] for outcome in outcomes)
    if as_json:
        show_json({"sound": sound, "checkpoints": outcomes})
    elif not on_terminal():
        show_table(_COLUMNS, [row for outcome in outcomes for row in _rows(outcome)])
    if not sound:
        raise typer.Exit(NO)


def _all_outcomes(run: "embzarr.Run", *, quick: bool) -> Iterator[dict[str, Any]]:
    import embzarr  # noqa: PLC0415 - slow to import, see _options

    try:
        newest = run.open().commit
    except embzarr.DamagedError:
        newest = 0  # which number it has is not known: go on until one is free
    for number in count(1):
        try:
            yield _outcome(run, Which(commit=number), quick=quick)
        except embzarr.NotFoundError:
            if number > newest:
                return


def _outcome(run: "embzarr.Run", which: Which, *, quick: bool) -> dict[str, Any]:
    """Verify one commit; a manifest that cannot be read is a problem like any other."""
    import embzarr  # noqa: PLC0415 - slow to import, see _options

    try:
        found = run.open(step=which.step, tag=which.tag, commit=which.commit)
        # By number, since the newest may have been opened from its copy in latest.json.
        checkpoint = run.open(commit=found.commit)
    except embzarr.DamagedError as exc:
        problem = {"code": exc.code, "key": None, "message": exc.args[0]}
        problem |= {"chunk": None, "rows": None, "words": [], "column": None, "places": None}
        known: dict[str, Any] = {
            "step": which.step,
            "commit": which.commit,
            "quick": quick,
            "warnings": [],
        }
        return {**known, "sound": False, **_NOTHING_READ, "problems": [problem]}
    with progress(f"step {checkpoint.step}", unit_bytes=1) as advance:
        report = checkpoint.verify(quick=quick, progress=advance)
    document = asdict(report)
    return {"step": report.step, "commit": report.commit, "sound": report.ok, **document}


_NOTHING_READ = {"objects": 0, "chunks": 0, "bytes": 0}


def _tell(outcome: dict[str, Any]) -> None:
    problems, name = outcome["problems"], _name(outcome)
    chunks = "" if outcome["quick"] else f"{outcome['chunks']:,} chunks in "
    read = f"{chunks}{outcome['objects']:,} objects, {size(outcome['bytes'])}"
    if outcome["sound"]:
        say(f"Sound: {name}. {_EXTENT[outcome['quick']]}: {read}.")
        _warn(outcome)
        return
    many = "1 problem" if len(problems) == 1 else f"{len(problems):,} problems"
    found = f"{many}; read {read}" if outcome["objects"] else "The manifest cannot be read"
    say(f"Damaged: {name}. {found}.")
    say("")
    for problem in problems:
        show_fields(_described(problem))
        say("")
    _warn(outcome)


def _warn(outcome: dict[str, Any]) -> None:
    for problem in outcome["warnings"]:
        show_fields({"warning": problem["key"], "": _told(problem)})


def _name(outcome: dict[str, Any]) -> str:
    known = [f"{name} {outcome[name]}" for name in ("step", "commit") if outcome[name] is not None]
    return ", ".join(known) or "the newest commit"


def _described(problem: dict[str, Any]) -> dict[str, Cell]:
    fields: dict[str, Cell] = {}
    if problem["key"]:
        fields["object"] = problem["key"]
    if problem["chunk"] is not None:
        fields["chunk"] = Name(problem["chunk"])
    if problem["rows"]:
        fields["rows"] = _span(problem)
    if problem["words"]:
        more = problem["places"][1] - problem["places"][0] - len(problem["words"])
        fields["words"] = ", ".join(problem["words"]) + (f" and {more:,} more" if more else "")
    return fields | {"problem": _told(problem)}


def _told(problem: dict[str, Any]) -> str:
    return f"{problem['message']} [{problem['code']}]"


def _span(problem: dict[str, Any]) -> str:
    return "{}:{}".format(*problem["rows"]) if problem["rows"] else ""


def _rows(outcome: dict[str, Any]) -> Iterator[list[Cell]]:
    named = [outcome["step"], outcome["commit"]]
    if outcome["sound"]:
        read = f"{outcome['objects']} objects, {outcome['chunks']} chunks, {outcome['bytes']} bytes"
        yield ["sound", *named, None, None, None, None, read]
    for problem in outcome["problems"]:
        found = [problem["code"], problem["key"], problem["chunk"], _span(problem)]
        yield ["damaged", *named, *found, problem["message"]]
    for problem in outcome["warnings"]:
        yield ["warning", *named, problem["code"], problem["key"], None, None, problem["message"]]
