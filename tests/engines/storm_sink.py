"""Writes what it is sent to a file, a line of JSON each."""

import json
import os
from pathlib import Path

from vectors_bolt import Storm

storm = Storm()
with Path(os.environ["TEST_PLACE"], "out").open("a") as out:
    for batch in storm.batches():
        for message in batch:
            out.write(json.dumps(message["tuple"]) + "\n")
            out.flush()
            storm.send({"command": "ack", "id": message["id"]})
