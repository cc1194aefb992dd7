"""The page, clicked through in a Chromium without a window, of a run on a real MinIO."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

import embzarr
from integration.chromium import Page, running_chromium
from servers.minio import Minio
from tools.asking import flip_bit
from view import clicking, runs
from view.conftest import Serving

pytestmark = [pytest.mark.browser, pytest.mark.peers, pytest.mark.servers]

VIEWS = ("Run", "Words", "Map", "Compare", "Storage", "Model", "Health")


@pytest.fixture(scope="module")
def bucket_url(minio: Minio) -> Iterator[str]:
    """The run on MinIO; only to be read."""
    with minio.bucket() as name:
        url = minio.url(name, "runs/one")
        runs.save_run(url, minio.options)
        yield url


@pytest.fixture
def address(
    bucket_url: str, minio: Minio, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The page of that run."""
    for name, value in minio.environment.items():
        monkeypatch.setenv(name, value)
    with serving(bucket_url) as url:
        yield url


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with running_chromium(tmp_path / "profile") as one:
        yield one


def _is_clean(page: Page, address: str) -> None:
    """Nothing went wrong, nothing of the store ran, and nobody else was asked."""
    assert page.complaints == []
    assert all(asked.startswith((address, "data:")) for asked in page.requests)
    assert page.ask("document.title").startswith("embzarr: s3://")
    assert page.ask(clicking.count("main script, main img, main b, main a, main i")) == 0
    shown = page.ask("document.body.textContent")
    assert not {"\x1b", "\u202e"} & set(shown)
    assert len(shown) < 200_000


def test_every_view_shows_the_run(page: Page, address: str) -> None:
    """Each view by its link, with hostile words in it, from the first paint to the last."""
    page.go(address)
    page.wait_for(f"{clicking.count('tbody tr.pick')} === {runs.STEPS}")
    page.wait_for(f"{clicking.count('.js-plotly-plot .main-svg')} >= 8")
    assert {"Loss", "Learning rate", "Words a second", "Storage over time"} <= {
        *clicking.text(page).splitlines()
    }
    assert "best" in clicking.text(page)
    assert "delta" in clicking.text(page)
    assert runs.SCRIPT in clicking.text(page)

    clicking.view(page, "Words")
    for word in ("king", "猫"):
        clicking.choose(page, word)
    page.wait_for(f"{clicking.count('.near li')} === 30")
    page.wait_for(f"{clicking.count('.js-plotly-plot')} === 3")
    assert "queen" in clicking.text(page, ".near")
    clicking.click(page, ".near button", "queen")
    page.wait_for(f"{clicking.count('.beside .card .vector')} === 3")

    clicking.view(page, "Map")
    page.wait_for(f"{clicking.count('.scatterlayer .point')} >= {len(runs.WORDS)}")
    clicking.enter(page, "main input[type=search]", "king")
    page.wait_for(f"{clicking.count('.textpoint')} === 2")

    clicking.view(page, "Compare")
    clicking.click(page, "main button", "Compare")
    page.wait_for(f"{clicking.count('main .js-plotly-plot')} === 1")
    assert "Words that moved most" in clicking.text(page)

    clicking.view(page, "Storage")
    page.wait_for(f"{clicking.count('.treemaplayer .slice')} > 5")
    clicking.enter(page, "main input[type=number]", "1000000")
    page.wait_for("/\\$\\d\\d/.test(document.querySelector('main').innerText)")

    clicking.view(page, "Model")
    clicking.click(page, "tr.pick", "layer.weight")
    page.wait_for("document.querySelector('main').innerText.includes('The first 600 numbers')")
    clicking.click(page, "tr.pick", "config.json")
    page.wait_for("document.querySelector('main').innerText.includes('{\"a\": \"<b>\"}')")

    clicking.view(page, "Health")
    clicking.click(page, "main button", "Verify")
    page.wait_for("document.querySelector('.verdict')?.innerText.startsWith('Sound')")
    _is_clean(page, address)


def test_hostile_words_do_nothing(page: Page, address: str) -> None:
    """Each is shown as text, alone and beside others, with its drift; none of it runs."""
    first = runs.WORDS.index(runs.HOSTILE[0])
    rows = range(first, first + len(runs.HOSTILE))
    page.go(f"{address}#/words?rows={','.join(map(str, rows))}")
    page.wait_for(f"{clicking.count('.beside .vector')} === {len(rows)}")
    page.wait_for(f"{clicking.count('.near li')} === {15 * len(rows)}")
    page.wait_for(f"{clicking.count('.js-plotly-plot')} === 3")

    headings = page.ask("[...document.querySelectorAll('.beside h2')].map(x => x.innerText)")
    assert headings[:3] == runs.HOSTILE[:3]
    assert headings[3:6] == ["\\x1b[31mred\\x1b[0m", "abc\\u202edef", runs.HOSTILE[5]]
    assert headings[6] == "x" * 200 + "…"
    assert "1,048,576" in clicking.text(page, ".beside .card:nth-child(7)")
    names = page.ask("[...document.querySelectorAll('.key bdi')].map(x => x.innerText)")
    assert names == headings
    clicking.view(page, "Map")
    page.wait_for(f"{clicking.count('.textpoint')} > 20")
    for word in (runs.HOSTILE[0], runs.HOSTILE[5]):  # plotly takes some markup, which this is not
        clicking.enter(page, "main input[type=search]", word.lower())
        shown = word if len(word) <= 18 else f"{word[:18]}…"
        page.wait_for(f"document.querySelector('.textpoint')?.textContent === {shown!r}")
    _is_clean(page, address)


