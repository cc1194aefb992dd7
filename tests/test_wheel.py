"""What a user installs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from embzarr_tools import cli
from tools.asking import Answer

CHECKOUT = Path(__file__).resolve().parents[1]


def test_a_user_gets_the_sdk_and_the_programs_alone(tmp_path: Path) -> None:
    """Neither the benchmark, nor the generator of fixtures, nor a test is in the wheel."""
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)  # noqa: S603 - ours
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [Path(name) for name in archive.namelist() if ".dist-info/" not in name]

    programs = ("compare", "eval", "memory", "spark", "tools", "trainer", "view", "words")
    packages = ["embzarr", *(f"embzarr_{name}" for name in programs)]
    assert sorted({name.parts[0] for name in names}) == packages
    page = (CHECKOUT / "tools/embzarr_view/static").rglob("*.*")
    assert {path.relative_to(CHECKOUT / "tools") for path in page} <= {*names}
    assert Path("embzarr/__main__.py") in names
    assert Path("embzarr/py.typed") in names
    assert not [name for name in names if {"fixtures", "tests", "examples"} & {*name.parts}]


@pytest.mark.parametrize("command", [[], ["scale"], ["train", "--corpus", "x"]])
def test_the_benchmark_says_where_it_is(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is not installed, one line says how to get it."""
    monkeypatch.setitem(sys.modules, "embzarr_bench", None)
    answer = Answer(cli.run(["bench", *command]), *capsys.readouterr())

    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("embzarr: the benchmark is in embzarr's repository")
    assert "pip install -e '.[bench]'" in answer.err
    assert answer.err.count("\n") == 1
