"""``embzarr diff``: what changed from one checkpoint to another."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
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
from embzarr_tools._selection import row_bytes
from embzarr_tools._tensor_changes import file_changes, tensor_changes

if TYPE_CHECKING:
    import embzarr
    from embzarr_tools._changes import Changes

EXAMPLES = """
embzarr diff s3://bucket/run --step 100 --to-step 200
embzarr diff s3://bucket/run s3://bucket/other
embzarr diff runs/wiki --tag best -n 20 --json
"""

_WORDS_AT_ONCE = 2**16
_BATCH_BYTES = 16 * 2**20
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
    two vectors), the words that turned most, and metadata that differs. Rows are matched by word,
    in whatever order they lie; all vectors are read once, in batches. Tensors are matched by name:
    how many numbers changed, by how much at most, and all of them relative to what they were.
    """
    before = place.open(which)
    elsewhere = place if other is None else replace(place, url=other)
    after = elsewhere.open(Which(step=to_step, tag=to_tag, commit=to_commit))
    changes, lost = _compared(before, after, count)
    document = _document(before, after, changes, lost, count)
    if as_json:
        show_json(document)
    else:
        _show(document)


def _compared(
    before: "embzarr.Checkpoint", after: "embzarr.Checkpoint", count: int
) -> "tuple[Changes, list[str]]":
    """Return the changes of all words that both have, and the first words that are lost."""
    from embzarr_tools._changes import Comparison  # noqa: PLC0415 - numpy takes a while

    comparison, lost, done = Comparison(count), list[str](), 0
    if not (before.columns and after.columns):
        return comparison.changes(), lost
    with progress("comparing", unit_bytes=row_bytes(before)) as advance:
        for old, new, gone in _pairs(before, after):
            comparison.add(new.words, old, new.vectors)
            lost += gone[: count - len(lost)]
            done += len(new) + len(gone)
            advance(done, len(before))
    return comparison.changes(), lost


def _pairs(
    before: "embzarr.Checkpoint", after: "embzarr.Checkpoint"
) -> "Iterator[tuple[Any, embzarr.Loaded, list[str]]]":
    """Yield vectors, those of the same words in the other checkpoint, and words it has not."""
    start = 0
    for old in before.stream(batch_bytes=_BATCH_BYTES):
        # Most often both have the same words in the same rows, where no word is looked up.
        new = after.load_rows(start, start + len(old), columns=())
        start += len(old)
        if new.words == old.words:
            new = after.load_rows(start - len(old), start)
            yield old.vectors, new, []
            continue
        new = after.load(list(old.words), missing="skip")
        there = frozenset(new.words)
        kept = [place for place, word in enumerate(old.words) if word in there]
        yield old.vectors[kept], new, [word for word in old.words if word not in there]


def _added(before: "embzarr.Checkpoint", after: "embzarr.Checkpoint") -> Iterator[str]:
    """Yield words that only the second has, in its order."""
    words = iter(after)
    while some := list(islice(words, _WORDS_AT_ONCE)):
        there = frozenset(before.load(some, missing="skip", columns=()).words)
        yield from (word for word in some if word not in there)


def _document(
    before: "embzarr.Checkpoint",
    after: "embzarr.Checkpoint",
    changes: "Changes",
    lost: list[str],
    count: int,
) -> dict[str, Any]:
    from embzarr_tools._changes import differences  # noqa: PLC0415 - numpy takes a while

    added = len(after) - changes.common
    cuts = changes.cosines
    return {
        "from": _about(before),
        "to": _about(after),
        "words": {
            "common": changes.common,
            "added": added,
            "lost": len(before) - changes.common,
            "first_added": list(islice(_added(before, after), min(count, added))) if added else [],
            "first_lost": lost,
        },
        "rows_changed": changes.changed,
        "cosine": None if cuts is None else {f"p{cut}": value for cut, value in cuts.items()},
        "moved": [{"word": word, "cosine": cosine} for word, cosine in changes.moved],
        "tensors": _tensors(before, after),
        "files": file_changes(before, after),
        "metadata": {
            name: {"from": old, "to": new}
            for name, (old, new) in differences(before.metadata, after.metadata).items()
        },
    }


def _tensors(before: "embzarr.Checkpoint", after: "embzarr.Checkpoint") -> dict[str, Any]:
    with progress("comparing tensors") as advance:
        return tensor_changes(before, after, advance)


def _about(checkpoint: "embzarr.Checkpoint") -> dict[str, Any]:
    info = checkpoint.info()
    return {
        "url": checkpoint.url,
        "step": checkpoint.step,
        "commit": checkpoint.commit,
        "rows": len(checkpoint),
        "dim": info.dim,
        "dtype": info.dtype,
    }


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
    fields |= {f"cosine {name}": value for name, value in (document["cosine"] or {}).items()}
    show_fields(fields)
    moved = [(one["word"], one["cosine"]) for one in document["moved"]]
    kinds = [("added", words["first_added"]), ("lost", words["first_lost"])]
    named = [("moved", *one) for one in moved]
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