def test_another_step_is_looked_at(page: Page, address: str) -> None:
    """A click on a step of the table stays with all other views."""
    page.go(address)
    clicking.click(page, "tr.pick", "300")
    page.wait_for("document.querySelector('tr.picked')?.innerText.startsWith('300')")
    clicking.view(page, "Storage")
    assert "step 300" in clicking.text(page)
    _is_clean(page, address)


def test_boxes_may_be_clicked_while_they_move(page: Page, address: str) -> None:
    """plotly gives up what it was at, of which nothing is said on the console."""
    page.go(f"{address}#/storage")
    page.wait_for(f"{clicking.count('.treemaplayer .slice')} > 5")
    page.ask(
        "[1, 2, 3, 4, 1, 2].forEach(at => document.querySelectorAll('.slice path')[at]"
        ".dispatchEvent(new MouseEvent('click', { bubbles: true })))"
    )
    page.wait_for("new Promise(done => setTimeout(done, 1000, true))")
    _is_clean(page, address)


def test_a_store_that_changes_is_followed(page: Page, serving: Serving, tmp_path: Path) -> None:
    """New steps are offered; a step that was given up meanwhile is told of by its code."""
    run = embzarr.Run(tmp_path / "run")
    run.save(["a", "b"], np.eye(2, dtype="f4"), step=1)
    with serving(tmp_path / "run") as address:
        page.go(address)
        page.wait_for(f"{clicking.count('tr.pick')} === 1")
        run.save(["a", "b"], np.eye(2, dtype="f4"), step=2)
        page.wait_for("!document.querySelector('#newer').hidden")
        clicking.click(page, "#newer")
        page.wait_for(f"{clicking.count('tr.pick')} === 2")

        run.gc(keep_last=1, older_than=0)
        page.ask("location.hash = '#/words?commit=1&rows=0'")
        page.wait_for("document.querySelector('.trouble')?.innerText.includes('commit-expired')")


def test_a_view_is_left_while_it_waits(page: Page, serving: Serving, looked_at: Path) -> None:
    """Nothing is said of what is not waited for any more; a server that has ended is told of."""
    with serving(looked_at) as address:
        page.go(f"{address}#/health")
        for _ in range(3):
            clicking.click(page, "main button", "Verify")
            page.wait_for("document.querySelector('main progress, .verdict') !== null")
            page.ask("location.hash = '#/storage'")
            clicking.view(page, "Health")
        page.wait_for("document.querySelector('.verdict')?.innerText.startsWith('Sound')")
        assert page.complaints == []
    clicking.click(page, "main button", "Verify")
    page.wait_for("document.querySelector('main').innerText.includes('was it ended?')")


def test_a_token_of_before_is_told(page: Page, serving: Serving, looked_at: Path) -> None:
    """A page that was left open says what to open once its server was begun anew."""
    with serving(looked_at) as address:
        page.go(address)
        page.wait_for(f"{clicking.count('tbody tr.pick')} === {runs.STEPS}")
        port = str(urlsplit(address).port)
    with serving(looked_at, "--port", port):
        clicking.click(page, "nav a", "Storage")
        page.wait_for("document.querySelector('#trouble').innerText.includes('token and all')")
        page.go(address)
        assert "token and all" in page.ask("document.body.innerText")


def test_damage_is_shown_with_rows_and_words(
    page: Page, serving: Serving, looked_at: Path, tmp_path: Path
) -> None:
    """The chunk, its rows and their first words; to look at one fails, and the page goes on."""
    run = Path(shutil.copytree(looked_at, tmp_path / "run"))
    flip_bit(run, "steps/100-*/vectors/c/0/0", 5)
    with serving(run) as address:
        page.go(f"{address}#/health?commit=1")
        clicking.click(page, "main button", "Verify")
        page.wait_for("document.querySelector('.verdict')?.innerText.startsWith('Damaged')")
        table = clicking.text(page, "main table")
        assert "chunk-checksum" in table
        assert "king, kingdom, kin" in table
        page.ask("location.hash = '#/words?commit=1&rows=0'")
        page.wait_for("document.querySelector('.trouble')?.innerText.includes('chunk-checksum')")
        clicking.view(page, "Run")
        assert page.ask(clicking.count("tr.pick")) == runs.STEPS


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(page: Page, address: str, scheme: str) -> None:
    """Ink and ground are far apart, as WCAG asks (4.5 to 1), for main and for softer text."""
    page.prefer(scheme)
    page.go(address)
    page.wait_for(f"{clicking.count('tbody tr.pick')} === {runs.STEPS}")
    for selector in ("h1", "nav a", ".label", "th", "td", ".tag"):
        assert page.ask(_CONTRAST % json.dumps(selector)) >= 4.5, selector


_CONTRAST = """(() => {
  const light = (color) => {
    const parts = color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
    const [r, g, b] = parts.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  let ground = document.querySelector(%s)
  const ink = light(getComputedStyle(ground).color)
  const behind = () => getComputedStyle(ground).backgroundColor
  while (behind() === 'rgba(0, 0, 0, 0)') ground = ground.parentElement
  const [low, high] = [ink, light(behind())].sort((a, b) => a - b)
  return (high + 0.05) / (low + 0.05)
})()"""
