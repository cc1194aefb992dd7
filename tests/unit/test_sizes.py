"""How large a function, a class and a file may be, so that each can be read at once."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

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


def lines_of(node: ast.AST) -> range:
    """Return the lines from the first to the last of something."""
    if isinstance(node, ast.Module):
        return range(1, 1 + max((end for one in node.body if (end := one.end_lineno)), default=0))
    assert isinstance(node, ast.stmt)
    assert node.end_lineno is not None
    return range(node.lineno, node.end_lineno + 1)


def too_large(source: str) -> list[tuple[str, int]]:
    """Return names and lengths of what is longer than it may be; of the file itself ""."""
    tree = ast.parse(source)
    parts = [one for one in ast.walk(tree) if isinstance(one, tuple(MOST))]
    long = [one for one in parts if len(lines_of(one)) > MOST[type(one)]]
    code = lines_of_code(source, tree) if long else set()  # few are, and the rest need no count
    counted = [(one, len(code.intersection(lines_of(one)))) for one in long]
    return [(getattr(one, "name", ""), size) for one, size in counted if size > MOST[type(one)]]


def test_nothing_is_too_large_to_be_read_at_once() -> None:
    """Functions to 40 lines, their parameters included, classes to 250 and files to 300."""
    found = {
        str(path.relative_to(ROOT)): too_large(path.read_text(encoding="utf-8")) for path in FILES
    }
    assert {path: large for path, large in found.items() if large} == {}
    assert len(found) > 500  # so many are there


def test_what_is_too_large_is_told() -> None:
    """Docstrings, comments and empty lines do not count; one line of code too many does."""
    words = '"""Many.\n\nLines.\n"""\n\n# and\n'
    fits = "def f():\n" + "\n".join(["    x = 1", "    # no code", ""] * 39)
    assert too_large(words + fits) == []
    assert too_large(words + fits + "\n    x = 2") == [("f", 41)]
    held = 'class C:\n    """Many."""\n\n' + "\n".join(["    x = 1"] * 249)
    assert too_large(held) == []
    assert too_large(held + "\n    x = 2") == [("C", 251)]
    assert too_large("x = 1\n" * 301) == [("", 301)]
