"""What `import embzarr` promises: these names, documented, typed, and quick to import."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import embzarr

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = [
    "AccessDeniedError",
    "Cache",
    "Checkpoint",
    "CheckpointInfo",
    "ColumnInfo",
    "CommitInfo",
    "ConflictError",
    "CopyReport",
    "DamagedError",
    "DeltaPolicy",
    "EmbzarrError",
    "File",
    "FileInfo",
    "Files",
    "GcReport",
    "InvalidInputError",
    "LayerInfo",
    "Loaded",
    "MemberNotFoundError",
    "NotFoundError",
    "ObjectInfo",
    "PartWriter",
    "Plan",
    "ProbeReport",
    "Problem",
    "RepairAction",
    "RepairReport",
    "Run",
    "StepPlan",
    "StoreError",
    "Tensor",
    "TensorInfo",
    "Tensors",
    "Traffic",
    "UnsupportedError",
    "VerifyReport",
    "WordNotFoundError",
    "Writer",
    "__version__",
    "copy",
    "create",
    "find_runs",
    "missing_parts",
    "open",
    "plan_step",
    "probe",
    "publish",
    "repair",
    "save",
    "write_part",
]
CALLABLES = [name for name in NAMES if name != "__version__"]
HEAVY = ["zarr", "boto3", "botocore", "fsspec", "typer", "rich", "numba", "ml_dtypes"]


def members(name: str) -> Iterator[tuple[str, Any]]:
    """Yield a public name and, of a class, what it defines for its users."""
    value = getattr(embzarr, name)
    yield name, value
    for member, defined in vars(value).items() if inspect.isclass(value) else ():
        if not member.startswith("_"):
            yield f"{name}.{member}", defined


def functions(name: str) -> Iterator[tuple[str, Any]]:
    """Yield what of a public name can be called."""
    for path, value in members(name):
        called = value.fget if isinstance(value, property) else getattr(value, "func", value)
        if inspect.isfunction(called):
            yield path, called


def names_for_hints(module: str) -> dict[str, Any]:
    """Return what a module imports for type checkers alone."""
    source = Path(inspect.getfile(importlib.import_module(module))).read_text()
    blocks = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    names: dict[str, Any] = {}
    for block in blocks:
        exec(ast.unparse(ast.Module(block.body, [])), names)  # noqa: S102 - our own imports
    return names


# The names ----------------------------------------------------------------------------------------
def test_the_public_names_are_these() -> None:
    """Nothing joins or leaves the public names unnoticed."""
    assert embzarr.__all__ == NAMES
    assert sorted(NAMES) == NAMES


def test_nothing_else_is_public() -> None:
    """Besides modules, what can be reached without an underscore is in `__all__`."""
    reached = {
        name
        for name, value in vars(embzarr).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }

    assert reached == {name for name in NAMES if not name.startswith("_")}


def test_a_star_import_gives_the_public_names() -> None:
    """``from embzarr import *`` finds every name."""
    found: dict[str, Any] = {}
    exec("from embzarr import *", found)  # noqa: S102 - as a user may

    assert sorted(name for name in found if name != "__builtins__") == NAMES


def test_the_version_is_a_version() -> None:
    """Three numbers, which pip can compare."""
    assert [part.isdecimal() for part in embzarr.__version__.split(".")] == [True, True, True]


# Documentation ------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", CALLABLES)
def test_every_public_name_is_documented(name: str) -> None:
    """Classes, functions, methods and properties say in a full sentence what they are for."""
    for path, value in members(name):
        documented = inspect.isclass(value) or isinstance(value, property) or callable(value)
        if documented:
            first = (inspect.getdoc(value) or "").split("\n\n")[0]
            assert first.endswith((".", "?")), path
            assert value.__doc__, path


def test_the_package_is_documented() -> None:
    """Its docstring shows how to save, open and read."""
    text = embzarr.__doc__ or ""

    assert [word in text for word in ("embzarr.save(", "embzarr.open(", "load_prefix(")] == [
        True
    ] * 3


@pytest.mark.parametrize("name", ["create", "open", "plan_step", "publish", "save", "write_part"])
def test_every_argument_is_documented(name: str) -> None:
    """No keyword must be guessed."""
    function = getattr(embzarr, name)
    text = inspect.getdoc(function) or ""
    arguments = list(inspect.signature(function).parameters)

    assert [argument for argument in arguments if f"\n    {argument}: " not in text] == []


# Types --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", CALLABLES)
def test_every_hint_names_a_type(name: str) -> None:
    """The annotations of all public functions are complete, and each names what exists."""
    for path, function in functions(name):
        known = names_for_hints(function.__module__)
        hints = typing.get_type_hints(function, localns=known)
        named = {p for p in inspect.signature(function).parameters if p not in {"self", "cls"}}

        assert hints.keys() == {*named, "return"}, path


@pytest.mark.parametrize("name", [n for n in CALLABLES if inspect.isclass(getattr(embzarr, n))])
def test_every_field_names_a_type(name: str) -> None:
    """The fields of public values and errors have types that exist."""
    kind = getattr(embzarr, name)
    hints = typing.get_type_hints(kind, localns=names_for_hints(kind.__module__))

    assert hints.keys() >= set(inspect.get_annotations(kind))


def test_the_package_is_typed() -> None:
    """Type checkers are told that the annotations are there."""
    assert Path(embzarr.__path__[0], "py.typed").is_file()


@pytest.mark.parametrize("name", ["create", "open", "plan_step", "publish", "save", "write_part"])
def test_settings_are_named(name: str) -> None:
    """After its subject, a function takes keywords only, with defaults."""
    parameters = inspect.signature(getattr(embzarr, name)).parameters.values()
    settings = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    subject = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]

    assert subject == {
        "open": ["url"],
        "create": ["url", "dim"],
        "plan_step": ["url", "rows", "dim", "parts"],
        "publish": ["url", "plan", "words"],
        "save": ["url", "words", "vectors"],
        "write_part": ["url", "plan", "index"],
    }.get(name)
    assert all(p.default is not p.empty for p in settings)


# Importing ----------------------------------------------------------------------------------------
def test_importing_is_light() -> None:
    """No store's library, no Zarr, no screen and no compiler is loaded before it is needed."""
    code = f"import sys, embzarr; print([n for n in {HEAVY} if n in sys.modules])"

    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )

    assert (done.stdout, done.stderr) == ("[]\n", "")
