"""Every public function and method shows how it is used, and what it shows is true."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr import convert, errors

WORDS = ["king", "queen", "man", "woman"]
WITH_METHODS = {
    "Checkpoint",
    "File",
    "Files",
    "Loaded",
    "PartWriter",
    "Run",
    "StepPlan",
    "Tensor",
    "Tensors",
    "Writer",
}
SHOWN_BY_ANOTHER = {"PartWriter", "StepPlan", "Writer"}
"""Classes that nobody calls: a function makes them, and its example shows them."""


def public() -> Iterator[tuple[str, Any]]:
    """Yield what people call: functions, classes that they make, and their methods."""
    for name in (*embzarr.__all__, "convert.import_vectors", "convert.export_vectors"):
        thing = getattr(convert if name.startswith("convert.") else embzarr, name.split(".")[-1])
        if inspect.isfunction(thing) or name in {"Cache", "DeltaPolicy", *WITH_METHODS}:
            yield name, thing
        if name in WITH_METHODS:
            for method, made in vars(thing).items():
                function = getattr(made, "__func__", made)
                if not method.startswith("_") and inspect.isfunction(function):
                    yield f"{name}.{method}", function
    for name, thing in vars(errors).items():
        if inspect.isfunction(thing) and not name.startswith("_"):
            yield f"errors.{name}", thing
    yield "convert.Provenance.to_json", convert.Provenance.to_json


PUBLIC = dict(public())


@pytest.mark.parametrize("name", sorted(PUBLIC.keys() - SHOWN_BY_ANOTHER))
def test_an_example_is_true(name: str, tmp_path: Path) -> None:
    """A reader who types it in finds the same, given a run of four words."""
    url, folder = str(tmp_path / "run"), tmp_path / "folder"
    folder.mkdir()
    kernel = np.arange(6, dtype="f4").reshape(2, 3)
    checkpoint = embzarr.save(
        url,
        WORDS,
        np.eye(4, dtype="f4"),
        tensors={"dense/kernel:0": kernel, "dense/bias:0": np.zeros(3, "f4")},
        files={"config.json": b'{"dim": 4}'},
        step=100,
    )
    known = {
        "Path": Path,
        "checkpoint": checkpoint,
        "embzarr": embzarr,
        "export_vectors": convert.export_vectors,
        "folder": str(folder),
        "import_vectors": convert.import_vectors,
        "np": np,
        "run": embzarr.Run(url),
        "url": url,
    }
    text = inspect.getdoc(PUBLIC[name]) or ""
    example = doctest.DocTestParser().get_doctest(text, known, name, None, 0)
    assert example.examples, "no example"

    told: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=told.append)
    assert not told, "".join(told)
