"""What one writer does next, step by step; ``tests/model`` plays many of them in every order."""

from __future__ import annotations

import pytest

from embzarr._history import protocol
from embzarr._history.protocol import (
    Action,
    Claim,
    Committed,
    Create,
    Created,
    Entry,
    Event,
    Look,
    Lost,
    Seen,
    Stopped,
    Taken,
    Unknown,
)

OURS = "steps/7-a"
CLAIM = Claim(write_id="a", folders=frozenset({OURS}), seen=4)


def checkpoint(number: int, write_id: str = "b") -> Entry:
    return Entry(number=number, write_id=write_id, kind="checkpoint")


def after(*events: Event, claim: Claim = CLAIM) -> list[Action]:
    """Return the actions after `events`, the first one included."""
    claim, action = protocol.begin(claim)
    actions = [action]
    for event in events:
        claim, action = protocol.advance(claim, event)
        actions.append(action)
    return actions


def test_the_number_after_those_seen_is_ours_once_the_store_says_so() -> None:
    """Where nobody else writes, one request is all."""
    assert after(Created()) == [Create(5), Committed(5)]


@pytest.mark.parametrize("event", [Lost(), Taken()])
def test_without_a_word_a_writer_looks_and_gives_up_after_five_tries(event: Event) -> None:
    """What it sent may have been carried out, or may be yet: it does not say that it was not."""
    assert after(*[event] * 6) == [Create(5), *[Look(4)] * 5, Unknown(5)]


def test_what_others_wrote_makes_the_tries_count_anew() -> None:
    """A number that somebody else has is none that ours can take any more."""
    events: list[Event] = [*[Lost()] * 5, Seen((checkpoint(5),)), *[Lost()] * 6]

    assert after(*events)[6:] == [Create(6), *[Look(5)] * 5, Unknown(6)]


def test_ours_is_found_where_it_landed() -> None:
    """An answer was lost, and others came after."""
    seen = Seen((checkpoint(5, "a"), checkpoint(6)))

    assert after(Lost(), seen)[-1] == Committed(5)


def test_a_writer_whom_a_thousand_others_overtake_stops() -> None:
    """It may delete what it wrote; a look that finds nothing is none of the thousand."""
    overtaken = [Seen((checkpoint(number),)) for number in range(5, 1005)]

    actions = after(Seen(()), *overtaken)

    assert actions[:-1] == [Create(5), *map(Create, range(5, 1005))]
    assert actions[-1] == Stopped("commit-conflict", 1004)


def collection(*revokes: str, expired: bool = False) -> Entry:
    return Entry(
        number=5, write_id="c", kind="collection", revokes=frozenset(revokes), expired=expired
    )


@pytest.mark.parametrize(
    ("passes", "entry", "expected"),
    [
        (protocol.ANY, checkpoint(5), None),
        (protocol.ANY, collection("steps/1-x"), None),
        (protocol.ANY, collection("steps/1-x", OURS), "write-revoked"),
        (protocol.ANY, collection(expired=True), "history-expired"),
        (protocol.COLLECTIONS, checkpoint(5), "commit-superseded"),
        (protocol.COLLECTIONS, collection(), None),
        (protocol.COLLECTIONS, collection(OURS), "write-revoked"),
        (protocol.NONE, collection(), "commit-superseded"),
        (
            protocol.NONE,
            Entry(number=5, write_id="", kind="unknown", expired=True),
            "history-expired",
        ),
    ],
)
def test_what_may_not_come_before_ours_is_named(
    passes: frozenset[str], entry: Entry, expected: str | None
) -> None:
    """The writer stops there, unless it may follow."""
    claim = Claim(write_id="a", folders=CLAIM.folders, seen=4, passes=passes)

    wanted = Create(6) if expected is None else Stopped(expected, 5)
    assert after(Seen((entry,)), claim=claim)[-1] == wanted
