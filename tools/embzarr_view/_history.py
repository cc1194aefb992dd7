"""The steps of a run, and what their metadata counts."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any, Final

import embzarr
from embzarr_view._opened import each
from embzarr_view._shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from embzarr_view._opened import Opened

_MOST: Final = 200
"""Commits that are read for one answer."""
_DEEPEST: Final = 5
_MOST_NUMBERS: Final = 64
_COUNTING_UP: Final = frozenset({"step", "words", "seconds", "epoch"})
"""Numbers that say how far a training is, and not how well it goes."""


class History:
    """The commits of a run, each read once: they never change."""

    def __init__(self, opened: Opened) -> None:
        """Look at a run; nothing is read."""
        self._opened = opened
        self._lock = threading.Lock()
        self._known: dict[int, dict[str, Any]] = {}

    def newest(self) -> dict[str, Any]:
        """Return the number of the newest commit of any kind, 0 where there is none."""
        return {"newest": max(self._opened.run.numbers(), default=0)}

    def page(self, before: int | None = None, most: int = _MOST) -> dict[str, Any]:
        """Return the newest commits, or those before one, and what is said of them elsewhere.

        Raises:
            embzarr.EmbzarrError: the history cannot be read at all.
        """
        run = self._opened.run
        numbers = run.numbers()
        wanted = [number for number in numbers if before is None or number < before]
        tags, marked = each(_if_listed, (run.tags, run.quarantined))
        steps = [one for one in each(self._step, wanted[:most]) if one is not None]
        for one in steps:
            one["tags"] = [name for name, commit in (tags or {}).items() if commit == one["commit"]]
            one["quarantined"] = one["commit"] in (marked or ())
        return {
            "url": shown(self._opened.url, 2000),
            "newest": max(numbers, default=0),
            "listed": tags is not None,
            "steps": steps,
            "series": series(steps),
            "older": wanted[most] + 1 if len(wanted) > most else None,
        }

    def _step(self, number: int) -> dict[str, Any] | None:
        """Return a commit; None of a garbage collection, and of what one gave up."""
        with self._lock:
            if number in self._known:
                return dict(self._known[number])
        try:
            found = _described(self._opened.passing(number))
        except embzarr.NotFoundError:
            return None
        except embzarr.EmbzarrError as exc:
            return {"commit": number, "error": str(exc)}
        with self._lock:
            self._known[number] = found
        return dict(found)


def _if_listed(ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - tags, or marks
    """Return None where the store, such as a web server, has no listing."""
    try:
        return ask()
    except embzarr.UnsupportedError:
        return None


def _described(checkpoint: embzarr.Checkpoint) -> dict[str, Any]:
    info = checkpoint.info()
    return {
        "commit": info.commit,
        "step": info.step,
        "kind": info.kind,
        "created": info.created,
        "writer": shown(info.writer),
        "rows": info.rows if info.dim else None,
        "dim": info.dim or None,
        "dtype": info.dtype,
        "layers": len(info.layers),
        "tensors": len(info.tensors),
        "files": len(info.files),
        "bytes_written": info.layers[-1].bytes_stored,
        "bytes_read_through": info.bytes_stored,
        "numbers": dict(_few(_numbers(info.metadata, "", 0))),
    }


def _few(found: Iterator[tuple[str, float]]) -> Iterator[tuple[str, float]]:
    for at, one in enumerate(found):
        if at == _MOST_NUMBERS:
            return
        yield one


def _numbers(value: object, path: str, depth: int) -> Iterator[tuple[str, float]]:
    """Yield the finite numbers in metadata by their paths."""
    if isinstance(value, dict) and depth < _DEEPEST:
        for name, inner in value.items():
            yield from _numbers(
                inner, f"{path}.{shown(name, 60)}" if path else shown(name, 60), depth + 1
            )
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and path:  # type: ignore[arg-type]  # a number
        yield path, float(value)  # type: ignore[arg-type]  # as above


def series(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what metadata counts as lines over the steps: numbers that some steps have otherwise.

    Args:
        steps: newest first, as `History.page` has them.
    """
    lines: dict[str, dict[int, float]] = {}
    for one in steps:  # of several commits of a step the newest counts
        for path, value in one.get("numbers", {}).items():
            lines.setdefault(path, {}).setdefault(one["step"], value)
    told = [
        {"path": path, "points": sorted(points.items())}
        for path, points in lines.items()
        if path.rpartition(".")[2] not in _COUNTING_UP and _moves(path, points)
    ]
    return sorted(told, key=lambda line: _rank(str(line["path"])))


def _moves(path: str, points: Mapping[int, float]) -> bool:
    """Tell whether a number is worth a plot: not one that stays, nor one that counts something."""
    values = [points[step] for step in sorted(points)]
    is_counter = all(value.is_integer() for value in values) and values == sorted(values)
    return ".metrics." in f".{path}" or not (is_counter or len(set(values)) == 1)


def _rank(path: str) -> tuple[int, str]:
    first = ("loss", "alpha", "words_per_second")
    name = path.rpartition(".")[2]
    return (first.index(name) if name in first else len(first)), path
