"""Small tables for notebooks, in which whatever a store says is text, and none of it long."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from embzarr._redact.shown import printable
from embzarr._redact.texts import masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_LONGEST = 200
_LEFT = ' style="text-align:left"'


def html_facts(title: str, facts: Mapping[str, object]) -> str:
    """Return named values as a table, a line each; those that are None are left out."""
    lines = "".join(
        f"<tr><th{_LEFT}>{_text(name)}</th><td{_LEFT}>{_text(value)}</td></tr>"
        for name, value in facts.items()
        if value is not None
    )
    return f"<table><caption{_LEFT}>{_text(title)}</caption><tbody>{lines}</tbody></table>"


def html_table(title: str, names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as a table, under the names of their columns."""
    head = "".join(f"<th{_LEFT}>{_text(name)}</th>" for name in names)
    lines = "".join(
        "<tr>" + "".join(f"<td{_LEFT}>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<table><caption{_LEFT}>{_text(title)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{lines}</tbody></table>"
    )


def _text(value: object) -> str:
    """Return a value as it shows: numbers with separators, texts escaped and cut."""
    is_count = isinstance(value, int) and not isinstance(value, bool)
    whole = f"{value:,}" if is_count else "" if value is None else str(value)
    cut = printable(masked(whole[:_LONGEST]))
    return escape(f"{cut}…" if len(whole) > _LONGEST else cut)
