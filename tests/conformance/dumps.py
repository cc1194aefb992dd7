"""Dumps of a frozen store as ``embzarr.md`` shows them."""

from __future__ import annotations

import json
import re
from typing import Any

from conformance.corpus import TEXT, V1
from conformance.plain_reader import PlainCheckpoint, newest, read_commit

_WIDTH = 240
_DUMP = re.compile(r"<!-- dump (?P<what>[^>]+) -->\n\n```\w+\n(?P<shown>.*?)```", re.DOTALL)


def shown() -> dict[str, str]:
    """Return the dumps that stand in the text, by their commands."""
    return {match["what"]: match["shown"] for match in _DUMP.finditer(TEXT)}


def made(command: str) -> str:
    """Return what a dump must show.

    Args:
        command: ``manifest``, ``shard`` or ``block``, the store below ``v1``, and the object.
    """
    what, store, *key = command.split()
    root = V1 / store / "store"
    checkpoint = read_commit(root, newest(root))
    if what == "manifest":
        return _pretty(checkpoint.manifest, "") + "\n"
    return _hex(
        _block(checkpoint) if what == "block" else (checkpoint.folder / key[0]).read_bytes()
    )


def _block(checkpoint: PlainCheckpoint) -> bytes:
    block: bytes = checkpoint.layers[-1].array("lookup/blocks")[0].tobytes()
    return block.rstrip(b"\0")


def _pretty(value: Any, indent: str) -> str:
    """Return JSON with one member a line where a line would be too long."""
    line = json.dumps(value, sort_keys=True, ensure_ascii=False)
    if len(indent + line) <= _WIDTH or not isinstance(value, dict | list):
        return line
    inner = indent + " "
    if isinstance(value, list):
        return "[" + ",\n".join(_pretty(item, inner) for item in value) + "]"
    members = (f"{inner}{json.dumps(k)}: {_pretty(v, inner)}" for k, v in sorted(value.items()))
    return "{\n" + ",\n".join(members) + "\n" + indent + "}"


def _hex(data: bytes) -> str:
    rows = range(0, len(data), 16)
    return "".join(f"{at:04x}  {_row(data[at : at + 16])}\n" for at in rows)


def _row(part: bytes) -> str:
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
    return f"{part.hex(' ', 4):<36} |{text}|"
