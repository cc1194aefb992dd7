"""Where the corpus lies, and how its files are read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

V1 = Path(__file__).parents[2] / "spec" / "v1"
TEXT = (V1 / "embzarr.md").read_text(encoding="utf-8")
FIXTURES, CHECKPOINTS, INVALID = (V1 / name for name in ("fixtures", "checkpoints", "invalid"))
BEHAVIOUR = FIXTURES / "behaviour.json"

_REQUIREMENT = re.compile(r"^- \*\*(R-[A-Z]+-[0-9]{2})\*\* (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Case:
    """One case of one file of ``fixtures/``."""

    file: str
    name: str
    requirement: tuple[str, ...]
    operation: str
    input: Any
    document: dict[str, Any]
    """The whole file, which may hold a base for all of its cases."""
    expected: tuple[str, Any]
    """``output`` or ``error``, and which."""

    @property
    def id(self) -> str:
        """Name of the test."""
        return f"{self.file}: {self.name}"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A folder of ``checkpoints/`` or ``invalid/``."""

    folder: Path
    expected: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def store(self) -> Path:
        """Root of the store."""
        return self.folder / "store"


def load(path: Path) -> Any:
    """Return the JSON of a file."""
    return json.loads(path.read_text(encoding="utf-8"))


def cases() -> list[Case]:
    """Return all cases of all fixture files."""
    return [case for path in sorted(FIXTURES.glob("*.json")) for case in _cases(path)]


def _cases(path: Path) -> list[Case]:
    if path == BEHAVIOUR:
        return []
    document = load(path)
    return [
        Case(
            file=path.stem,
            name=case["name"],
            requirement=tuple(case["requirement"]),
            operation=case["operation"],
            input=case["input"],
            document=document,
            expected=next((key, case[key]) for key in ("error", "output") if key in case),
        )
        for case in document["cases"]
    ]


def stores(folder: Path) -> list[Frozen]:
    """Return all stores of ``checkpoints/`` or ``invalid/``."""
    found = sorted(folder.glob("*/EXPECTED.json"))
    return [Frozen(path.parent, load(path)) for path in found]


def requirements() -> dict[str, str]:
    """Return the requirements of the text by their ids."""
    pairs = _REQUIREMENT.findall(TEXT)
    assert len(pairs) == len(dict(pairs)), "an id stands twice"
    return dict(pairs)
