"""The reference is made from docstrings, by the command that the guides name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import embzarr
from embzarr import convert

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.mark.peers
def test_the_reference_has_every_public_name(tmp_path: Path) -> None:
    """Whoever looks up a name finds it, by the very command of the guides' README."""
    pytest.importorskip("pdoc")
    told = (CHECKOUT / "sdk" / "guides" / "README.md").read_text()
    (command,) = re.findall(r"^pdoc (.+?) -o reference$", told, re.MULTILINE)

    subprocess.run(  # noqa: S603 - the command of our own guide
        [sys.executable, "-m", "pdoc", *command.split(), "-o", tmp_path],
        check=True,
        capture_output=True,
    )

    page = (tmp_path / "embzarr.html").read_text()
    assert [name for name in embzarr.__all__ if f'id="{name}"' not in page] == []
    assert 'id="Checkpoint.load_prefix"' in page
    converting = (tmp_path / "embzarr" / "convert.html").read_text()
    assert [name for name in convert.__all__ if f'id="{name}"' not in converting] == []
