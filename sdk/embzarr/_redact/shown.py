"""Text from a store or a server as it may be shown: nothing in it that a terminal obeys."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return the text with all that does not show spelled out, as Python's ``repr`` does.

    Control codes, U+0080 to U+009F among them, end lines, steer colours and titles; marks of
    direction let a text show as another; lone surrogates can be written nowhere. Letters of every
    language stay as they are.

    Example:
        >>> print(embzarr.errors.printable("\x1b[31m猫"))
        \x1b[31m猫
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
