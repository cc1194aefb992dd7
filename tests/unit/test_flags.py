"""What every door promises of its flags and its numbers: what was meant, or their name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr

WORDS, VECTORS = ["a", "b"], np.eye(2, dtype=np.float32)


@pytest.fixture
def url(tmp_path: Path) -> Path:
    """A run of one step."""
    embzarr.save(tmp_path / "run", WORDS, VECTORS, step=0)
    return tmp_path / "run"


def _in_run(name: str, *given: Any) -> Callable[..., object]:
    return lambda url, **how: getattr(embzarr.Run(url), name)(*given, **how)


DOORS: dict[str, Callable[..., object]] = {
    "open": embzarr.open,
    "save": lambda url, **how: embzarr.save(url, WORDS, VECTORS, **how),
    "create": lambda url, **how: embzarr.create(url, 2, **how),
    "plan_step": lambda url, **how: embzarr.plan_step(url, 2, 2, 1, **how),
    "write_part": lambda url, **how: embzarr.write_part(
        url, embzarr.plan_step(url, 2, 2, 1), 0, **how
    ),
    "publish": lambda url, **how: embzarr.publish(
        url, embzarr.plan_step(url, 2, 2, 1), WORDS, **how
    ),
    "repair": embzarr.repair,
    "copy": lambda url, **how: embzarr.copy(url, url, **how),
    "Run": embzarr.Run,
    "Run.save": _in_run("save", WORDS, VECTORS),
    "Run.save_async": _in_run("save_async", WORDS, VECTORS),
    "Run.save_delta": _in_run("save_delta", [0], VECTORS[:1]),
    "Run.gc": _in_run("gc"),
    "Checkpoint.verify": lambda url, **how: embzarr.open(url).verify(**how),
}
SETTINGS = ("allow_nonfinite", "allow_new_dim")
"""Those of `Run.save`, which its signature does not name one by one."""


def _callables() -> Iterator[tuple[str, Any]]:
    for name in embzarr.__all__:
        found = getattr(embzarr, name)
        if inspect.isfunction(found) or name == "Run":
            yield name, found
        if inspect.isclass(found) and name in {"Run", "Checkpoint", "Writer", "PartWriter"}:
            for method, function in inspect.getmembers(found, inspect.isfunction):
                if not method.startswith("_"):
                    yield f"{name}.{method}", function


def flags() -> list[tuple[str, str]]:
    """Return each public callable, and each of its parameters that is True or False."""
    named = [
        (name, each)
        for name, function in _callables()
        for each, parameter in inspect.signature(function).parameters.items()
        if parameter.annotation == "bool"
    ]
    return [*named, *(("Run.save", each) for each in SETTINGS)]


@pytest.mark.parametrize(("door", "flag"), flags())
def test_a_flag_is_true_or_false(url: Path, door: str, flag: str) -> None:
    """Text is neither, though Python takes "no" for True; nothing is written."""
    before = sorted(path for path in url.rglob("*"))
    for wrong in ("no", 1, None):
        with pytest.raises(embzarr.InvalidInputError, match=f"^{flag}: expected True or False"):
            DOORS[door](url, **{flag: wrong})

    layers = [path for path in sorted(url.rglob("*")) if path not in before]
    assert [path for path in layers if "commits" in path.parts] == []


def test_numpys_flags_are_taken(url: Path) -> None:
    """What a comparison of arrays gives is as good as True."""
    compared: Any = np.equal(1, 1)

    assert embzarr.Run(url).gc(dry_run=compared).dry_run


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *(("keep_last", wrong) for wrong in (0, -1, 1.5, "2", True, np.nan, [1])),
        *(("keep_every", wrong) for wrong in (0, 0.5, "10", False)),
        *(("older_than", wrong) for wrong in (-1, "60", np.nan, True, None, [1])),
    ],
)
def test_numbers_of_a_collection_are_checked_at_the_door(url: Path, name: str, wrong: Any) -> None:
    """Each is refused by its name, and nothing is given up."""
    with pytest.raises(embzarr.InvalidInputError, match=f"^{name}: expected a .*number") as caught:
        embzarr.Run(url).gc(**{name: wrong})

    assert caught.value.code == "input-argument"
    assert len(embzarr.Run(url).commits()) == 1


def test_numbers_of_a_collection_are_taken_in_every_type(url: Path) -> None:
    """As everywhere else: numpy's, and floating point that is whole."""
    embzarr.save(url, WORDS, VECTORS, step=1)
    settings: dict[str, Any] = {"keep_last": np.int64(1), "older_than": np.float32(0)}

    assert embzarr.Run(url).gc(**settings, keep_every=2.0, dry_run=True).expired == ()  # type: ignore[arg-type]  # a caller's
    assert embzarr.Run(url).gc(**settings).expired == (1,)


@pytest.mark.parametrize("wrong", [-1, "5", np.nan, None])
def test_seconds_at_the_end_are_checked(url: Path, wrong: Any) -> None:
    """For how long an exit waits is known to be a number before it is waited for."""
    with pytest.raises(embzarr.InvalidInputError, match=r"^exit_seconds: expected a number"):
        embzarr.Run(url, exit_seconds=wrong)


COUNTS = [
    [0.5, 1],
    [np.nan, 1],
    [np.inf, 1],
    [1e300, 1],
    [1j, 1],
    ["3", "1"],
    [True, False],
    np.array([1, 2], "datetime64[s]"),
]


@pytest.mark.parametrize("counts", COUNTS)
def test_counts_are_whole_numbers(url: Path, counts: Any) -> None:
    """What is no count is refused by name, at once and of parts."""
    doors: list[Callable[[], object]] = [
        lambda: embzarr.save(url, WORDS, VECTORS, counts=counts),
        lambda: _published(url, counts),
    ]
    for door in doors:
        with pytest.raises(embzarr.InvalidInputError, match=r"^counts: expected whole") as caught:
            door()
        assert caught.value.code == "input-dtype"
    assert len(embzarr.Run(url).commits()) == 1


def _published(url: Path, counts: Any) -> embzarr.Checkpoint:
    plan = embzarr.plan_step(url, 2, 2, 1)
    with embzarr.write_part(url, plan, 0) as part:
        part.append(VECTORS)
    return embzarr.publish(url, plan, WORDS, counts=counts)


def test_counts_that_are_whole_are_stored_as_such(url: Path) -> None:
    """A data frame with a gap anywhere has its whole numbers as floating point."""
    saved = embzarr.save(url, WORDS, VECTORS, counts=np.array([7.0, 1e6]))
    found = saved.load_rows(0, 2, columns=["counts"]).columns["counts"]

    assert (found.dtype.name, found.tolist()) == ("int64", [7, 1_000_000])
