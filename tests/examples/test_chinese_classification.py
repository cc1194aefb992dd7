"""The example, run as its docstring says, on texts that this test makes up."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import embzarr

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLE = CHECKOUT / "tools" / "examples" / "chinese_classification.py"
SHARED = Path(os.environ.get("EMBZARR_SHARED_DATA", CHECKOUT.parent / "shared" / "data")) / "zh"
KINDS = {
    "书籍": ["作者", "故事", "情节", "出版社", "文笔", "翻译", "读者", "小说"],
    "酒店": ["房间", "前台", "早餐", "入住", "服务员", "床单", "地铁站", "大堂"],
    "水果": ["苹果", "新鲜", "香甜", "水分", "包装箱", "烂掉", "果园", "榨汁"],
    "手机": ["屏幕", "电池", "信号", "充电器", "像素", "系统", "耳机", "内存"],
}
OPINIONS = ["很好", "一般", "非常满意", "有点失望", "还不错", "不推荐"]


def _reviews(count: int) -> list[tuple[str, str]]:
    """Return reviews of four kinds of things, written as Chinese is, without blanks."""
    draws = np.random.default_rng(3)
    names = list(KINDS)
    rows = []
    for place in range(count):
        name = names[place % len(names)]
        parts = [f"{thing}{draws.choice(OPINIONS)}" for thing in draws.choice(KINDS[name], 4)]
        rows.append((name, "。".join(parts)))
    return rows


def _run(*arguments: object) -> str:
    command = [sys.executable, str(EXAMPLE), *map(str, arguments)]
    done = subprocess.run(  # noqa: S603 - our own program
        command, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _figure(name: str, out: str) -> float:
    (found,) = re.findall(rf"^{name}: ([\d.]+)$", out, re.MULTILINE)
    return float(found)


@pytest.mark.slow
def test_a_small_sample_of_csv(tmp_path: Path) -> None:
    """Four kinds of reviews are told apart, far better than by guessing."""
    lines = [f'{name},"{text}"' for name, text in _reviews(800)]
    (tmp_path / "reviews.csv").write_text("\n".join(["cat,review", *lines]), encoding="utf-8-sig")
    out = _run(
        *(tmp_path / "reviews.csv", tmp_path / "run", "--text", "review", "--label", "cat"),
        *("--vector-size", 32, "--workers", 1),
    )
    assert "640 texts to learn from, 160 held out" in out
    assert _figure("commonest label", out) == 0.25
    assert _figure("held-out accuracy", out) > 0.9
    assert "作者" in embzarr.open(tmp_path / "run")


@pytest.mark.slow
def test_vectors_that_are_there_are_used_in_part(tmp_path: Path) -> None:
    """With titles in two files and vectors at the URL, nothing is trained and a part is loaded."""
    rows = _reviews(200)
    for file, part in (("train.txt", rows[:160]), ("dev.txt", rows[160:])):
        lines = "\n".join(f"{text}\t{name}" for name, text in part)
        (tmp_path / file).write_text(lines, encoding="utf-8")
    things = [thing for group in KINDS.values() for thing in group]
    words = [*things, *(f"other{number}" for number in range(5000))]
    vectors = np.random.default_rng(1).standard_normal((len(words), 24), np.float32)
    embzarr.save(tmp_path / "run", words, vectors, step=1)
    out = _run(tmp_path / "train.txt", tmp_path / "run", "--held-out", tmp_path / "dev.txt")
    assert f"{len(things)} of {len(words)} words loaded" in out
    assert _figure("held-out accuracy", out) > 0.9
    assert embzarr.Run(tmp_path / "run").numbers() == [1]


@pytest.mark.slow
@pytest.mark.shared_data
def test_all_of_the_titles(tmp_path: Path) -> None:
    """On 45,000 real titles of ten classes, 10,000 held out, four of five are right."""
    if not SHARED.exists():
        pytest.skip(f"no {SHARED}")
    out = _run(
        *(SHARED / "thucnews_titles_train.txt", tmp_path / "run"),
        *("--held-out", SHARED / "thucnews_titles_dev.txt"),
    )
    assert "45000 texts to learn from, 10000 held out" in out
    assert _figure("held-out accuracy", out) > 0.8
