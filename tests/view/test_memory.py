"""How much memory the page's process takes, clicked through on a large store."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import embzarr
from embzarr_bench import _words
from integration.chromium import running_chromium
from view import clicking
from view.conftest import page_of

if TYPE_CHECKING:
    from integration.chromium import Page

pytestmark = [pytest.mark.browser, pytest.mark.peers, pytest.mark.slow]

ROWS, DIM, STEPS = 1_000_000, 300, 5
"""1.2 GB of float32, and deltas upon it."""
MOST = 300 * 10**6
LONG = 900
"""Seconds for what reads all of it, on a machine that is busy."""


def save_large(folder: Path) -> list[str]:
    """Save the run, and return its words."""
    random = np.random.default_rng(1)
    words = _words.made(ROWS)
    vectors = random.standard_normal((ROWS, DIM), np.float32)
    run = embzarr.Run(folder)
    model: dict[str, Any] = {"tensors": {"a": np.ones((20, 30))}, "files": {"b.json": b"{}"}}
    run.save(words, vectors, step=1, counts=np.arange(ROWS, 0, -1), **model)
    for step in range(2, STEPS + 1):
        rows = np.unique(random.integers(0, ROWS, 2000))
        run.save_delta(rows, vectors[rows] * np.float32(1.5), step=step)
    return words


def peak_of(process: int) -> int:
    """Return the most bytes of memory that a process has had."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.findall(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)[0]) * 1024


def look_at_words(page: Page, words: list[str]) -> None:
    """Some side by side, with their neighbours among the first rows and among all."""
    clicking.view(page, "Words")
    for found, row in ((15, 0), (30, ROWS - 9)):
        clicking.choose(page, words[row])
        _wait(page, f"{clicking.count('.near li')} === {found}")
    clicking.click(page, ".near button")
    _wait(page, f"{clicking.count('.near li')} === 45")
    clicking.click(page, ".beside button.link", "among all")
    _wait(page, "document.querySelector('main').innerText.includes('among all 1,000,000 rows')")


def look_at_map(page: Page, _: list[str]) -> None:
    """The largest."""
    page.ask("location.hash = location.hash.replace(/.*[?]/, '#/map?count=5000&')")
    _wait(page, f"{clicking.count('.scatterlayer .point')} >= 5000")


def look_at_changes(page: Page, _: list[str]) -> None:
    """Among the first rows, and among all."""
    clicking.view(page, "Compare")
    for rows, told in (("50000", "of the first 50,000 rows"), ("", "of all rows")):
        page.ask(f"[...document.querySelectorAll('main select')].at(-1).value = {rows!r}")
        clicking.click(page, "main button", "Compare")
        _wait(page, f"document.querySelector('main .tiles')?.innerText.includes({told!r})")
        _wait(page, f"{clicking.count('main .js-plotly-plot')} === 1")


def look_at_storage(page: Page, _: list[str]) -> None:
    """Down to the chunks of a shard."""
    clicking.view(page, "Storage")
    for part in ("full 0", "vectors", "shard"):
        page.wait_for(f"{_slice(part)} !== undefined && !document.querySelector('.slice.moving')")
        page.ask(
            f"{_slice(part)}.querySelector('path')"
            ".dispatchEvent(new MouseEvent('click', {bubbles: true}))"
        )
    _wait(page, "document.querySelector('main h3')?.innerText.startsWith('Chunks of')")


def _slice(part: str) -> str:
    slices = "[...document.querySelectorAll('.treemaplayer .slice')]"
    return f"{slices}.find(x => x.textContent.startsWith({part!r}))"


def look_at_model(page: Page, _: list[str]) -> None:
    """A tensor's beginning, and a file's."""
    clicking.view(page, "Model")
    for name, shown in (("a", "The first 600 numbers"), ("b.json", "{}")):
        clicking.click(page, "tr.pick", name)
        _wait(page, f"document.querySelector('main').innerText.includes({shown!r})")


def look_at_health(page: Page, _: list[str]) -> None:
    """In short, and in full."""
    clicking.view(page, "Health")
    for button, verdict in (("Quick look", "All is there"), ("Verify", "Sound")):
        clicking.click(page, "main button", button)
        _wait(page, f"document.querySelector('.verdict')?.innerText.startsWith({verdict!r})")


def _wait(page: Page, expression: str) -> None:
    page.wait_for(expression, seconds=LONG)


VIEWS = (
    look_at_words,
    look_at_map,
    look_at_changes,
    look_at_storage,
    look_at_model,
    look_at_health,
)


def test_it_stays_below_300_mb(tmp_path: Path, record_property: Any, capsys: Any) -> None:
    """On 10^6 words x 300, over every view and back, whatever is asked for."""
    words = save_large(tmp_path / "run")
    peaks: list[str] = []
    with (
        page_of(tmp_path / "run") as (address, process),
        running_chromium(tmp_path / "profile") as page,
    ):
        page.go(address)
        for commit in (STEPS, 1):
            page.ask(f"location.hash = '#/runs?commit={commit}'")
            page.wait_for(f"{clicking.count('tbody tr.pick')} === {STEPS}")
            for look in VIEWS:
                look(page, words)
                name = page.ask("document.querySelector('h1').innerText")
                peaks.append(f"{name} {peak_of(process) / 10**6:.0f}")
        peak = peak_of(process)
        assert page.complaints == []

    line = f"the page's peak in MB, view after view: {', '.join(peaks)}"
    record_property("memory", line)
    with capsys.disabled():
        print(f"\n{line}")  # noqa: T201 - the figure
    assert peak < MOST, line
