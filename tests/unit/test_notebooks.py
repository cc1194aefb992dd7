"""What a notebook shows: small tables, in which nothing of a store is markup."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import embzarr
from tools.asking import flip_bit

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\x1b[31mred",
    "abc\u202edef",
    "&lt;b&gt;",
    "x" * 2**16,
]


class _Tables(HTMLParser):
    """Gathers the names of elements, their attributes, and the text of cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {f"{name}={value}" for name, value in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


PLAIN = {"table", "caption", "thead", "tbody", "tr", "th", "td"}


def tables(html: str) -> _Tables:
    """Take a table apart; it must be nothing else, and no letter of it may steer anything."""
    found = _Tables(html)
    assert found.elements <= PLAIN
    assert found.attributes <= {"style=text-align:left"}
    assert html.isprintable()
    assert len(html) < 50_000
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run whose words, columns' values and metadata are made to do harm."""
    rows = np.arange(len(HOSTILE) * 4, dtype="f4").reshape(-1, 4) + 1
    embzarr.save(
        tmp_path / "<b>run",
        HOSTILE,
        rows,
        step=1000,
        tensors={"<i>w": np.ones(3)},
        files={"<script>.txt": b"x"},
        metadata={"<b>": "<script>"},
    )
    return tmp_path / "<b>run"


def test_a_checkpoint_is_shown(folder: Path) -> None:
    """Where it is, its step, and what it holds; and nothing is read for it."""
    checkpoint = embzarr.open(folder)
    before = checkpoint.traffic.requests
    texts = tables(checkpoint._repr_html_()).texts

    assert checkpoint.traffic.requests == before
    assert checkpoint.url in texts
    assert texts[texts.index("step") + 1] == "1000"
    assert texts[texts.index("vectors") + 1] == "6 x 4 float32"
    assert texts[texts.index("files") + 1] == "1"


def test_a_run_is_shown(folder: Path) -> None:
    """Its newest ten commits, newest first."""
    run = embzarr.Run(folder)
    for step in range(1001, 1012):
        run.save_delta([0], [[1, 2, 3, step]], step=step)
    texts = tables(run._repr_html_()).texts

    assert [text for text in texts if text.startswith("10") and len(text) == 4] == [
        str(step) for step in range(1011, 1001, -1)
    ]
    assert "delta" in texts


def test_a_run_that_is_none_is_told(tmp_path: Path) -> None:
    """A notebook shows a table without lines for a place that holds nothing."""
    assert tables(embzarr.Run(tmp_path / "<u>none")._repr_html_()).elements == PLAIN - {"td"}


def test_a_run_that_cannot_be_read_is_told(folder: Path) -> None:
    """What went wrong stands in the table, with its code: a repr raises nothing."""
    (folder / "latest.json").unlink()
    (manifest,) = (folder / "commits").iterdir()
    manifest.write_text("{")

    texts = tables(embzarr.Run(folder)._repr_html_()).texts

    assert texts[1] == "error"
    assert texts[2].endswith("]")


def test_a_plan_is_shown(folder: Path) -> None:
    """Requests and bytes, and what other chunks would cost."""
    plan = embzarr.open(folder).plan(range(2))
    texts = tables(plan._repr_html_()).texts
    assert texts[texts.index("requests") + 1] == str(plan.requests)
    assert f"{plan.bytes_fetched:,}" in texts
    assert len([text for text in texts if text.startswith("wanted in")]) == len(plan.in_chunks_of)


def test_a_report_is_shown(folder: Path) -> None:
    """Sound or damaged, and of what is damaged the rows and their words, as text."""
    checkpoint = embzarr.open(folder)
    assert tables(checkpoint.verify()._repr_html_()).texts[0] == "Sound"
    assert tables(checkpoint.verify(quick=True)._repr_html_()).texts[0] == "Sound: sizes alone"

    flip_bit(folder, "steps/*/vectors/c/0/0", 5)
    found = tables(checkpoint.verify()._repr_html_())
    assert found.texts[0] == "Damaged"
    assert "chunk-checksum" in found.texts
    assert "0:6" in found.texts
    assert any(text.startswith("<script>alert(1)</script>, ") for text in found.texts)
