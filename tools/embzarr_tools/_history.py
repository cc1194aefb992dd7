"""Commits of a run together with their tags, for `ls` and `inspect`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import embzarr


def history_of(run: embzarr.Run, tags: Mapping[str, int] | None) -> list[dict[str, Any]]:
    """Return each commit with the names that it has, and whether it is marked as damaged.

    Both are None where the store, such as a web server, has no listing.
    """
    commits = run.commits()
    marked = _marked(run) if commits else None
    return [
        {
            **asdict(commit),
            "quarantined": None if marked is None else commit.commit in marked,
            "tags": names_of(commit.commit, tags),
        }
        for commit in commits
    ]


def names_of(commit: int, tags: Mapping[str, int] | None) -> list[str] | None:
    """Return the tags of a commit."""
    return None if tags is None else [name for name, number in tags.items() if number == commit]


def _marked(run: embzarr.Run) -> frozenset[int] | None:
    import embzarr  # noqa: PLC0415 - slow to import, see _options

    try:
        return frozenset(run.quarantined())
    except embzarr.UnsupportedError:
        return None


def tags_of(run: embzarr.Run) -> dict[str, int] | None:
    """Return all tags, or None where the store, such as a web server, has no listing."""
    import embzarr  # noqa: PLC0415 - slow to import, see _options

    try:
        return run.tags()
    except embzarr.UnsupportedError:
        return None
