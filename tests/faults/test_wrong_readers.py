"""The corpus beside the specification tells wrong readers from right ones."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from conformance.corpus import V1, requirements
from faults.tally import Effort, Tally
from faults.wrong_readers import Wrong, wrong_readers
from integration import node

AT_ONCE = 2
PATIENCE = 20
"""Seconds of a processor for the whole corpus, which takes six: some go round for ever."""
NOT_IN_FILES = {"R-LIM-02"}
"""What a corpus of files cannot show, such as links: a program does."""
READERS = wrong_readers()


def passes(reader: Path, script: str, requirement: str) -> bool:
    """Tell whether a reader passes a program of its tests, which ends at the first failure.

    What is said to be of the requirement is run first: most wrong readers need nothing else.
    """
    try:
        arguments = (reader / "test" / script, str(V1), "--first", requirement)
        node.run_node(*arguments, processor_seconds=PATIENCE)
    except AssertionError:
        return False
    return True


def is_missed(folder: Path, wrong: Wrong) -> bool:
    """Tell whether a wrong reader passes for a right one."""
    reader = folder / f"{READERS.index(wrong)}"
    shutil.copytree(V1 / "reader", reader, ignore=shutil.ignore_patterns("page"))
    file = reader / wrong.file
    file.write_text(wrong.of(file.read_text("utf-8")), "utf-8")
    passed = partial(passes, reader, requirement=wrong.requirement)
    return passed("corpus.js") and not (
        wrong.requirement in NOT_IN_FILES and not passed("behaviours.js")
    )


def test_a_mistake_stands_where_it_says() -> None:
    """Each stands in its file once, breaks a requirement, and is no other's twin."""
    ids = requirements()
    for wrong in READERS:
        wrong.of((V1 / "reader" / wrong.file).read_text("utf-8"))
        assert wrong.requirement in ids, wrong
    assert len({(wrong.file, wrong.old, wrong.new) for wrong in READERS}) == len(READERS) > 200


@pytest.mark.faults
@pytest.mark.servers
@pytest.mark.parts(4)
def test_the_corpus_notices_wrong_readers(tmp_path: Path, full: Effort, tally: Tally) -> None:
    """Whoever makes one of these mistakes is told by a fixture, a frozen or a broken store."""
    node.link_packages(tmp_path, "fzstd")
    tried = full.some(READERS, 20)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        missed = list(pool.map(partial(is_missed, tmp_path), tried))

    failures = [str(wrong) for wrong, was in zip(tried, missed, strict=True) if was]
    tally("wrong readers that the corpus notices", len(tried), failures=failures)
