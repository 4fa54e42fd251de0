"""Texts that somebody sent, as they may be shown."""

from typing import Final

LONGEST_SHOWN: Final = 200


def clipped(text: str, longest: int = LONGEST_SHOWN) -> str:
    """Return the text, cut with an ellipsis where it is longer than ``longest`` characters."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def readable(header: str) -> str:
    """Return a header value that was read as Latin-1, as UTF-8 where it is that: many clients send it."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def printable(text: str) -> str:
    """Return the text with every character escaped that could break a line or a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
