"""``embzarr diff``: what changed from one checkpoint to another."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embzarr_tools._options import AsJson, Place, Which
from embzarr_tools._screen import (
    Cell,
    Column,
    Name,
    on_terminal,
    progress,
    show_fields,
    show_json,
    show_row,
    show_table,
)

if TYPE_CHECKING:
    import embzarr

EXAMPLES = """
embzarr diff s3://bucket/run --step 100 --to-step 200
embzarr diff s3://bucket/run s3://bucket/other
embzarr diff runs/wiki --tag best -n 20 --json
"""

_NAMED = frozenset({"step", "commit", "dim"})
"""Numbers that are names."""
_LONGEST = 120
"""Letters of a member of metadata that a terminal shows."""


def diff(
    place: Place,
    other: Annotated[
        str | None,
        typer.Argument(metavar="OTHER", help="Another run; by default the same one."),
    ] = None,
    *,
    to_step: Annotated[int | None, typer.Option(help="Of OTHER: the newest of this step.")] = None,
    to_tag: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of OTHER: the commit of this tag.")
    ] = None,
    to_commit: Annotated[
        int | None, typer.Option(help="Of OTHER: the commit of this number.")
    ] = None,
    which: Which,
    count: Annotated[
        int, typer.Option("-n", "--count", min=0, help="How many words to name of each kind.")
    ] = 10,
    as_json: AsJson = False,
) -> None:
    """Show what changed from one checkpoint to another.

    Words that were added and lost, rows that changed, how far they turned (the cosine of a word's
    two vectors), the words that turned most, those whose vector is zero or not finite in one of the
    checkpoints, which have no cosine, and metadata that differs. Rows are matched by word,
    in whatever order they lie; all vectors are read once, in batches. Tensors are matched by name:
    how many numbers changed, by how much at most, and all of them relative to what they were.
    """
    before = place.open(which)
    elsewhere = place if other is None else replace(place, url=other)
    after = elsewhere.open(Which(step=to_step, tag=to_tag, commit=to_commit))
    document = _document(before, after, count)
    if as_json:
        show_json(document)
    else:
        _show(document)


def _document(
    before: "embzarr.Checkpoint", after: "embzarr.Checkpoint", count: int
) -> dict[str, Any]:
    import embzarr_compare  # noqa: PLC0415 - numpy takes a while

    with progress("comparing") as advance:

        def tell(what: str, done: int, total: int) -> None:
            advance(done, total, f"comparing {what}")

        document = embzarr_compare.compare(before, after, count=count, advance=tell)
    del document["histogram"]  # a picture's
    return document


def _show(document: dict[str, Any]) -> None:
    """Print the document as tables, an empty line between them."""
    words, sides = document["words"], (document["from"], document["to"])
    rows: list[tuple[Cell, ...]] = [
        (name, *(Name(side[name]) if name in _NAMED else side[name] for side in sides))
        for name in sides[0]
    ]
    show_table((Column("", wrap=True), Column("from", wrap=True), Column("to", wrap=True)), rows)
    show_row(())
    fields: dict[str, Cell] = {name: words[name] for name in ("common", "added", "lost")}
    fields |= {"changed": document["rows_changed"]}
    fields |= {"without cosine": document["without_cosine"]["count"]}
    fields |= {f"cosine {name}": value for name, value in (document["cosine"] or {}).items()}
    show_fields(fields)
    moved = [(one["word"], one["cosine"]) for one in document["moved"]]
    kinds = [("added", words["first_added"]), ("lost", words["first_lost"])]
    named = [("moved", *one) for one in moved]
    named += [(one["why"], one["word"], None) for one in document["without_cosine"]["first"]]
    named += [(kind, word, None) for kind, some in kinds for word in some]
    if named:
        show_row(())
        show_table((Column("what"), Column("word", wrap=True), Column("cosine", right=True)), named)
    for title in ("tensors", "files"):
        _show_contents(title, document[title])
    if document["metadata"]:
        show_row(())
        columns = (Column("metadata"), Column("from", wrap=True), Column("to", wrap=True))
        show_table(
            columns,
            [
                (name, *(_member(pair[side]) for side in ("from", "to")))
                for name, pair in document["metadata"].items()
            ],
        )


def _show_contents(title: str, found: dict[str, Any]) -> None:
    """Print what came, went and changed of tensors or files, unless there are none."""
    named = [(name, kind, None, None) for kind in ("added", "lost") for name in found[kind]]
    if not named and not found["changed"] and not found["same"]:
        return
    named += [
        (one["name"], "changed", one.get("relative"), one.get("max_abs"))
        for one in found["changed"]
    ]
    show_row(())
    show_fields({f"{title} the same": found["same"]})
    if named:
        figures = (Column("relative", right=True), Column("at most", right=True))
        show_table((Column(title, wrap=True), Column("what"), *figures), named)


def _member(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return f"{text[:_LONGEST]}…" if on_terminal() and len(text) > _LONGEST else text
