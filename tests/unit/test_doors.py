"""The packages of the SDK are entered by their doors."""

from __future__ import annotations

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import pytest

import embzarr

SDK = Path(embzarr.__file__).parent
PUBLIC = {"convert", "interop"}
"""Stand on the face; nothing of the SDK imports them."""
PACKAGES = sorted(
    found.name
    for found in SDK.iterdir()
    if (found / "__init__.py").is_file() and found.name not in PUBLIC
)


@cache
def imports(file: Path) -> list[tuple[str, str]]:
    """Return each name that a file imports from a package, after the module it is taken from."""
    nodes = ast.walk(ast.parse(file.read_text()))
    taken = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    return [(node.module, name.name) for node in taken if node.module for name in node.names]


def test_there_are_eleven_packages() -> None:
    """A twelfth would be a decision."""
    assert len(PACKAGES) == 11


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_entered_by_its_door(package: str) -> None:
    """Whoever stands outside takes what the door lists, and nothing past it."""
    listed = set(importlib.import_module(f"embzarr.{package}").__all__)
    strangers = [file for file in SDK.rglob("*.py") if SDK / package not in file.parents]
    taken = [
        (str(file.relative_to(SDK)), module, name)
        for file in strangers
        for module, name in imports(file)
        if module.startswith("embzarr.") and module.split(".")[1] == package
    ]

    past = [one for one in taken if one[1] != f"embzarr.{package}" or one[2] not in listed]
    assert past == []
    assert listed == {name for _, _, name in taken}


@pytest.mark.parametrize("package", sorted(PUBLIC))
def test_the_sdk_does_not_import_what_stands_on_it(package: str) -> None:
    """Whoever does not use it waits for no import of it."""
    strangers = [file for file in SDK.rglob("*.py") if SDK / package not in file.parents]

    taken = [module for file in strangers for module, _ in imports(file)]
    assert [module for module in taken if module.startswith(f"embzarr.{package}")] == []


def test_the_map_names_files_that_are_there() -> None:
    """Whoever follows `sdk/README.md` finds what it names, where it says."""
    checkout = SDK.parent.parent
    told = re.findall(r"`((?:\w+/)*\w+\.py)`", (SDK.parent / "README.md").read_text())
    there = [
        str(file) for part in ("sdk", "tests", "tools") for file in (checkout / part).rglob("*.py")
    ]

    assert "_format/arrays/codecs.py" in told
    assert [name for name in told if not any(file.endswith(f"/{name}") for file in there)] == []
