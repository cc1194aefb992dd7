"""Whatever is damaged: what was sound before a repair is sound after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

import embzarr
from damage import DAMAGES, contents, filled, make_run, of_layers
from embzarr._storage.port import Store

if TYPE_CHECKING:
    from damage import Objects

RUN = make_run()
KEYS = sorted(RUN)
HITS = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from([*DAMAGES, *KEYS])), min_size=1, max_size=12
)
"""Each an object, and how it is damaged: or the object whose bytes it gets."""


def damaged_by(hits: list[tuple[str, str]]) -> dict[str, bytes]:
    """Return the run after all of `hits`."""
    objects = dict(RUN)
    for key, how in hits:
        changed = DAMAGES[how](RUN[key]) if how in DAMAGES else RUN[how]
        if changed is None:
            objects.pop(key, None)
        else:
            objects[key] = changed
    return objects


def sound_commits(store: Store) -> set[int]:
    """Return the numbers of the commits of which nothing is damaged, their parents aside."""
    found = set()
    for number in embzarr.Run(store).numbers():
        try:
            problems = embzarr.open(store, commit=number).verify().problems
        except embzarr.EmbzarrError:
            continue
        if not of_layers(problems):
            found.add(number)
    return found


@settings(max_examples=8)
@given(HITS, st.booleans())
def test_repair_never_makes_anything_worse(hits: list[tuple[str, str]], has_mirror: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    """No sound commit, object or reader is worse off, and a second repair does nothing."""
    broken = damaged_by(hits)
    store, other = filled(broken), filled(RUN) if has_mirror else None
    before = sound_commits(store)

    try:
        report = embzarr.repair(store, source=other, dry_run=False)
    except embzarr.NotFoundError:
        assert not any(key.startswith("commits/") for key in broken)
        return

    after = contents(store)
    assert before <= sound_commits(store)
    kept: Objects = {key: data for key, data in broken.items() if data == RUN[key]}
    assert {key for key in kept if after[key] != kept[key]} <= {"latest.json"}
    assert embzarr.repair(store, source=other, dry_run=False).actions == ()
    if report.head is not None:
        newest = embzarr.open(store)
        assert newest.commit == report.head
        assert not of_layers(newest.verify().problems)
    if has_mirror and not [key for key in set(RUN) - set(after) if not key.startswith("tags/")]:
        assert all(after[key] == RUN[key] for key in RUN if key.startswith("steps/") and "-" in key)
