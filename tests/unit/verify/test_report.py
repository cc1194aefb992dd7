"""What `report` promises: all that threads find, in one order, and tables of it for a notebook."""

from __future__ import annotations

import re
from dataclasses import replace

from embzarr._verify.report import Findings, Problem, VerifyReport

SOUND = VerifyReport(
    commit=3, step=1200, quick=False, objects=7, chunks=4096, bytes=123456, problems=()
)
PROBLEM = Problem(code="chunk-damaged", key="steps/1/c/0", message="it is cut")


def shown(report: VerifyReport) -> list[list[str]]:
    """Return the texts of a report's tables: captions by themselves, and cells line by line."""
    html = report._repr_html_()
    lines = re.findall(r"<caption.*?</caption>|<tr>.*?</tr>", html)
    return [[text for text in re.split(r"<[^>]*>", line) if text] for line in lines]


def test_a_sound_report_says_what_was_read() -> None:
    """Numbers have separators, but a step is a name; there is nothing of problems but that."""
    assert SOUND.ok
    assert shown(SOUND) == [
        ["Sound"],
        ["step", "1200"],
        ["commit", "3"],
        ["objects", "7"],
        ["chunks", "4,096"],
        ["bytes", "123,456"],
        ["problems", "0"],
    ]


def test_a_quick_report_does_not_tell_of_chunks() -> None:
    """None was looked at."""
    quick = replace(SOUND, quick=True, warnings=(PROBLEM, PROBLEM))

    assert quick.ok
    assert shown(quick)[0] == ["Sound: sizes alone"]
    assert ["warnings", "2"] in shown(quick)
    assert not any(line[0] == "chunks" for line in shown(quick))


def test_a_damaged_report_shows_the_first_problems() -> None:
    """A line each, with what is known of it, and how many there are."""
    known = replace(PROBLEM, chunk=5, rows=(10, 20), words=("king", "queen"))
    damaged = replace(SOUND, problems=(known, PROBLEM))

    assert not damaged.ok
    assert shown(damaged)[0] == ["Damaged"]
    assert ["problems", "2"] in shown(damaged)
    assert shown(damaged)[-4:] == [
        ["2 of 2 problems"],
        ["code", "object", "chunk", "rows", "words", "message"],
        ["chunk-damaged", "steps/1/c/0", "5", "10:20", "king, queen", "it is cut"],
        ["chunk-damaged", "steps/1/c/0", "it is cut"],
    ]

    many = replace(SOUND, problems=(PROBLEM,) * 21)
    assert ["20 of 21 problems"] in shown(many)
    assert shown(many).count(["chunk-damaged", "steps/1/c/0", "it is cut"]) == 20


def test_progress_is_told_as_it_is_made() -> None:
    """Bytes done and bytes in all, each time."""
    told: list[tuple[int, int]] = []
    findings = Findings(10, lambda done, total: told.append((done, total)))

    findings.advance(4, chunks=2)
    findings.advance(6, chunks=1)
    findings.advance(0)

    assert told == [(4, 10), (10, 10), (10, 10)]
    assert (findings.done, findings.chunks) == (10, 3)


def test_no_one_need_listen() -> None:
    """Without a `progress` it is counted all the same."""
    findings = Findings(10, None)

    findings.advance(3)

    assert (findings.done, findings.chunks) == (3, 0)


def test_what_was_found_comes_by_object_and_chunk() -> None:
    """Whatever the threads' order; of one chunk in the order in which it was found."""
    findings = Findings(0, None)
    findings.report("a", "steps/2", "late", chunk=2)
    findings.report("b", "steps/2", "first", chunk=0, lost=("vectors", 3, 5))
    findings.add([replace(PROBLEM, key="steps/1")])
    findings.report("c", "steps/2", "whole")

    assert findings.problems() == [
        replace(PROBLEM, key="steps/1"),
        Problem(code="b", key="steps/2", message="first", chunk=0, column="vectors", places=(3, 5)),
        Problem(code="c", key="steps/2", message="whole"),
        Problem(code="a", key="steps/2", message="late", chunk=2),
    ]
