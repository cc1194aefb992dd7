"""How large a function, a class and a file may be, so that each can be read at once."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for name in ("sdk", "tools") for path in (ROOT / name).rglob("*.py"))
MOST = {ast.FunctionDef: 40, ast.AsyncFunctionDef: 40, ast.ClassDef: 250, ast.Module: 300}
"""Lines of code: what is left without docstrings, comments and empty lines."""
_NO_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE),
    *(tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER),
}


def lines_of_code(source: str, tree: ast.Module) -> set[int]:
    """Return the numbers of the lines that hold code."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code = {
        line
        for token in tokens
        if token.type not in _NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return code - {line for text in bare_texts(tree) for line in lines_of(text)}


def bare_texts(tree: ast.Module) -> Iterator[ast.Expr]:
    """Yield docstrings, and the texts below what they describe."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node


def lines_of(node: ast.stmt) -> range:
    """Return the lines from the first to the last of something."""
    assert node.end_lineno is not None
    return range(node.lineno, node.end_lineno + 1)


def too_large(source: str) -> Iterator[tuple[str, int]]:
    """Yield names and lengths of what is longer than it may be; of the file itself ""."""
    tree = ast.parse(source)
    code = lines_of_code(source, tree)
    if len(code) > MOST[ast.Module]:
        yield "", len(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            length = len(code.intersection(lines_of(node)))
            if length > MOST[type(node)]:
                yield node.name, length


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_is_too_large_to_be_read_at_once(path: Path) -> None:
    """Functions to 40 lines, their parameters included, classes to 250 and files to 300."""
    assert list(too_large(path.read_text(encoding="utf-8"))) == []


def test_what_is_too_large_is_told() -> None:
    """Docstrings, comments and empty lines do not count; one line of code too many does."""
    words = '"""Many.\n\nLines.\n"""\n\n# and\n'
    fits = "def f():\n" + "\n".join(["    x = 1", "    # no code", ""] * 39)
    assert list(too_large(words + fits)) == []
    assert list(too_large(words + fits + "\n    x = 2")) == [("f", 41)]
    held = 'class C:\n    """Many."""\n\n' + "\n".join(["    x = 1"] * 249)
    assert list(too_large(held)) == []
    assert list(too_large(held + "\n    x = 2")) == [("C", 251)]
    assert list(too_large("x = 1\n" * 301)) == [("", 301)]
