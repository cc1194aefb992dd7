"""Clicking on the page as somebody does who looks at a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integration.chromium import Page


def text(page: Page, selector: str = "main") -> str:
    """Return what can be read of an element."""
    return str(page.ask(f"document.querySelector({selector!r}).innerText"))


def count(selector: str) -> str:
    """Return an expression: how many elements there are."""
    return f"document.querySelectorAll({selector!r}).length"


def click(page: Page, selector: str, text: str = "") -> None:
    """Click what is there, the first whose text begins so."""
    chosen = (
        f"[...document.querySelectorAll({selector!r})].find(x => x.innerText.startsWith({text!r}))"
    )
    page.wait_for(f"{chosen} !== undefined")
    page.ask(f"{chosen}.click()")


def view(page: Page, name: str, *, seconds: float = 60) -> None:
    """Go to a view by its link, and wait until nothing is waited for."""
    click(page, "nav a", name)
    page.wait_for(
        f"document.querySelector('h1').innerText === {name!r}"
        " && document.querySelector('main').children.length > 0"
        " && document.querySelector('main .waiting') === null",
        seconds=seconds,
    )


def enter(page: Page, selector: str, text: str) -> None:
    """Type into a field."""
    page.ask(
        f"{{ const field = document.querySelector({selector!r}); field.value = {json.dumps(text)};"
        "field.dispatchEvent(new Event('input')) }"
    )


def choose(page: Page, word: str) -> None:
    """Type a word into the search, take the first that is offered, and wait until it is there."""
    enter(page, ".search input", word)
    page.wait_for(f"document.querySelector('.search li')?.innerText.startsWith({word!r})")
    page.ask("document.querySelector('.search li').dispatchEvent(new MouseEvent('mousedown'))")
    page.wait_for(f"[...document.querySelectorAll('h2')].some(x => x.innerText === {word!r})")
