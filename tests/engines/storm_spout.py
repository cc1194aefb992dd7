"""A spout of so many texts; those that fail are sent again, and their number is told by a file."""

import os
from pathlib import Path
from typing import Any

from vectors_bolt import Storm

PLACE, TEXTS = Path(os.environ["TEST_PLACE"]), int(os.environ["TEST_TEXTS"])


def main() -> None:
    """Send texts as Storm asks for them."""
    storm = Storm()
    waiting, acked, failed = list(range(TEXTS)), 0, 0
    while True:
        message: Any = storm._message()
        if message["command"] == "next" and waiting:
            number = waiting.pop()
            text = f"w{number} w{(number * 7) % TEXTS} absent"
            told = {"command": "emit", "tuple": [text], "id": number, "need_task_ids": False}
            storm.send(told)
        elif message["command"] == "ack":
            acked += 1
        elif message["command"] == "fail":
            failed += 1
            waiting.append(int(message["id"]))
            (PLACE / "failed").write_text(str(failed))
        if acked == TEXTS:
            (PLACE / "done").write_text(str(failed))
        storm.send({"command": "sync"})


main()
