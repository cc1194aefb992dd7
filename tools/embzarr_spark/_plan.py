"""What a run in blocks is: plain data, decided before it starts, the same for every task."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from embzarr_trainer import TrainOptions, check_integer, refused

if TYPE_CHECKING:
    import numpy.typing as npt

MOST_GROUPS: Final = 256
"""A block, a pair of groups, is numbered by 16 bits where pairs are sorted."""
_LEAST_GROUPS: Final = 4
_SEGMENT_WORDS: Final = 2**23
"""Fewer in a segment of a later epoch only cost rounds: 7 million words were learned as well."""
PIECE_WORDS: Final = 1000
"""Text is shuffled in pieces of about so many words."""
_PURPOSES: Final = ("start", "pieces", "keep", "reach", "negatives")


def groups_for(slots: int) -> int:
    """Return how many groups suit so many tasks at once: two to four for each, a power of two.

    With one for each, all would wait for the one whose block is the largest; each further group is
    a further round of every epoch, with tasks to start and to commit.
    """
    return min(max(1 << (2 * slots - 1).bit_length(), _LEAST_GROUPS), MOST_GROUPS)


class Position(NamedTuple):
    """Where in a run a round is."""

    epoch: int
    segment: int
    round: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BlockPlan:
    """A run: the vocabulary lies in groups, and each round pairs every group with another one.

    Task ``b`` of round ``r`` trains the input rows of group ``(b + r) mod groups`` with the output
    rows of group ``b``. No two tasks of a round share a row, so that a round is plain sequential
    training in another order.

    Raises:
        embzarr.InvalidInputError: ``input-argument``, naming the member.
    """

    options: TrainOptions
    words: int
    """In the vocabulary; its order is that of `embzarr_spark._words`."""
    total: int
    """Occurrences of these words in the text."""
    groups: int
    """Also the tasks of a round, and the rounds of a segment."""
    segments: int
    """Of the first epoch; later ones have a quarter of them, or one where the text is short. A row
    that meets a single group for long learns that group's directions, and more while rows form."""
    packed: int
    """Words whose vectors are one row of the state."""
    rows: int
    """Rows of the state for the input, or the output, matrix of one group."""
    vocabulary: str
    """Digest of words and counts."""
    corpus: int
    """Fingerprint of the encoded text."""

    def __post_init__(self) -> None:
        """Check what blocks need beyond the options' own bounds."""
        if not self.options.sg:
            raise refused("sg", "True: CBOW does not split into blocks", self.options.sg)
        check_integer("groups", self.groups, low=1, high=min(MOST_GROUPS, self.words))
        check_integer("segments", self.segments, low=1, high=1000)

    @property
    def rounds(self) -> int:
        """Rounds of the whole run."""
        return (self.segments + (self.options.epochs - 1) * self.segments_of(1)) * self.groups

    @property
    def state_bytes(self) -> int:
        """Bytes of the state, both matrices, between two rounds."""
        return 2 * self.groups * self.rows * self.packed * self.options.vector_size * 4

    def position(self, number: int) -> Position:
        """Return where round ``number`` of the whole run is; past the last, the end."""
        turn, within = divmod(number, self.groups)
        if turn < self.segments:
            return Position(0, turn, within)
        epoch, segment = divmod(turn - self.segments, self.segments_of(1))
        return Position(1 + epoch, segment, within)

    def epochs_before(self, number: int) -> float:
        """Return how many epochs are done before round ``number``, with its part of one."""
        epoch, segment, within = self.position(number)
        return epoch + (segment + within / self.groups) / self.segments_of(epoch)

    def words_before(self, number: int) -> int:
        """Return the occurrences gone through before round ``number``, by plan."""
        return round(self.epochs_before(number) * self.total)

    def alpha(self, number: int) -> np.float32:
        """Return the learning rate of round ``number``: linear in what is done, as planned."""
        fall = (self.options.alpha - self.options.min_alpha) / self.options.epochs
        return np.float32(self.options.alpha - fall * self.epochs_before(number))

    def segments_of(self, epoch: int) -> int:
        """Return in how many segments an epoch goes through the text."""
        if epoch == 0:
            return self.segments
        return max(min(self.segments // 4, self.total // _SEGMENT_WORDS), 1)

    def bounds(self) -> npt.NDArray[np.int64]:
        """Return the first word of each group, and the number of words: (groups + 1,)."""
        return np.arange(self.groups + 1, dtype=np.int64) * self.words // self.groups

    def input_group(self, number: int, task: int) -> int:
        """Return the group whose input rows a task of a round has."""
        return (task + number) % self.groups

    def seed(self, purpose: str, *numbers: int) -> np.uint64:
        """Return the seed of what is drawn for a purpose, at a place."""
        key = (self.options.seed, _PURPOSES.index(purpose), *numbers)
        return np.uint64(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])

    def to_json(self) -> dict[str, Any]:
        """Return the plan as a JSON object."""
        return dataclasses.asdict(self)

    @property
    def digest(self) -> str:
        """SHA-256 of the plan, by which commits name it."""
        return hashlib.sha256(repr(sorted(self.to_json().items())).encode()).hexdigest()


_GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
_STEPS: Final = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
_LAST: Final = np.uint64(31)


def drawn(seed: np.uint64, counters: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """Return 64 random bits for each counter: splitmix64 (Steele, Lea and Flood 2014).

    What is drawn for a word of the text depends on its place alone, not on who draws it when.
    """
    with np.errstate(over="ignore"):
        bits: npt.NDArray[np.uint64] = seed + counters.view(np.uint64) * _GAMMA
        for shift, factor in _STEPS:
            bits = (bits ^ (bits >> shift)) * factor
    return bits ^ (bits >> _LAST)
