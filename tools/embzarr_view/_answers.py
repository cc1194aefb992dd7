"""Questions of the page by their names, and what answers each.

A question comes with parameters, all of them text; what they must be is said here, once.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import embzarr
from embzarr_view import _changed, _contents, _health, _map, _stored, _words
from embzarr_view._history import History
from embzarr_view._jobs import Jobs
from embzarr_view._scores import scored
from embzarr_view._words import Common

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from embzarr_view._opened import Opened

_MOST_WORDS: Final = 8
"""Side by side."""
_MOST_COMMITS: Final = 40
_LONGEST_LIST: Final = 1000
_LONGEST_PREFIX: Final = 4096
_LARGEST: Final = 2**53


class Asked:
    """The parameters of a question."""

    def __init__(self, given: Mapping[str, str]) -> None:
        """Take them as they came."""
        self._given = given

    def text(self, name: str) -> str:
        """Return a text; empty where none was given."""
        found = self._given.get(name, "")
        if len(found) > _LONGEST_PREFIX:
            raise _wrong(name, f"at most {_LONGEST_PREFIX} characters", "more")
        return found

    def has(self, name: str) -> bool:
        """Tell whether something was given, if only an empty text."""
        return name in self._given

    def number(self, name: str) -> int | None:
        """Return a whole number from 0 on, or None where none was given."""
        text = self.text(name)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and int(text) < _LARGEST):
            raise _wrong(name, "a whole number", repr(text[:20]))
        return int(text)

    def needed(self, name: str) -> int:
        """Return a whole number from 0 on, which must be given."""
        found = self.number(name)
        if found is None:
            raise _wrong(name, "a whole number", "nothing")
        return found

    def numbers(self, name: str, most: int) -> list[int]:
        """Return whole numbers that were given with commas."""
        texts = [text for text in self.text(name).split(",")[:_LONGEST_LIST] if text]
        if not 1 <= len(texts) <= most:
            raise _wrong(name, f"1 to {most} numbers", str(len(texts)))
        return [Asked({name: text}).needed(name) for text in texts]

    def is_set(self, name: str) -> bool:
        """Tell whether something is asked for."""
        return self.text(name) == "1"


def _wrong(name: str, expected: str, found: str) -> embzarr.InvalidInputError:
    return embzarr.InvalidInputError(
        "input-argument", f"{name}: expected {expected}, found {found}"
    )


class Answers:
    """Answers questions about a run."""

    def __init__(self, opened: Opened, files: Sequence[Path] = ()) -> None:
        """Look at a run; nothing is read.

        Args:
            opened: the run.
            files: of word pairs or analogies, on which steps may be scored.
        """
        self._opened = opened
        self._files = tuple(files)
        self._history = History(opened)
        self._jobs = Jobs()
        self._common = Common()
        self._drawing = threading.Lock()
        self.questions: Final[dict[str, Callable[[Asked], Any]]] = {
            "newest": lambda _: self._history.newest(),
            "history": self._page,
            "about": lambda asked: _contents.about(self._checkpoint(asked)),
            "complete": self._complete,
            "word": self._word,
            "neighbours": self._neighbours,
            "drift": self._drift,
            "map": self._map,
            "storage": lambda asked: _stored.storage(self._checkpoint(asked)),
            "chunks": self._chunks,
            "contents": lambda asked: _contents.contents(self._checkpoint(asked)),
            "tensor": lambda asked: _contents.tensor(self._checkpoint(asked), asked.needed("at")),
            "file": lambda asked: _contents.file(self._checkpoint(asked), asked.needed("at")),
            "job": lambda asked: self._jobs.look(asked.text("kind")),
        }
        """What only reads, and answers at once."""
        self.orders: Final[dict[str, Callable[[Asked], Any]]] = {
            "verify": self._verify,
            "compare": self._compare,
            "scores": self._score,
            "stop": lambda asked: self._jobs.stop(asked.text("kind")),
        }
        """What begins a job, or ends one."""

    def read_ahead(self) -> threading.Thread:
        """Begin to read what the first word needs beyond its own rows, before somebody asks.

        Which are the commonest words and where chunks lie; what cannot be read, who asks is told.
        """
        reading = threading.Thread(target=self._read_ahead, daemon=True)
        reading.start()
        return reading

    def _read_ahead(self) -> None:
        with suppress(embzarr.EmbzarrError):
            checkpoint = self._opened.checkpoint()
            self._common.of(checkpoint)
            _words.word_at(checkpoint, 0)

    def _checkpoint(self, asked: Asked) -> embzarr.Checkpoint:
        return self._opened.checkpoint(asked.number("commit"))

    def _page(self, asked: Asked) -> dict[str, Any]:
        found = self._history.page(asked.number("before"))
        return {**found, "maps": _map.methods(), "may_score": bool(self._files)}

    def _complete(self, asked: Asked) -> dict[str, Any]:
        checkpoint = self._checkpoint(asked)
        return _words.complete(checkpoint, self._common, asked.text("prefix"))

    def _word(self, asked: Asked) -> dict[str, Any]:
        row = asked.number("row")
        word = asked.text("word") if row is None and asked.has("word") else None
        return _words.word_at(self._checkpoint(asked), row, word)

    def _neighbours(self, asked: Asked) -> dict[str, Any]:
        checkpoint, row = self._checkpoint(asked), asked.needed("row")
        return _words.neighbours(self._opened, checkpoint, row, every=asked.is_set("all"))

    def _drift(self, asked: Asked) -> dict[str, Any]:
        rows = asked.numbers("rows", _MOST_WORDS)
        commits = asked.numbers("commits", _MOST_COMMITS)
        return _words.drift(self._opened, self._checkpoint(asked), rows, commits)

    def _map(self, asked: Asked) -> dict[str, Any]:
        count, method = asked.needed("count"), asked.text("method")
        with self._drawing:  # one at a time: it is memory that would run short
            return _map.plane(self._checkpoint(asked), count, method)

    def _chunks(self, asked: Asked) -> dict[str, Any]:
        layer, shard = asked.needed("layer"), asked.needed("shard")
        return _stored.chunks(self._checkpoint(asked), layer, asked.text("array"), shard)

    def _verify(self, asked: Asked) -> dict[str, Any]:
        commit, quick = asked.needed("commit"), asked.is_set("quick")
        about = {"commit": commit, "quick": quick}
        work = lambda job: _health.verified(self._opened, commit, quick=quick, job=job)  # noqa: E731
        return self._jobs.start("verify", about, work)

    def _compare(self, asked: Asked) -> dict[str, Any]:
        before, after = asked.needed("before"), asked.needed("after")
        stop = asked.number("stop")
        about = {"before": before, "after": after, "stop": stop}
        work = lambda job: _changed.compared(self._opened, before, after, stop=stop, job=job)  # noqa: E731
        return self._jobs.start("compare", about, work)

    def _score(self, _: Asked) -> dict[str, Any]:
        work = lambda job: scored(self._opened, self._files, job)  # noqa: E731
        return self._jobs.start("scores", {"files": len(self._files)}, work)
