"""English prose that every machine with this project has: the documentation of its libraries."""

from __future__ import annotations

import ast
import re
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGES: Final = (
    "numpy",
    "zarr",
    "numba",
    "numcodecs",
    "botocore",
    "boto3",
    "fsspec",
    "obstore",
    "msgspec",
    "rich",
    "typer",
    "click",
    "pip",
)
"""What the project itself installs, and pip; read after the standard library, where present."""

_SKIPPED_FOLDERS: Final = frozenset(
    {"test", "tests", "site-packages", "idlelib", "lib2to3", "turtledemo", "_vendor", "__pycache__"}
)
_TOPICS: Final = "topics.py"
"""``pydoc_data/topics.py`` holds the language reference as plain string constants."""

_TOKEN: Final = re.compile(
    r"""
      (?:^[ \t]*\#+[ ].*\n)+                                         # whole-line comments in a run
    | \#.*
    | (?P<quotes>\"{3}|'{3}) (?P<text>[^\\]*?(?:\\[\s\S][^\\]*?)*?) (?P=quotes)
    | "(?:[^"\\\n]|\\[\s\S])*" | '(?:[^'\\\n]|\\[\s\S])*'
    """,
    re.MULTILINE | re.VERBOSE,
)
"""A lexer of what may hold prose, or hide its beginning: comments and strings, left to right."""

_STRING_START: Final = re.compile(r"[ \t]*[rRuU]?")
_COMMENT_MARK: Final = re.compile(r"^[ \t]*#+[ ]", re.MULTILINE)
_BLANK_LINE: Final = re.compile(r"\n\s*\n")
_PLAIN_WORD: Final = re.compile(r"(?<!\S)[(\"'`*]*[A-Za-z]+(?:['-][a-z]+)*[)\"'`*.,:;?!]*(?!\S)")
_FEWEST_WORDS: Final = 4
_PLAIN_SHARE: Final = 0.7
"""A paragraph with a smaller share of plain words is taken for code or a table."""


def library_prose(*, max_chars: int = 8_000_000) -> Iterator[str]:
    """Yield paragraphs of English: docstrings and comments of the installed Python libraries.

    The standard library comes first, then the packages that this project needs. Sources are
    read, not imported; code, tables and repeated paragraphs are left out. The order depends on
    nothing but the installed files. About 6 MB on Python 3.11, read in about 3 seconds.

    Args:
        max_chars: to stop after, counted in characters.

    Yields:
        One paragraph at a time, on one line, without its line end.
    """
    seen: set[str] = set()
    left = max_chars
    for path in _sources():
        for paragraph in _paragraphs(path):
            if paragraph not in seen:
                seen.add(paragraph)
                left -= len(paragraph) + 1
                if left < 0:
                    return
                yield paragraph


def _sources() -> Iterator[Path]:
    packages = Path(sysconfig.get_path("purelib"))
    roots = [Path(sysconfig.get_path("stdlib")), *(packages / name for name in _PACKAGES)]
    for root in roots:
        for path in sorted(root.rglob("*.py")):
            if _SKIPPED_FOLDERS.isdisjoint(path.relative_to(root).parts):
                yield path


def _paragraphs(path: Path) -> Iterator[str]:
    """Yield the prose paragraphs of one source file."""
    try:
        source = path.read_text("utf-8")
    except (OSError, ValueError):  # unreadable, or not UTF-8
        return
    for text in _constants(source) if path.name == _TOPICS else _documentation(source):
        for paragraph in _BLANK_LINE.split(text):
            line = " ".join(paragraph.split())
            if is_prose(line):
                yield line


def _documentation(source: str) -> Iterator[str]:
    """Yield docstrings (triple-quoted strings that begin a line) and runs of whole-line comments.

    A small lexer, because ``ast`` takes five times as long over the same files.
    """
    for token in _TOKEN.finditer(source):
        line = source.rfind("\n", 0, token.start()) + 1
        if token["text"] is None:
            if token[0].endswith("\n"):
                yield _COMMENT_MARK.sub("", token[0])
        elif _STRING_START.fullmatch(source, line, token.start()):
            yield token["text"]


def _constants(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def is_prose(paragraph: str) -> bool:
    """Tell whether most of a paragraph is plain words, and it is no doctest."""
    words = paragraph.split()
    if len(words) < _FEWEST_WORDS or ">>>" in words:
        return False
    return len(_PLAIN_WORD.findall(paragraph)) >= _PLAIN_SHARE * len(words)
