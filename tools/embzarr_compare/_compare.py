"""Two checkpoints side by side, as a JSON object."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from embzarr_compare._changes import Comparison, differences
from embzarr_compare._contents import file_changes, tensor_changes

if TYPE_CHECKING:
    from collections.abc import Iterator

    import embzarr
    from embzarr_compare._changes import Changes

_WORDS_AT_ONCE = 2**16
_BATCH_BYTES = 16 * 2**20


class Advance(Protocol):
    """Is told how far a comparison is: of the words, or of the tensors."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Note that `done` of `total` are compared."""
        ...


def compare(
    before: embzarr.Checkpoint,
    after: embzarr.Checkpoint,
    *,
    count: int,
    stop: int | None = None,
    batch_bytes: int = _BATCH_BYTES,
    advance: Advance | None = None,
) -> dict[str, Any]:
    """Return what changed, as ``embzarr diff --json`` prints it, with a histogram of cosines.

    Args:
        before: the first checkpoint.
        after: the second.
        count: how many words of each kind to name.
        stop: compare the vectors of so many first rows of `before` alone, by default all; what was
            added and lost is counted among all of them in any case.
        batch_bytes: of vectors that are compared at once; about ten times as many are held.
        advance: is told how far it is, and may raise to end it.

    Raises:
        embzarr.EmbzarrError: one of them cannot be read.
    """
    tell = advance or _silent
    changes, lost = _compared(before, after, count, stop, batch_bytes, tell)
    is_whole = stop is None or stop >= len(before)
    common = changes.common if is_whole else _in_common(before, after)
    added = len(after) - common
    if not is_whole:
        lost = list(islice(_only_in(before, after), min(count, len(before) - common)))
    cuts = changes.cosines
    return {
        "from": _about(before),
        "to": _about(after),
        "words": {
            "common": common,
            "added": added,
            "lost": len(before) - common,
            "first_added": list(islice(_only_in(after, before), min(count, added))),
            "first_lost": lost,
        },
        "rows_changed": changes.changed,
        "cosine": None if cuts is None else {f"p{cut}": value for cut, value in cuts.items()},
        "histogram": changes.histogram,
        "moved": [{"word": word, "cosine": cosine} for word, cosine in changes.moved],
        "without_cosine": _without_cosine(changes),
        "tensors": tensor_changes(before, after, lambda *far: tell("tensors", *far)),
        "files": file_changes(before, after),
        "metadata": {
            name: {"from": old, "to": new}
            for name, (old, new) in differences(before.metadata, after.metadata).items()
        },
    }


def _without_cosine(changes: Changes) -> dict[str, Any]:
    first = [{"word": word, "why": why} for word, why in changes.unmeasured]
    return {"count": changes.without_cosine, "first": first}


def _silent(what: str, done: int, total: int) -> None:
    del what, done, total


def _compared(
    before: embzarr.Checkpoint,
    after: embzarr.Checkpoint,
    count: int,
    stop: int | None,
    batch_bytes: int,
    advance: Advance,
) -> tuple[Changes, list[str]]:
    """Return the changes of all words that both have, and the first words that are lost."""
    comparison, lost, done = Comparison(count), list[str](), 0
    if not (before.columns and after.columns):
        return comparison.changes(), lost
    total = len(before) if stop is None else min(stop, len(before))
    for old, new, gone in _pairs(before, after, total, batch_bytes):
        comparison.add(new.words, old, new.vectors)
        lost += gone[: count - len(lost)]
        done += len(new) + len(gone)
        advance("words", done, total)
    return comparison.changes(), lost


def _pairs(
    before: embzarr.Checkpoint, after: embzarr.Checkpoint, stop: int, batch_bytes: int
) -> Iterator[tuple[Any, embzarr.Loaded, list[str]]]:
    """Yield vectors, those of the same words in the other checkpoint, and words it has not."""
    start = 0
    for old in before.stream(stop=stop, batch_bytes=batch_bytes):
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


def _in_common(before: embzarr.Checkpoint, after: embzarr.Checkpoint) -> int:
    return len(before) - sum(1 for _ in _only_in(before, after))


def _only_in(one: embzarr.Checkpoint, other: embzarr.Checkpoint) -> Iterator[str]:
    """Yield words that only the first has, in its order."""
    for start in range(0, len(one), _WORDS_AT_ONCE):
        some, same = (
            each.load_rows(start, start + _WORDS_AT_ONCE, columns=()).words for each in (one, other)
        )
        if some == same[: len(some)]:  # as most often: none is looked up
            continue
        there = frozenset(other.load(some, missing="skip", columns=()).words)
        yield from (word for word in some if word not in there)


def _about(checkpoint: embzarr.Checkpoint) -> dict[str, Any]:
    info = checkpoint.info()
    return {
        "url": checkpoint.url,
        "step": checkpoint.step,
        "commit": checkpoint.commit,
        "rows": len(checkpoint),
        "dim": info.dim,
        "dtype": info.dtype,
    }
