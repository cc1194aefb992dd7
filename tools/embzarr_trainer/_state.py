"""From a checkpoint back to the state of the trainer that saved it."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import embzarr
from embzarr_trainer._buffers import LANES, Weights, aligned_zeros
from embzarr_trainer._options import MAX_INT, check_integer, refused
from embzarr_trainer._record import parse_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from embzarr_trainer._options import TrainOptions
    from embzarr_trainer._record import Record

_STATE_COLUMNS: Final = ("vectors", "context", "counts")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """All that training goes on from."""

    checkpoint: embzarr.Checkpoint
    words: list[str]
    counts: npt.NDArray[np.int64]
    weights: Weights
    record: Record
    """``metadata["trainer"]`` of the checkpoint."""


def newest_state(
    run: embzarr.Run, *, accept: Callable[[Record, embzarr.Checkpoint], None]
) -> tuple[State | None, list[str]]:
    """Load the newest sound checkpoint of a run.

    Args:
        run: where to look.
        accept: refuses a checkpoint by what it says, before any of its arrays is loaded.

    Returns:
        The state, None where the run has no commit; and what is wrong with newer checkpoints.

    Raises:
        embzarr.InvalidInputError: ``trainer-foreign``: another trainer's checkpoint.
        embzarr.DamagedError: every checkpoint is damaged.
    """
    damaged: list[str] = []
    failure: embzarr.DamagedError | None = None
    for number in run.numbers():
        try:
            return load_state(run.open(commit=number), accept), damaged
        except embzarr.NotFoundError:  # given up since, or a garbage collection
            continue
        except embzarr.DamagedError as exc:
            damaged.append(f"commit {number} is damaged: {exc}")
            failure = exc
    if failure is not None:
        raise failure
    return None, damaged


def recorded_options(run: embzarr.Run) -> TrainOptions | None:
    """Return the settings that a run's newest checkpoint which can be read was trained with.

    Nothing but manifests is read. None where there is no such checkpoint, or it is not this
    trainer's: whoever resumes is told.
    """
    with contextlib.suppress(embzarr.EmbzarrError):
        for number in run.numbers():
            with contextlib.suppress(embzarr.NotFoundError, embzarr.DamagedError):
                return parse_record(run.open(commit=number).metadata.get("trainer")).options
    return None


def load_state(
    checkpoint: embzarr.Checkpoint, accept: Callable[[Record, embzarr.Checkpoint], None]
) -> State:
    """Load everything of a checkpoint of this trainer, each chunk checked.

    What the manifest says is checked before anything is loaded, and what was loaded before it is
    used.

    Raises:
        embzarr.InvalidInputError: ``trainer-foreign``: another trainer's checkpoint, or one that
            is not as this trainer saves them; the message names what.
    """
    with _of(checkpoint):
        record = parse_record(checkpoint.metadata.get("trainer"))
        _check_manifest(checkpoint, record)
    accept(record, checkpoint)
    loaded = checkpoint.load_rows(0, len(checkpoint), columns=_STATE_COLUMNS)
    words = list(loaded.words)
    arrays = {name: loaded.columns[name] for name in _STATE_COLUMNS}
    with _of(checkpoint):
        _check_words(words, rows=len(checkpoint))
        _check_arrays(arrays, rows=len(words), size=record.options.vector_size)
    return State(
        checkpoint=checkpoint,
        words=words,
        counts=arrays["counts"],
        weights=Weights(inputs=padded(arrays["vectors"]), outputs=padded(arrays["context"])),
        record=record,
    )


@contextlib.contextmanager
def _of(checkpoint: embzarr.Checkpoint) -> Iterator[None]:
    """Say of which checkpoint something was refused."""
    try:
        yield
    except embzarr.InvalidInputError as exc:
        raise foreign(checkpoint, exc.args[0]) from exc


def foreign(checkpoint: embzarr.Checkpoint, problem: str) -> embzarr.InvalidInputError:
    """Return the error for a checkpoint that is not as this trainer saves them."""
    return embzarr.InvalidInputError(
        "trainer-foreign",
        f"commit {checkpoint.commit} was not saved by this trainer: {problem}; init (--init) "
        "starts a new run from its vectors",
    )


def _check_manifest(checkpoint: embzarr.Checkpoint, record: Record) -> None:
    """Refuse a checkpoint by its manifest: nothing that does not fit is even loaded."""
    size, step = record.options.vector_size, record.metrics.step
    check_integer("step", checkpoint.step, low=step, high=step)
    columns = {column.name: column for column in checkpoint.info().columns if column.layer == 0}
    for name, (dtype, rest) in _layout(size).items():
        column = columns.get(name)
        found = None if column is None else (column.dtype, column.shape[1:])
        if found != (dtype, rest):
            raise refused(f"column {name}", f"{dtype} with rows of shape {rest}", found)


def _check_words(words: Sequence[str], *, rows: int) -> None:
    if len(words) != rows:
        raise refused("words", f"one for each of {rows} rows", len(words))
    if len(set(words)) != rows:
        raise refused("words", "each word once", f"{rows - len(set(words))} of them twice")


def _check_arrays(arrays: Mapping[str, npt.NDArray[Any]], *, rows: int, size: int) -> None:
    """Refuse arrays of another form than the manifest told, and numbers that cannot be."""
    for name, (dtype, rest) in _layout(size).items():
        array, shape = arrays[name], (rows, *rest)
        if (array.dtype.name, array.shape) != (dtype, shape):
            raise refused(f"column {name}", f"{dtype} {shape}", f"{array.dtype} {array.shape}")
    for name in ("vectors", "context"):
        if not is_finite(arrays[name]):
            raise refused(f"column {name}", "finite numbers", "others")
    counts = arrays["counts"]
    most = MAX_INT // max(rows, 1)  # so that they can be added up
    if counts.min(initial=1) < 1 or counts.max(initial=1) > most:
        found = f"from {counts.min()} to {counts.max()}"
        raise refused("column counts", f"numbers from 1 to {most}", found)


def is_finite(matrix: npt.NDArray[np.float32]) -> bool:
    """Tell whether no number is NaN or infinite, without another array of that size."""
    return bool(np.isfinite([matrix.min(initial=0), matrix.max(initial=0)]).all())


def _layout(size: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return data type and shape, but for the rows, of each column."""
    matrix = ("float32", (size,))
    return {"vectors": matrix, "context": matrix, "counts": ("int64", ())}


def start_weights(words: int, *, vector_size: int, seed: int) -> Weights:
    """Make input rows even in +-1 / vector_size, as gensim's, and output rows of zeros.

    Rows are padded with zeros, which training leaves zero, to a multiple of 16 numbers.
    """
    draws = np.random.default_rng(seed)
    inputs = draws.random((words, vector_size), np.float32)
    inputs -= np.float32(0.5)
    inputs *= np.float32(2 / vector_size)
    start = padded(inputs)
    return Weights(inputs=start, outputs=aligned_zeros(start.shape))


def padded(matrix: npt.NDArray[np.float32], *, rows: int | None = None) -> npt.NDArray[np.float32]:
    """Copy a matrix into one as the kernel wants it, with zeros to its right and below."""
    width = -(-matrix.shape[1] // LANES) * LANES
    wide = aligned_zeros((len(matrix) if rows is None else rows, width))
    wide[: len(matrix), : matrix.shape[1]] = matrix
    return wide
