"""The report is one file that says what the run holds; nothing of a store is markup in it."""

from __future__ import annotations

import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import embzarr
import embzarr_view
from embzarr_view import _svg
from tools.asking import Ask
from view.runs import CHINESE, KINGS, SCRIPT, STEPS

KNOWN = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "div", "p"),
    *("h1", "h2", "table", "thead", "tbody", "tr", "th", "td", "span", "i", "bdi", "pre"),
    *("svg", "line", "polyline", "circle", "text"),
}


class _Parts(HTMLParser):
    """Gathers elements, attributes and texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.names: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def written(looked_at: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of the run."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    told = embzarr_view.report(embzarr_view.Opened(str(looked_at)), path)
    assert told == {"file": str(path), "bytes": path.stat().st_size, "steps": STEPS}
    return path.read_text("utf-8")


def test_it_takes_the_place_of_files_alone(looked_at: Path, tmp_path: Path) -> None:
    """A link stays one; a folder, and a device behind a link, are refused."""
    opened = embzarr_view.Opened(str(looked_at))
    (tmp_path / "device").symlink_to("/dev/null")
    for odd in (tmp_path, tmp_path / "device"):
        with pytest.raises(embzarr.InvalidInputError, match="expected a file"):
            embzarr_view.report(opened, odd)
    (tmp_path / "x.html").write_text("old")
    (tmp_path / "link.html").symlink_to("x.html")
    told = embzarr_view.report(opened, tmp_path / "link.html")
    assert told["file"] == str(tmp_path / "link.html")
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "x.html").stat().st_size == told["bytes"]


def test_it_is_one_file_that_fetches_nothing(written: str) -> None:
    """No script, no link, no attribute that acts, whatever words and metadata say."""
    parts = _Parts(written)
    assert set(parts.elements) <= KNOWN
    assert not {name for name in parts.names if name.startswith("on")}
    assert not parts.names & {"src", "href", "style", "srcset", "xlink:href"}
    assert "default-src 'none'" in written
    assert "url(" not in written
    assert written.replace("\n", "").isprintable()
    assert len(written) < 200_000


def test_it_tells_steps_plots_and_arrays(written: str, looked_at: Path) -> None:
    """Each commit with its step and tags, a plot for each number, and words in the plane."""
    texts = _Parts(written).texts
    for commit in embzarr.Run(looked_at).commits():
        assert f"{commit.step:,}" in texts
    for text in (
        "Loss",
        "Learning rate",
        "Words a second",
        "best",
        "vectors",
        KINGS[0],
        CHINESE[0],
    ):
        assert text in texts
    assert any(SCRIPT in text for text in texts)
    assert _Parts(written).elements.count("svg") == 6


@pytest.mark.parametrize("number", [3, STEPS - 1])
def test_it_tells_of_what_is_damaged(looked_at: Path, tmp_path: Path, number: int) -> None:
    """A manifest that cannot be read is a line, the newest too; the others are told as ever."""
    run = Path(shutil.copytree(looked_at, tmp_path / "run"))
    sorted((run / "commits").iterdir())[number].write_text("{")
    (run / "latest.json").unlink()
    embzarr_view.report(embzarr_view.Opened(str(run)), tmp_path / "report.html")
    assert "damaged" in _Parts((tmp_path / "report.html").read_text()).texts


def test_scores_are_drawn(looked_at: Path, tmp_path: Path) -> None:
    """Those of each step on a file of word pairs."""
    pairs = tmp_path / "<pairs>.tsv"
    pairs.write_text("king\tqueen\t9\nkin\tkingdom\t1\nking\tw1\t3\n")
    path = tmp_path / "report.html"
    embzarr_view.report(embzarr_view.Opened(str(looked_at)), path, files=[pairs])
    assert "Scores" in _Parts(path.read_text()).texts


def test_a_run_of_tensors_alone_is_told(ask: Ask, tmp_path: Path) -> None:
    """Without words there is no map of them, and nothing else is missing."""
    embzarr.save(tmp_path / "run", tensors={"a<b": np.ones((3, 4))}, files={"f": b"x"}, step=1)
    answer = ask("report", tmp_path / "run", "-o", tmp_path / "report.html")
    assert (answer.code, answer.err) == (0, "")
    assert "1 steps" in answer.out
    texts = _Parts((tmp_path / "report.html").read_text()).texts
    assert "a<b" in texts


@pytest.mark.parametrize("place", ["nothing", "report.html/x"])
def test_what_cannot_be_written_is_one_line(
    ask: Ask, looked_at: Path, tmp_path: Path, place: str
) -> None:
    """No store, or no folder for the file: an error with its code, and no file."""
    (tmp_path / "report.html").write_text("as it was")
    url = tmp_path / "nothing" if place == "nothing" else looked_at
    answer = ask("report", url, "-o", tmp_path / ("report.html" if url != looked_at else place))
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert (tmp_path / "report.html").read_text() == "as it was"


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (3, 3), (0, 0), (-5, 1e9), (1e-9, 2e-9), (-2, -1)]
)
def test_ticks_are_round_and_around(low: float, high: float) -> None:
    """From below the least to above the most, a handful of them, rising."""
    found = _svg.ticks(low, high)
    assert found[0] <= low + 1e-12
    assert found[-1] >= high - 1e-12
    assert 2 <= len(found) <= 8
    assert found == sorted(found)
