from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import embzarr
from embzarr_eval import Curve, CurvePoint, LossLine, check_plot, curve_of, draw
from embzarr_eval._plot import figure_of
from eval.conftest import WriteFile

WORDS = ["a", "b", "c", "d"]


def _save(folder: Path, step: int, *, turned: float, metadata: object = None) -> None:
    """Save four words of which b comes nearer to a, and so c farther, as `turned` goes to 0."""
    angles = np.array([0, turned, 1, 3])
    vectors = np.stack((np.sin(angles), np.cos(angles)), axis=1).astype(np.float32)
    trainer = {"trainer": {"metrics": {"loss": metadata}}} if metadata is not None else {}
    embzarr.save(folder, WORDS, vectors, step=step, metadata=trainer)


@pytest.fixture
def run(tmp_path: Path) -> embzarr.Run:
    """Three steps, the second saved twice; the last tells no loss."""
    _save(tmp_path / "run", 10, turned=2, metadata=2.5)
    _save(tmp_path / "run", 20, turned=2, metadata=9)
    _save(tmp_path / "run", 20, turned=0.5, metadata=1.5)
    _save(tmp_path / "run", 30, turned=0.1)
    return embzarr.Run(tmp_path / "run")


def test_a_curve_has_each_step_once(run: embzarr.Run, write_file: WriteFile) -> None:
    """Steps go up, the newest commit of each counts, with its loss and its score."""
    path = write_file("a b 9\na c 5\na d 1\n")
    seen: list[tuple[int, int]] = []
    points = curve_of(run, [path], progress=lambda *done: seen.append(done)).points
    assert [(point.step, point.commit, point.loss) for point in points] == [
        (10, 1, 2.5),
        (20, 3, 1.5),
        (30, 4, None),
    ]
    assert [point.scores["task.txt"] for point in points] == pytest.approx([0.5, 1, 1])
    assert seen[-1] == (4, 4)
    assert [point.scores for point in curve_of(run).points] == [{}, {}, {}]


@pytest.mark.parametrize("loss", ["low", True, [1.0], {"mean": 1}])
def test_what_other_trainers_call_loss_is_left_out(tmp_path: Path, loss: object) -> None:
    """Metadata may hold anything under these names."""
    _save(tmp_path, 1, turned=1, metadata=loss)
    (point,) = curve_of(embzarr.Run(tmp_path)).points
    assert point.loss is None


def test_a_damaged_commit_is_left_out_and_told(run: embzarr.Run, tmp_path: Path) -> None:
    """The others are drawn all the same."""
    (tmp_path / "run" / "commits" / f"{4:020}.json").write_text("{")
    curve = curve_of(run)
    assert [point.step for point in curve.points] == [10, 20]
    assert len(curve.skipped) == 1
    assert curve.skipped[0].startswith("commit 4: ")


def test_a_missing_file_is_no_missing_commit(run: embzarr.Run, tmp_path: Path) -> None:
    """What is wrong with a file of pairs is an error, whatever the commits are."""
    with pytest.raises(embzarr.NotFoundError, match="expected a file of word pairs"):
        curve_of(run, [tmp_path / "nothing"])


def test_a_line_of_losses_stays_short() -> None:
    """However often a trainer reports, a thousand points or so are kept, in order."""
    line = LossLine()
    for words in range(0, 100_000, 7):
        line.add(words, 100_000, 1 / (words + 1))
    assert 900 <= len(line.points) <= 1001
    assert line.points == sorted(line.points)
    line.add(200_000, 100_000, float("nan"))
    line.add(200_000, 100_000, 0.0)
    assert line.points[-1][0] < 100_000


def _points(*losses: float | None, **scores: float) -> Curve:
    return Curve(
        points=tuple(
            CurvePoint(step=10 * place, commit=place, loss=loss, scores=scores)
            for place, loss in enumerate(losses, 1)
        )
    )


def test_what_is_drawn() -> None:
    """Losses of commits and between them, and a line for each file that was scored."""
    figure = figure_of(_points(2.0, 1.0, pairs=0.3, analogies=0.2), [(5, 3.0), (9, 2.5)])
    loss, score = figure.axes
    drawn = {line.get_label(): line.get_xydata().tolist() for line in loss.lines}
    assert drawn == {
        "training loss": [[5, 3], [9, 2.5]],
        "mean loss to commit": [[10, 2], [20, 1]],
    }
    drawn = {line.get_label(): line.get_xydata().tolist() for line in score.lines}
    assert drawn == {"pairs": [[10, 0.3], [20, 0.3]], "analogies": [[10, 0.2], [20, 0.2]]}
    assert (loss.get_xlabel(), loss.get_ylabel(), score.get_ylabel()) == ("step", "loss", "score")


def test_one_panel_where_there_is_one_kind() -> None:
    """No empty panel is drawn."""
    assert [axes.get_ylabel() for axes in figure_of(_points(2.0), ()).axes] == ["loss"]
    assert [axes.get_ylabel() for axes in figure_of(_points(None, a=1), ()).axes] == ["score"]


@pytest.mark.parametrize(("kind", "start"), [(".png", b"\x89PNG"), (".SVG", b"<?xml")])
def test_the_file_is_of_the_kind_that_its_name_says(
    tmp_path: Path, kind: str, start: bytes
) -> None:
    """PNG or SVG, by the ending."""
    draw(_points(2.0, 1.0), tmp_path / f"plot{kind}")
    assert (tmp_path / f"plot{kind}").read_bytes().startswith(start)


@pytest.mark.parametrize("kind", [".png", ".svg"])
def test_names_are_drawn_as_they_are(tmp_path: Path, kind: str) -> None:
    """A name is no formula, no markup and no control code, and none is left out."""
    names = ["a$x^{$b$\\frac{", "_hidden", "\x1b[31m\u202e", "<b>--></b>]]>", "$$"]
    curve = _points(2.0, 1.0, **dict.fromkeys(names, 0.5))
    path = tmp_path / f"plot{kind}"

    draw(curve, path)

    (legend,) = (axes.get_legend() for axes in figure_of(curve, ()).axes[1:])
    shown = [text.get_text().strip() for text in legend.get_texts()]
    assert shown == [*names[:2], "\\x1b[31m\\u202e", *names[3:]]
    if kind == ".svg":
        ET.parse(path)  # noqa: S314 - our own


def test_a_plot_that_cannot_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another kind of file, nothing to draw, and no matplotlib are typed errors."""
    with pytest.raises(embzarr.InvalidInputError, match=r"ends in \.png or \.svg, found 'x\.gif'"):
        check_plot("x.gif")
    with pytest.raises(embzarr.InvalidInputError, match="in one of 2 steps, found none"):
        draw(_points(None, None), tmp_path / "x.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(embzarr.UnsupportedError, match=r"pip install 'embzarr\[plot\]'"):
        check_plot("x.png")
