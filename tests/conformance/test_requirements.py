"""The text and its corpus: every requirement is shown by something, and nothing is empty."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import pytest

from conformance.corpus import (
    BEHAVIOUR,
    CHECKPOINTS,
    FIXTURES,
    INVALID,
    TEXT,
    V1,
    cases,
    load,
    requirements,
    stores,
)

ROOT = Path(__file__).parents[2]
KEYWORD = re.compile(r"\b(?:MUST NOT|MUST|SHOULD NOT|SHOULD)\b")
BEHAVIOURS = load(BEHAVIOUR)["cases"]


def cited() -> dict[str, list[str]]:
    """Return who cites each requirement."""
    found: dict[str, list[str]] = {}
    frozen = [*stores(CHECKPOINTS), *stores(INVALID)]
    pairs = [(case.id, case.requirement) for case in cases()]
    pairs += [(one.name, one.expected["requirement"]) for one in frozen]
    pairs += [(one["name"], one["requirement"]) for one in BEHAVIOURS]
    for name, ids in pairs:
        assert ids, f"{name} cites nothing"
        for each in ids:
            found.setdefault(each, []).append(name)
    return found


def test_corpus_is_present() -> None:
    """An empty corpus would pass everything else."""
    files = {path.stem for path in FIXTURES.glob("*.json")}

    assert len(cases()) > 700
    assert {case.file for case in cases()} | {"behaviour"} == files
    assert {
        "keys",
        "json",
        "digest",
        "placement",
        "words",
        "lookup",
        "chunk-index",
        "plan",
    } <= files
    assert {"manifest", "manifest-errors", "shards", "zarr", "tags"} <= files
    assert len(stores(CHECKPOINTS)) >= 19
    assert len(stores(INVALID)) >= 100
    assert len(requirements()) >= 140


def test_every_folder_is_a_store() -> None:
    """No folder of the corpus is left out for want of an expectation."""
    for folder in (CHECKPOINTS, INVALID):
        found = {path.name for path in folder.iterdir()}

        assert found == {store.name for store in stores(folder)}
        assert all(store.name == store.expected["name"] for store in stores(folder))


def test_every_requirement_is_cited() -> None:
    """Each requirement has a case, a store or a behaviour test that cites it."""
    uncited = sorted(requirements().keys() - cited().keys())

    assert uncited == []


def test_no_other_requirement_is_cited() -> None:
    """Whatever is cited stands in the text."""
    assert sorted(cited().keys() - requirements().keys()) == []


def test_ids_are_numbered_without_gaps() -> None:
    """Within a group ids count from 01, in the order of the text."""
    ids = [each.rsplit("-", 1) for each in requirements()]
    for group, numbers in groupby(ids, key=lambda each: each[0]):
        found = [number for _, number in numbers]

        assert found == [f"{at:02d}" for at in range(1, len(found) + 1)], group


def test_every_requirement_has_one_keyword() -> None:
    """A requirement is one sentence with one MUST or SHOULD; keywords stand nowhere else."""
    for each, text in requirements().items():
        assert len(KEYWORD.findall(text)) == 1, each
        assert text.endswith("."), each
    elsewhere = [
        line for line in TEXT.splitlines() if KEYWORD.search(line) and not line.startswith("- **R-")
    ]

    assert len(elsewhere) == 1, elsewhere
    assert "RFC 2119" in elsewhere[0]


def test_references_lead_somewhere() -> None:
    """Every id that the text mentions is defined in it."""
    mentioned = set(re.findall(r"R-[A-Z]+-[0-9]{2}", TEXT))

    assert sorted(mentioned - requirements().keys()) == []


def test_names_are_distinct() -> None:
    """A case is known by its file and name."""
    ids = [case.id for case in cases()]

    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("behaviour", [pytest.param(b, id=b["name"]) for b in BEHAVIOURS])
def test_behaviour_tests_exist(behaviour: dict[str, str]) -> None:
    """The test that shows a behaviour is where the corpus says."""
    path, _, name = behaviour["test"].partition("::")
    source = (ROOT / path).read_text(encoding="utf-8")

    assert re.search(rf"^\s*def {re.escape(name)}\(", source, re.MULTILINE)


def test_nothing_is_left_to_do() -> None:
    """No placeholder stands in the specification or its fixtures."""
    for path in [*V1.glob("*.md"), *V1.glob("fixtures/*"), *V1.glob("schema/*")]:
        assert not re.search(r"\b(?:TODO|TBD|FIXME|XXX)\b", path.read_text(encoding="utf-8")), path
