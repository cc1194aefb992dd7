"""In which order rows lie, since contiguous rows are what one request can fetch.

Spec section "Placement": ``given``, ``lexical``, ``hash`` and ``family``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import xxhash

from embzarr._format import spec
from embzarr._format.given import arguments
from embzarr.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embzarr._format.words.word_table import WordTable

_GROUPS = re.compile("[0-9]{1,5}")

Kind: TypeAlias = Literal["given", "lexical", "hash", "family"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The order of a layer's rows."""

    kind: Kind
    groups: int = 0
    """Number of hash groups, 0 for ``given`` and ``lexical``."""
    starts: tuple[int, ...] = ()
    """First row of each group, and the number of rows: ``groups + 1`` entries."""

    def __str__(self) -> str:
        """Return the placement as `parse` takes it: ``given`` or ``hash:1024``."""
        return f"{self.kind}:{self.groups}" if self.groups else self.kind


def parse(text: str) -> Placement:
    """Read what a caller asked for: ``given``, ``lexical``, ``hash``, ``hash:64``, ``family:64``.

    Raises:
        InvalidInputError: another text, or groups outside 1 to 65,536.
    """
    kind, colon, number = arguments.text("placement", text).partition(":")
    if kind in {"given", "lexical"} and not colon:
        return Placement(kind="given" if kind == "given" else "lexical")
    if kind in {"hash", "family"}:
        given = int(number) if _GROUPS.fullmatch(number) else 0
        groups = given if colon else spec.DEFAULT_GROUPS
        if 1 <= groups <= spec.MAX_GROUPS:
            return Placement(kind="hash" if kind == "hash" else "family", groups=groups)
    raise InvalidInputError(
        "input-argument",
        f"placement is 'given', 'lexical', 'hash[:GROUPS]' or 'family[:GROUPS]' with 1 to "
        f"{spec.MAX_GROUPS} groups; found {text!r}",
    )


def arrange(
    placement: Placement, words: WordTable, families: Sequence[str | int] | None
) -> tuple[Placement, NDArray[np.int64] | None]:
    """Return the placement with its group starts, and the order in which to write the rows.

    The order is None where rows stay as given.

    Raises:
        InvalidInputError: ``family`` without one family for each word, families without it, or a
            family that is no text.
    """
    _check_families(placement, words, families)
    if placement.kind == "given":
        return placement, None
    if placement.kind == "lexical":
        return placement, words.argsort()
    labels = [words.utf8(row) for row in range(len(words))]
    if families is not None:
        labels = [_utf8(str(label), row) for row, label in enumerate(families)]
    groups = group_of(labels, placement.groups)
    order = np.argsort(groups, kind="stable")
    if placement.kind == "family":
        order = np.array(
            sorted(range(len(labels)), key=lambda row: (groups[row], labels[row])), np.int64
        )
    starts = np.searchsorted(groups[order], np.arange(placement.groups + 1))
    return (
        Placement(
            kind=placement.kind, groups=placement.groups, starts=tuple(int(s) for s in starts)
        ),
        order.astype(np.int64),
    )


def group_of(labels: Sequence[bytes], groups: int) -> NDArray[np.int64]:
    """Return the group of each label: XXH64 with seed 0, modulo `groups`."""
    return np.array([xxhash.xxh64_intdigest(label) % groups for label in labels], np.int64)


def part_by_rows(rows: int, index: int, parts: int) -> tuple[int, int]:
    """Return the half-open row range of part `index` of `parts`, equal to within one row."""
    return rows * index // parts, rows * (index + 1) // parts


def part_by_groups(placement: Placement, index: int, parts: int) -> tuple[int, int]:
    """Return the row range of part `index`: whole groups, so that a word's part is known by hash.

    Raises:
        InvalidInputError: rows do not lie in groups.
    """
    if not placement.groups:
        raise InvalidInputError(
            "input-argument",
            f"parts by hash need placement 'hash' or 'family'; this checkpoint is {placement}",
        )
    first, last = part_by_rows(placement.groups, index, parts)
    return placement.starts[first], placement.starts[last]


def part_by_weight(weights: NDArray[np.generic], index: int, parts: int) -> tuple[int, int]:
    """Return the row range of part `index` whose share of the summed weights is nearest equal."""
    before = np.concatenate(([0.0], np.cumsum(weights.astype(np.float64))))
    if not before[-1] > 0:
        return part_by_rows(len(weights), index, parts)
    halfway = (before[:-1] + before[1:]) / 2
    edges = np.searchsorted(halfway, before[-1] * np.arange(parts + 1) / parts)
    edges[0], edges[-1] = 0, len(weights)
    return int(edges[index]), int(edges[index + 1])


def _utf8(label: str, row: int) -> bytes:
    try:
        return label.encode()
    except UnicodeEncodeError as exc:
        raise InvalidInputError(
            "input-argument", f"row {row}: a family must be text that UTF-8 can hold: {exc}"
        ) from exc


def _check_families(
    placement: Placement, words: WordTable, families: Sequence[str | int] | None
) -> None:
    if (placement.kind == "family") != (families is not None):
        raise InvalidInputError(
            "input-argument", "placement 'family' and the argument families go together"
        )
    if isinstance(families, str | bytes | AbstractSet | Iterator):
        raise arguments.refusal("families", "a list with a label for each word", families)
    if families is not None and len(families) != len(words):
        raise InvalidInputError(
            "input-rows", f"expected one family for each of {len(words)} words, got {len(families)}"
        )
