"""plotly's JavaScript, as its wheel has it; plotly itself is not imported."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import re
from pathlib import Path
from typing import Final

import embzarr

_EMPTY: Final = ""
_SHEET: Final = re.compile(
    r"""createElement\("style"\);[^;]{0,200}?textContent='((?:[^'\\]|\\.)*)'"""
)


def script() -> Path:
    """Return the file.

    Raises:
        embzarr.UnsupportedError: code ``feature-unsupported``: plotly is not there.
    """
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise embzarr.UnsupportedError("feature-unsupported", "plotly is not installed")
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"


def sheets() -> list[str]:
    """Return the hashes of the style sheets that the script puts on a page.

    One is made empty, and filled rule by rule; those of its maps stand in the script. By these
    hashes a policy allows them, and no other sheet.
    """
    text = script().read_text("utf-8")
    found = [re.sub(r"\\(.)", r"\1", sheet) for sheet in _SHEET.findall(text)]
    return [_hash(sheet) for sheet in (_EMPTY, *found)]


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
