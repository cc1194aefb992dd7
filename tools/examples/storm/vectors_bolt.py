"""Bolt of Storm, by its multilang protocol: texts in, the mean of their words' vectors out.

    new ShellBolt("python3", "vectors_bolt.py")     // declares the fields "text" and "vector"

Tuples that wait are taken together, so that their words are one partial load; vectors are kept for
words that come again. A text of which the run has no word gets an empty vector. Where the store
fails, the tuples fail, and Storm sends them again. The run is named by EMBZARR_URL.
"""

import json
import os
import select
import sys
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import embzarr

MOST_TUPLES = 500
"""Taken together."""
WAIT = 0.02
"""Seconds to wait for more of them."""
MOST_WORDS = 200_000
"""Whose vectors are kept."""
END = b"\nend\n"


class Storm:
    """The protocol: messages are JSON, each followed by a line ``end``."""

    def __init__(self) -> None:
        """Take the pipes for messages: whatever else is printed goes to the log."""
        self._in = sys.stdin.fileno()
        self._out = sys.stdout
        sys.stdout = sys.stderr
        self._read = b""
        hello = self._message()
        pid = os.getpid()
        with open(os.path.join(hello["pidDir"], str(pid)), "w"):  # noqa: PTH118, PTH123 - brief
            self.send({"pid": pid})

    def send(self, message: dict[str, Any]) -> None:
        """Write a message."""
        self._out.write(json.dumps(message) + "\nend\n")
        self._out.flush()

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the tuples that have come, at least one; answer heartbeats."""
        while True:
            batch: list[dict[str, Any]] = []
            while len(batch) < MOST_TUPLES and (not batch or self._has_more()):
                message = self._message()
                if isinstance(message, list):
                    continue  # ids of tasks, which nobody has asked for
                if message.get("stream") == "__heartbeat":
                    self.send({"command": "sync"})
                else:
                    batch.append(message)
            yield batch

    def _has_more(self) -> bool:
        return END in self._read or bool(select.select([self._in], [], [], WAIT)[0])

    def _message(self) -> Any:  # noqa: ANN401 - any JSON
        while END not in self._read:
            more = os.read(self._in, 1 << 16)
            if not more:
                raise SystemExit  # Storm has ended
            self._read += more
        told, _, self._read = self._read.partition(END)
        return json.loads(told)


class Vectors:
    """Vectors of words, loaded as they are asked for; of words that are not there, None."""

    def __init__(self, url: str) -> None:
        """Open nothing yet: a store that is away for a while is no reason to end."""
        self._url = url
        self._checkpoint: embzarr.Checkpoint | None = None
        self._kept: OrderedDict[str, Any] = OrderedDict()

    def load(self, words: set[str]) -> dict[str, Any]:
        """Return the vector of each word, by one load for all that are not kept."""
        if self._checkpoint is None:
            self._checkpoint = embzarr.open(self._url)
        new = sorted(words - self._kept.keys())
        if new:
            found = self._checkpoint.load(new, missing="skip")
            self._kept |= dict.fromkeys(new)
            self._kept |= dict(zip(found.words, found.vectors, strict=True))
        for word in words:
            self._kept.move_to_end(word)
        answer = {word: self._kept[word] for word in words}
        while len(self._kept) > MOST_WORDS:
            self._kept.popitem(last=False)
        return answer


def mean_of(text: str, vectors: dict[str, Any]) -> list[float]:
    """Return the mean of the vectors of a text's words."""
    known = [vectors[word] for word in text.split() if vectors[word] is not None]
    mean: list[float] = (sum(known) / len(known)).tolist() if known else []
    return mean


def main() -> None:
    """Answer each tuple: what it is, or that it failed."""
    storm, source = Storm(), Vectors(os.environ["EMBZARR_URL"])
    for batch in storm.batches():
        texts = [message["tuple"][0] for message in batch]
        try:
            vectors = source.load({word for text in texts for word in text.split()})
        except embzarr.EmbzarrError as exc:
            print(f"{len(batch)} tuples failed: {exc}")
            for message in batch:
                storm.send({"command": "fail", "id": message["id"]})
            continue
        for message, text in zip(batch, texts, strict=True):
            told = [text, mean_of(text, vectors)]
            anchors = [message["id"]]
            storm.send(
                {"command": "emit", "tuple": told, "anchors": anchors, "need_task_ids": False}
            )
            storm.send({"command": "ack", "id": message["id"]})


if __name__ == "__main__":
    main()
