"""All that a reader can be asked of a store, and what came of each question."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import embzarr
from embzarr._storage import detached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Outcome = Any
"""What an operation returned, or the `embzarr.EmbzarrError` that it raised."""

_ROWS = 1000
"""Rows read at most: what a caller asks for is no fault of a store."""
_MEMBERS = 8
"""Tensors and files read at most, one after the other."""


def exercise(url: object) -> dict[str, Outcome]:
    """Ask everything.

    Any error but a typed one is raised on: it is what these tests are about.
    """
    return dict(_every(url))


def refusals(outcomes: dict[str, Outcome]) -> dict[str, str]:
    """Return the code of each operation that was refused, and of each problem that verify found."""
    codes = {
        name: found.code
        for name, found in outcomes.items()
        if isinstance(found, embzarr.EmbzarrError)
    }
    report = outcomes.get("verify")
    if isinstance(report, embzarr.VerifyReport):
        codes |= {
            f"verify {problem.key} {problem.chunk}": problem.code for problem in report.problems
        }
    return codes


def _every(url: object) -> Iterator[tuple[str, Outcome]]:
    run = embzarr.Run(url)
    yield _try("numbers", run.numbers)
    yield _try("commits", run.commits)
    yield _try("tags", run.tags)
    yield _try("tag", lambda: run.open(tag="best").commit)
    yield _try("step", lambda: run.open(step=7).commit)
    yield _try("gc", lambda: run.gc(keep_last=1, dry_run=True))
    yield _try("repair", lambda: embzarr.repair(url, dry_run=True).commits)
    name, checkpoint = _try("open", lambda: embzarr.open(url))
    yield name, checkpoint
    if isinstance(checkpoint, embzarr.Checkpoint):
        yield from _reads(checkpoint)


def _reads(checkpoint: embzarr.Checkpoint) -> Iterator[tuple[str, Outcome]]:
    yield "repr", _shown(checkpoint, checkpoint.tensors, checkpoint.files)
    yield _try("info", lambda: (checkpoint.info(), checkpoint.metadata))
    words = ["king", "the", "猫", "no such word"]
    yield _try("words", lambda: checkpoint.load(words, missing="skip").vectors)
    yield _try("suggest", lambda: checkpoint.load(["kong"]))
    yield _try("range", lambda: list(checkpoint.load_range("a", "l").words))
    stop = min(len(checkpoint), _ROWS)
    yield _try("rows", lambda: checkpoint.load_rows(0, stop).vectors)
    yield _try(
        "names",
        lambda: list(checkpoint.load_rows(max(len(checkpoint) - 9, 0), len(checkpoint)).words),
    )
    yield _try("part", lambda: checkpoint.load_part(len(checkpoint) % 997, 997).rows)
    yield _try("hash", lambda: checkpoint.load_part(0, 10**6, by="hash").rows)
    yield _try("everything", lambda: (checkpoint.to_numpy().shape, len(checkpoint.words)))
    yield _try("stream", lambda: sum(len(batch) for batch in checkpoint.stream()))
    yield _try("nearest", lambda: checkpoint.most_similar("the"))
    yield from _contents(checkpoint)
    yield _try("verify", checkpoint.verify)


def _contents(checkpoint: embzarr.Checkpoint) -> Iterator[tuple[str, Outcome]]:
    tensors, files = checkpoint.tensors, checkpoint.files
    yield _try("model", lambda: checkpoint.model)
    yield _try("tensors", lambda: {name: one.nbytes for name, one in tensors.load().items()})
    names = _try("names of tensors", lambda: [*tensors]), _try("names of files", lambda: [*files])
    yield from names
    (_, of_tensors), (_, of_files) = names
    if isinstance(of_tensors, list) and isinstance(of_files, list):
        for name in of_tensors[:_MEMBERS]:
            yield from _tensor(f"tensor {name}", tensors[name])
        for name in of_files[:_MEMBERS]:
            yield from _file(f"file {name}", files[name])


def _tensor(name: str, tensor: embzarr.Tensor) -> Iterator[tuple[str, Outcome]]:
    yield _try(name, lambda: (repr(tensor), tensor.nbytes, tensor.load().nbytes))
    yield _try(f"{name} raw", lambda: tensor.load(raw=True).nbytes)
    yield _try(f"{name} first", lambda: tensor[:1].nbytes)
    yield _try(f"{name} last", lambda: tensor[-1:].nbytes)
    if tensor.shape:
        yield _try(f"{name} taken", lambda: tensor.take([0][: len(tensor)]).nbytes)
        yield _try(f"{name} iterated", lambda: sum(1 for _ in itertools.islice(tensor, _ROWS)))


def _file(name: str, file: embzarr.File) -> Iterator[tuple[str, Outcome]]:
    yield _try(name, lambda: (repr(file), len(file.read())))
    yield _try(f"{name} begun", lambda: file.read(0, min(9, len(file))))
    yield _try(f"{name} opened", lambda: _begun(file))
    yield _try(f"{name} checked", file.check)


def _begun(file: embzarr.File) -> bytes:
    with file.open() as stream:
        return stream.read(9)


def _shown(checkpoint: embzarr.Checkpoint, *others: object) -> list[str]:
    """Return what a notebook shows, which may be no error, and asks the store for nothing."""
    before = checkpoint.traffic.requests
    shown = [checkpoint._repr_html_(), *map(repr, (checkpoint, *others))]
    assert checkpoint.traffic.requests == before
    return shown


def _try(name: str, ask: Callable[[], Outcome]) -> tuple[str, Outcome]:
    try:
        return name, ask()
    except embzarr.EmbzarrError as exc:
        return name, detached(exc)
