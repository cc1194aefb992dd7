"""What `retention` promises: what is kept, what is given up, and what is left to do of it."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

import pytest

from embzarr._gc import retention
from embzarr._gc.retention import Plan, Policy, Sweep
from embzarr._history.protocol import Entry
from embzarr.errors import InvalidInputError

LAST = Policy(keep_last=1)


def step(number: int, at: int | None = None, **known: Any) -> Entry:
    """Return a checkpoint that wrote one folder, and needs `known` ones of others."""
    at = number if at is None else at
    wrote, upon = f"{at}-{number}", known.pop("upon", ())
    return Entry(
        number=number,
        write_id=str(number),
        kind="checkpoint",
        step=at,
        folders=frozenset({wrote, *upon}),
        wrote=wrote,
        **known,
    )


def collection(
    number: int, *, expires: AbstractSet[int] = frozenset(), revokes: AbstractSet[str] = frozenset()
) -> Entry:
    """Return a collection."""
    return Entry(
        number=number,
        write_id=str(number),
        kind="collection",
        expires=frozenset(expires),
        revokes=frozenset(revokes),
    )


def plan(entries: list[Entry], policy: Policy = LAST, **known: Any) -> Plan:
    """Return a plan where nothing has a name and no folder is left over, unless it is said."""
    return retention.plan(entries, policy, **{"tagged": (), "folders": {}, **known})


@pytest.mark.parametrize("name", ["keep_last", "keep_every"])
def test_a_policy_keeps_something(name: str) -> None:
    """One is the least; what is no whole number is refused by its name."""
    assert getattr(Policy(**{name: 1}), name) == 1
    for wrong in (0, -1, 1.5):
        with pytest.raises(InvalidInputError, match=name):
            Policy(**{name: wrong})  # type: ignore[arg-type]


def test_without_a_policy_all_are_kept() -> None:
    """Who names none gives up nothing."""
    assert plan([step(1), step(2), step(3)], Policy()) == Plan(expires=(), revokes=(), newest=3)


@pytest.mark.parametrize(
    ("policy", "given_up"),
    [
        (Policy(keep_last=1), (1, 2, 3, 4, 5)),
        (Policy(keep_last=2), (1, 2, 3, 4)),
        (Policy(keep_last=6), ()),
        (Policy(keep_last=7), ()),
        (Policy(keep_every=10), (1, 3, 4)),
        (Policy(keep_every=10, keep_last=2), (1, 3, 4)),
        (Policy(keep_every=20, keep_last=3), (1, 3)),
        (Policy(keep_every=7), (1, 3, 4, 5)),
    ],
)
def test_a_policy_keeps_the_newest_and_of_whole_steps_the_newest_commit(
    policy: Policy, given_up: tuple[int, ...]
) -> None:
    """The order of the entries says nothing; the newest checkpoint stays in any case."""
    steps = {1: 0, 2: 0, 3: 5, 4: 10, 5: 10, 6: 13}
    entries = [step(number, at) for number, at in steps.items()]
    expected = Plan(
        expires=given_up, revokes=tuple(sorted(f"{steps[n]}-{n}" for n in given_up)), newest=6
    )

    assert plan(entries, policy) == expected
    assert plan(entries[::-1], policy) == expected


def test_a_name_keeps_a_commit_and_what_it_stands_on() -> None:
    """Folders that a commit which is kept needs are nobody's garbage."""
    entries = [step(1), step(2), step(3, upon={"1-1"}), step(4)]

    assert plan(entries, tagged={3}) == Plan(expires=(1, 2), revokes=("2-2",), newest=4)


def test_what_is_given_up_already_is_no_checkpoint_any_more() -> None:
    """Neither what a collection expired, nor what is only a tombstone, is kept or given up."""
    entries = [step(1, expired=True), step(2), step(3), collection(4, expires={3})]

    assert plan(entries, Policy(keep_last=2)) == Plan(expires=(), revokes=(), newest=2)
    assert plan([]) == Plan(expires=(), revokes=(), newest=None)


