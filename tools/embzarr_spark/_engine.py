"""What a run asks of whatever runs its tasks: some processes of one machine, or Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from embzarr_spark._places import Places
    from embzarr_spark._plan import BlockPlan, Position
    from embzarr_spark._tasks import Report, Round
    from embzarr_spark._words import Counted
    from embzarr_trainer import TrainOptions

T = TypeVar("T")


class Engine(Protocol):
    """Runs tasks side by side, each as often as it takes; holds the text, never the model."""

    slots: int
    """How many tasks run at once."""

    def count(self, options: TrainOptions) -> Sequence[Counted]:
        """Return all words that occur ``options.min_count`` times, and how often each does."""
        ...

    def encode(self, places: Places, options: TrainOptions, total: int) -> int:
        """Turn the text into shards of words of the stored vocabulary; return the fingerprint."""
        ...

    def run(self, task: Callable[[T, int], object], job: T, count: int) -> None:
        """Run tasks 0 .. count - 1 of a job."""
        ...

    def deal(self, plan: BlockPlan, position: Position) -> None:
        """Deal out the windows of a segment; those of the one before are not needed any more."""
        ...

    def train(self, job: Round) -> Sequence[Report]:
        """Train every block of a round, with the windows dealt out last."""
        ...

    def close(self) -> None:
        """Give up what was kept."""
        ...

    def __enter__(self) -> Any:  # noqa: ANN401 - the engine itself
        """Return the engine."""
        ...

    def __exit__(self, *_: object) -> None:
        """Close it."""
        ...