def test_an_expired_collection_gives_nothing_up() -> None:
    """What it expired has its own tombstones."""
    gone = Entry(number=3, write_id="3", kind="collection", expired=True, expires=frozenset({2}))

    assert plan([step(1), step(2), gone]).newest == 2


def test_quiet_folders_that_nobody_names_are_abandoned() -> None:
    """Not one that may still be written to, is named, is within a name or was revoked before."""
    entries = [step(1, upon={"9-x/part"}), collection(2, revokes={"8-x"}), step(3)]
    folders = {
        "1-1": True,
        "3-3": True,
        "5-x": True,
        "6-x": False,
        "8-x": True,
        "9-x": True,
        "9": True,
    }

    found = plan(entries, Policy(), folders=folders)

    assert found == Plan(expires=(), revokes=("5-x", "9"), newest=3)


def test_a_number_that_nobody_can_read_keeps_all_before_it() -> None:
    """Of what comes after it only folders go that were made after it; none is abandoned."""
    entries = [step(1), step(2), step(4), step(5, upon={"1-0"}), step(6)]
    folders = {"7-x": True}

    found = plan(entries, unreadable={3}, folders=folders)

    assert found == Plan(expires=(4, 5), revokes=("4-4", "5-5"), newest=6)
    with_nothing_wrong = plan(entries, folders=folders)
    assert with_nothing_wrong.revokes == ("1-0", "1-1", "2-2", "4-4", "5-5", "7-x")


def test_old_collections_go_with_something_else_and_when_they_are_done() -> None:
    """They alone are worth no commit; one that is not carried out is what tells of it."""
    done, busy, clearing = (
        collection(3, expires={1}),
        collection(4, expires={2}),
        collection(5, revokes={"8-x"}),
    )
    entries = [step(1, expired=True), step(2), done, busy, clearing, step(6), step(7)]
    folders = {"8-x": True}
    aged = {3, 4, 5}

    assert plan(entries, aged=aged, folders=folders).expires == (3, 6)
    assert plan(entries, aged=(), folders=folders).expires == (6,)
    assert plan(entries, aged=aged, folders={}).expires == (3, 5, 6)
    assert plan(entries[:-1], aged=aged, folders=folders).expires == ()


def test_a_collection_before_a_number_that_nobody_can_read_stays() -> None:
    """What stands there might be what it gave up."""
    entries = [collection(2), collection(4), step(5), step(6)]

    assert plan(entries, aged={2, 4}, unreadable={3}).expires == (4, 5)
    assert plan(entries, aged={2, 4}).expires == (2, 4, 5)


def test_a_collection_is_unfinished_while_anything_of_it_stands() -> None:
    """A manifest, one that nobody can read, or a folder."""
    buried = [step(1, expired=True), collection(3, expires={1}, revokes={"1-1"})]
    standing = [step(1), *buried[1:]]

    assert retention.unfinished(buried, {"2-2"}) == []
    assert retention.unfinished(buried, {"1-1"}) == [buried[1]]
    assert retention.unfinished(buried, {"2-2"}, unreadable={1}) == [buried[1]]
    assert retention.unfinished(standing, set()) == [buried[1]]


def test_a_sweep_spares_what_got_a_name_meanwhile() -> None:
    """Its manifest stays, and so do the folders that it needs; what is buried is not again."""
    entries = [step(1), step(2, upon={"1-1"}), step(3, expired=True), step(4)]
    made = collection(5, expires={1, 2, 3, 4}, revokes={"4-4", "1-1", "2-2", "3-3"})

    assert retention.sweep(made, entries, tagged={2}) == Sweep(bury=(1, 4), clear=("3-3", "4-4"))
    assert retention.sweep(made, entries, tagged=()) == Sweep(
        bury=(1, 2, 4), clear=("1-1", "2-2", "3-3", "4-4")
    )
